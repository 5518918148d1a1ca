//! A failover with the programs that people use for it: Patroni and etcd decide who is the primary, `HAProxy` leads to it,
//! and replication is synchronous and strict.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use xtask::postgres;

use crate::school::{Client, Database, Process, eventually, matricula};

const CLIENTS: usize = 64;
const COURSES: usize = 20;
/// Answers before the primary is killed.
const BEFORE: usize = 300;
/// A client waits no longer for the service than this.
const PATIENCE: Duration = Duration::from_mins(2);
const NODES: usize = 3;

/// Three nodes, who decides among them, and the way to the primary.
struct Cluster {
    folder: TempDir,
    rest: Vec<u16>,
    port: u16,
    processes: Vec<Child>,
}

impl Cluster {
    fn start(python: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        let ports = free_ports::<{ 2 * NODES + 2 }>();
        let (etcd, port) = (ports[0], ports[1]);
        let (rest, servers) = ports[2..].split_at(NODES);
        let mut cluster = Self { folder, rest: rest.to_vec(), port, processes: Vec::new() };
        let url = format!("http://127.0.0.1:{etcd}");
        let mut command = Command::new("etcd");
        command.args(["--listen-peer-urls", "http://127.0.0.1:0", "--unsafe-no-fsync", "--data-dir"]);
        command.arg(cluster.file("etcd")).args([
            "--listen-client-urls",
            &url,
            "--advertise-client-urls",
            &url,
        ]);
        cluster.run(command, "etcd.log");
        for node in 0..NODES {
            let settings = cluster.settings(node, etcd, rest[node], servers[node]);
            let file = cluster.file(&format!("n{node}.json"));
            fs::write(&file, settings.to_string()).unwrap();
            let mut command = not_as_root(python);
            command.args(["-m", "patroni"]).arg(file);
            cluster.run(command, &format!("n{node}.log"));
        }
        let lines = (0..NODES)
            .map(|node| format!("  server n{node} 127.0.0.1:{} check port {}\n", servers[node], rest[node]));
        let way = format!(
            "defaults\n  mode tcp\n  timeout connect 2s\n  timeout client 1m\n  timeout server 1m\nlisten primary\n  \
             bind 127.0.0.1:{port}\n  option httpchk GET /primary\n  http-check expect status 200\n  \
             default-server inter 200ms fall 2 rise 1 on-marked-down shutdown-sessions\n{}",
            lines.collect::<String>()
        );
        let file = cluster.file("haproxy.cfg");
        fs::write(&file, way).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(file);
        cluster.run(command, "haproxy.log");
        cluster
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&mut self, mut command: Command, log: &str) {
        let log = File::create(self.file(log)).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.processes.push(command.spawn().unwrap());
    }

    fn settings(&self, node: usize, etcd: u16, rest: u16, server: u16) -> Value {
        let programs = postgres::programs().unwrap();
        let user = serde_json::json!({"username": "postgres", "password": "unused"});
        serde_json::json!({
            "scope": "school",
            "name": format!("n{node}"),
            "restapi": {"listen": format!("127.0.0.1:{rest}"), "connect_address": format!("127.0.0.1:{rest}")},
            "etcd3": {"host": format!("127.0.0.1:{etcd}")},
            "bootstrap": {
                "dcs": {
                    "ttl": 20, "loop_wait": 1, "retry_timeout": 3, "primary_start_timeout": 0,
                    "synchronous_mode": true, "synchronous_mode_strict": true
                },
                "initdb": [{"auth-host": "trust"}, {"auth-local": "trust"}, {"encoding": "UTF8"}, {"locale": "C"}, "no-sync"]
            },
            "postgresql": {
                "listen": format!("127.0.0.1:{server}"),
                "connect_address": format!("127.0.0.1:{server}"),
                "data_dir": self.file(&format!("data{node}")),
                "bin_dir": programs,
                "pgpass": self.file(&format!("pgpass{node}")),
                "authentication": {"superuser": user, "replication": user},
                "basebackup": ["no-sync", {"checkpoint": "fast"}],
                // The machine stays up, so nothing has to survive its crash.
                "parameters": {"unix_socket_directories": "", "fsync": "off", "full_page_writes": "off"},
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
            }
        })
    }

    /// The nodes with this role, as the first node that answers says.
    fn nodes(&self, role: &str) -> Vec<String> {
        let Some(state) = self.rest.iter().find_map(|port| get(*port, "/cluster")) else { return Vec::new() };
        let members = state["members"].as_array().cloned().unwrap_or_default();
        let with_role = members.into_iter().filter(|member| member["role"] == role);
        with_role.map(|member| member["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Kills the server of a node as if its machine had no power any more.
    fn kill(&self, node: &str) {
        let id = self.server_id(&node.replace('n', "data")).expect("the primary runs");
        assert!(signal("KILL", &id), "the primary cannot be killed");
    }

    fn server_id(&self, data: &str) -> Option<String> {
        let file = fs::read_to_string(self.file(data).join("postmaster.pid")).ok()?;
        file.lines().next().map(str::to_owned)
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    fn logs(&self) -> String {
        let text = |node| fs::read_to_string(self.file(&format!("n{node}.log"))).unwrap_or_default();
        (0..NODES).map(text).collect::<Vec<_>>().join("\n---\n")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Patroni first: it would start its server again.
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        let servers: Vec<_> = (0..NODES).filter_map(|node| self.server_id(&format!("data{node}"))).collect();
        for id in &servers {
            signal("QUIT", id);
        }
        let began = Instant::now();
        while servers.iter().any(|id| signal("0", id)) && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn signal(name: &str, id: &str) -> bool {
    let kill = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).stderr(Stdio::null()).status();
    kill.is_ok_and(|status| status.success())
}

fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners = std::array::from_fn::<_, COUNT, _>(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn get(port: u16, path: &str) -> Option<Value> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    connection.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// PostgreSQL refuses to run as root, and Patroni has to run as the same user: one that root is in a namespace.
fn not_as_root(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=1000", "--map-group=1000", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// What is missing here for the test.
fn missing(python: &Path) -> Option<&'static str> {
    let works = |mut command: Command| {
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let with = |program: &str, arg: &str| {
        let mut command = Command::new(program);
        command.arg(arg);
        command
    };
    let mut patroni = not_as_root(python);
    patroni.args(["-c", "import patroni.dcs.etcd3"]);
    let needs = [
        (with("etcd", "--version"), "etcd"),
        (with("haproxy", "-v"), "HAProxy"),
        (not_as_root(Path::new("true")), "a user namespace, in which root runs PostgreSQL"),
        (patroni, "Patroni in target/tools/venv"),
    ];
    needs.into_iter().find_map(|(command, name)| (!works(command)).then_some(name))
}

/// Enrolls one student in all courses; asks again after an error and after a 503.
async fn enroll(client: Client, student: usize, answers: Arc<AtomicUsize>) -> BTreeSet<(usize, usize)> {
    let (mut confirmed, began) = (BTreeSet::new(), Instant::now());
    for course in 1..=COURSES {
        loop {
            assert!(began.elapsed() < PATIENCE, "student {student} is not enrolled in course {course}");
            let path = format!("/api/v1/students/{student}/courses/{course}");
            match client.ask("PUT", &path).send().await.map(|reply| reply.status.as_u16()) {
                Ok(200 | 201) => break,
                Ok(503) | Err(_) => {}
                Ok(status) => panic!("{path} answers {status}"),
            }
        }
        confirmed.insert((student, course));
        answers.fetch_add(1, Ordering::SeqCst);
    }
    confirmed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_the_service_goes_on_by_itself_and_nothing_confirmed_is_lost() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/venv/bin/python");
    if let Some(missing) = missing(&python) {
        let skipped = format!("skipped: there is no {missing}; `cargo xtask setup` installs what it can");
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    }
    let cluster = tokio::task::block_in_place(|| Cluster::start(&python));
    let began = Instant::now();
    while cluster.nodes("sync_standby").is_empty() || cluster.nodes("replica").is_empty() {
        assert!(began.elapsed() < PATIENCE, "the nodes do not start:\n{}", cluster.logs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let database = Database::at(cluster.url());
    eventually("the way to the primary is open", async || {
        get(cluster.rest[0], "/patroni").is_some() && TcpStream::connect(("127.0.0.1", cluster.port)).is_ok()
    })
    .await;
    database.runs(&format!(
        "create table students (id integer primary key, name text, email text);
         create table courses (id integer primary key, name text, level text);
         insert into students select n, 'Student ' || n, 's@example.edu' from generate_series(1, {CLIENTS}) n;
         insert into courses select n, 'Course ' || n, 'graduate' from generate_series(1, {COURSES}) n;"
    ));
    let server = Process::serve(&database).await;
    let answers = Arc::new(AtomicUsize::new(0));
    let client = Client::new(server.address);
    let clients: Vec<_> = (1..=CLIENTS)
        .map(|student| tokio::spawn(enroll(client.clone(), student, Arc::clone(&answers))))
        .collect();
    eventually("clients enroll", async || answers.load(Ordering::SeqCst) >= BEFORE).await;
    let leaders = cluster.nodes("leader");
    cluster.kill(&leaders[0]);
    let at_failover = answers.load(Ordering::SeqCst);

    let mut confirmed = BTreeSet::new();
    for client in clients {
        confirmed.extend(client.await.unwrap());
    }

    assert!(at_failover < CLIENTS * COURSES, "nobody was enrolling any more");
    assert_eq!(confirmed.len(), CLIENTS * COURSES);
    assert_ne!(cluster.nodes("leader"), leaders, "{}", cluster.logs());
    let rows = database.other_program().column("select student_id || ' ' || course_id from student_courses");
    let expected: BTreeSet<_> =
        confirmed.iter().map(|(student, course)| format!("{student} {course}")).collect();
    assert_eq!(rows.len(), expected.len(), "somebody is enrolled twice");
    assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), expected);
    let checked = matricula().arg("check").arg("--database").arg(database.argument()).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
