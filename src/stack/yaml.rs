//! Text to [`Node`] tree: YAML's syntax, its limits, and the parts of YAML that stack files do without.
//!
//! Owns the parser's options. Works on the parser's events because only they still know anchors, tags and
//! both places of a duplicate key. Never interprets a scalar.

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput};

use super::node::{Entry, Map, Node, Scalar, Value};
use crate::diag::visible::steers;
use crate::diag::{At, Diagnostic, Span, codes};

/// Bytes of the largest stack file.
pub const MAX_BYTES: usize = 1 << 20;
/// Levels of the deepest stack file.
pub const MAX_DEPTH: usize = 64;
/// Values (keys not counted) of the longest stack file.
pub const MAX_VALUES: usize = 20_000;

/// Reads `text`; a tree comes back as far as one could be built.
pub(super) fn read(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    if text.len() > MAX_BYTES {
        diagnostics.push(too_large(text.len()));
        return None;
    }
    if refuse_invisible(text, diagnostics) {
        return None;
    }
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options()),
        values: 0,
        diagnostics,
    };
    reader.document().unwrap_or_default()
}

/// How YAML is read everywhere in this crate.
fn options() -> granit_parser::Options {
    granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    }
}

/// Reading cannot go on; the diagnostic says why.
struct Stop;

type Next<'a> = (Event<'a>, Span);

struct Reader<'a, 'd> {
    parser: Parser<'a, StrInput<'a>>,
    values: usize,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a> Reader<'a, '_> {
    /// The one document of the text; `None` when there is none.
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd, span) => {
                    self.push(
                        Diagnostic::new(&codes::EMPTY_FILE, At::Span(span), "nothing but comments and spaces")
                            .help("`mlstack init` writes a first stack file"),
                    );
                    return Ok(None);
                }
                (event, span) => {
                    let root = self.node(event, span, 1)?;
                    return self.end().map(|()| Some(root));
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Stop> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(..), span) => {
                    self.push(
                        Diagnostic::new(
                            &codes::SEVERAL_DOCUMENTS,
                            At::Span(span),
                            "a second document starts here",
                        )
                        .help("one stack a file: move the rest to a file of its own"),
                    );
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// The next event that is not about anchors; those are refused in passing.
    fn next(&mut self) -> Result<Next<'a>, Stop> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Anchor(_, name), span))) => self.refuse_anchor(&name, bytes(&span)),
                Some(Ok((event, span))) => return Ok((event, bytes(&span))),
                Some(Err(error)) => return Err(self.syntax(&error)),
                None => return Err(Stop),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        self.count(span, depth)?;
        self.refuse_tag(&event, span);
        let (value, span) = match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == ScalarStyle::Plain;
                (
                    Value::Scalar(Scalar {
                        text: text.into_owned(),
                        plain,
                    }),
                    span,
                )
            }
            Event::SequenceStart(..) => self.list(span, depth)?,
            Event::MappingStart(..) => self.map(span, depth)?,
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.push(
                    Diagnostic::new(&codes::YAML_ANCHOR, At::Span(span), "an alias")
                        .help("write the value out again; what several environments share belongs in the base"),
                );
                (Value::Refused, span)
            }
            _ => (Value::Refused, span),
        };
        Ok(Node { span, value })
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<(Value, Span), Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => return Ok((Value::List(items), start.to(end))),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<(Value, Span), Stop> {
        let mut map = Map::new();
        loop {
            let (key, key_span) = match self.next()? {
                (Event::MappingEnd, end) => return Ok((Value::Map(map), start.to(end))),
                (event, span) => self.key(event, span, depth)?,
            };
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            if let Some(key) = key {
                self.insert(&mut map, key, Entry { key: key_span, node });
            }
        }
    }

    /// A key; `None` when it was refused.
    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<(Option<String>, Span), Stop> {
        let node = self.node(event, span, depth + 1)?;
        self.values -= 1;
        match node.value {
            Value::Scalar(scalar) if scalar.plain && scalar.text == "<<" => {
                self.push(
                    Diagnostic::new(&codes::YAML_MERGE_KEY, At::Span(span), "a merge key")
                        .help("write the fields out; `environments` says what differs between environments"),
                );
                Ok((None, span))
            }
            Value::Scalar(scalar) if !scalar.is_null() => Ok((Some(scalar.text), span)),
            Value::Refused => Ok((None, span)),
            _ => {
                self.push(
                    Diagnostic::new(&codes::KEY_NOT_TEXT, At::Span(node.span), "this key is no text")
                        .help("keys are plain words, such as `name:`; quote one that is to be taken literally"),
                );
                Ok((None, span))
            }
        }
    }

    fn insert(&mut self, map: &mut Map, key: String, entry: Entry) {
        if let Some(first) = map.get(&key) {
            let label = format!("`{key}` again");
            let diagnostic = Diagnostic::new(&codes::DUPLICATE_KEY, At::Span(entry.key), label)
                .help("keep one of the two")
                .related(At::Span(first.key), "first here");
            self.push(diagnostic);
        } else {
            map.insert(key, entry);
        }
    }

    fn count(&mut self, span: Span, depth: usize) -> Result<(), Stop> {
        self.values += 1;
        if self.values > MAX_VALUES {
            let label = format!("the value number {MAX_VALUES} was the last one allowed");
            self.push(Diagnostic::new(&codes::TOO_MANY_VALUES, At::Span(span), label).help("split the stack in two"));
            return Err(Stop);
        }
        if depth > MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        Ok(())
    }

    fn too_deep(&mut self, span: Span) -> Stop {
        let label = format!("deeper than {MAX_DEPTH} levels");
        self.push(Diagnostic::new(&codes::TOO_DEEP, At::Span(span), label).help("flatten the value"));
        Stop
    }

    fn refuse_anchor(&mut self, name: &str, span: Span) {
        let label = format!("the anchor `&{name}`");
        self.push(
            Diagnostic::new(&codes::YAML_ANCHOR, At::Span(span), label)
                .help("remove it, and write the value out where its aliases stand"),
        );
    }

    fn refuse_tag(&mut self, event: &Event<'a>, span: Span) {
        if let Some(tag) = event.tag() {
            let label = format!("the tag `{}`", tag.original());
            self.push(
                Diagnostic::new(&codes::YAML_TAG, At::Span(span), label)
                    .help("remove the tag; quote the value if it is to stay a text"),
            );
        }
    }

    fn syntax(&mut self, error: &ScanError) -> Stop {
        let start = error.marker().byte_offset().unwrap_or(0);
        let span = Span { start, len: 0 };
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => return self.too_deep(span),
            ErrorKind::DirectiveDisallowed => self
                .push(Diagnostic::new(&codes::YAML_DIRECTIVE, At::Span(span), "a directive").help("remove this line")),
            kind => {
                let (label, help) = syntax_words(kind, error);
                let diagnostic = Diagnostic::new(&codes::SYNTAX, At::Span(span), label);
                self.push(Diagnostic {
                    help: help.map(str::to_owned),
                    ..diagnostic
                });
            }
        }
        Stop
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// The parser's errors that users meet most, in our words; the others in its own.
fn syntax_words(kind: &ErrorKind, error: &ScanError) -> (String, Option<&'static str>) {
    use ErrorKind as K;
    let (label, help) = match kind {
        K::TabNotAllowed | K::TabInBlockIndentation | K::TabInIndentation | K::TabInPlainScalar => {
            ("a tab", "indent with spaces")
        }
        K::UnclosedQuotedScalar => ("a quote is still open here", "close it on the line where it starts"),
        K::UnclosedFlowCollection { .. } | K::UnexpectedEofFlowMapping | K::UnexpectedEofFlowSequence => {
            ("a bracket is still open here", "add the missing `]` or `}`")
        }
        K::MismatchedFlowCollectionEnd { .. } | K::MisplacedFlowCollectionEnd => {
            ("this bracket does not match", "`[` closes with `]`, `{` with `}`")
        }
        K::ExpectedFlowMappingSeparator | K::ExpectedFlowSequenceSeparator => (
            "a comma or a closing bracket is missing before this",
            "separate entries with `, `",
        ),
        K::MappingValueNotAllowed | K::InvalidIndentation | K::ExpectedBlockMappingKey => (
            "a key does not fit here",
            "check the indentation, and quote values with `: ` in them",
        ),
        K::SimpleKeyExpected | K::InvalidSimpleKey => (
            "a `:` is missing after this key",
            "write `key: value`, with a space after the colon",
        ),
        K::UnexpectedCharacter {
            character: '`' | '@' | '%' | '&' | '*' | '!' | '|' | '>',
        } => ("a value cannot start with this character", "put the value in quotes"),
        K::UnknownQuotedScalarEscape | K::InvalidQuotedScalarHexEscape => {
            ("unknown escape in a double-quoted text", "write `\\\\` for a backslash")
        }
        K::BlockSequenceEntryNotAllowed | K::BlockEntryInFlowCollection => (
            "a list cannot start here",
            "put `- ` on a line of its own, below its key",
        ),
        _ => return (error.info(), None),
    };
    (label.to_owned(), Some(help))
}

/// Refuses characters that hide what a file says: controls and direction overrides.
fn refuse_invisible(text: &str, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let found: Vec<_> = text
        .char_indices()
        .filter(|(i, c)| steers(*c) && !(*i == 0 && *c == '\u{feff}'))
        .take(10)
        .collect();
    for (start, character) in &found {
        let span = Span {
            start: *start,
            len: character.len_utf8(),
        };
        let code = u32::from(*character);
        diagnostics.push(
            Diagnostic::new(
                &codes::CONTROL_CHARACTER,
                At::Span(span),
                format!("the character U+{code:04X}"),
            )
            .help(format!(
                "remove it, or write it as an escape in double quotes: \"\\U{code:08X}\""
            )),
        );
    }
    !found.is_empty()
}

fn too_large(bytes: usize) -> Diagnostic {
    let label = format!("{bytes} bytes; {MAX_BYTES} are allowed");
    Diagnostic::new(&codes::FILE_TOO_LARGE, At::Span(Span { start: 0, len: 0 }), label)
        .help("split the stack in two, and move data to files of their own")
}

fn bytes(span: &granit_parser::Span) -> Span {
    let range = span.byte_range().unwrap_or(0..0);
    Span {
        start: range.start,
        len: range.len(),
    }
}

#[cfg(test)]
mod tests;
