//! The outline of a stack file.

use serde_json::{Value, json};

use super::buffer::Buffer;
use super::sketch::{ROOT, Sketch};

/// The deepest level that is shown: the fields of a component in an environment.
const DEEPEST: usize = 5;

/// Every key, with those below it.
pub(super) fn symbols(buffer: &Buffer) -> Vec<Value> {
    let outline = Outline {
        buffer,
        sketch: &buffer.reading().sketch,
    };
    outline.below(ROOT, 1)
}

struct Outline<'a> {
    buffer: &'a Buffer,
    sketch: &'a Sketch,
}

impl Outline<'_> {
    fn below(&self, node: usize, level: usize) -> Vec<Value> {
        let shown = self.sketch.children(node).filter(|_| level <= DEEPEST);
        shown.filter_map(|child| self.symbol(child, level)).collect()
    }

    fn symbol(&self, at: usize, level: usize) -> Option<Value> {
        let node = &self.sketch.nodes[at];
        let key = node.key.as_ref().filter(|key| !key.text.is_empty())?;
        let is_named = matches!(self.sketch.nodes[node.parent].key.as_ref(), Some(parent) if level == 2 && parent.text == "components");
        let kind = self.sketch.get(at, "type").filter(|_| is_named);
        let value = kind.map_or(node, |kind| &self.sketch.nodes[kind]).value.as_ref();
        let detail: String = value.iter().flat_map(|value| value.text.chars()).take(80).collect();
        Some(json!({
            "name": key.text,
            "detail": detail,
            // A class for what has a name of the user's, a property for the rest.
            "kind": if level == 2 { 5 } else { 7 },
            "range": self.buffer.range(node.span()),
            "selectionRange": self.buffer.range(key.span),
            "children": self.below(at, level + 1),
        }))
    }
}
