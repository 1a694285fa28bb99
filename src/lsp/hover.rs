//! What a word means: fields from the language's tables, references and names from the stack itself.

use std::fmt::Write as _;

use indexmap::IndexMap;

use super::names::{Mention, Named, Reading, Role};
use super::sketch::Sketch;
use super::spot::{Part, Spot, component, spot};
use crate::diag::visible::visible;
use crate::diag::{Path, Segment, Span};
use crate::stack::guide::{FieldGuide, Guide, about_type};
use crate::stack::{Property, Stack};
use crate::target::capability::{self, Level};
use crate::target::{Target, property};

/// What is told of the word at a byte, and the word. `good` is the last stack that was right.
pub(super) fn hover(text: &str, byte: usize, reading: &Reading, good: Option<&Stack>) -> Option<(Span, String)> {
    let spot = spot(text, &reading.sketch, byte)?;
    let teller = Teller {
        sketch: &reading.sketch,
        all: &reading.mentions,
        good,
    };
    if let Some(mention) = reading.mention(byte) {
        return Some((mention.word(byte), teller.mention(mention, byte)));
    }
    teller.field(&spot)
}

/// The type of a component, as the text has it.
pub(super) fn kind<'s>(sketch: &'s Sketch, name: &str) -> Option<&'s str> {
    let stated = |path: &[&str]| sketch.scalar(path);
    stated(&["components", name, "type"]).or_else(|| {
        let environments = sketch.get(super::sketch::ROOT, "environments")?;
        let mut all = sketch.children(environments);
        all.find_map(|environment| {
            let component = sketch.get(sketch.get(environment, "components")?, name)?;
            Some(
                sketch.nodes[sketch.get(component, "type")?]
                    .value
                    .as_ref()?
                    .text
                    .as_str(),
            )
        })
    })
}

/// What the language says of a path.
pub(super) fn guide(sketch: &Sketch, path: &Path) -> Option<Guide> {
    Guide::at(path, &|name| kind(sketch, name).map(str::to_owned))
}

struct Teller<'a> {
    sketch: &'a Sketch,
    all: &'a [Mention],
    good: Option<&'a Stack>,
}

impl Teller<'_> {
    fn mention(&self, mention: &Mention, byte: usize) -> String {
        match (&mention.what, mention.property(byte)) {
            (Named::Component(name), Some(property)) => self.property(name, property),
            (Named::Component(name), None) => self.component(name),
            (Named::Secret(name), _) => self.secret(name),
        }
    }

    /// What `${name.word}` becomes.
    fn property(&self, name: &str, word: &str) -> String {
        let known = Property::ALL.into_iter().find(|property| property.name() == word);
        let Some(known) = known else {
            return format!("{} has no {}", code(name), code(word));
        };
        let component = self.good.and_then(|stack| stack.components.get(name));
        let own = component.filter(|component| component.kind.properties().contains(&known));
        let value = own.map(|component| format!("{}\n\n", code(&property(component, known))));
        let (word, name) = (code(word), code(name));
        format!("{}{word} of {name}: {}", value.unwrap_or_default(), known.about())
    }

    fn component(&self, name: &str) -> String {
        let mut out = code(name);
        match kind(self.sketch, name) {
            None => out += ": no component has this name, or it has no type yet",
            Some(kind) => {
                let _ = match about_type(kind) {
                    Some(about) => write!(out, " · {kind}: {about}"),
                    None => write!(out, " · {}", code(kind)),
                };
            }
        }
        if let Some(component) = self.good.and_then(|stack| stack.components.get(name)) {
            let address = code(&property(component, Property::Address));
            let _ = write!(out, "\n\nreached at {address} inside the stack");
        }
        out + &self.users(&Named::Component(name.to_owned())) + &self.changes(name)
    }

    fn secret(&self, name: &str) -> String {
        let mut out = code(name) + " · secret";
        let source = self.sketch.follow(&["secrets", name]);
        let field = source.and_then(|source| self.sketch.children(source).next());
        if let Some(key) = field.and_then(|field| self.sketch.nodes[field].key.as_ref()) {
            let path = Path::root().key("secrets").key(name).key(&key.text);
            if let Some(field) = guide(self.sketch, &path).and_then(|guide| guide.field()) {
                let _ = write!(out, " from `{}`: {}", field.name, field.about);
            }
        }
        out + &self.users(&Named::Secret(name.to_owned()))
    }

    /// Who uses something, and by which fields.
    fn users(&self, what: &Named) -> String {
        let mut users: IndexMap<&str, Vec<String>> = IndexMap::new();
        let uses = |mention: &&Mention| mention.what == *what && matches!(mention.role, Role::Uses(_));
        for mention in self.all.iter().filter(uses) {
            if let Some((user, rest)) = component(&mention.at) {
                let field = code(&dotted(rest));
                let fields = users.entry(user).or_default();
                if !fields.contains(&field) {
                    fields.push(field);
                }
            }
        }
        let lines = users
            .iter()
            .map(|(user, fields)| format!("\n- {} by {}", code(user), fields.join(", ")));
        match users.is_empty() {
            true => "\n\nused by no component".to_owned(),
            false => format!("\n\nused by:\n{}", lines.collect::<String>()),
        }
    }

    fn changes(&self, name: &str) -> String {
        let what = Named::Component(name.to_owned());
        let changes = self
            .all
            .iter()
            .filter(|one| one.what == what && one.role == Role::Changes);
        let names: Vec<_> = changes
            .filter_map(|one| match one.at.0.get(1)? {
                Segment::Key(environment) => Some(code(environment)),
                Segment::Index(_) => None,
            })
            .collect();
        match names.is_empty() {
            true => String::new(),
            false => format!("\n\nchanged in {}", names.join(", ")),
        }
    }

    /// The field under the cursor, or whose value is under it.
    fn field(&self, spot: &Spot) -> Option<(Span, String)> {
        let node = &self.sketch.nodes[spot.node?];
        let path = match spot.part {
            Part::Key => self.sketch.path(spot.node?),
            Part::Value | Part::Open => spot.path.clone(),
        };
        let guide = guide(self.sketch, &path)?;
        let field = guide.field()?;
        let word = node
            .value
            .as_ref()
            .filter(|value| value.span == spot.word && spot.part != Part::Key);
        let told = match word {
            Some(word) if guide.words().contains(&word.text.as_str()) => value(&guide, &field, &word.text),
            _ => described(&guide, &field),
        };
        Some((spot.word, told))
    }
}

/// A word of the file in Markdown that only shows it: no link, no picture that an editor would fetch.
fn code(word: &str) -> String {
    let word: String = visible(word).chars().take(100).collect();
    format!("`{}`", word.replace(['`', '\n'], "'"))
}

/// `uses` and `env.URL`: places in lists do not matter.
fn dotted(rest: &[Segment]) -> String {
    let keys = rest.iter().filter_map(|segment| match segment {
        Segment::Key(key) => Some(key.as_str()),
        Segment::Index(_) => None,
    });
    keys.collect::<Vec<_>>().join(".")
}

/// A field: what it is for, what its value looks like, what its default is, who carries it.
pub(super) fn described(guide: &Guide, field: &FieldGuide) -> String {
    let mut out = format!("**{}** · {}\n\n", field.name, field.about);
    let _ = write!(out, "{}, such as `{}`", field.value, field.example);
    match (field.required, field.default) {
        (true, _) => out += "; required",
        (false, Some(default)) => {
            let _ = write!(out, "; default `{default}`");
        }
        (false, None) => {}
    }
    out + &carried(|place| continues(place, &guide.place))
}

/// One of the words that a field can have.
fn value(guide: &Guide, field: &FieldGuide, word: &str) -> String {
    let about = about_type(word).filter(|_| field.name == "type");
    let about = about.map_or_else(|| field.about.to_owned(), str::to_owned);
    let key = guide.place.trim_end_matches("[]");
    let says = |place: &str| {
        let one = |part: &str| part == format!("{key}: {word}") || part == format!("{key}: [{word}]");
        place.split(", ").any(one)
    };
    format!("`{}: {word}` · {about}{}", field.name, carried(says))
}

/// Whether a place of the table of capabilities is `place` or a part of it.
fn continues(known: &str, place: &str) -> bool {
    let rest = known.strip_prefix(place).filter(|_| !place.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ',', ':', '[']))
}

/// What each target makes of the fields at some places.
fn carried(is_meant: impl Fn(&str) -> bool) -> String {
    let fields = capability::Field::ALL.iter().filter(|field| is_meant(field.place()));
    let lines = fields.map(|field| {
        let levels = Target::ALL.map(|target| format!("{target}: {}", level(field.on(target))));
        format!("\n- `{}` · {}", field.place(), levels.join(" · "))
    });
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

fn level(level: Level) -> String {
    match level {
        Level::Full => "full".to_owned(),
        Level::Degraded {
            how,
            needs_allowance: false,
        } => format!("degraded ({how})"),
        Level::Degraded { how, .. } => format!("degraded, needs allowance ({how})"),
        Level::Unsupported { why, .. } => format!("unsupported ({why})"),
    }
}

#[cfg(test)]
mod tests;
