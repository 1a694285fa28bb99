//! The command line: reads what was typed, calls one thing, prints what came of it.
//!
//! Owns arguments, exit codes and all printing. Everything else is somebody else's: nobody uses this module.

mod apply;
mod args;
mod builds;
mod ci;
mod comment;
mod completions;
mod delivery;
mod doctor;
mod drift;
mod engine_lock;
mod execute;
mod exit;
mod explain;
mod failure;
mod flags;
mod fmt;
mod history;
mod image;
mod init;
mod interrupt;
mod load;
mod logs;
mod lsp;
mod man;
mod manual;
mod memory;
mod plan;
mod progress;
mod registry;
mod render;
mod report;
mod review;
mod rollback;
mod schema;
mod site;
mod status;
mod survey;
mod ui;
mod unlock;
mod validate;
mod version;
mod who;

use std::path::PathBuf;
use std::process::ExitCode;

use args::{Cli, Command};
use exit::Exit;
use failure::Failure;
pub use manual::page;
use ui::Ui;

/// What every command gets: how to talk, and where it stands.
struct Context {
    ui: Ui,
    global: args::Global,
    /// The current folder.
    here: PathBuf,
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(panicked));
    // One provider of cryptography for every TLS connection; a second installation is refused and harmless.
    let _once = rustls::crypto::ring::default_provider().install_default();
    let cli = match flags::typed() {
        Ok(cli) => cli,
        Err(error) => return misuse(&error),
    };
    let ui = Ui::new(&cli.global);
    match run(cli, ui).and_then(|exit| told(exit, ui)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            ui.fault(&failure.render(&ui));
            failure.exit.into()
        }
    }
}

/// Our own mistake, told without a secret.
fn panicked(info: &std::panic::PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    let place = info.location().map(|place| format!(" at {place}")).unwrap_or_default();
    ui::fault(&format!(
        "mlstack made a mistake{place}: {message}\n  hint: this is a bug in mlstack, please report it\n"
    ));
}

/// Work whose answer could not be written is not done.
fn told(exit: Exit, ui: Ui) -> Result<Exit, Failure> {
    match ui.lost() {
        Some(error) => Err(Failure::new(Exit::Error, format!("cannot write to stdout: {error}"))),
        None => Ok(exit),
    }
}

/// clap ends with 2, which means "changes" here.
fn misuse(error: &clap::Error) -> ExitCode {
    let _gone = error.print();
    if error.use_stderr() {
        Exit::Usage.into()
    } else {
        Exit::Done.into()
    }
}

fn run(cli: Cli, ui: Ui) -> Result<Exit, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::new(Exit::Error, format!("cannot tell the current folder: {error}")))?;
    let context = Context {
        ui,
        global: cli.global,
        here,
    };
    match cli.command {
        Command::Init(args) => init::run(&args, &ui, &context.here),
        Command::Image(args) => wait(image::run(&args, &context)),
        Command::Comment(args) => wait(comment::run(&args, &context)),
        Command::Explain(args) => explain::run(&args, &context),
        Command::Validate(args) => validate::run(&args, &context),
        Command::Plan(args) => wait(plan::run(&args, &context)),
        Command::Drift(args) => wait(drift::run(&args, &context)),
        Command::Rollback(args) => wait(rollback::run(&args, &context)),
        Command::Apply(args) => wait(apply::run(&args, &context)),
        Command::Up(args) => wait(apply::up(&args, &context)),
        Command::Destroy(args) => wait(apply::destroy(&args, &context)),
        Command::History(args) => wait(history::run(&args, &context)),
        Command::Unlock(args) => wait(unlock::run(&args, &context)),
        Command::Render(args) => wait(render::run(&args, &context)),
        Command::Doctor(_) => wait(doctor::run(&context)),
        Command::Logs(args) => wait(logs::run(&args, &context)),
        Command::Status(args) => wait(status::run(&args, &context)),
        Command::Ci(args) => ci::run(&args, &context),
        Command::Completions(args) => Ok(completions::run(&args, &ui)),
        Command::Man(args) => man::run(&args, &context),
        Command::Version(args) => Ok(version::run(&args, &ui)),
        Command::Schema(args) => Ok(schema::run(&args, &ui)),
        Command::Fmt(args) => fmt::run(&args, &context),
        Command::Lsp(_) => lsp::run(&context),
    }
}

/// Runs what talks to a target. One thread is enough: all the work is waiting.
fn wait(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Error, format!("cannot start: {error}")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_background(); // nobody waits for a thread that still reads an image
    result
}
