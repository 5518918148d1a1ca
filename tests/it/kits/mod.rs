//! Admin kits for React: their data providers, unchanged from npm, and the example of the book in a browser.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;

use crate::school::{Browser, Client, Database, Process, School, errors, matricula};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[track_caller]
fn passes(output: &Output) {
    let printed = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&printed));
}

/// Runs what a kit does against a new school, which is then as it should be.
async fn runs(provider: &str) {
    let school = School::open().await;
    let mut kit = Command::new("node");
    kit.arg(format!("{ROOT}/tests/it/kits/providers.mjs"))
        .env("TOOLS", format!("{ROOT}/target/tools"))
        .env("URL", format!("http://{}/api/v1", school.address))
        .env("PROVIDER", provider);
    let output = tokio::task::spawn_blocking(move || kit.output()).await.unwrap();
    passes(&output.expect("node is installed"));
}

#[tokio::test]
async fn react_admin_with_its_provider_for_json_server_needs_no_changes() {
    runs("reactAdmin").await;
}

#[tokio::test]
async fn refine_with_its_provider_for_json_server_needs_no_changes() {
    runs("refine").await;
}

#[tokio::test]
async fn a_page_between_two_places_is_the_same_in_every_order_and_links_to_the_next() {
    let school = School::open().await;
    school.students(["Ana", "Ben", "Cleo", "Dan", "Elif"]).await;
    for (sort, in_order) in [("id", [1, 2, 3, 4, 5]), ("name", [1, 2, 3, 4, 5])] {
        let mut page =
            school.get(&format!("/api/v1/students?_sort={sort}&_order=ASC&_start=0&_end=2")).await.is_ok();
        let mut found = page.ids();
        while let Some(next) = page.next_page().map(str::to_owned) {
            page = school.get(&next).await.is_ok();
            assert_eq!(page.header("x-total-count"), "5");
            found.extend(page.ids());
        }
        assert_eq!(found, in_order, "{sort}");
    }
    let page = school.get("/api/v1/students?_sort=name&_order=desc&_start=1&_end=2").await.is_ok();
    assert_eq!((page.ids(), page.header("x-total-count")), (vec![4], "5"));
    let page =
        school.get("/api/v1/students?q=e&id=3&id=5&_sort=name&_order=DESC&_start=1&_end=2").await.is_ok();
    assert_eq!((page.ids(), page.header("x-total-count")), (vec![3], "2"));
    let page = school.get("/api/v1/students?name=Ben&_start=0&_end=9").await.is_ok();
    assert_eq!((page.ids(), page.next_page()), (vec![2], None));
    assert_eq!(school.get("/api/v1/students?id=5&id=1&id=5&id=77").await.is_ok().ids(), [1, 5]);
}

#[tokio::test]
async fn a_page_that_is_asked_for_in_two_ways_is_refused() {
    let school = School::open().await;
    for (query, wrong) in [
        ("_start=0", "_start: needs `_end`, the place after the last row"),
        ("_start=5&_end=5", "_end: must be larger than `_start`, by at most 10,000"),
        ("_end=10001", "_end: must be larger than `_start`, by at most 10,000"),
        ("_end=5&limit=5", "_end: is not allowed together with `limit` or `after`"),
        ("_start=-1", "_start: must be a whole number from 0 to 1,000,000,000"),
        ("_sort=name&sort=id", "_sort: means the same as `sort`: send one of them"),
        ("_order=asc&order=asc", "_order: means the same as `order`: send one of them"),
        ("_order=up", "_order: must be `asc` or `desc`"),
        ("id=1&id=x", "id: must be an id, a whole number from 1"),
        ("_end=5&_end=6", "_end: is given more than once"),
    ] {
        for list in ["students", "courses"] {
            let problem = school.get(&format!("/api/v1/{list}?{query}")).await;
            assert_eq!(errors(&problem.is_refused(400, "invalid-request")), [wrong]);
        }
    }
}

#[tokio::test]
async fn a_record_is_replaced_as_a_whole_and_by_nobody_else() {
    let school = School::open().await;
    let new = json!({"name": "Ana", "email": "ana@example.edu", "number": "0042"});
    let created = school.post("/api/v1/students", new).await.is_created();
    let (url, etag) = (created.header("location").to_owned(), created.header("etag").to_owned());
    let put = |body: serde_json::Value| school.put(&url).json(&body);
    let problem = put(json!({"name": "Anna"})).await.is_refused(400, "invalid-request");
    assert_eq!(errors(&problem), ["/email: is required"]);

    let whole = json!({"id": 1, "name": "Anna", "email": "ana@example.edu"});
    let replaced = put(whole.clone()).header("if-match", &etag).await.is_ok();
    assert_eq!(replaced.json(), whole, "the number is gone");
    put(whole.clone()).header("if-match", &etag).await.is_refused(412, "stale");
    // Nothing changes, so nothing is logged.
    put(whole.clone()).await.is_ok();
    assert_eq!(school.log().await, ["student.created", "student.updated"]);
    school.put("/api/v1/students/9").json(&json!({"name": "B", "email": "b@x.edu"})).await.is(404);
    for id in [json!(2), json!("1")] {
        let mut other = whole.clone();
        other["id"] = id;
        put(other.clone()).await.is(400);
        school.patch(&url, other).await.is(400);
    }
    school.patch(&url, json!({"id": 1, "name": "Ana"})).await.is_ok();
}

/// Serves the example, whose script is in this folder, on a site of its own.
async fn serve_example(folder: &Path) -> SocketAddr {
    let page = std::fs::read(Path::new(ROOT).join("docs/integrate/react-admin/index.html")).unwrap();
    let script = folder.join("main.js");
    let html = async move || ([(CONTENT_TYPE, "text/html")], page);
    let script = async move || ([(CONTENT_TYPE, "text/javascript")], std::fs::read(script).unwrap());
    let site = Router::new()
        .route("/", get(html))
        .route("/main.js", get(script))
        .route("/favicon.ico", get(async || ""));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, site).await });
    address
}

/// Makes the script of the example for this server, as the book says.
fn bundle(server: SocketAddr, folder: &Path) {
    let tools = Path::new(ROOT).join("target/tools/node_modules");
    let output = Command::new(tools.join(".bin/esbuild"))
        .arg("main.jsx")
        .args(["--bundle", "--jsx=automatic", "--define:process.env.NODE_ENV=\"production\""])
        .arg(format!("--define:process.env.API_URL=\"http://{server}/api/v1\""))
        .arg(format!("--outfile={}", folder.join("main.js").display()))
        .env("NODE_PATH", &tools)
        .current_dir(Path::new(ROOT).join("docs/integrate/react-admin"))
        .output();
    passes(&output.expect("esbuild is installed: run `cargo xtask setup`"));
}

/// Presses the button of the form, whose label the kit shows in capitals.
async fn submits(page: &Browser) {
    page.run("document.querySelector('button[type=submit]').click()").await;
}

/// With `MATRICULA_PICTURES=1` it takes the picture of the book.
#[tokio::test]
async fn the_example_of_the_book_is_a_desk_for_students_and_courses() {
    let database = Database::new();
    let run = |arguments: &[&str]| {
        let output = matricula().args(arguments).arg("--database").arg(database.argument()).output().unwrap();
        passes(&output);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(&["sample", "--students", "60", "--courses", "12"]);
    let token = run(&["token", "create", "--name", "Desk", "--role", "admin"]);
    let folder = tempfile::tempdir().unwrap();
    let site = serve_example(folder.path()).await;
    let mut command = matricula();
    command.arg("--database").arg(database.argument()).args(["--listen", "127.0.0.1:0"]);
    command.args(["--cors-origin", &format!("http://{site}")]);
    let server = Process::start(command).await;
    bundle(server.address, folder.path());
    let page = Browser::at(site).await;

    page.goto("/").await;
    page.type_into("Username", "desk").await;
    page.type_into("Password", &token).await;
    submits(&page).await;
    page.waits_for_text("1-10 of 60").await;
    page.goto("/#/courses").await;
    page.waits_for_text("1-10 of 12").await;
    page.picture_to(540, "desk").await;

    page.goto("/#/students/7").await;
    page.type_into("input[name=name]", "Zoë Ångström").await;
    submits(&page).await;
    page.waits_for_text("Element updated").await;
    page.type_into("input[name=q]", "angstrom").await;
    page.waits_for_text("1-1 of 1").await;
    page.goto("/#/courses/3").await;
    page.type_into("input[name=code]", "LOGIC-1").await;
    submits(&page).await;
    // In the list again.
    page.waits_for_text("LOGIC-1").await;
    page.goto("/#/courses/4").await;
    page.type_into("input[name=code]", "LOGIC-1").await;
    page.expects_status(409);
    submits(&page).await;
    page.waits_for_text("Course 3 has this code").await;
    page.has_no_complaints().await;

    let client = Client::new(server.address);
    let read = |path: &str| client.ask("GET", path).header("authorization", &format!("Bearer {token}"));
    assert_eq!(read("/api/v1/students/7").await.is_ok().json()["name"], "Zoë Ångström");
    assert_eq!(read("/api/v1/courses/3").await.is_ok().json()["code"], "LOGIC-1");
}
