//! Many schools in one process: each is reached at its own host, and none of them concerns another.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::school::{Client, Database, Process, Reply, RequestBuilder, eventually, matricula};

const PEOPLE: &str = "/api/v1/students";

/// The settings of a school at `https://NAME.example.edu`.
fn settings(name: &str, database: &Database) -> String {
    let database = json!(database.argument().to_str().unwrap());
    format!("public-url = \"https://{name}.example.edu\"\ndatabase = {database}\n")
}

/// A file that lists these schools.
fn list(folder: &Path, schools: &[(&str, &Database)]) -> PathBuf {
    let mut text = String::new();
    for (name, database) in schools {
        writeln!(text, "[{name}]\n{}", settings(name, database)).unwrap();
    }
    let file = folder.join("schools.toml");
    std::fs::write(&file, text).unwrap();
    file
}

/// A server of the schools that `path` lists, to which everybody has access.
async fn serve(path: &Path) -> (Process, Client) {
    serve_with(path, &["--allow-unauthenticated"]).await
}

async fn serve_with(path: &Path, more: &[&str]) -> (Process, Client) {
    let mut command = matricula();
    command.arg("--schools").arg(path).args(["--listen", "127.0.0.1:0", "--log", "off"]).args(more);
    let process = Process::start(command).await;
    let client = Client::new(process.address);
    (process, client)
}

fn ask(client: &Client, school: &str, method: &str, path: &str) -> RequestBuilder {
    client.ask(method, path).header("host", &format!("{school}.example.edu"))
}

async fn adds(client: &Client, school: &str, name: &str) -> Value {
    let student = json!({"name": name, "email": format!("{name}@example.edu")});
    ask(client, school, "POST", PEOPLE).json(&student).await.is_created().json()
}

async fn students(client: &Client, school: &str) -> Vec<String> {
    let reply: Reply = ask(client, school, "GET", PEOPLE).await.is_ok();
    reply.json().as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_school_is_reached_at_its_own_host_and_knows_nothing_of_the_others() {
    let (lyon, oslo) = (Database::new(), Database::new());
    let (process, client) = serve(&list(lyon.folder(), &[("lyon", &lyon), ("oslo", &oslo)])).await;
    assert!(process.line.ends_with("for 2 schools\n"), "{}", process.line);

    let ana = adds(&client, "lyon", "Ana").await;
    let bo = adds(&client, "oslo", "Bo").await;

    assert_eq!((&ana["id"], &bo["id"]), (&json!(1), &json!(1)));
    assert_eq!(students(&client, "lyon").await, ["Ana"]);
    assert_eq!(students(&client, "oslo").await, ["Bo"]);
    let location = ask(&client, "oslo", "GET", &format!("{PEOPLE}?limit=1")).await.is_ok();
    assert!(!location.text().contains("lyon"));
    assert!(process.terminate().await.success());
}

#[tokio::test]
async fn a_host_of_no_school_has_no_answers_and_monitoring_needs_none() {
    let lyon = Database::new();
    let (_process, client) = serve(&list(lyon.folder(), &[("lyon", &lyon)])).await;

    let stranger = ask(&client, "evil", "GET", PEOPLE).await.is_refused(403, "forbidden");
    assert!(
        stranger["detail"].as_str().unwrap().starts_with("No school of this server has this host."),
        "{stranger}"
    );
    ask(&client, "evil", "GET", "/metrics").await.is_refused(403, "forbidden");
    let unclear = client.ask("GET", "/metrics").header("host", "ana@lyon.example.edu");
    unclear.await.is_refused(403, "forbidden");
    client.ask("GET", PEOPLE).await.is_refused(403, "forbidden");
    for path in ["/healthz", "/readyz", "/metrics"] {
        client.ask("GET", path).await.is_ok();
        ask(&client, "lyon", "GET", path).await.is_ok();
    }
}

#[tokio::test]
async fn nobody_gets_into_a_school_without_an_account_or_a_token_of_that_school() {
    let (lyon, oslo) = (Database::new(), Database::new());
    let (_process, client) = serve_with(&list(lyon.folder(), &[("lyon", &lyon), ("oslo", &oslo)]), &[]).await;
    ask(&client, "lyon", "GET", PEOPLE).await.is_refused(401, "unauthorized");
    ask(&client, "oslo", "GET", PEOPLE).await.is_refused(401, "unauthorized");

    let mut create = matricula();
    create
        .args(["token", "create", "--name", "timetable", "--role", "admin", "--database"])
        .arg(lyon.argument());
    let created = create.output().unwrap();
    assert!(created.status.success(), "{created:?}");
    let printed = String::from_utf8(created.stdout).unwrap();
    let token = printed.split_whitespace().find(|word| word.starts_with("mtr_")).unwrap();

    let with_token = async |school: &str| {
        ask(&client, school, "GET", PEOPLE).header("authorization", &format!("Bearer {token}")).await
    };
    eventually("the token is known", async || with_token("lyon").await.status == 200).await;
    with_token("oslo").await.is(401);
}

#[tokio::test]
async fn schools_come_and_go_without_a_restart() {
    let (lyon, oslo, bern) = (Database::new(), Database::new(), Database::new());
    let folder = lyon.folder().join("schools");
    std::fs::create_dir(&folder).unwrap();
    let file = |name: &str| folder.join(format!("{name}.toml"));
    std::fs::write(file("lyon"), settings("lyon", &lyon)).unwrap();
    let (_process, client) = serve(&folder).await;
    adds(&client, "lyon", "Ana").await;
    let status = async |school: &str| ask(&client, school, "GET", PEOPLE).await.status.as_u16();
    assert_eq!(status("oslo").await, 403);

    std::fs::write(file("oslo"), settings("oslo", &oslo)).unwrap();
    eventually("oslo is served", async || status("oslo").await == 200).await;
    adds(&client, "oslo", "Bo").await;

    // Another database, and an address that is wrong.
    std::fs::write(file("oslo"), settings("oslo", &bern)).unwrap();
    std::fs::write(file("lyon"), "public-url = 7\n").unwrap();
    eventually("oslo has another database", async || {
        status("oslo").await == 200 && students(&client, "oslo").await.is_empty()
    })
    .await;
    assert_eq!(
        students(&client, "lyon").await,
        ["Ana"],
        "a mistake in its settings leaves a school as it was"
    );

    std::fs::remove_file(file("lyon")).unwrap();
    eventually("lyon is served no longer", async || status("lyon").await == 403).await;
    std::fs::write(file("lyon"), settings("lyon", &lyon)).unwrap();
    eventually("lyon is served again", async || status("lyon").await == 200).await;
    assert_eq!(students(&client, "lyon").await, ["Ana"]);
}

#[tokio::test]
async fn a_school_whose_database_is_away_does_not_touch_the_others() {
    let lyon = Database::new();
    let missing = lyon.folder().join("not-mounted");
    let mut text = format!("[lyon]\n{}\n", settings("lyon", &lyon));
    let database = json!(missing.join("oslo.db").to_str().unwrap());
    writeln!(text, "[oslo]\npublic-url = \"https://oslo.example.edu\"\ndatabase = {database}").unwrap();
    let file = lyon.folder().join("schools.toml");
    std::fs::write(&file, text).unwrap();
    let (_process, client) = serve(&file).await;

    let away = ask(&client, "oslo", "GET", PEOPLE).await;
    assert_eq!(away.header("retry-after"), "1");
    let away = away.is_refused(503, "overloaded");
    assert_eq!(away["detail"], "This school cannot be reached at present. Try again in a few seconds.");
    adds(&client, "lyon", "Ana").await;
    client.ask("GET", "/readyz").await.is_ok();
    let metrics = client.ask("GET", "/metrics").await.is_ok();
    assert!(metrics.text().contains("matricula_schools{state=\"failed\"} 1\n"), "{}", metrics.text());

    std::fs::create_dir(&missing).unwrap();
    eventually("oslo is served", async || ask(&client, "oslo", "GET", PEOPLE).await.status == 200).await;
}

#[tokio::test]
async fn metrics_are_those_of_the_school_or_of_all_schools_with_their_names() {
    let (lyon, oslo) = (Database::new(), Database::new());
    let (_process, client) = serve(&list(lyon.folder(), &[("lyon", &lyon), ("oslo", &oslo)])).await;
    students(&client, "lyon").await;
    students(&client, "oslo").await;

    let all = client.ask("GET", "/metrics").header("accept", "application/openmetrics-text").await.is_ok();
    let own = ask(&client, "lyon", "GET", "/metrics").await.is_ok();

    let count = |text: &str, what: &str| text.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!(count(all.text(), "# TYPE matricula_http_requests counter"), 1);
    for school in ["lyon", "oslo"] {
        let label = format!("matricula_http_requests_total{{school=\"{school}\",route=\"/api/v1/students\"");
        assert_eq!(count(all.text(), &label), 1, "{}", all.text());
        assert_eq!(count(own.text(), &label), usize::from(school == "lyon"));
    }
    assert!(all.text().ends_with("# EOF\n") && count(all.text(), "# EOF") == 1);
    let classic = client.ask("GET", "/metrics").await.is_ok();
    assert_eq!(classic.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(count(classic.text(), "# TYPE matricula_http_requests_total counter"), 1);
}

#[tokio::test]
async fn an_open_stream_does_not_keep_the_server_from_stopping() {
    let lyon = Database::new();
    let (process, client) = serve(&list(lyon.folder(), &[("lyon", &lyon)])).await;
    let mut stream = ask(&client, "lyon", "GET", "/api/v1/events").listen().await;
    adds(&client, "lyon", "Ana").await;
    assert_eq!(stream.seqs(1).await, [1]);

    assert!(process.terminate().await.success());
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_list_of_schools_that_cannot_be_used_is_refused_with_the_reason() {
    let lyon = Database::new();
    let refused = |text: &str, more: &[&str]| {
        let file = lyon.folder().join("schools.toml");
        std::fs::write(&file, text).unwrap();
        let mut command = matricula();
        command.arg("--schools").arg(&file).args(["--listen", "127.0.0.1:0"]).args(more);
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let not_toml = refused("[lyon", &[]);
    assert!(not_toml.contains("schools.toml: "), "{not_toml}");
    let no_school = refused("", &[]);
    assert!(no_school.contains("lists no school"), "{no_school}");
    std::fs::create_dir(lyon.folder().join("empty")).unwrap();
    let mut command = matricula();
    command.arg("--schools").arg(lyon.folder().join("empty")).args(["--listen", "127.0.0.1:0"]);
    let no_school = command.output().unwrap();
    assert!(String::from_utf8(no_school.stderr).unwrap().contains("lists no school"));
    let both = refused("", &["--database", "x.db"]);
    assert!(both.contains("--schools") && both.contains("--database"), "{both}");
}

#[tokio::test]
async fn all_schools_are_migrated_by_one_command_and_one_that_cannot_be_does_not_stop_it() {
    let (lyon, oslo) = (Database::new(), Database::new());
    let file = list(lyon.folder(), &[("lyon", &lyon), ("oslo", &oslo)]);
    let migrate = || {
        let output = matricula().args(["migrate", "--all", "--schools"]).arg(&file).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (is_done, printed, _) = migrate();
    assert!(is_done && printed.contains("lyon: applied V1"), "{printed}");
    assert!(printed.lines().last().unwrap().starts_with("oslo: ") && printed.ends_with(" is up to date\n"));

    let mut without_all = matricula();
    let refused = without_all.args(["migrate", "--schools"]).arg(&file).output().unwrap();
    assert!(String::from_utf8(refused.stderr).unwrap().contains("is for --all"));

    let more = "[bern]\npublic-url = \"https://bern.example.edu\"\ndatabase = \"missing/bern.db\"\n";
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + more).unwrap();
    let (is_done, printed, why) = migrate();
    assert!(!is_done && printed.contains("oslo: ") && printed.starts_with("bern: "), "{printed}");
    assert_eq!(why, "matricula: 1 of 3 schools cannot be migrated\n");
}

#[tokio::test]
async fn a_school_that_is_opened_again_and_again_leaves_no_file_open_sqlite_only() {
    let lyon = Database::new();
    let file = lyon.folder().join("schools.toml");
    let served_at = |host: &str| {
        let database = json!(lyon.argument().to_str().unwrap());
        let text = format!("[lyon]\npublic-url = \"https://{host}.example.edu\"\ndatabase = {database}\n");
        std::fs::write(&file, text).unwrap();
    };
    served_at("lyon0");
    let (process, client) = serve(&file).await;
    // A connection opens the database at once, and the files beside it when it reads for the first time: how many of those
    // are open depends on how many have read.
    let open_files = |are: fn(&Path, &Path) -> bool| {
        let files = std::fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap();
        let targets = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        targets.filter(|target| are(target, Path::new(lyon.argument()))).count()
    };
    ask(&client, "lyon0", "GET", PEOPLE).await.is_ok();
    let first = open_files(|file, database| file == database);
    assert!(first > 0);
    for round in 1..=4 {
        let host = format!("lyon{round}");
        served_at(&host);
        eventually("it is served there", async || ask(&client, &host, "GET", PEOPLE).await.status == 200)
            .await;
    }
    eventually("the database is closed", async || open_files(|file, database| file == database) <= first)
        .await;
    // With the log and the shared memory.
    let all = |file: &Path, database: &Path| file.starts_with(database.parent().unwrap());
    eventually("the files beside it are closed", async || open_files(all) <= 3 * first).await;
}

#[tokio::test]
async fn a_school_with_a_way_in_of_its_own_is_closed_to_everybody_else() {
    let lyon = Database::new();
    let file = list(lyon.folder(), &[("lyon", &lyon)]);
    let ways =
        ["--allow-unauthenticated", "--trust-user-header", "x-remote-user", "--trusted-proxy", "10.0.0.5"];
    let (_process, client) = serve_with(&file, &ways).await;
    ask(&client, "lyon", "GET", PEOPLE).await.is_refused(401, "unauthorized");
}

#[tokio::test]
async fn a_database_that_was_moved_away_gets_no_empty_one_in_its_place_sqlite_only() {
    let lyon = Database::new();
    let file = lyon.folder().join("schools.toml");
    let served_at = |host: &str| std::fs::write(&file, format!("[lyon]\n{}", settings(host, &lyon))).unwrap();
    served_at("lyon");
    let (_process, client) = serve(&file).await;
    adds(&client, "lyon", "Ana").await;
    let database = Path::new(lyon.argument());
    let away = database.with_extension("away");
    std::fs::rename(database, &away).unwrap();

    served_at("lyon2");
    eventually("it is refused there", async || ask(&client, "lyon2", "GET", PEOPLE).await.status == 503)
        .await;
    assert!(!database.exists());

    std::fs::rename(&away, database).unwrap();
    eventually("it is served", async || ask(&client, "lyon2", "GET", PEOPLE).await.status == 200).await;
    assert_eq!(students(&client, "lyon2").await, ["Ana"]);
}
