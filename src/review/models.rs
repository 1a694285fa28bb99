//! What can be said of a model, and what becomes of those who ask it for predictions.

use std::collections::BTreeMap;

use mlstack_onnx::signature::{Feature, FeatureType, Scalar, Signature, Task};
use mlstack_onnx::{Dimension, Model, Port};
use mlstack_provider::Source;
use serde_json::Value;

use super::{ModelChange, ModelFacts};
use crate::stack::models::{File, beside, digest};
use crate::stack::{Component, Kind, ModelRef, Protocol, Stack, lfs};

/// The most metrics of one model.
const MOST_METRICS: usize = 32;
/// The most characters of a licence or a metric.
const LONGEST: usize = 120;

/// A model as one side of a review has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// What is told of it.
    facts: ModelFacts,
    /// What it takes and gives; `None` when it could not be read.
    signature: Option<Signature>,
}

/// The models of a stack, by component. `read` is asked for paths relative to the stack file; those that are `known`
/// are not read again.
pub fn served(
    stack: &Stack,
    known: &mut BTreeMap<String, Served>,
    read: &dyn Fn(&str) -> File,
) -> BTreeMap<String, Served> {
    let models = stack.components.values().filter_map(|one| Some((one, model_of(one)?)));
    models
        .map(|(component, model)| {
            let look = || look(model, read);
            let mut served = known.entry(model.uri.clone()).or_insert_with(look).clone();
            served.facts.sha256 = served.facts.sha256.or_else(|| model.sha256.clone());
            (component.name.clone(), served)
        })
        .collect()
}

/// The model that mlstack packs into the image of a component.
pub fn model_of(component: &Component) -> Option<&ModelRef> {
    match &component.kind {
        Kind::ModelServer(server) => server.model.as_ref(),
        _ => None,
    }
}

/// Whether a model lies beside the stack file.
pub fn is_here(model: &ModelRef) -> bool {
    !model.uri.contains("://")
}

fn look(model: &ModelRef, read: &dyn Fn(&str) -> File) -> Served {
    let mut facts = ModelFacts {
        uri: model.uri.clone(),
        ..ModelFacts::default()
    };
    let unread = |facts: ModelFacts, why: &str| Served {
        facts: ModelFacts {
            unread: Some(why.to_owned()),
            ..facts
        },
        signature: None,
    };
    if !is_here(model) {
        return unread(facts, "it is in a store, which is not asked");
    }
    let bytes = match read(&model.uri) {
        File::Found(bytes) => bytes,
        File::Missing => return unread(facts, "the file is not there"),
        File::Refused(why) => return unread(facts, &why),
    };
    if let Some(pointer) = lfs::pointer(&bytes) {
        (facts.bytes, facts.sha256) = (Some(pointer.bytes), Some(pointer.sha256));
        return unread(facts, "git keeps a pointer to it alone (Git LFS)");
    }
    (facts.bytes, facts.sha256) = (Some(bytes.len() as u64), Some(digest(&bytes)));
    let model = match Model::load(&bytes) {
        Ok(model) => model,
        Err(error) => return unread(facts, &error.to_string()),
    };
    let sidecar = match read(&beside(&facts.uri, ".signature.json")) {
        File::Found(bytes) => String::from_utf8(bytes).ok(),
        File::Missing | File::Refused(_) => None,
    };
    let signature = Signature::resolve(&model, sidecar.as_deref())
        .ok()
        .map(|(signature, _)| signature);
    describe(&mut facts, &model, signature.as_ref());
    Served { facts, signature }
}

fn describe(facts: &mut ModelFacts, model: &Model, signature: Option<&Signature>) {
    facts.opset = model
        .opsets()
        .get("")
        .or_else(|| model.opsets().get("ai.onnx"))
        .copied();
    match signature {
        Some(signature) => {
            facts.inputs = signature.features.iter().map(input).collect();
            facts.outputs = vec![output(signature)];
        }
        None => {
            facts.inputs = model.inputs().iter().map(port).collect();
            facts.outputs = model.outputs().iter().map(port).collect();
        }
    }
    facts.licence = licence(model.metadata());
    facts.metrics = metrics(model.metadata());
}

fn input(feature: &Feature) -> String {
    let optional = if is_required(feature) { "" } else { ", optional" };
    format!("{}: {}{optional}", feature.name, feature.kind)
}

/// What a request may leave out: what has a default, too.
fn is_required(feature: &Feature) -> bool {
    feature.required && feature.default.is_none()
}

fn output(signature: &Signature) -> String {
    let kind = match signature.task {
        Task::Regression => "number",
        Task::Classification => "class",
    };
    let target = signature.target.as_deref().unwrap_or("prediction");
    let unit = signature
        .unit
        .as_deref()
        .map(|unit| format!(" in {unit}"))
        .unwrap_or_default();
    format!("{target}: {kind}{unit}")
}

fn port(port: &Port) -> String {
    let one = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => size.to_string(),
        _ => "?".to_owned(),
    };
    let shape: Vec<String> = port.shape.iter().flatten().map(one).collect();
    format!("{}: {}[{}]", port.name, port.element, shape.join(","))
}

/// The value of `license` or `licence`, whatever its case and whatever stands before it (`model_license`).
fn licence(notes: &BTreeMap<String, String>) -> Option<String> {
    let is_it = |key: &str| {
        let key = key.to_ascii_lowercase();
        key.ends_with("license") || key.ends_with("licence")
    };
    let found = notes.iter().find(|(key, value)| is_it(key) && !value.trim().is_empty());
    found.map(|(_, value)| short(value))
}

/// Every `metrics.NAME` (or `metric.NAME`), and every member of a JSON object in `metrics`.
fn metrics(notes: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let named = notes.iter().filter_map(|(key, value)| {
        let name = ["metrics.", "metric."]
            .iter()
            .find_map(|start| key.strip_prefix(start))?;
        Some((short(name), short(value)))
    });
    let object = notes
        .get("metrics")
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let members = object.as_ref().and_then(Value::as_object).into_iter().flatten();
    let members = members.filter_map(|(name, value)| match value {
        Value::String(text) => Some((short(name), short(text))),
        Value::Number(number) => Some((short(name), number.to_string())),
        _ => None,
    });
    named.chain(members).take(MOST_METRICS).collect()
}

fn short(text: &str) -> String {
    text.trim().chars().take(LONGEST).collect()
}

/// What becomes of each model; those that stay as they are are left out.
pub fn model_changes(
    before: (Option<&Stack>, &BTreeMap<String, Served>),
    after: (Option<&Stack>, &BTreeMap<String, Served>),
    source: &dyn Fn(&Component) -> Option<Source>,
) -> Vec<ModelChange> {
    let component = |side: Option<&'_ Stack>, name: &str| side.and_then(|stack| stack.components.get(name)).cloned();
    let names = |side: Option<&Stack>| -> Vec<String> {
        let all = side.into_iter().flat_map(|stack| stack.components.keys());
        all.cloned().collect()
    };
    let mut all = names(after.0);
    all.extend(
        names(before.0)
            .into_iter()
            .filter(|name| after.0.is_none_or(|stack| !stack.components.contains_key(name))),
    );
    let changes = all.into_iter().filter_map(|name| {
        let (old, new) = (before.1.get(&name), after.1.get(&name));
        let (was, is) = (component(before.0, &name), component(after.0, &name));
        let (mut breaking, compatible) = match (old, new) {
            (
                Some(Served {
                    signature: Some(old), ..
                }),
                Some(Served {
                    signature: Some(new), ..
                }),
            ) => compare(old, new),
            _ => (Vec::new(), Vec::new()),
        };
        breaking.extend(unserved(was.as_ref(), is.as_ref()));
        let change = ModelChange {
            before: old.map(|served| served.facts.clone()),
            after: new.map(|served| served.facts.clone()),
            source: is.as_ref().and_then(source),
            component: name,
            breaking,
            compatible,
        };
        let same = change.before == change.after && change.breaking.is_empty() && change.compatible.is_empty();
        (!same).then_some(change)
    });
    changes.collect()
}

/// Protocols that a model server no longer speaks.
fn unserved(before: Option<&Component>, after: Option<&Component>) -> Vec<String> {
    let protocols = |component: Option<&Component>| match component.map(|component| &component.kind) {
        Some(Kind::ModelServer(server)) => Some(server.protocols.clone()),
        _ => None,
    };
    let (Some(before), Some(after)) = (protocols(before), protocols(after)) else {
        return Vec::new();
    };
    let gone = before.iter().filter(|protocol| !after.contains(protocol));
    gone.map(|protocol| format!("it no longer answers over {}", spoken(*protocol)))
        .collect()
}

fn spoken(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Rest => "REST",
        Protocol::Grpc => "gRPC",
        Protocol::Websocket => "WebSocket",
        Protocol::Mqtt => "MQTT",
    }
}

/// What callers must change, and what is new for them and breaks nobody.
fn compare(before: &Signature, after: &Signature) -> (Vec<String>, Vec<String>) {
    let mut told = Told::default();
    told.features(&before.features, &after.features);
    told.answer(before, after);
    (told.breaking, told.compatible)
}

#[derive(Default)]
struct Told {
    breaking: Vec<String>,
    compatible: Vec<String>,
}

impl Told {
    fn breaking(&mut self, text: String) {
        self.breaking.push(text);
    }

    fn compatible(&mut self, text: String) {
        self.compatible.push(text);
    }

    fn features(&mut self, before: &[Feature], after: &[Feature]) {
        fn missing<'a>(from: &[Feature], all: &'a [Feature]) -> Vec<(usize, &'a Feature)> {
            let known = |feature: &Feature| from.iter().any(|other| other.name == feature.name);
            all.iter().enumerate().filter(|(_, feature)| !known(feature)).collect()
        }
        let (gone, new) = (missing(after, before), missing(before, after));
        // One for one in the same place is the same input under another name.
        let renamed = |old: &(usize, &Feature)| {
            let kind = |feature: &Feature| (feature.kind, is_required(feature));
            new.iter()
                .find(|(place, feature)| *place == old.0 && kind(feature) == kind(old.1))
        };
        let same_length = before.len() == after.len();
        let mut taken = Vec::new();
        for old in &gone {
            match renamed(old).filter(|_| same_length) {
                Some((_, feature)) => {
                    taken.push(&feature.name);
                    self.breaking(format!("input {} is now called {}", old.1.name, feature.name));
                }
                None => self.breaking(format!("input {} is gone", old.1.name)),
            }
        }
        for (_, feature) in new.iter().filter(|(_, feature)| !taken.contains(&&feature.name)) {
            match is_required(feature) {
                true => self.breaking(format!("input {} ({}) is new and required", feature.name, feature.kind)),
                false => self.compatible(format!("input {} ({}) is new and optional", feature.name, feature.kind)),
            }
        }
        for old in before {
            if let Some(new) = after.iter().find(|feature| feature.name == old.name) {
                self.feature(old, new);
            }
        }
    }

    fn feature(&mut self, before: &Feature, after: &Feature) {
        let name = &before.name;
        if before.kind != after.kind {
            let text = format!("input {name} was {} and is {}", before.kind, after.kind);
            match (before.kind, after.kind) {
                (FeatureType::Int, FeatureType::Float) => self.compatible(text),
                (FeatureType::Category, FeatureType::String) if before.is_text() => self.compatible(text),
                _ => self.breaking(text),
            }
        }
        match (is_required(before), is_required(after)) {
            (false, true) => self.breaking(format!("input {name} is required now")),
            (true, false) => self.compatible(format!("input {name} is optional now")),
            _ => {}
        }
        match (before.nullable, after.nullable) {
            (true, false) => self.breaking(format!("input {name} may not be null any more")),
            (false, true) => self.compatible(format!("input {name} may be null now")),
            _ => {}
        }
        if before.default != after.default && before.default.is_some() && after.default.is_some() {
            let [old, new] = [&before.default, &after.default].map(|value| value.as_ref().map(Scalar::to_string));
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            self.compatible(format!("input {name} is {new} when left out, was {old}"));
        }
        self.bounds(before, after);
        self.values(before, after);
    }

    fn bounds(&mut self, before: &Feature, after: &Feature) {
        let name = &before.name;
        let least = |feature: &Feature| feature.min.unwrap_or(f64::NEG_INFINITY);
        let most = |feature: &Feature| feature.max.unwrap_or(f64::INFINITY);
        if least(after) > least(before) {
            self.breaking(format!("input {name} must be at least {} now", least(after)));
        }
        if most(after) < most(before) {
            self.breaking(format!("input {name} may be at most {} now", most(after)));
        }
        if least(after) < least(before) || most(after) > most(before) {
            self.compatible(format!("input {name} may be smaller or larger than before"));
        }
    }

    fn values(&mut self, before: &Feature, after: &Feature) {
        let name = &before.name;
        let (gone, new) = exchanged(&before.values, &after.values);
        match (before.values.is_empty(), after.values.is_empty()) {
            (true, true) => {}
            (true, false) => self.breaking(format!("input {name} takes only some values now")),
            (false, true) => self.compatible(format!("input {name} takes any value now")),
            (false, false) => {
                if !gone.is_empty() {
                    self.breaking(format!("input {name} no longer takes {}", gone.join(", ")));
                }
                if !new.is_empty() {
                    self.compatible(format!("input {name} takes {} too", new.join(", ")));
                }
            }
        }
    }

    fn answer(&mut self, before: &Signature, after: &Signature) {
        if before.task != after.task {
            let [was, is] = [before, after].map(|signature| match signature.task {
                Task::Regression => "a number",
                Task::Classification => "a class",
            });
            self.breaking(format!("the prediction was {was} and is {is}"));
            return;
        }
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        if differ(&before.target, &after.target) {
            self.breaking(format!(
                "it predicts {}, not {}",
                text(&after.target),
                text(&before.target)
            ));
        }
        if differ(&before.unit, &after.unit) {
            self.breaking(format!(
                "the prediction is in {}, not in {}",
                text(&after.unit),
                text(&before.unit)
            ));
        }
        let (gone, new) = exchanged(&before.classes, &after.classes);
        if !gone.is_empty() {
            self.breaking(format!("it no longer answers {}", gone.join(", ")));
        }
        if !new.is_empty() && !before.classes.is_empty() {
            self.compatible(format!("it can answer {} too", new.join(", ")));
        }
    }
}

/// What is only before, and what is only after.
fn exchanged(before: &[Scalar], after: &[Scalar]) -> (Vec<String>, Vec<String>) {
    let only = |of: &[Scalar], other: &[Scalar]| {
        let alone = of.iter().filter(|value| !other.contains(value));
        alone.map(Scalar::to_string).collect()
    };
    (only(before, after), only(after, before))
}

impl Served {
    /// The digest of the bytes, 64 hex digits, if it is known.
    pub fn sha256(&self) -> Option<&str> {
        self.facts.sha256.as_deref()
    }
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
