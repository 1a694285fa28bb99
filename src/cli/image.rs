//! `mlstack image`: packs server and model, sends the image away, says what is in one.

use std::fmt::Write as _;

use serde_json::json;

use super::Context;
use super::args::{Format, Image, ImageInspect};
use super::exit::Exit;
use super::failure::Failure;
use crate::image::{InspectError, Summary, inspect};

/// Runs the command.
pub(super) fn run(args: &Image, context: &Context) -> Result<Exit, Failure> {
    match args {
        Image::Inspect(args) => look(args, context),
        Image::Build(_) | Image::Push(_) => Err(Failure::new(Exit::Error, "not yet")),
    }
}

fn look(args: &ImageInspect, context: &Context) -> Result<Exit, Failure> {
    let summary = inspect(&context.here.join(&args.path)).map_err(|error: InspectError| {
        Failure::of(Exit::Error, &error).hint("`mlstack image build -o image.tar` writes one")
    })?;
    let text = match args.format {
        Format::Json => json_of(&summary),
        Format::Text => text_of(&summary),
    };
    context.ui.out(&text);
    Ok(Exit::Done)
}

fn text_of(summary: &Summary) -> String {
    let mut text = String::new();
    if let Some(reference) = &summary.reference {
        let _ = writeln!(text, "name      {reference}");
    }
    let _ = writeln!(text, "id        {}\nmanifest  {}", summary.id, summary.manifest);
    for (media_type, digest, bytes) in &summary.layers {
        let packed = if media_type.ends_with("gzip") { "gzip" } else { "plain" };
        let _ = writeln!(text, "layer     {digest}  {packed}, {}", human_size(*bytes));
    }
    for field in ["User", "Entrypoint", "Cmd", "Labels"] {
        if !summary.config[field].is_null() {
            let _ = writeln!(text, "{:<9} {}", field.to_lowercase(), summary.config[field]);
        }
    }
    text
}

/// Bytes as people say them: `8.4 MB`, `12 kB`.
pub(super) fn human_size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..100_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        100_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn json_of(summary: &Summary) -> String {
    let layers: Vec<_> = summary
        .layers
        .iter()
        .map(|(media_type, digest, size)| json!({"mediaType": media_type, "digest": digest, "size": size}))
        .collect();
    let value = json!({
        "reference": summary.reference, "id": summary.id, "manifest": summary.manifest,
        "layers": layers, "config": summary.config,
    });
    format!("{value:#}")
}
