use std::fmt::Write as _;

use super::*;

/// Each command with those flags of every command that its help shows.
fn shown(command: &Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_default();
    let flags = command
        .get_arguments()
        .filter(|arg| arg.is_global_set() && !arg.is_hide_set());
    let flags: Vec<&str> = flags.filter_map(Arg::get_long).collect();
    writeln!(text, "{name}: {}", flags.join(" ")).unwrap();
    for inner in command.get_subcommands() {
        shown(inner, text);
    }
}

#[test]
fn help_shows_what_means_something() {
    let mut command = command();
    command.build();
    let mut text = String::new();
    command.get_subcommands().for_each(|inner| shown(inner, &mut text));
    insta::assert_snapshot!(text, @"
    mlstack init: color quiet
    mlstack validate: file env target color quiet
    mlstack plan: file env target color quiet verbose server-bin ledger context
    mlstack apply: file env target color quiet verbose non-interactive server-bin ledger context lock-engine
    mlstack up: file env target color quiet verbose server-bin ledger context lock-engine
    mlstack destroy: file env target color quiet verbose non-interactive server-bin ledger context lock-engine
    mlstack drift: file env target color quiet verbose server-bin ledger context
    mlstack rollback: file env target color quiet verbose non-interactive server-bin ledger context lock-engine
    mlstack history: file env target color quiet ledger context
    mlstack unlock: file env target color quiet ledger context
    mlstack render: file env target color quiet verbose server-bin
    mlstack status: file env target color quiet context
    mlstack logs: env target color quiet context
    mlstack image: color quiet
    mlstack image build: file env target color quiet verbose server-bin
    mlstack image push: file env target color quiet verbose server-bin
    mlstack image inspect: color quiet
    mlstack comment: color quiet
    mlstack explain: color quiet
    mlstack schema: 
    mlstack doctor: file env target color quiet server-bin context
    mlstack fmt: file color quiet
    mlstack ci: color quiet
    mlstack ci github: file color quiet
    mlstack ci gitlab: file color quiet
    mlstack completions: 
    mlstack man: color quiet
    mlstack lsp: env
    mlstack version:
    ");
}

#[test]
fn what_means_nothing_is_taken_all_the_same() {
    let matches = |line: &str| {
        let typed = command().try_get_matches_from(line.split(' ')).unwrap();
        Cli::from_arg_matches(&typed).unwrap().global
    };
    for line in [
        "mlstack version -e prod -t k8s -f x --lock-engine never",
        "mlstack -e prod -t k8s -f x --lock-engine never version",
        "mlstack -e prod ci -t k8s github -f x --lock-engine never",
        "mlstack plan -e prod -t k8s -f x --lock-engine never",
    ] {
        let global = matches(line);
        assert_eq!(global.env.as_deref(), Some("prod"), "{line}");
        assert_eq!(global.target.as_deref(), Some("k8s"), "{line}");
        assert_eq!(global.file.as_deref(), Some(std::path::Path::new("x")), "{line}");
        assert_eq!(global.lock_engine, super::super::args::When::Never, "{line}");
    }
}
