//! What a stack file says in each of its environments: read once, asked often.

use std::collections::{BTreeMap, BTreeSet};

use crate::stack::{self, Parsed, Stack};
use crate::target::Target;

/// A stack file as one side of a review has it.
pub(super) struct Written {
    pub(super) text: String,
    names: Vec<String>,
    parsed: BTreeMap<Option<String>, Parsed>,
}

/// Which stack an environment is: two that agree in all of it are the same one.
#[derive(PartialEq, Eq)]
struct Place<'a> {
    stack: &'a str,
    /// `None` for the default.
    target: Option<&'a str>,
    namespace: Option<&'a str>,
}

impl Written {
    /// Reads a stack file in each of its environments, without one, and in the one that was typed.
    pub(super) fn read(text: String, typed: Option<&str>) -> Self {
        let names = stack::environments(&text);
        let all = names.iter().map(String::as_str).chain(typed).map(Some).chain([None]);
        let parse = |environment: Option<&str>| {
            let options = stack::Options {
                environment: environment.map(str::to_owned),
                ..stack::Options::default()
            };
            (options.environment.clone(), stack::parse(&text, &options))
        };
        let parsed = all.collect::<BTreeSet<_>>().into_iter().map(parse).collect();
        Self { text, names, parsed }
    }

    /// Whether it can be read at all; one that cannot has no environments to speak of.
    pub(super) fn is_usable(&self) -> bool {
        self.said(None).is_some_and(|parsed| parsed.stack.is_some())
    }

    /// Whether it has an environment of this name.
    pub(super) fn has(&self, environment: &str) -> bool {
        self.names.iter().any(|name| name == environment)
    }

    /// Its environments, in its order; one without a name where it has none.
    pub(super) fn environments(&self) -> Vec<Option<String>> {
        match self.names.is_empty() {
            true => vec![None],
            false => self.names.iter().cloned().map(Some).collect(),
        }
    }

    /// What it says in an environment; `None` for one that it does not have and that nobody typed.
    pub(super) fn said(&self, environment: Option<&str>) -> Option<&Parsed> {
        self.parsed.get(&environment.map(str::to_owned))
    }

    /// The stacks that can be made of it.
    pub(super) fn stacks(&self) -> impl Iterator<Item = &Stack> {
        self.parsed.values().filter_map(|parsed| parsed.stack.as_ref())
    }

    /// Whether an environment here is the same stack, at the same place, as another one there.
    pub(super) fn is_same(&self, here: Option<&str>, other: &Self, there: Option<&str>) -> bool {
        let here = self.place(here);
        here.is_some() && here == other.place(there)
    }

    fn place(&self, environment: Option<&str>) -> Option<Place<'_>> {
        let stack = self.said(environment)?.stack.as_ref()?;
        let target = stack.target.as_deref();
        Some(Place {
            stack: &stack.name,
            target: target.filter(|target| *target != Target::Compose.name()),
            namespace: stack.kubernetes.namespace.as_deref(),
        })
    }
}
