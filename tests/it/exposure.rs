//! Other machines are served only under the public host name, so that no page of another site reaches the server under
//! a name of its own (DNS rebinding).

use std::process::Output;

use matricula::http::limits::RequestLimits;

use crate::school::{Client, Database, Process, School, matricula};

/// A school that other machines reach as `https://courses.example.edu`.
async fn exposed() -> School {
    let public_url = Some("https://courses.example.edu".parse().unwrap());
    School::open_with(RequestLimits { loopback: false, public_url, ..RequestLimits::default() }).await
}

#[tokio::test]
async fn off_loopback_only_the_public_host_is_answered() {
    let school = exposed().await;
    for host in ["courses.example.edu", "Courses.Example.edu.", "courses.example.edu:443"] {
        school.get("/api/v1/students").header("host", host).await.is_ok();
    }
    for host in ["evil.example", "www.courses.example.edu", "localhost", "10.0.0.5:8080", "[2001:db8::1]"] {
        for path in ["/api/v1/students", "/students", "/docs/", "/api/v1/openapi.json"] {
            let problem = school.get(path).header("host", host).await.is_refused(403, "forbidden");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("https://courses.example.edu"), "{host}: {detail}");
        }
    }
}

#[tokio::test]
async fn off_loopback_health_checks_may_ask_by_address() {
    let school = exposed().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        for host in
            ["10.0.0.5:8080", "[2001:db8::1]:8080", "127.0.0.1", "localhost:8080", "courses.example.edu"]
        {
            school.get(path).header("host", host).await.is_ok();
        }
        school.get(path).header("host", "evil.example").await.is_refused(403, "forbidden");
    }
}

fn serve(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    matricula().current_dir(folder.path()).arg("serve").args(arguments).output().unwrap()
}

#[test]
fn other_machines_are_served_only_with_permission_and_a_public_url() {
    for (more, missing) in [
        (&[][..], &["matricula token create", "--public-url"][..]),
        (&["--allow-unauthenticated"], &["--public-url https://courses.example.edu"]),
        (&["--public-url", "https://x.edu"], &["matricula token create", "--allow-unauthenticated"]),
    ] {
        let output = serve(&[&["--listen", "0.0.0.0:0"], more].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            missing.iter().all(|flag| stderr.contains(flag)) && stderr.trim().lines().count() == 1,
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn a_school_with_a_token_serves_other_machines() {
    let database = Database::new();
    let create = ["token", "create", "--name", "office", "--role", "admin", "--database"];
    let created = matricula().args(create).arg(database.argument()).output().unwrap();
    let token = String::from_utf8(created.stdout).unwrap();
    assert!(created.status.success() && token.starts_with("mtr_") && token.len() == 48, "{token}");
    let mut command = matricula();
    command
        .args(["--listen", "0.0.0.0:0", "--public-url", "https://x.edu", "--database"])
        .arg(database.argument());
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    let ask = || client.ask("GET", "/api/v1/students").header("host", "x.edu");
    ask().await.is_refused(401, "unauthorized");
    ask().header("authorization", &format!("Bearer {}", token.trim_end())).await.is_ok();
    assert!(server.terminate().await.success());
}

#[tokio::test]
async fn serving_other_machines_without_authentication_logs_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = matricula();
    command
        .current_dir(folder.path())
        .args(["--listen", "0.0.0.0:0", "--allow-unauthenticated", "--public-url", "https://x.edu"])
        .stderr(std::fs::File::create(&log).unwrap());
    let server = Process::start(command).await;
    assert!(server.terminate().await.success());
    let text = std::fs::read_to_string(&log).unwrap();
    let warnings: Vec<_> = text.lines().filter(|line| line.contains("\"WARN\"")).collect();
    assert_eq!(warnings.len(), 1, "{text}");
    assert!(warnings[0].contains("without authentication") && warnings[0].contains("0.0.0.0:"), "{text}");
}
