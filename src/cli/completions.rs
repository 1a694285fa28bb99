//! `mlstack completions`: what a shell needs to complete mlstack's commands and flags.

use clap_complete::generate;

use super::args::Completions;
use super::exit::Exit;
use super::ui::Ui;

/// Runs the command.
pub(super) fn run(args: &Completions, ui: &Ui) -> Exit {
    let mut script = Vec::new();
    generate(args.shell, &mut super::flags::command(), "mlstack", &mut script);
    ui.out(&String::from_utf8_lossy(&script));
    Exit::Done
}
