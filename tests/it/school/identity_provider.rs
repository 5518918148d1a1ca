use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A provider of single sign-on in a process of its own; killed when dropped.
pub(crate) struct IdentityProvider {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) issuer: String,
}

impl IdentityProvider {
    /// Runs one of the scripts, with these people in it.
    pub(crate) fn start(script: &str, people: &serde_json::Value) -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let mut child = Command::new("node")
            .arg(format!("{root}/tests/it/identity_provider/{script}"))
            .env("TOOLS", format!("{root}/target/tools"))
            .env("PEOPLE", people.to_string())
            .env("CALLBACK", "http://127.0.0.1/sign-in/campus/callback")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is installed");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut issuer = String::new();
        output.read_line(&mut issuer).unwrap();
        assert!(issuer.starts_with("http://"), "the provider has not started: run `cargo xtask setup`");
        Self { child, output, issuer: issuer.trim().to_owned() }
    }

    /// Signs with a new key from now on.
    pub(crate) fn rotates_its_key(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
        let mut lines = self.output.by_ref().lines();
        assert!(lines.any(|line| line.unwrap() == "rotated"));
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
