//! The command line as clap knows it, with those flags of every command hidden that mean nothing to one.
//!
//! They are taken all the same: a script that puts `--env prod` or a variable before everything need not know which
//! command reads it.

use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};

use super::args::Cli;

/// What was typed.
///
/// # Errors
/// When it is no command, or help was asked for.
pub(super) fn typed() -> Result<Cli, clap::Error> {
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// All commands.
pub(super) fn command() -> Command {
    let all = Cli::command();
    let global: Vec<Arg> = all.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    all.mut_subcommands(|command| {
        let path = command.get_name().to_owned();
        hiding(command, &path, &global)
    })
}

/// clap hands a global flag down to each command that has none of that name: those that mean nothing are given here, and
/// within a group all, as it would hand down what is hidden in the group.
fn hiding(command: Command, path: &str, global: &[Arg]) -> Command {
    let known = |arg: &&Arg| command.get_arguments().any(|own| own.get_id() == arg.get_id());
    let means = |arg: &Arg| means(path, arg.get_id().as_str());
    let own = global
        .iter()
        .filter(|arg| !known(arg) && (path.contains(' ') || !means(arg)));
    let own: Vec<Arg> = own.map(|arg| arg.clone().hide(!means(arg))).collect();
    command.args(own).mut_subcommands(|inner| {
        let path = format!("{path} {}", inner.get_name());
        hiding(inner, &path, global)
    })
}

/// Whether a flag of every command means something to one.
fn means(command: &str, flag: &str) -> bool {
    let aside = [
        "init",
        "image",
        "image inspect",
        "comment",
        "explain",
        "schema",
        "fmt",
        "ci",
        "ci github",
        "ci gitlab",
        "completions",
        "man",
        "lsp",
        "version",
    ];
    let stack = !aside.contains(&command);
    let changes = ["apply", "up", "destroy", "rollback"].contains(&command);
    let plans = changes || ["plan", "drift"].contains(&command);
    let packs = plans || ["render", "image build", "image push"].contains(&command);
    let remembers = plans || ["history", "unlock"].contains(&command);
    match flag {
        "file" => stack || ["fmt", "ci github", "ci gitlab"].contains(&command),
        "env" => stack || command == "lsp",
        "target" => stack,
        "color" | "quiet" => !["completions", "schema", "lsp", "version"].contains(&command),
        "verbose" => packs,
        "non_interactive" => ["apply", "destroy", "rollback"].contains(&command),
        "server_bin" => packs || command == "doctor",
        "ledger" => remembers,
        "context" => remembers || ["status", "logs", "doctor"].contains(&command),
        "lock_engine" => changes,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
