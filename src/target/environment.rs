//! The environment of a container, and the secrets that it names.
//!
//! A secret's value is never in it. A variable that asks for one gets `_FILE` behind its name and the path, or is told
//! apart for a target that can set it when the container starts.

use std::collections::{BTreeMap, BTreeSet};

use super::{bundled, refs, secrets};
use crate::stack::{Component, Kind, Piece, Property, Stack, Template};

/// How a variable gets the value of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Not at all: `KEY_FILE` holds the path of a file.
    File,
    /// The target sets it.
    Value,
}

/// Variables, and the secrets behind them.
pub(super) struct Environment {
    delivery: Delivery,
    pub(super) variables: BTreeMap<String, String>,
    /// Secrets whose files must be there.
    pub(super) secrets: BTreeSet<String>,
    /// By variable, the secret whose value it gets; empty with [`Delivery::File`].
    pub(super) values: BTreeMap<String, String>,
}

impl Environment {
    /// What a component is told: about those it uses, by its kind, and by the user, each over the one before.
    pub(super) fn of(stack: &Stack, component: &Component, delivery: Delivery) -> Self {
        let mut environment = Self {
            delivery,
            variables: BTreeMap::new(),
            secrets: BTreeSet::new(),
            values: BTreeMap::new(),
        };
        if bundled::is_foreign(component) {
            environment.wire(stack, component);
        } else {
            environment.set_own(stack, component);
        }
        for (key, template) in &component.env {
            environment.set_template(stack, key, template);
        }
        environment
    }

    pub(super) fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.variables.insert(key.into(), value.into());
    }

    /// `DB_HOST`, `DB_PORT`, …: every property of every component in `uses`.
    fn wire(&mut self, stack: &Stack, component: &Component) {
        for used in component.uses.iter().filter_map(|name| stack.components.get(name)) {
            for property in used.kind.properties() {
                let key = format!("{}_{}", variable(&used.name), property.name().to_ascii_uppercase());
                self.set_property(key, used, *property);
            }
        }
    }

    fn set_property(&mut self, key: String, of: &Component, property: Property) {
        let value = refs::value(of, property);
        if !value.is_empty() {
            self.secrets.extend(secrets::name(of, property));
            self.set(key, value);
        }
    }

    /// What a bundled image reads.
    fn set_own(&mut self, stack: &Stack, component: &Component) {
        match &component.kind {
            Kind::ModelServer(server) => {
                self.set("MLSTACK_BIND", "0.0.0.0");
                if let Some(database) = server
                    .log_predictions
                    .as_ref()
                    .and_then(|name| stack.components.get(name))
                {
                    self.set_log(database);
                }
            }
            Kind::Frontend(frontend) => {
                self.set("MLSTACK_BIND", "0.0.0.0");
                if let Some(called) = frontend.calls.as_ref().and_then(|name| stack.components.get(name)) {
                    self.set_property("MLSTACK_UPSTREAM".to_owned(), called, Property::Url);
                }
            }
            Kind::Database(_) => {
                self.set("POSTGRES_USER", refs::USER);
                self.set("POSTGRES_DB", refs::DATABASE);
                self.set_property("POSTGRES_PASSWORD_FILE".to_owned(), component, Property::PasswordFile);
            }
            Kind::ObjectStore(_) => {
                self.set_property("ACCESS_KEY_FILE".to_owned(), component, Property::AccessKeyFile);
                self.set_property("SECRET_KEY_FILE".to_owned(), component, Property::SecretKeyFile);
            }
            Kind::Cache(_) | Kind::Broker(_) | Kind::Service => {}
        }
    }

    /// Where the bundled server logs its predictions.
    fn set_log(&mut self, database: &Component) {
        let told = [
            ("HOST", Property::Host),
            ("PORT", Property::Port),
            ("USER", Property::User),
            ("DATABASE", Property::Database),
            ("PASSWORD_FILE", Property::PasswordFile),
        ];
        for (suffix, property) in told {
            self.set_property(format!("MLSTACK_LOG_PREDICTIONS_{suffix}"), database, property);
        }
    }

    fn set_template(&mut self, stack: &Stack, key: &str, template: &Template) {
        if let [Piece::SecretValue(name)] = template.0.as_slice() {
            self.set_secret(key, name);
            return;
        }
        let text = template
            .0
            .iter()
            .map(|piece| self.piece(stack, piece))
            .collect::<String>();
        self.set(key, text);
    }

    fn set_secret(&mut self, key: &str, name: &str) {
        match self.delivery {
            Delivery::File => {
                self.secrets.insert(name.to_owned());
                self.set(format!("{key}_FILE"), refs::secret_path(name));
            }
            Delivery::Value => {
                self.variables.remove(key);
                self.values.insert(key.to_owned(), name.to_owned());
            }
        }
    }

    fn piece(&mut self, stack: &Stack, piece: &Piece) -> String {
        match piece {
            Piece::Text(text) => text.clone(),
            Piece::Property { component, property } => {
                let Some(of) = stack.components.get(component) else {
                    return String::new();
                };
                self.secrets.extend(secrets::name(of, *property));
                refs::value(of, *property)
            }
            Piece::SecretFile(name) | Piece::SecretValue(name) => {
                self.secrets.insert(name.clone());
                refs::secret_path(name)
            }
        }
    }
}

/// `my-db` → `MY_DB`.
fn variable(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
