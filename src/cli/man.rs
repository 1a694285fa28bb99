//! `mlstack man`: the manual as pages for `man`, one a command, from what the parser of the command line knows.

use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, bold, roman};

use super::Context;
use super::args::Man;
use super::exit::{Exit, MEANINGS};
use super::failure::Failure;
use super::validate::counted;

/// Runs the command.
pub(super) fn run(args: &Man, context: &Context) -> Result<Exit, Failure> {
    let pages = pages().map_err(|error| Failure::of(Exit::Error, &error))?;
    let Some(folder) = &args.out else {
        let (_, first) = &pages[0];
        context.ui.out(&String::from_utf8_lossy(first));
        return Ok(Exit::Done);
    };
    write(&context.here.join(folder), &pages).map_err(|error| {
        let text = format!("cannot write the pages to {}: {error}", folder.display());
        Failure::new(Exit::Error, text)
    })?;
    let (number, folder) = (counted(pages.len(), "page"), folder.display());
    context.ui.note(&format!("Wrote {number} to {folder}."));
    Ok(Exit::Done)
}

fn write(folder: &Path, pages: &[(String, Vec<u8>)]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    pages
        .iter()
        .try_for_each(|(name, page)| std::fs::write(folder.join(name), page))
}

/// Each page by its file's name; that of mlstack itself comes first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = super::flags::command();
    command.build();
    let mut all = Vec::new();
    collect(&command, &mut all)?;
    Ok(all)
}

fn collect(command: &Command, all: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let page = Page::new(command.clone());
    let mut text = Vec::new();
    title(command).to_writer(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    exit_status().to_writer(&mut text)?;
    all.push((
        page.get_filename(),
        tidied(&String::from_utf8_lossy(&text)).into_bytes(),
    ));
    command.get_subcommands().try_for_each(|command| collect(command, all))
}

/// Without a date: a page is the same whenever it is made.
fn title(command: &Command) -> Roff {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let mut title = Roff::new();
    title.control(
        "TH",
        [name, "1", "\"\"", concat!("mlstack ", env!("CARGO_PKG_VERSION"))],
    );
    title
}

/// Without the breaks that stand beside empty lines and do nothing, and without blanks at the ends of lines.
fn tidied(page: &str) -> String {
    let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
    let idle = |at: usize| {
        let beside = [at.checked_sub(1).and_then(|at| lines.get(at)), lines.get(at + 1)];
        lines[at] == ".br" && beside.into_iter().flatten().any(|line| line.is_empty())
    };
    let kept = (0..lines.len()).filter(|at| !idle(*at)).map(|at| lines[at]);
    kept.fold(String::new(), |page, line| page + line + "\n")
}

fn exit_status() -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["EXIT STATUS"]);
    for (exit, meaning) in MEANINGS {
        section.control("TP", []);
        section.text([bold((*exit as u8).to_string())]);
        section.text([roman(*meaning)]);
    }
    section
}
