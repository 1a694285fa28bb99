//! The page of commands and exit codes, written from what the parser of the command line knows.

use std::fmt::Write as _;

use clap::builder::StyledStr;
use clap::{Arg, Command};

use super::exit::MEANINGS;

const HEAD: &str = "# Commands and exit codes

<!-- Written from `src/cli/args.rs` and `src/cli/exit.rs`; a test keeps it so. -->

`mlstack COMMAND --help` says the same. Data goes to standard output, talk to standard error.
";

/// `docs/cli.md`.
pub fn page() -> String {
    let mut command = super::flags::command();
    command.build();
    let mut page = HEAD.to_owned();
    page += "\n## Every command takes\n\nThe help of a command shows those of them that mean something to it.\n\n";
    page += &table(command.get_arguments().filter(|arg| arg.is_global_set()));
    for command in command.get_subcommands() {
        describe(command, &mut page);
    }
    page += "\n## Exit codes\n\n| | |\n|---|---|\n";
    for (exit, meaning) in MEANINGS {
        let _ = writeln!(page, "| {} | {meaning} |", *exit as u8);
    }
    page
}

fn describe(command: &Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or_default();
    let _ = writeln!(page, "\n## {name}\n\n{}.", one_line(command.get_about()));
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_global_set() && !["help", "version"].contains(&arg.get_id().as_str()))
        .collect();
    if !own.is_empty() {
        page.push('\n');
        *page += &table(own.into_iter());
    }
    for command in command.get_subcommands() {
        describe(command, page);
    }
}

fn table<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    arguments.fold("| | |\n|---|---|\n".to_owned(), |text, arg| {
        text + &format!("| `{}` | {} |\n", spelling(arg), meaning(arg))
    })
}

/// `-e, --env NAME`, or `PLAN` for what has no dashes.
fn spelling(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    let takes = arg.get_action().takes_values() || arg.is_positional();
    let value = arg.get_value_names().filter(|_| takes).map(|names| names.join(" "));
    let all: Vec<String> = Some(flags.join(", ")).into_iter().chain(value).collect();
    all.join(" ").trim().to_owned()
}

/// What it means, its choices, its default, and the variable that does the same.
fn meaning(arg: &Arg) -> String {
    let mut text = one_line(arg.get_help()).replace('|', "\\|");
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    if !choices.is_empty() && arg.get_action().takes_values() {
        let _ = write!(text, ": {}", choices.join(", "));
    }
    if let Some(default) = arg
        .get_default_values()
        .first()
        .filter(|_| arg.get_action().takes_values())
    {
        let _ = write!(text, " [default: {}]", default.to_string_lossy());
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(text, " [env: {}]", variable.to_string_lossy());
    }
    text
}

fn one_line(text: Option<&StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().replace('\n', " ")
}
