//! What may stand at a place of a stack file: the language's own tables, for whoever helps to write one.
//!
//! Knows no text and no tree: a place is a path, and what a component is, is asked.

use super::language::{self, Field, Shape, TYPES, Type};
use super::manual::value;
use crate::diag::{Path, Segment};

/// A place in a stack file, and what the language says of it.
#[derive(Clone, Debug)]
pub struct Guide {
    shape: Known,
    field: Option<&'static Field>,
    /// The type of the component around it.
    kind: Option<&'static Type>,
    /// As the table of capabilities names places: `buckets.*.versioning`, from the component where there is one.
    pub place: String,
}

/// A shape; its tables are no data to print.
#[derive(Clone, Copy)]
struct Known(&'static Shape);

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&value(self.0))
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl std::fmt::Debug for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A field, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldGuide {
    /// Its key.
    pub name: &'static str,
    /// One sentence without a period.
    pub about: &'static str,
    /// What its value is.
    pub value: String,
    /// What counts when it is absent.
    pub default: Option<&'static str>,
    /// Whether it must be there.
    pub required: bool,
    /// A value that shows it.
    pub example: &'static str,
    /// How its value goes on.
    pub holds: Holds,
}

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// One value, on the same line.
    Scalar,
    /// A list.
    List,
    /// A mapping, on the lines below.
    Mapping,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// A component of one of these types; of any when there are none.
    Components(&'static [&'static str]),
    /// A secret.
    Secrets,
}

/// The keys of a mapping that the user chooses, where they are known all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Components of the base.
    Components,
    /// Capabilities and advice that can be allowed.
    Allowances,
    /// Policies: those that mlstack knows, and the stack's own.
    Policies,
}

impl Guide {
    /// What may stand at `path`; `kind` tells the type of a component. `None` where the language knows no such place.
    pub fn at(path: &Path, kind: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        static STACK: Shape = Shape::Record(&language::STACK);
        let root = Self {
            shape: Known(&STACK),
            field: None,
            kind: None,
            place: String::new(),
        };
        path.0.iter().try_fold(root, |guide, segment| guide.step(segment, kind))
    }

    fn step(self, segment: &Segment, kind: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        match (self.shape.0, segment) {
            (Shape::List { item, .. }, Segment::Index(_)) => Some(Self {
                shape: Known(item),
                place: self.place + "[]",
                ..self
            }),
            (Shape::Map { value, .. }, Segment::Key(name)) => Some(self.member(name, value, kind)),
            (_, Segment::Key(name)) => self.named(name),
            _ => None,
        }
    }

    /// A member of a mapping with keys that the user chooses.
    fn member(self, name: &str, shape: &'static Shape, kind: &dyn Fn(&str) -> Option<String>) -> Self {
        let (kind, place) = match shape {
            Shape::Component | Shape::Partial => (kind(name).as_deref().and_then(Type::find), String::new()),
            _ => (self.kind, self.place + ".*"),
        };
        let shape = Known(shape);
        Self {
            shape,
            kind,
            place,
            ..self
        }
    }

    fn named(self, name: &str) -> Option<Self> {
        let field = self.all().into_iter().find(|field| field.name == name)?;
        let dot = if self.place.is_empty() { "" } else { "." };
        Some(Self {
            shape: Known(&field.shape),
            field: Some(field),
            // The version of the language is no capability; that of a database is.
            place: match field.shape {
                Shape::LanguageVersion => String::new(),
                _ => self.place + dot + name,
            },
            ..self
        })
    }

    /// Every field of a mapping; of a component without a type, those of all types.
    fn all(&self) -> Vec<&'static Field> {
        match (self.shape.0, self.kind) {
            (Shape::Record(record) | Shape::OneOf(record) | Shape::Short(_, record), _) => {
                record.fields.iter().collect()
            }
            (Shape::Component | Shape::Partial, Some(kind)) => kind.all().collect(),
            (Shape::Component | Shape::Partial, None) => {
                let mut fields: Vec<&'static Field> = Vec::new();
                for field in TYPES.iter().flat_map(Type::all) {
                    if fields.iter().all(|known| known.name != field.name) {
                        fields.push(field);
                    }
                }
                fields
            }
            _ => Vec::new(),
        }
    }

    /// The fields that a mapping here may have.
    pub fn fields(&self) -> Vec<FieldGuide> {
        let is_part = matches!(self.shape.0, Shape::Partial);
        let fields = self.all().into_iter().map(told);
        let settle = |field: FieldGuide| FieldGuide {
            required: field.required && !is_part,
            ..field
        };
        fields.map(settle).collect()
    }

    /// The field whose value this is, or is in.
    pub fn field(&self) -> Option<FieldGuide> {
        self.field.map(told)
    }

    /// The words that can stand here, when the list is closed.
    pub fn words(&self) -> &'static [&'static str] {
        match self.shape.0 {
            Shape::Word(words) => words.known,
            Shape::Bool => &["true", "false"],
            Shape::LanguageVersion => &["1"],
            _ => &[],
        }
    }

    /// A value with a unit that shows how one is written.
    pub fn quantity(&self) -> Option<&'static str> {
        let is_quantity = matches!(
            self.shape.0,
            Shape::Size | Shape::Cpu | Shape::Duration | Shape::Percent
        );
        self.field.filter(|_| is_quantity).map(|field| field.example)
    }

    /// What a name that stands here is the name of.
    pub fn names(&self) -> Option<Names> {
        let is_text = matches!(self.shape.0, Shape::Text(_));
        match self.field.filter(|_| is_text && self.kind.is_some())?.name {
            "uses" => Some(Names::Components(&[])),
            "calls" => Some(Names::Components(&["model-server", "service"])),
            "log_predictions" => Some(Names::Components(&["database"])),
            "access_key" | "secret_key" => Some(Names::Secrets),
            _ => None,
        }
    }

    /// The keys that are known of a mapping whose keys the user chooses.
    pub fn keys(&self) -> Option<Keys> {
        match (self.shape.0, self.field?.name) {
            (
                Shape::Map {
                    value: Shape::Partial, ..
                },
                _,
            ) => Some(Keys::Components),
            (
                Shape::Map {
                    value: Shape::Short(..),
                    ..
                },
                name @ ("allow_degraded" | "policies"),
            ) => {
                let of_component = name == "allow_degraded" && !self.place.ends_with(".*");
                Some(if of_component { Keys::Allowances } else { Keys::Policies })
            }
            _ => None,
        }
    }

    /// How a value here is written.
    pub fn holds(&self) -> Holds {
        holds(self.shape.0)
    }

    /// Whether references are resolved here.
    pub fn takes_references(&self) -> bool {
        matches!(self.shape.0, Shape::Template)
    }
}

fn told(field: &Field) -> FieldGuide {
    FieldGuide {
        name: field.name,
        about: field.about,
        value: value(&field.shape),
        default: field.default,
        required: field.required,
        example: field.example,
        holds: holds(&field.shape),
    }
}

fn holds(shape: &Shape) -> Holds {
    match shape {
        Shape::List { .. } => Holds::List,
        Shape::Map { .. } | Shape::Record(_) | Shape::OneOf(_) | Shape::Component | Shape::Partial => Holds::Mapping,
        _ => Holds::Scalar,
    }
}

/// What a sort of component is.
pub fn about_type(name: &str) -> Option<&'static str> {
    Type::find(name).map(|kind| kind.about)
}

/// Whether a name is one that a component, or a secret, can have; if not, what is wrong with it.
pub fn name_fault(name: &str, is_secret: bool) -> Option<String> {
    let rule = if is_secret {
        &super::texts::SECRET
    } else {
        &super::texts::NAME
    };
    (rule.check)(name).err().map(|fault| fault.label)
}

#[cfg(test)]
mod tests;
