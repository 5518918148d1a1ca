//! Clients that others generate from the document of the running service, in two languages: each carries out a whole
//! registration.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::clients::{passes, tool};
use crate::school::{Client, Database, Process, matricula};

/// A service with an admin, and a folder for a client with the document of the service in it.
struct Served {
    server: Process,
    database: Database,
    token: String,
    folder: TempDir,
}

impl Served {
    async fn start() -> Self {
        let (database, folder) = (Database::new(), tempfile::tempdir().unwrap());
        let mut create = matricula();
        create.args(["token", "create", "--name", "generated", "--role", "admin", "--database"]);
        let created = create.arg(database.argument()).output().unwrap();
        passes(&created);
        let token = String::from_utf8(created.stdout).unwrap().trim_end().to_owned();
        let server = Process::serve(&database).await;
        let document = Client::new(server.address).ask("GET", "/api/v1/openapi.json").await.is_ok();
        std::fs::write(folder.path().join("openapi.json"), document.text()).unwrap();
        Self { server, database, token, folder }
    }

    /// Runs a command in the folder.
    fn run(&self, command: &mut Command) -> String {
        let output = command.current_dir(self.folder.path()).output().unwrap();
        passes(&output);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a program with the finished client, and returns what it prints.
    fn prints(&self, program: &mut Command) -> String {
        let address = format!("http://{}", self.server.address);
        self.run(program.env("ADDRESS", address).env("TOKEN", &self.token))
    }

    /// Runs the registration, which ends with a word only if everything was as it should be.
    fn registers(&self, program: &mut Command) {
        assert_eq!(self.prints(program), "registered\n");
        passes(&matricula().arg("check").arg("--database").arg(self.database.argument()).output().unwrap());
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/generated_clients_sqlite_only").join(name)
}

/// The code in this language on a page about these clients.
fn code_on_the_page(page: &str, language: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/integrate").join(page);
    let page = std::fs::read_to_string(page).unwrap();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1);
    let code: String = blocks.filter_map(|block| block.split_once("```")).map(|(code, _)| code).collect();
    assert!(!code.is_empty(), "there is no {language} on the page");
    code
}

#[tokio::test]
async fn a_python_client_registers_students() {
    let served = Served::start().await;
    // Otherwise it formats what it has made, with a program of its own.
    std::fs::write(served.folder.path().join("settings.yml"), "post_hooks: []\n").unwrap();
    served.run(tool("venv/bin/openapi-python-client").args([
        "generate",
        "--path",
        "openapi.json",
        "--meta",
        "none",
        "--output-path",
        "matricula_client",
        "--config",
        "settings.yml",
    ]));
    let python = || {
        let mut python = tool("venv/bin/python");
        python.env("PYTHONPATH", served.folder.path());
        python
    };
    served.registers(python().arg(script("registration.py")));
    let page = code_on_the_page("clients.md", "python");
    assert_eq!(served.prints(python().args(["-c", &page])), "0 of 0 seats are taken.\n");
    let page = code_on_the_page("files.md", "python");
    let printed = served.prints(python().args(["-c", &page]));
    assert!(printed.starts_with("1 new, 1 refused\nstudents.csv, line 3, number: "), "{printed}");
    // Between these, there are lines about the progress if it takes longer than a second.
    let end = "applied 1 of 1\nundone 0 remaining\nstudent_number,course_code\r\n28 bytes\n";
    assert!(printed.ends_with(end), "{printed}");
}

#[tokio::test]
async fn a_typescript_client_registers_students() {
    let served = Served::start().await;
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/node_modules");
    std::os::unix::fs::symlink(modules, served.folder.path().join("node_modules")).unwrap();
    std::fs::write(served.folder.path().join("package.json"), "{\"type\": \"module\"}").unwrap();
    std::fs::copy(script("registration.ts"), served.folder.path().join("registration.ts")).unwrap();
    std::fs::write(served.folder.path().join("page.ts"), code_on_the_page("clients.md", "ts")).unwrap();
    served.run(tool("node_modules/.bin/openapi-typescript").args([
        "openapi.json",
        "--output",
        "matricula.d.ts",
    ]));
    served.run(tool("node_modules/.bin/tsc").args([
        "--strict",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "--types",
        "node",
        "registration.ts",
        "page.ts",
    ]));
    served.registers(Command::new("node").arg("registration.js"));
    let printed = served.prints(Command::new("node").arg("page.js"));
    assert_eq!(printed, "0 of 0 seats are taken.\nplanned 1\n");
}
