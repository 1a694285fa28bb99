//! Questions about a place in a document, and their answers in the protocol's words.

use serde_json::{Value, json};

use super::buffer::Buffer;
use super::complete::proposals;
use super::hover;
use super::names::{Mention, Named, Role};
use super::protocol::{Fault, Place, REQUEST_FAILED, edit};
use crate::diag::Span;
use crate::stack::guide::name_fault;

type Answer = Result<Value, Fault>;

/// `textDocument/hover`
pub(super) fn hover(buffer: &Buffer, place: &Place) -> Answer {
    let told = hover::hover(
        &buffer.text,
        buffer.byte(place.position),
        buffer.reading(),
        buffer.good.as_ref(),
    );
    Ok(told.map_or(
        Value::Null,
        |(span, text)| json!({ "contents": { "kind": "markdown", "value": text }, "range": buffer.range(span) }),
    ))
}

/// `textDocument/completion`
pub(super) fn completion(buffer: &Buffer, place: &Place) -> Answer {
    let all = proposals(
        &buffer.text,
        buffer.byte(place.position),
        &buffer.reading().sketch,
        buffer.good.as_ref(),
    );
    let items = all.iter().enumerate();
    let items = items.map(|(rank, one)| one.object(&buffer.text, &buffer.lines, rank));
    Ok(json!({ "isIncomplete": false, "items": items.collect::<Vec<_>>() }))
}

/// `textDocument/definition`
pub(super) fn definition(buffer: &Buffer, place: &Place) -> Answer {
    let found = named(buffer, place).and_then(|here| buffer.reading().definition(&here.what));
    Ok(found.map_or(Value::Null, |mention| location(buffer, mention.span)))
}

/// `textDocument/references`
pub(super) fn references(buffer: &Buffer, place: &Place) -> Answer {
    let wanted = |mention: &&Mention| place.context.include_declaration || mention.role != Role::Defines;
    let found = same(buffer, place).filter(wanted);
    Ok(found.map(|mention| location(buffer, mention.span)).collect())
}

/// `textDocument/documentHighlight`
pub(super) fn highlights(buffer: &Buffer, place: &Place) -> Answer {
    Ok(same(buffer, place)
        .map(|mention| {
            let is_use = matches!(mention.role, Role::Uses(_));
            json!({ "range": buffer.range(mention.span), "kind": if is_use { 2 } else { 3 } })
        })
        .collect())
}

/// `textDocument/prepareRename`
pub(super) fn renamed(buffer: &Buffer, place: &Place) -> Answer {
    Ok(named(buffer, place).map_or(Value::Null, |here| json!(buffer.range(here.span))))
}

/// `textDocument/rename`
pub(super) fn rename(buffer: &Buffer, place: &Place) -> Answer {
    let Some(what) = named(buffer, place).map(|here| &here.what) else {
        return Err(Fault::new(REQUEST_FAILED, "no component and no secret is named here"));
    };
    let new = place.new_name.as_str();
    let is_secret = matches!(what, Named::Secret(_));
    if let Some(fault) = name_fault(new, is_secret) {
        return Err(Fault::new(REQUEST_FAILED, fault));
    }
    let other = match what {
        Named::Component(_) => Named::Component(new.to_owned()),
        Named::Secret(_) => Named::Secret(new.to_owned()),
    };
    if other != *what && buffer.reading().definition(&other).is_some() {
        return Err(Fault::new(REQUEST_FAILED, format!("`{new}` is there already")));
    }
    let edits = same(buffer, place).map(|mention| edit(buffer.range(mention.span), new));
    Ok(json!({ "changes": { buffer.uri.as_str(): edits.collect::<Vec<_>>() } }))
}

/// What is named at a place.
fn named<'b>(buffer: &'b Buffer, place: &Place) -> Option<&'b Mention> {
    buffer.reading().mention(buffer.byte(place.position))
}

/// Every place that names the same.
fn same<'b>(buffer: &'b Buffer, place: &Place) -> impl Iterator<Item = &'b Mention> {
    let here = named(buffer, place).into_iter();
    here.flat_map(|here| buffer.reading().all(&here.what))
}

fn location(buffer: &Buffer, span: Span) -> Value {
    json!({ "uri": buffer.uri, "range": buffer.range(span) })
}
