//! The settings file: which value wins, and how a mistake in it is reported.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use matricula::config::{self, ServeArgs};
use tempfile::TempDir;

use crate::school::matricula;

/// A folder with a settings file of this content.
struct Settings {
    folder: TempDir,
    file: PathBuf,
}

impl Settings {
    fn new(content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("matricula.toml");
        fs::write(&file, content).unwrap();
        Self { folder, file }
    }

    /// The settings of a server that is started with this file and these flags.
    fn with(&self, flags: &[&str]) -> Result<ServeArgs, String> {
        #[derive(Debug, Parser)]
        struct Line {
            #[command(flatten)]
            serve: ServeArgs,
        }
        let line = ["matricula", "--config", self.file.to_str().unwrap()];
        let line = line.iter().chain(flags).map(OsString::from);
        config::parse::<Line>(line).map(|line| line.serve).map_err(|error| error.to_string())
    }

    /// What is wrong with it, after its name.
    fn mistake(&self) -> String {
        let error = self.with(&[]).unwrap_err();
        let start = format!("error: {}, ", self.file.display());
        error
            .strip_prefix(&start)
            .unwrap_or_else(|| panic!("{error} does not begin with {start}"))
            .trim_end()
            .to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Standard error and the exit code of the program in this folder.
fn run(folder: &Path, variables: &[(&str, &str)], line: &[&str]) -> (String, Option<i32>) {
    let output = matricula().current_dir(folder).envs(variables.iter().copied()).args(line).output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn every_setting_of_the_server_can_be_in_the_file() {
    let settings = Settings::new(
        r#"
        database = "postgres://ana@db/school"
        listen = "0.0.0.0:80"
        allow-unauthenticated = true
        public-url = "https://courses.example.edu"
        cors-origin = ["https://a.edu", "https://b.edu"]
        sign-on = "providers.toml"
        trust-user-header = "X-Remote-User"
        trusted-proxy = "10.0.0.5,10.1.0.0/16"
        client-share = 100
        new-school = true
        log = "warn"
        log-format = "json"
        "#,
    );
    let serve = settings.with(&[]).unwrap();
    assert_eq!(serve.database.database.to_string(), "postgres://ana@db:5432/school");
    assert_eq!(serve.listen, "0.0.0.0:80");
    assert!(serve.allow_unauthenticated && serve.new_school);
    assert_eq!(serve.public_url.unwrap().as_str(), "https://courses.example.edu");
    let origins: Vec<_> = serve.cors_origin.iter().map(config::Origin::as_str).collect();
    assert_eq!(origins, ["https://a.edu", "https://b.edu"]);
    assert_eq!(serve.sign_on, Some(settings.path("providers.toml")));
    assert_eq!(serve.trust_user_header.unwrap(), "x-remote-user");
    let proxies: Vec<_> = serve.trusted_proxy.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.5/32", "10.1.0.0/16"]);
    assert_eq!((serve.client_share, serve.log.log.as_str()), (100, "warn"));
}

#[test]
fn a_flag_and_a_variable_take_precedence_over_the_file() {
    let settings = Settings::new(
        "listen = '198.51.100.1:1'\npublic-url = 'https://x.edu'\nallow-unauthenticated = true",
    );
    let file = settings.file.to_str().unwrap();
    let here = settings.folder.path();
    let config = ("MATRICULA_CONFIG", file);
    let (error, code) = run(here, &[config], &[]);
    assert!(error.contains("cannot listen on 198.51.100.1:1"), "{error}");
    assert_eq!(code, Some(1));
    let (error, _) = run(here, &[config, ("MATRICULA_LISTEN", "198.51.100.2:2")], &[]);
    assert!(error.contains("cannot listen on 198.51.100.2:2"), "{error}");
    let (error, _) = run(
        here,
        &[config, ("MATRICULA_LISTEN", "198.51.100.2:2")],
        &["serve", "--listen", "198.51.100.3:3"],
    );
    assert!(error.contains("cannot listen on 198.51.100.3:3"), "{error}");
    let (error, _) = run(here, &[config, ("MATRICULA_ALLOW_UNAUTHENTICATED", "no")], &[]);
    assert!(error.contains("refusing to listen"), "{error}");
    let (error, _) = run(here, &[("MATRICULA_CONFIG", "")], &["check", "--database", "none.db"]);
    assert!(error.contains("none.db: the file does not exist"), "{error}");
    let serve = settings.with(&["--listen", "127.0.0.1:7"]).unwrap();
    assert_eq!(serve.listen, "127.0.0.1:7");
}

#[test]
fn every_command_takes_the_database_and_the_public_url_from_the_file() {
    let settings =
        Settings::new("database = 'school.db'\npublic-url = 'https://x.edu'\nlisten = '127.0.0.1:9'");
    let (config, elsewhere) = (settings.file.to_str().unwrap(), tempfile::tempdir().unwrap());
    let run = |line: &[&str]| {
        let line = [line, &["--config", config]].concat();
        let output = matricula().current_dir(elsewhere.path()).args(line).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let school = settings.path("school.db");
    assert_eq!(run(&["migrate"]).lines().last(), Some(&*format!("{} is up to date", school.display())));
    assert!(school.exists(), "the file is next to the settings file");
    assert!(run(&["check"]).starts_with("ok: "));
    let link = run(&["account", "add", "--role", "admin", "Ana", "ana@x.edu"]);
    assert!(link.starts_with("https://x.edu/set-password/"), "{link}");
}

#[test]
fn an_unknown_name_is_refused_with_the_names_that_exist() {
    let mistake = Settings::new("listen = '127.0.0.1:0'\n\npublic_url = 'https://x.edu'").mistake();
    let expected = "line 3: there is no setting public_url. Did you mean public-url? The settings are allow-unauthenticated, ";
    assert!(mistake.starts_with(expected), "{mistake}");
    assert!(
        mistake.contains("client-share, cors-origin, database, listen, ") && mistake.ends_with('.'),
        "{mistake}"
    );
    let mistake = Settings::new("config = 'other.toml'").mistake();
    assert!(mistake.starts_with("line 1: there is no setting config. The settings are "), "{mistake}");
    let mistake = Settings::new("# a section\n[server]\nlisten = '127.0.0.1:0'").mistake();
    assert!(mistake.starts_with("line 2: there is no setting server."), "{mistake}");
}

#[test]
fn a_value_that_does_not_fit_is_refused_with_its_line() {
    for (content, mistake) in [
        ("listen = 8080", "line 1: listen: it must be a text in quotes, not a number"),
        ("\nnew-school = 'yes'", "line 2: new-school: it must be true or false, not a text"),
        ("client-share = '50'", "line 1: client-share: it must be a whole number, not a text"),
        ("cors-origin = [1]", "line 1: cors-origin: it must be a list of texts in quotes, not such a list"),
        (
            "trusted-proxy = 1979-05-27",
            "line 1: trusted-proxy: it must be a text in quotes, or a list of them, not a date",
        ),
        ("listen = ['a']", "line 1: listen: it must be a text in quotes, not such a list"),
        ("log.level = 'info'", "line 1: log: it must be a text in quotes, not a table"),
        (
            "client-share = 101",
            "line 1: client-share: invalid value '101' for '--client-share <PERCENT>': it must be a whole number from 1 to 100",
        ),
        (
            "log-format = 'xml'",
            "line 1: log-format: invalid value 'xml' for '--log-format <FORMAT>' [possible values: auto, human, json]",
        ),
        (
            "public-url = 'courses'",
            "line 1: public-url: invalid value 'courses' for '--public-url <URL>': it must be an absolute URL like \
             https://courses.example.edu, in ASCII, without user, query or fragment (--public-url or MATRICULA_PUBLIC_URL)",
        ),
        ("listen = '127.0.0.1:0'\nlisten = '127.0.0.1:0'", "line 2: duplicate key"),
        ("# one\nlisten =", "line 2: string values must be quoted, expected literal string"),
    ] {
        assert_eq!(Settings::new(content).mistake(), mistake, "{content}");
    }
    let mistake = Settings::new(b"log = 'info'\nlisten = '\xff'").mistake();
    assert_eq!(mistake, "line 2: this is not UTF-8");
}

#[test]
fn a_file_that_cannot_be_read_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    for line in [&["--config", "none.toml"][..], &["check", "--config", "none.toml"]] {
        let (error, code) = run(folder.path(), &[], line);
        assert_eq!(
            error.trim_end(),
            "error: cannot read the settings file none.toml: No such file or directory (os error 2)"
        );
        assert_eq!(code, Some(2));
    }
}

#[test]
fn no_message_about_the_file_shows_a_password() {
    for content in [
        "database = 'mysql://ana:hunter2@db/school'",
        "database = 'postgres://ana:hunter2@db/school",
        "database = 'host=db user=ana password=hunter2'",
        "database = 'postgres://ana:hunter2@db/school' x",
        "data-base = 'postgres://ana:hunter2@db/school'",
        "'postgres://ana:hunter2@db/school' = 1",
        "listen = 'postgres://ana:hunter2@db/school'",
        "public-url = 'https://ana:hunter2@x.edu'",
        "cors-origin = ['https://ana:hunter2@x.edu']",
        "log = 'postgres://ana:hunter2@db/school'",
        "postgres://ana:hunter2@db/school",
    ] {
        let settings = Settings::new(content);
        let mistake = settings.mistake();
        assert!(!mistake.contains("hunter2"), "{mistake}");
        let (error, code) = run(settings.folder.path(), &[], &["--config", "matricula.toml"]);
        assert!(!error.contains("hunter2") && error.contains("line 1"), "{error}");
        assert_eq!(code, Some(2), "{error}");
    }
}
