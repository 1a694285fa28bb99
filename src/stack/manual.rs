//! The tables of `docs/stack-file.md`, written from the language's own.

use std::fmt::Write as _;

use super::language::{self, Field, Shape, TYPES};
use super::model::Property;
use super::shape::what;

/// `page` with every block between `<!-- table: NAME -->` and `<!-- end -->` written anew.
///
/// # Errors
/// When a block names no table, or does not end.
pub fn fill(page: &str) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), page);
    while let Some((before, after)) = rest.split_once("<!-- table: ") {
        let (name, after) = after.split_once(" -->").ok_or("a table without its name")?;
        let (_, after) = after
            .split_once("<!-- end -->")
            .ok_or_else(|| format!("the table {name} has no end"))?;
        let table = table(name).ok_or_else(|| format!("there is no table {name}"))?;
        let _ = write!(out, "{before}<!-- table: {name} -->\n{table}<!-- end -->");
        rest = after;
    }
    Ok(out + rest)
}

/// The names of all tables.
pub fn names() -> Vec<&'static str> {
    let records = language::records().into_iter().map(|(name, _)| name);
    let types = TYPES
        .iter()
        .filter(|kind| kind.fields.len() > 1 && kind.name != "service")
        .map(|kind| kind.name);
    ["types", "properties"]
        .into_iter()
        .chain(records)
        .chain(types)
        .collect()
}

fn table(name: &str) -> Option<String> {
    match name {
        "types" => return Some(types()),
        "properties" => return Some(properties()),
        _ => {}
    }
    if let Some((_, fields)) = language::records().into_iter().find(|(known, _)| *known == name) {
        return Some(rows(fields));
    }
    let kind = TYPES.iter().find(|kind| kind.name == name)?;
    Some(rows(kind.fields.last()?))
}

fn rows(fields: &[Field]) -> String {
    let mut out = String::from("| field | value | default | what it is for |\n|---|---|---|---|\n");
    for field in fields {
        let default = match (field.required, field.default) {
            (true, _) => "**required**".to_owned(),
            (false, Some(default)) => format!("`{default}`"),
            (false, None) => "–".to_owned(),
        };
        let (name, example) = (field.name, field.example.replace('|', "\\|"));
        let _ = writeln!(
            out,
            "| `{name}` | {}, such as `{example}` | {default} | {} |",
            value(&field.shape),
            field.about
        );
    }
    out
}

pub(super) fn value(shape: &Shape) -> String {
    match shape {
        Shape::Word(words) => words
            .known
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(" or "),
        Shape::Integer { min, max } => format!("{min} to {max}"),
        Shape::Short(scalar, record) => format!("{}, or a mapping like {}", value(scalar), record.what),
        _ => what(shape).to_owned(),
    }
}

fn types() -> String {
    TYPES
        .iter()
        .fold("| type | what it is |\n|---|---|\n".to_owned(), |mut out, kind| {
            let _ = writeln!(out, "| `{}` | {} |", kind.name, kind.about);
            out
        })
}

fn properties() -> String {
    Property::ALL.into_iter().fold(
        "| property | what it is |\n|---|---|\n".to_owned(),
        |mut out, property| {
            let _ = writeln!(out, "| `{}` | {} |", property.name(), property.about());
            out
        },
    )
}

#[cfg(test)]
mod tests;
