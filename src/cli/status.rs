//! `mlstack status`: what runs, one line a container.

use std::fmt::Write as _;

use mlstack_provider::CopyStatus;
use serde_json::{Value, json};

use super::Context;
use super::args::{Format, Status};
use super::exit::Exit;
use super::failure::Failure;
use super::load::load;
use super::site::Site;
use crate::diag::visible::visible;

/// Runs the command.
pub(super) async fn run(args: &Status, context: &Context) -> Result<Exit, Failure> {
    let loaded = load(context)?;
    let site = Site::of(loaded.target, &loaded.stack, context).await?;
    let copies = site.reader().status(&loaded.stack.name).await?;
    match args.format {
        Format::Json => context.ui.out_json(&json_of(&loaded.stack.name, &copies)),
        Format::Text if copies.is_empty() => {
            context
                .ui
                .out(&format!("{}: nothing runs. `mlstack up` starts it.", loaded.stack.name));
        }
        Format::Text => context.ui.out(&table(&copies)),
    }
    Ok(Exit::Done)
}

fn table(copies: &[CopyStatus]) -> String {
    let rows: Vec<[String; 4]> = copies.iter().map(row).collect();
    let header = ["COMPONENT", "STATE", "SINCE", "ADDRESS"].map(str::to_owned);
    let width = |i: usize| {
        rows.iter()
            .chain([&header])
            .map(|row| row[i].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let mut text = String::new();
    for row in [&header].into_iter().chain(&rows) {
        let line = format!(
            "{:<w0$}   {:<w1$}   {:<w2$}   {}",
            row[0],
            row[1],
            row[2],
            row[3],
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2]
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn row(copy: &CopyStatus) -> [String; 4] {
    let name = if copy.copy == 1 {
        copy.component.clone()
    } else {
        format!("{} #{}", copy.component, copy.copy)
    };
    let state = copy
        .problem
        .clone()
        .or_else(|| copy.health.clone())
        .unwrap_or_else(|| copy.state.clone());
    [
        name,
        visible(&state),
        since(copy.since.as_deref()),
        addresses(copy).join(" "),
    ]
}

/// The moment without fractions: `2026-11-23 07:15:02`.
fn since(moment: Option<&str>) -> String {
    let text = moment.unwrap_or("-");
    text.get(..19).unwrap_or(text).replace('T', " ")
}

/// `127.0.0.1:3000->8080/tcp` as something to open; what is said without `->` is.
fn addresses(copy: &CopyStatus) -> Vec<String> {
    let host = |port: &String| visible(port.split("->").next().unwrap_or_default());
    copy.ports.iter().map(host).collect()
}

fn json_of(stack: &str, copies: &[CopyStatus]) -> Value {
    let copies: Vec<_> = copies
        .iter()
        .map(|copy| {
            json!({
                "component": copy.component, "copy": copy.copy, "container": copy.name, "id": copy.id,
                "image": copy.image, "state": copy.state, "health": copy.health, "since": copy.since,
                "exit_code": copy.exit_code, "ports": copy.ports, "problem": copy.problem,
            })
        })
        .collect();
    json!({"stack": stack, "containers": copies})
}
