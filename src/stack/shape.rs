//! Checks a tree against the words of the language: types, units, unknown and missing fields, the form of texts.
//!
//! Says everything that one value alone can be told; what needs two values is in `check`.

use std::collections::BTreeMap;
use std::fmt;

use super::language::{Field, Record, Shape, TYPES, Type, Words};
use super::node::{Entry, Map, Node, Scalar, Value};
use super::suggest::{a, did_you_mean, one_of};
use super::texts::{self, Rule};
use super::trail::Trail;
use super::{language, reference, scalar, units};
use crate::diag::codes::{self, Code};
use crate::diag::{At, Diagnostic, Help, Part};

/// Checks a whole stack file.
pub(super) fn check(root: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let mut checker = Checker { diagnostics };
    checker.record(root, &Trail::Root, &language::STACK, Example::Text("version: 1"));
}

struct Checker<'d> {
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Checker<'_> {
    fn check(&mut self, node: &Node, at: &Trail<'_>, shape: &'static Shape, example: Example) {
        if node.is_refused() || self.diagnostics.len() >= super::MAX_DIAGNOSTICS {
            return;
        }
        match shape {
            Shape::List { item, min, unique } => self.list(node, at, (item, *min, *unique), example),
            Shape::Map { key, value, min } => self.map(node, at, (key, value, *min), example),
            Shape::Record(record) => self.record(node, at, record, example),
            Shape::OneOf(record) => self.one_of(node, at, record, example),
            Shape::Short(scalar, record) => match node.map() {
                Some(_) => self.record(node, at, record, example),
                None => self.check(node, at, scalar, example),
            },
            Shape::Component => self.component(node, at),
            Shape::Partial => {
                self.entries(node, at, "a mapping", example);
            }
            Shape::Json => self.json(node, at),
            _ => self.scalar(node, at, shape, example),
        }
    }

    fn scalar(&mut self, node: &Node, at: &Trail<'_>, shape: &Shape, example: Example) {
        let Some(scalar) = node.scalar() else {
            return self.wrong_type(node, at, what(shape), example);
        };
        if scalar.is_null() {
            return self.nothing(at, what(shape), example);
        }
        match shape {
            Shape::Text(rule) => self.text(scalar, at, rule),
            Shape::Template => self.template(scalar, at),
            Shape::Bool => self.bool(scalar, at, example),
            Shape::Integer { min, max } => self.integer(scalar, at, *min, *max),
            Shape::Tolerance => self.tolerance(scalar, at),
            Shape::Size => self.quantity(
                scalar,
                at,
                units::size,
                "a size: a number with its unit (Ki, Mi, Gi, k, M, G)",
            ),
            Shape::Cpu => self.quantity(
                scalar,
                at,
                units::cpu,
                "a share of CPU: cores, or thousandths of one with `m`",
            ),
            Shape::Duration => self.quantity(
                scalar,
                at,
                units::duration,
                "a time: a number with its unit (ms, s, m, h)",
            ),
            Shape::Percent => self.quantity(scalar, at, units::percent, "a percentage"),
            Shape::LanguageVersion => self.version(scalar, at),
            Shape::Word(words) => self.word(scalar, at, words),
            _ => unreachable!("`check` handles collections"),
        }
    }

    fn text(&mut self, scalar: &Scalar, at: &Trail<'_>, rule: &Rule) {
        if let Some(text) = self.plain_text(scalar, at) {
            self.rule(text, at, rule, Part::Value);
        }
    }

    /// The text, unless YAML readers disagree about it.
    fn plain_text<'n>(&mut self, scalar: &'n Scalar, at: &Trail<'_>) -> Option<&'n str> {
        match scalar::text(scalar) {
            Ok(text) => Some(text),
            Err(other) => {
                let label = format!("`{}` is {other} to some readers of YAML", scalar.text);
                self.value(
                    &codes::AMBIGUOUS_TEXT,
                    at,
                    label,
                    Help::from(format!("for a text, quote it: {}", scalar::quoted(&scalar.text)))
                        .whole(scalar::quoted(&scalar.text)),
                );
                None
            }
        }
    }

    fn rule(&mut self, text: &str, at: &Trail<'_>, rule: &Rule, part: Part) {
        if let Err(fault) = (rule.check)(text) {
            self.push(Diagnostic::new(fault.code, At::Path(at.path(), part), fault.label).help(fault.help));
        }
    }

    fn template(&mut self, scalar: &Scalar, at: &Trail<'_>) {
        let Some(text) = self.plain_text(scalar, at) else {
            return;
        };
        self.rule(text, at, &texts::ANY, Part::Value);
        if let Err(fault) = reference::parse(text) {
            self.value(&codes::BAD_REFERENCE, at, fault.label, fault.help);
        }
    }

    fn bool(&mut self, scalar: &Scalar, at: &Trail<'_>, example: Example) {
        if scalar::boolean(scalar).is_some() {
            return;
        }
        let meant = match scalar.text.to_ascii_lowercase().as_str() {
            "yes" | "y" | "on" | "true" | "1" => Help::from("write `true`, without quotes").whole("true"),
            "no" | "n" | "off" | "false" | "0" => Help::from("write `false`, without quotes").whole("false"),
            _ => return self.wrong_scalar(scalar, at, "`true` or `false`", example),
        };
        self.value(
            &codes::WRONG_TYPE,
            at,
            format!("`true` or `false` is wanted, not `{}`", scalar.text),
            meant,
        );
    }

    fn integer(&mut self, scalar: &Scalar, at: &Trail<'_>, min: i64, max: i64) {
        let range = format!("a whole number from {min} to {max}");
        let label = format!("a whole number is wanted here, not {}", shown(scalar));
        let digits = scalar.text.replace('_', "");
        match scalar::integer(scalar) {
            Some(number) if (min..=max).contains(&number) => {}
            Some(_) => self.outside(scalar, at, range),
            None if !scalar::is_digits(&digits) => self.value(&codes::WRONG_TYPE, at, label, range),
            None if digits.len() > 15 => self.outside(scalar, at, range),
            None => {
                let plain = digits.trim_start_matches('0');
                let plain = if plain.is_empty() { "0" } else { plain };
                self.value(
                    &codes::WRONG_TYPE,
                    at,
                    label,
                    Help::from(format!("write `{plain}`: plain digits, without quotes")).whole(plain),
                );
            }
        }
    }

    fn outside(&mut self, scalar: &Scalar, at: &Trail<'_>, range: String) {
        self.value(
            &codes::OUT_OF_RANGE,
            at,
            format!("{} is out of range", shown(scalar)),
            range,
        );
    }

    fn tolerance(&mut self, scalar: &Scalar, at: &Trail<'_>) {
        match scalar::number(scalar) {
            Some(number) if number >= 0.0 => {}
            Some(_) => self.value(
                &codes::OUT_OF_RANGE,
                at,
                "below zero",
                "a number from 0 up, such as `0.01`",
            ),
            None => self.wrong_scalar(scalar, at, "a number", Example::Text("0.01")),
        }
    }

    fn quantity(&mut self, scalar: &Scalar, at: &Trail<'_>, read: fn(&str) -> Result<u64, units::Fault>, wanted: &str) {
        match read(&scalar.text) {
            Ok(_) => {}
            Err(units::Fault::Form(form)) => {
                let help = if form.starts_with("such") {
                    form
                } else {
                    format!("write {form}")
                };
                self.value(
                    &codes::WRONG_UNIT,
                    at,
                    format!("`{}` is not {wanted}", scalar.text),
                    Help::from(help).if_plain(&scalar.text),
                );
            }
            Err(units::Fault::Range(range)) => {
                self.value(
                    &codes::OUT_OF_RANGE,
                    at,
                    format!("`{}` is out of range", scalar.text),
                    range,
                );
            }
        }
    }

    fn version(&mut self, scalar: &Scalar, at: &Trail<'_>) {
        if scalar.text != "1" {
            let label = format!("version `{}`; this mlstack knows version 1", scalar.text);
            self.value(
                &codes::LANGUAGE_VERSION,
                at,
                label,
                "write `version: 1`, or use a newer mlstack",
            );
        }
    }

    fn word(&mut self, scalar: &Scalar, at: &Trail<'_>, words: &Words) {
        let word = scalar.text.as_str();
        if words.known.contains(&word) {
            return;
        }
        let other = words.others.iter().find(|(name, ..)| name.eq_ignore_ascii_case(word));
        let (code, help) = match other {
            Some((_, code, help)) => (*code, Help::from(*help).if_plain(word)),
            None => (words.code, did_you_mean(word, words.known.iter().copied())),
        };
        let verb = if std::ptr::eq(code, &codes::NOT_BUNDLED) {
            "is not bundled"
        } else {
            "is unknown"
        };
        self.value(code, at, format!("the {} `{word}` {verb}", words.what), help);
    }

    fn list(
        &mut self,
        node: &Node,
        at: &Trail<'_>,
        (item, min, unique): (&'static Shape, usize, bool),
        example: Example,
    ) {
        let Some(items) = node.list() else {
            return match node.scalar() {
                Some(scalar) if scalar.is_null() && min == 0 => {}
                Some(scalar) if scalar.is_null() => self.nothing(at, "a list", example),
                _ => self.wrong_type(node, at, "a list", example),
            };
        };
        if items.len() < min {
            return self.value(&codes::EMPTY_VALUE, at, "an empty list", format!("such as `{example}`"));
        }
        for (i, node) in items.iter().enumerate() {
            self.check(node, &at.index(i), item, example.item());
        }
        if unique {
            self.unique(items, at);
        }
    }

    fn unique(&mut self, items: &[Node], at: &Trail<'_>) {
        let mut first = BTreeMap::new();
        for (i, scalar) in items
            .iter()
            .enumerate()
            .filter_map(|(i, node)| Some((i, node.scalar()?)))
        {
            let before = *first.entry(scalar.text.as_str()).or_insert(i);
            if before != i {
                let diagnostic = Diagnostic::at_value(&codes::DUPLICATE_ENTRY, &at.index(i).path(), "again")
                    .help("remove one of the two")
                    .related(At::Path(at.index(before).path(), Part::Value), "first here");
                self.push(diagnostic);
            }
        }
    }

    fn map(
        &mut self,
        node: &Node,
        at: &Trail<'_>,
        (key, value, min): (&'static Rule, &'static Shape, usize),
        example: Example,
    ) {
        let Some(map) = self.entries(node, at, "a mapping", example) else {
            return;
        };
        if map.len() < min {
            let diagnostic = Diagnostic::at_key(&codes::EMPTY_VALUE, &at.path(), "nothing in it");
            self.push(diagnostic.help(format!("such as `{example}`")));
        }
        for (name, Entry { node, .. }) in map {
            self.rule(name, &at.key(name), key, Part::Key);
            self.check(node, &at.key(name), value, example.item());
        }
    }

    /// The entries of a mapping; nothing at all counts as an empty one.
    fn entries<'n>(&mut self, node: &'n Node, at: &Trail<'_>, what: &str, example: Example) -> Option<&'n Map> {
        static EMPTY: std::sync::LazyLock<Map> = std::sync::LazyLock::new(Map::new);
        match &node.value {
            Value::Map(map) => Some(map),
            Value::Scalar(scalar) if scalar.is_null() => Some(&EMPTY),
            Value::Refused => None,
            _ => {
                self.wrong_type(node, at, what, example);
                None
            }
        }
    }

    fn record(&mut self, node: &Node, at: &Trail<'_>, record: &'static Record, example: Example) {
        if let Some(map) = self.entries(node, at, "a mapping", example) {
            self.fields(map.iter(), at, &|| record.what.to_owned(), record.fields.iter());
        }
    }

    /// Checks the entries of a mapping with known fields.
    fn fields<'n>(
        &mut self,
        entries: impl Iterator<Item = (&'n String, &'n Entry)>,
        at: &Trail<'_>,
        what: &dyn Fn() -> String,
        fields: impl Iterator<Item = &'static Field> + Clone,
    ) {
        let mut missing: Vec<_> = fields.clone().filter(|field| field.required).collect();
        for (key, Entry { node, .. }) in entries {
            missing.retain(|field| field.name != key);
            match fields.clone().find(|field| field.name == key) {
                Some(field) => self.check(node, &at.key(key), &field.shape, Example::Field(field)),
                None if key.starts_with("x-") => {}
                None => self.unknown_field(key, &at.key(key), &what(), fields.clone()),
            }
        }
        for field in missing {
            let label = format!("{} needs `{}`", what(), field.name);
            self.key(
                &codes::MISSING_FIELD,
                at,
                label,
                format!("add `{}`", Example::Field(field)),
            );
        }
    }

    fn unknown_field(
        &mut self,
        key: &str,
        at: &Trail<'_>,
        what: &str,
        fields: impl Iterator<Item = &'static Field> + Clone,
    ) {
        let help = unknown_help(key, fields.map(|field| field.name));
        self.key(&codes::UNKNOWN_FIELD, at, format!("{what} has no field `{key}`"), help);
    }

    fn one_of(&mut self, node: &Node, at: &Trail<'_>, record: &'static Record, example: Example) {
        self.record(node, at, record, example);
        let map = node.map();
        let set: Vec<_> = record
            .fields
            .iter()
            .filter(|field| map.is_some_and(|map| map.contains_key(field.name)))
            .collect();
        let names = || one_of(record.fields.iter().map(|field| field.name));
        match set.as_slice() {
            [_] => {}
            [] if map.is_some_and(|map| !map.is_empty()) => {}
            [] => self.key(
                &codes::MISSING_FIELD,
                at,
                format!("{} needs a field", record.what),
                names(),
            ),
            [first, second, ..] => {
                let label = format!("`{}` and `{}` at once", first.name, second.name);
                self.key(&codes::CONFLICTING_FIELDS, at, label, format!("keep {}", names()));
            }
        }
    }

    fn component(&mut self, node: &Node, at: &Trail<'_>) {
        let Some(map) = self.entries(
            node,
            at,
            "a mapping",
            Example::Text("{type: service, image: nginx:1.29}"),
        ) else {
            return;
        };
        let named = map
            .get("type")
            .and_then(|entry| entry.node.scalar())
            .and_then(|scalar| Type::find(&scalar.text));
        match named {
            Some(kind) => self.typed_component(map, at, kind),
            None => self.untyped_component(map, at),
        }
    }

    fn typed_component(&mut self, map: &Map, at: &Trail<'_>, kind: &'static Type) {
        let is_misplaced = |key: &str| kind.all().all(|field| field.name != key) && owners(key).next().is_some();
        for key in map.keys().filter(|key| is_misplaced(key)) {
            let owners: Vec<_> = owners(key).map(|owner| format!("`{}`", owner.name)).collect();
            let label = format!("{} has no `{key}`", a(kind.name));
            let help = format!("remove it; it is a field of {}", owners.join(", "));
            self.key(&codes::MISPLACED_FIELD, &at.key(key), label, help);
        }
        let own = map.iter().filter(|(key, _)| !is_misplaced(key));
        self.fields(own, at, &|| a(kind.name), kind.all());
    }

    /// Without a type, fields of every type count as known, and only common ones are looked at.
    fn untyped_component(&mut self, map: &Map, at: &Trail<'_>) {
        let mut fields: Vec<&'static Field> = Vec::new();
        for field in TYPES.iter().flat_map(Type::all) {
            if !fields.iter().any(|known| known.name == field.name) {
                fields.push(field);
            }
        }
        let common = |key: &str| language::COMMON.iter().any(|field| field.name == key);
        let known = map
            .iter()
            .filter(|(key, _)| common(key) || owners(key).next().is_none());
        self.fields(known, at, &|| "a component".to_owned(), fields.into_iter());
    }

    fn json(&mut self, node: &Node, at: &Trail<'_>) {
        match &node.value {
            Value::Scalar(scalar) if json_scalar(scalar).is_none() => {
                self.plain_text(scalar, at);
            }
            Value::List(items) => items
                .iter()
                .enumerate()
                .for_each(|(i, item)| self.json(item, &at.index(i))),
            Value::Map(map) => map.iter().for_each(|(key, entry)| self.json(&entry.node, &at.key(key))),
            _ => {}
        }
    }

    fn wrong_type(&mut self, node: &Node, at: &Trail<'_>, wanted: &str, example: Example) {
        let found = match &node.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Scalar(scalar) => shown(scalar),
            Value::Refused => return,
        };
        self.value(
            &codes::WRONG_TYPE,
            at,
            format!("{wanted} is wanted here, not {found}"),
            format!("such as `{example}`"),
        );
    }

    fn wrong_scalar(&mut self, scalar: &Scalar, at: &Trail<'_>, wanted: &str, example: Example) {
        let label = format!("{wanted} is wanted here, not {}", shown(scalar));
        self.value(&codes::WRONG_TYPE, at, label, format!("such as `{example}`"));
    }

    fn nothing(&mut self, at: &Trail<'_>, wanted: &str, example: Example) {
        let label = format!("{wanted} is wanted here, and nothing stands here");
        self.key(
            &codes::EMPTY_VALUE,
            at,
            label,
            format!("such as `{example}`, or remove the field"),
        );
    }

    fn value(&mut self, code: &'static Code, at: &Trail<'_>, label: impl Into<String>, help: impl Into<Help>) {
        self.push(Diagnostic::at_value(code, &at.path(), label).help(help));
    }

    fn key(&mut self, code: &'static Code, at: &Trail<'_>, label: impl Into<String>, help: impl Into<Help>) {
        self.push(Diagnostic::at_key(code, &at.path(), label).help(help));
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// What was meant by a field that does not exist.
fn unknown_help(key: &str, known: impl Iterator<Item = &'static str> + Clone) -> Help {
    if let Some((field, rest)) = key.split_once(':')
        && known.clone().any(|name| name == field)
    {
        let spaced = format!("{field}: {}", rest.trim());
        return Help::from(format!("a space is missing after the colon: `{spaced}`")).whole(spaced);
    }
    match language::ELSEWHERE
        .iter()
        .find(|(word, field)| *word == key && known.clone().any(|name| name == *field))
    {
        Some((_, field)) => Help::from(format!("here it is called `{field}`")).word(key, *field),
        None => did_you_mean(key, known),
    }
}

/// The types that have a field called `key`.
fn owners(key: &str) -> impl Iterator<Item = &'static Type> {
    TYPES
        .iter()
        .filter(move |kind| kind.all().any(|field| field.name == key))
}

/// What a scalar shape wants, with its article.
pub(super) fn what(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text(rule) => rule.what,
        Shape::Template => "a text",
        Shape::Bool => "`true` or `false`",
        Shape::Integer { .. } | Shape::LanguageVersion => "a whole number",
        Shape::Tolerance => "a number",
        Shape::Size => "a size",
        Shape::Cpu => "a share of CPU",
        Shape::Duration => "a time",
        Shape::Percent => "a percentage",
        Shape::Word(_) => "a word",
        Shape::List { .. } => "a list",
        Shape::Short(scalar, _) => what(scalar),
        Shape::Json => "a value",
        Shape::Map { .. } | Shape::Record(_) | Shape::OneOf(_) | Shape::Component | Shape::Partial => "a mapping",
    }
}

/// An example of a value, put into words only when one is shown.
#[derive(Clone, Copy)]
enum Example {
    /// As it stands.
    Text(&'static str),
    /// A field with its example.
    Field(&'static Field),
    /// An item of a field's example: what stands inside its brackets.
    Item(&'static Field),
}

impl Example {
    fn item(self) -> Self {
        match self {
            Self::Field(field) | Self::Item(field) => Self::Item(field),
            Self::Text(_) => self,
        }
    }
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Field(field) => write!(f, "{}: {}", field.name, field.example),
            Self::Item(field) => f.write_str(inside(field.example)),
        }
    }
}

/// A collection without its brackets.
fn inside(example: &str) -> &str {
    let of_list = example.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let of_map = || example.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    of_list.or_else(of_map).unwrap_or(example)
}

fn shown(scalar: &Scalar) -> String {
    let text: String = scalar.text.chars().take(40).collect();
    let cut = if text.len() < scalar.text.len() { "…" } else { "" };
    match scalar.plain {
        true => format!("`{text}{cut}`"),
        false => format!("the text `{text}{cut}`"),
    }
}

/// A scalar inside a JSON value: null, booleans and numbers as JSON writes them; `None` for any other.
pub(super) fn json_scalar(scalar: &Scalar) -> Option<serde_json::Value> {
    if scalar.is_null() {
        return Some(serde_json::Value::Null);
    }
    if let Some(boolean) = scalar::boolean(scalar) {
        return Some(boolean.into());
    }
    scalar::number(scalar)?;
    serde_json::from_str(&scalar.text).ok()
}

#[cfg(test)]
mod tests;
