//! The programs that are measured: the service, the limit for any service, and what people would use instead.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::data::{Data, ENGINES, Engine, School, Tables, serve};
use crate::process::Service;

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) matricula: PathBuf,
    /// The sources of the peers, with their npm packages.
    pub(crate) peers: PathBuf,
    /// The programs of the virtual environment for the peers in Python.
    pub(crate) python: PathBuf,
}

/// A program on a database engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Contender {
    pub(crate) program: Program,
    /// `None` for programs without data.
    pub(crate) engine: Option<Engine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Program {
    /// The same HTTP stack, answering with a constant of the same size.
    Hello,
    /// [`Self::Hello`] with the layers that every request to the service passes: its id, metrics, checks of the origin.
    GuardedHello,
    Matricula,
    /// Another build of the service to compare with.
    Other(PathBuf),
    Flask,
    FastApi,
    Django,
    Fastify,
}

impl Program {
    pub(crate) const PEERS: [Self; 4] = [Self::Flask, Self::FastApi, Self::Django, Self::Fastify];

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::GuardedHello => "hello, guarded",
            Self::Matricula => "matricula",
            Self::Other(_) => "other matricula",
            Self::Flask => "Flask",
            Self::FastApi => "FastAPI",
            Self::Django => "Django REST",
            Self::Fastify => "Fastify",
        }
    }

    pub(crate) fn on(self, engine: Engine) -> Contender {
        Contender { program: self, engine: Some(engine) }
    }

    pub(crate) fn is_rust(&self) -> bool {
        matches!(self, Self::Hello | Self::GuardedHello | Self::Matricula | Self::Other(_))
    }

    fn tables(&self) -> Tables {
        match self {
            Self::Matricula | Self::Other(_) => Tables::Ours,
            _ => Tables::Plain,
        }
    }
}

impl Contender {
    pub(crate) const HELLO: Self = Self { program: Program::Hello, engine: None };
    const GUARDED_HELLO: Self = Self { program: Program::GuardedHello, engine: None };

    /// All contenders, in the order in which they take turns.
    pub(crate) fn all(other: Option<PathBuf>, peers: bool) -> Vec<Self> {
        let programs = [Some(Program::Matricula), other.map(Program::Other)].into_iter().flatten();
        let programs = programs.chain(Program::PEERS.into_iter().filter(|_| peers));
        let on_both = programs.flat_map(|program| ENGINES.map(|engine| program.clone().on(engine)));
        [Self::HELLO, Self::GUARDED_HELLO].into_iter().chain(on_both).collect()
    }

    pub(crate) fn name(&self) -> String {
        match self.engine {
            Some(engine) => format!("{} on {}", self.program.name(), engine.name()),
            None => self.program.name().to_owned(),
        }
    }

    /// Starts the program on its own copy of the school.
    pub(crate) async fn start(&self, places: &Places, data: &mut Data, school: School) -> Result<Service> {
        let database = match self.engine {
            Some(engine) => data.copy_for(&self.name(), engine, school, self.program.tables()).await?,
            None => String::new(),
        };
        let python = |program: &str, arguments: String| {
            let mut command = Command::new(places.python.join(program));
            command.args(arguments.split_whitespace()).current_dir(&places.peers);
            command.env("DATABASE", &database).env("PYTHONDONTWRITEBYTECODE", "1");
            command
        };
        match &self.program {
            Program::Hello => Service::start(Command::new(std::env::current_exe()?).arg("hello")),
            Program::GuardedHello => {
                Service::start(Command::new(std::env::current_exe()?).args(["hello", "--guarded"]))
            }
            Program::Matricula => Service::start(&serve(&places.matricula, &database)),
            Program::Other(matricula) => Service::start(&serve(matricula, &database)),
            Program::Flask => {
                Service::start_on_free_port(|port| python("gunicorn", gunicorn(port, "flask_app:app"))).await
            }
            Program::Django => {
                Service::start_on_free_port(|port| python("gunicorn", gunicorn(port, "django_app:app"))).await
            }
            Program::FastApi => Service::start_on_free_port(|port| python("uvicorn", uvicorn(port))).await,
            Program::Fastify => {
                Service::start_on_free_port(|port| {
                    let mut command = Command::new("node");
                    command.arg("fastify_app.mjs").current_dir(&places.peers);
                    command
                        .env("NODE_ENV", "production")
                        .env("DATABASE", &database)
                        .env("PORT", port.to_string());
                    command
                })
                .await
            }
        }
    }
}

fn gunicorn(port: u16, app: &str) -> String {
    format!(
        "--workers 3 --worker-class gthread --threads 32 --keep-alive 60 --log-level error \
         --bind 127.0.0.1:{port} {app}"
    )
}

fn uvicorn(port: u16) -> String {
    format!(
        "--loop uvloop --http httptools --timeout-keep-alive 60 --no-access-log --log-level warning \
         --host 127.0.0.1 --port {port} fastapi_app:app"
    )
}
