//! Sets of field paths as in `managedFields`. Owns their algebra and their two spellings; knows nothing of values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A set of paths, as a tree. A step is `f:NAME`, `k:{KEYS}` or `v:VALUE`, as FieldsV1 writes it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Paths {
    /// Whether the path that ends here is in the set.
    pub(crate) here: bool,
    pub(crate) under: BTreeMap<String, Self>,
}

impl Paths {
    pub(crate) fn insert(&mut self, path: &[String]) {
        match path.split_first() {
            None => self.here = true,
            Some((step, rest)) => self.under.entry(step.clone()).or_default().insert(rest),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.here && self.under.values().all(Self::is_empty)
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.here |= other.here;
        for (step, theirs) in &other.under {
            let ours = all.under.entry(step.clone()).or_default();
            *ours = ours.union(theirs);
        }
        all
    }

    /// The paths of this set that are not in the other.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        let none = Self::default();
        self.filtered(other.here, |step, sub| {
            sub.minus(other.under.get(step).unwrap_or(&none))
        })
    }

    /// The paths in both sets.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let none = Self::default();
        self.filtered(!other.here, |step, sub| sub.and(other.under.get(step).unwrap_or(&none)))
    }

    fn filtered(&self, drop_here: bool, each: impl Fn(&str, &Self) -> Self) -> Self {
        let under = self
            .under
            .iter()
            .map(|(step, sub)| (step.clone(), each(step, sub)))
            .filter(|(_, sub)| !sub.is_empty());
        Self {
            here: self.here && !drop_here,
            under: under.collect(),
        }
    }

    /// The same with everything on the way to a path in the set as well.
    pub(crate) fn with_parents(&self) -> Self {
        Self {
            here: true,
            under: self
                .under
                .iter()
                .map(|(step, sub)| (step.clone(), sub.with_parents()))
                .collect(),
        }
    }

    /// Removes a path with all under it.
    pub(crate) fn cut(&mut self, path: &[&str]) {
        let [first, rest @ ..] = path else { return };
        if rest.is_empty() {
            self.under.remove(*first);
        } else if let Some(sub) = self.under.get_mut(*first) {
            sub.cut(rest);
            if sub.is_empty() {
                self.under.remove(*first);
            }
        }
    }

    /// Every path of the set, as messages print it.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        self.collect(String::new(), &mut texts);
        texts
    }

    fn collect(&self, at: String, texts: &mut Vec<String>) {
        for (step, sub) in &self.under {
            sub.collect(format!("{at}{}", step_text(step)), texts);
        }
        if self.here {
            texts.push(at);
        }
    }

    /// As `fieldsV1`.
    pub(crate) fn json(&self) -> Value {
        let mut map = Map::new();
        if self.here && !self.under.is_empty() {
            map.insert(".".into(), json!({}));
        }
        map.extend(self.under.iter().map(|(step, sub)| (step.clone(), sub.json())));
        Value::Object(map)
    }

    /// From `fieldsV1`.
    pub(crate) fn from_json(value: &Value) -> Self {
        let mut paths = Self::read(value);
        paths.here = false;
        paths
    }

    fn read(value: &Value) -> Self {
        let Some(map) = value.as_object() else {
            return Self {
                here: true,
                ..Self::default()
            };
        };
        let under: BTreeMap<_, _> = map
            .iter()
            .filter(|(k, _)| *k != ".")
            .map(|(k, v)| (k.clone(), Self::read(v)))
            .collect();
        Self {
            here: map.contains_key(".") || under.is_empty(),
            under,
        }
    }
}

/// `.name`, `[name="server"]` or `["value"]`.
pub(crate) fn step_text(step: &str) -> String {
    match step.split_at(2) {
        ("k:", keys) => format!("[{}]", keys_text(keys)),
        ("v:", value) => format!("[{value}]"),
        (_, name) => format!(".{name}"),
    }
}

/// `containerPort=80,protocol="TCP"`.
pub(crate) fn keys_text(keys: &str) -> String {
    let keys: BTreeMap<String, Value> = serde_json::from_str(keys).unwrap_or_default();
    keys.iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect::<Vec<_>>()
        .join(",")
}
