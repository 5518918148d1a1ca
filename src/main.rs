//! The program: parses the command line, runs the command, sets the exit code.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use matricula::cli::{self, Cli};
use matricula::config;
use matricula::redact::without_passwords;
use tokio::runtime::Runtime;

/// A request makes about fifty allocations, for which mimalloc is faster than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long writing the last message may take: the reader of standard error may have stopped reading.
const LAST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli: Cli = match config::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    cli::give_way(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            #[expect(clippy::let_underscore_must_use, reason = "the exit code reports the failure too")]
            let _ = writeln!(std::io::stderr(), "matricula: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let code = match runtime.block_on(cli::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output, such as `head`, has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&runtime, &error),
    };
    // Anything still blocked has already been reported; do not wait for it at exit.
    runtime.shutdown_background();
    code
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}

fn failed(runtime: &Runtime, error: &anyhow::Error) -> ExitCode {
    let message = without_passwords(&format!("matricula: {error:#}"));
    let write = move || writeln!(std::io::stderr(), "{message}");
    #[expect(
        clippy::let_underscore_must_use,
        reason = "without standard error there is nowhere left to report"
    )]
    let _ = runtime.block_on(async {
        tokio::time::timeout(LAST_MESSAGE_TIMEOUT, tokio::task::spawn_blocking(write)).await
    });
    ExitCode::FAILURE
}
