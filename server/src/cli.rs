//! The command line: `serve` (also without a word), `frontend`, `healthcheck`, `ask`.
//!
//! Owns the process: its settings, its log lines, its exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Format, Level, Told};
use crate::{ask, frontend, probe, serve};

/// Serves an ONNX model over HTTP: named features in, a prediction out.
#[derive(Debug, Parser)]
#[command(
    name = "mlstack-server",
    version,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Args, Default)]
struct Flags {
    /// JSON file with the same settings, in snake_case [default: /app/config.json where it exists]
    #[arg(long, env = "MLSTACK_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    told: Told,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a model (the default)
    Serve(Flags),
    /// Serve the page, and pass what it asks to a model server
    Frontend(Flags),
    /// Ask a running server whether it is ready; exit 0 when it is, else 1
    Healthcheck {
        /// What to ask [default: http://127.0.0.1:PORT/readyz]
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Ask the running server requests from standard input, and print its answers and their times
    #[command(hide = true)]
    Ask(Box<Flags>),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Serve(cli.flags)) {
        Command::Serve(flags) => run(flags, |told, runtime| runtime.block_on(serve::run(told, stop_signal()))),
        Command::Frontend(flags) => run(flags, |told, runtime| {
            runtime.block_on(frontend::run(told, stop_signal()))
        }),
        Command::Healthcheck { url, flags } => healthcheck(url, *flags),
        Command::Ask(flags) => ask_here(*flags),
    }
}

/// Asks the server of this container: on the port that it was told, over the loopback.
fn ask_here(flags: Flags) -> ExitCode {
    let asked = flags.told.over_file(flags.config.as_deref()).map(|told| {
        let here = (std::net::Ipv4Addr::LOCALHOST, told.address().port()).into();
        ask::ask(here, std::io::stdin().lock(), std::io::stdout().lock())
    });
    match asked {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(_)) | Err(_) => ExitCode::FAILURE,
    }
}

/// Why the server cannot run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

fn run(flags: Flags, work: impl FnOnce(Told, &tokio::runtime::Runtime) -> Result<(), Failure>) -> ExitCode {
    let told = flags.told.over_file(flags.config.as_deref());
    speak(told.as_ref().ok());
    let done = told.map_err(Failure::from).and_then(|told| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        work(told, &runtime)
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(&*error), "the server cannot run");
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn healthcheck(url: Option<String>, flags: Flags) -> ExitCode {
    let url = url.or_else(|| {
        let told = flags.told.over_file(flags.config.as_deref()).ok()?;
        Some(format!("http://127.0.0.1:{}/readyz", told.address().port()))
    });
    let ready = url.is_some_and(|url| probe::ready(&url).is_ok());
    if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Log lines go to standard error.
fn speak(told: Option<&Told>) {
    use std::io::IsTerminal;
    let level = match told.and_then(|told| told.log_level).unwrap_or(Level::Info) {
        Level::Error => tracing::Level::ERROR,
        Level::Warn => tracing::Level::WARN,
        Level::Info => tracing::Level::INFO,
        Level::Debug => tracing::Level::DEBUG,
    };
    let terminal = std::io::stderr().is_terminal();
    let format = told
        .and_then(|told| told.log_format)
        .unwrap_or(if terminal { Format::Text } else { Format::Json });
    let lines = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr);
    match format {
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .init(),
        Format::Text => lines.with_ansi(terminal).with_target(false).init(),
    }
}

/// Done when the process is told to stop: SIGTERM, or SIGINT from a keyboard.
async fn stop_signal() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => tracing::info!(signal = "SIGTERM", "stopping"),
        _ = int.recv() => tracing::info!(signal = "SIGINT", "stopping"),
    }
}
