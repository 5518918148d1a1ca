//! Settings: which one wins, and how a bad one is reported.

use std::ffi::OsString;
use std::process::Command;

use clap::Parser;
use matricula::config::{self, PublicUrl, ServeArgs};
use matricula::logging::LogFormat;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeArgs,
}

fn parse(line: &[&str]) -> Result<ServeArgs, String> {
    let line = std::iter::once("matricula").chain(line.iter().copied()).map(OsString::from);
    config::parse::<Line>(line).map(|line| line.serve).map_err(|error| error.to_string())
}

#[test]
fn without_any_setting_the_server_is_closed_and_local() {
    let serve = parse(&[]).unwrap();
    assert_eq!(serve.database.database.to_string(), "./matricula.db");
    assert_eq!(serve.listen, "127.0.0.1:8080");
    assert!(!serve.allow_unauthenticated && serve.public_url.is_none() && serve.cors_origin.is_empty());
    assert_eq!((serve.log.log.as_str(), serve.log.log_format), ("info", LogFormat::Auto));
}

#[test]
fn each_bad_value_is_reported_with_the_names_of_its_setting() {
    for (flag, variable, values) in [
        (
            "--listen",
            "MATRICULA_LISTEN",
            &["8080", ":8080", "localhost", "localhost:http", "[::1]", "1.2.3.4:65536"][..],
        ),
        (
            "--public-url",
            "MATRICULA_PUBLIC_URL",
            &["courses", "/x", "ftp://x.edu", "https://x.edu?a=1", "https://x.edu#a", "https://"],
        ),
        (
            "--cors-origin",
            "MATRICULA_CORS_ORIGIN",
            &[
                "*",
                "app.edu",
                "null",
                "https://app.edu/",
                "https://App.edu",
                "https://app.edu:443",
                "https://app.edu/x",
            ],
        ),
        ("--log", "MATRICULA_LOG", &["verbose", "matricula", "matricula=loud", "info,,x=", "info,[bad=info"]),
    ] {
        for value in values {
            let error = parse(&[flag, value]).unwrap_err();
            let first = error.lines().next().unwrap_or_default();
            assert!(first.contains(value) && first.contains(flag) && first.contains(variable), "{error}");
        }
    }
}

#[test]
fn a_password_in_the_wrong_place_is_never_shown() {
    for line in [
        &["--database", "mysql://ana:hunter2@db/school"][..],
        &["--database=jdbc:postgresql://db/school?user=ana&password=hunter2"],
        &["--database", "host=db user=ana password=hunter2"],
        &["postgres://ana:hunter2@db/school"],
        &["--data-base", "postgres://ana:hunter2@db/school"],
        &["--data-base=postgres://ana:hunter2@db/school"],
        &["--listen", "postgres://ana:hunter2@db/school"],
        &["--public-url", "https://ana:hunter2@x.edu"],
        &["--cors-origin", "https://ana:hunter2@x.edu"],
        &["--log", "postgres://ana:hunter2@db/school"],
    ] {
        let error = parse(line).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        let (error, code) = run(&[], line);
        assert!(!error.contains("hunter2") && error.starts_with("error: "), "{error}");
        assert_eq!(code, Some(2), "{error}");
    }
    let (error, code) = run(&[("MATRICULA_DATABASE", "mysql://ana:hunter2@db/school")], &["check"]);
    assert!(!error.contains("hunter2") && error.contains("MATRICULA_DATABASE"), "{error}");
    assert_eq!(code, Some(2));
    for line in [
        &["check", "--database", "postgres://ana:hun@ter2@db/school"][..],
        &["check", "--database", "postgres://ana:12/hunter2@db/school"],
        &["rush", "--url", "https://ana:hunter2@x.edu"],
        &["rush", "--url", "http://ana:hunter2@127.0.0.1:1"],
    ] {
        let (error, code) = run(&[], line);
        assert!(!error.contains("ter2"), "{error}");
        assert_eq!(code, Some(1), "{error}");
    }
}

#[test]
fn a_database_may_be_named_as_in_other_tools() {
    let folder = tempfile::tempdir().unwrap();
    let (path, here) = (folder.path().join("school.db"), folder.path().display().to_string());
    for name in [format!("sqlite:///{here}/school.db"), format!("file:{here}/school.db")] {
        let (error, code) = run(&[("MATRICULA_DATABASE", &name)], &["migrate"]);
        assert_eq!((error.as_str(), code), ("", Some(0)));
        std::fs::remove_file(&path).unwrap();
    }
    let (error, code) = run(&[], &["migrate", "--database", "sqlite::memory:"]);
    assert!(error.contains("name a file"), "{error}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_bad_origin_is_reported_with_the_form_that_browsers_send() {
    let error = parse(&["--cors-origin", "HTTPS://App.edu:443/"]).unwrap_err();
    assert!(error.contains("browsers send this origin as https://app.edu: write it like that"), "{error}");
}

#[test]
fn several_origins_are_separated_by_commas_or_repeated() {
    let serve =
        parse(&["--cors-origin", "https://a.edu,http://localhost:3000", "--cors-origin", "https://b.edu"]);
    let origins: Vec<_> =
        serve.unwrap().cors_origin.iter().map(|origin| origin.as_str().to_owned()).collect();
    assert_eq!(origins, ["https://a.edu", "http://localhost:3000", "https://b.edu"]);
}

#[test]
fn a_public_url_keeps_its_path_and_loses_its_last_slash() {
    let url: PublicUrl = "https://x.edu:8443/courses/".parse().unwrap();
    assert_eq!(
        (url.as_str(), url.authority(), url.origin()),
        ("https://x.edu:8443/courses", "x.edu:8443", "https://x.edu:8443")
    );
    let root: PublicUrl = "http://x.edu/".parse().unwrap();
    assert_eq!((root.as_str(), root.origin()), ("http://x.edu", "http://x.edu"));
}

#[test]
fn a_public_url_can_be_sent_in_a_header() {
    assert!("https://x.edu/café".parse::<PublicUrl>().is_err());
    assert!("https://x.edu/caf%C3%A9".parse::<PublicUrl>().is_ok());
}

#[test]
fn addresses_other_than_loopback_need_permission_and_a_public_url() {
    let url: PublicUrl = "https://x.edu".parse().unwrap();
    let addresses = |text: &str| [text.parse().unwrap()];
    for own in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:8080", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(config::check_exposure(&addresses(own), false, None), Ok(()), "{own}");
    }
    for open in ["0.0.0.0:80", "[::]:80", "10.0.0.1:1", "192.0.2.1:1"] {
        let error = config::check_exposure(&addresses(open), false, Some(&url)).unwrap_err().to_string();
        assert!(error.contains(open) && error.contains("--allow-unauthenticated"), "{error}");
        let error = config::check_exposure(&addresses(open), true, None).unwrap_err().to_string();
        assert!(error.contains(open) && error.contains("--public-url https://"), "{error}");
        assert_eq!(config::check_exposure(&addresses(open), true, Some(&url)), Ok(()), "{open}");
    }
    let both = ["127.0.0.1:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap()];
    assert!(config::check_exposure(&both, false, None).is_err());
}

/// Standard error and exit code of the program with these variables and flags.
fn run(variables: &[(&str, &str)], line: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matricula"));
    let output = command.env_clear().envs(variables.iter().copied()).args(line).output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn the_environment_is_read_and_a_flag_wins_over_it() {
    let (error, code) = run(&[("MATRICULA_LISTEN", "0.0.0.0:0")], &[]);
    assert!(error.contains("refusing to listen on 0.0.0.0:0"), "{error}");
    assert_eq!(code, Some(1));
    let (error, code) = run(&[("MATRICULA_LISTEN", "0.0.0.0:0")], &["--listen", "10.0.0.1:7"]);
    assert!(error.contains("refusing to listen on 10.0.0.1:7"), "{error}");
    assert_eq!(code, Some(1));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let (error, _) = run(
        &[("MATRICULA_ALLOW_UNAUTHENTICATED", ""), ("MATRICULA_LOG", ""), ("MATRICULA_PUBLIC_URL", "")],
        &["--listen", "0.0.0.0:0"],
    );
    assert!(error.contains("refusing to listen"), "{error}");
}

#[test]
fn yes_and_no_may_be_written_in_the_usual_ways() {
    for no in ["0", "false", "no", "off"] {
        let (error, _) = run(&[("MATRICULA_ALLOW_UNAUTHENTICATED", no)], &["--listen", "0.0.0.0:0"]);
        assert!(error.contains("refusing to listen"), "{no}: {error}");
    }
    for yes in ["1", "true", "yes", "on"] {
        let (error, _) = run(
            &[("MATRICULA_ALLOW_UNAUTHENTICATED", yes), ("MATRICULA_PUBLIC_URL", "https://x.edu")],
            &["--listen", "192.0.2.1:0"],
        );
        assert!(error.contains("does not have that address"), "{yes}: {error}");
    }
}
