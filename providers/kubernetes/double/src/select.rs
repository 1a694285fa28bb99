//! Selectors of labels and fields, as the query of a list carries them. Owns their syntax.

use serde_json::Value;

use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::store::text;

/// Which objects a list or a watch is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    labels: Vec<(String, Demand)>,
    fields: Vec<(String, bool, String)>,
}

/// What is asked of one label.
#[derive(Debug, Clone, PartialEq)]
enum Demand {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selection {
    /// Reads the selectors of a request.
    ///
    /// # Errors
    /// 400 in the server's words.
    pub(crate) fn read(kind: &Kind, request: &Request) -> Result<Self, Refusal> {
        Ok(Self {
            labels: labels(request.query("labelSelector"))?,
            fields: fields(kind, request.query("fieldSelector"))?,
        })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.labels
            .iter()
            .all(|(key, demand)| demand.matches(object["metadata"]["labels"][key].as_str()))
            && self
                .fields
                .iter()
                .all(|(path, equal, value)| (text(object, path) == value) == *equal)
    }

    /// Whether nothing is asked.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

impl Demand {
    fn matches(&self, label: Option<&str>) -> bool {
        let among = |all: &[String]| label.is_some_and(|l| all.iter().any(|v| v == l));
        match self {
            Self::In(all) => among(all),
            Self::NotIn(all) => !among(all),
            Self::Exists => label.is_some(),
            Self::Absent => label.is_none(),
        }
    }
}

fn labels(selector: &str) -> Result<Vec<(String, Demand)>, Refusal> {
    let mut demands = Vec::new();
    let mut rest = selector;
    while !rest.trim().is_empty() {
        let end = end_of_term(rest);
        demands.push(
            term(rest[..end].trim())
                .map_err(|why| Refusal::bad_request(format!("unable to parse requirement: {why}")))?,
        );
        rest = rest[end..].strip_prefix(',').unwrap_or("");
    }
    Ok(demands)
}

/// The first comma outside of parentheses.
fn end_of_term(text: &str) -> usize {
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => return i,
            _ => {}
        }
    }
    text.len()
}

fn term(term: &str) -> Result<(String, Demand), String> {
    let values = |text: &str| {
        text.trim()
            .trim_matches(['(', ')'])
            .split(',')
            .map(|v| v.trim().to_owned())
            .collect()
    };
    if let Some((key, all)) = term.split_once(" notin ") {
        return Ok((key.trim().into(), Demand::NotIn(values(all))));
    }
    if let Some((key, all)) = term.split_once(" in ") {
        return Ok((key.trim().into(), Demand::In(values(all))));
    }
    if let Some((key, value)) = term.split_once("!=") {
        return Ok((key.trim().into(), Demand::NotIn(vec![value.trim().into()])));
    }
    if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        let value = value.trim();
        if let Some(more) = value.strip_prefix('=') {
            return Err(format!(
                "found '=', expected: identifier{}",
                more.get(..0).unwrap_or_default()
            ));
        }
        return Ok((key.trim().into(), Demand::In(vec![value.into()])));
    }
    Ok(match term.strip_prefix('!') {
        Some(key) => (key.trim().into(), Demand::Absent),
        None => (term.into(), Demand::Exists),
    })
}

fn fields(kind: &Kind, selector: &str) -> Result<Vec<(String, bool, String)>, Refusal> {
    let known = |name: &str| match name {
        "metadata.name" | "metadata.namespace" => true,
        "spec.nodeName" | "status.phase" | "spec.restartPolicy" | "status.podIP" => kind.kind == "Pod",
        "involvedObject.name"
        | "involvedObject.uid"
        | "involvedObject.kind"
        | "involvedObject.namespace"
        | "reason" => kind.kind == "Event",
        "type" => matches!(kind.kind, "Event" | "Secret"),
        _ => false,
    };
    let mut all = Vec::new();
    for term in selector.split(',').filter(|t| !t.is_empty()) {
        let (name, equal, value) = match term.split_once("!=") {
            Some((name, value)) => (name, false, value),
            None => {
                let (name, value) = term
                    .split_once("==")
                    .or_else(|| term.split_once('='))
                    .unwrap_or((term, ""));
                (name, true, value)
            }
        };
        if !known(name) {
            return Err(Refusal::bad_request(format!(
                "\"{name}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
            )));
        }
        all.push((format!("/{}", name.replace('.', "/")), equal, value.to_owned()));
    }
    Ok(all)
}
