//! The environment of a container, and the secret files that it names.
//!
//! A secret's value is never in it: a variable that asks for one gets `_FILE` behind its name and the path.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lowering, parts};
use crate::stack::{Component, Kind, Piece, Property, Template};
use crate::target::{refs, secrets};

/// Variables, and the secrets whose files must be there.
#[derive(Default)]
pub(super) struct Environment {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) secrets: BTreeSet<String>,
}

impl Environment {
    /// What a component is told: about those it uses, by its kind, and by the user, each over the one before.
    pub(super) fn of(lowering: &Lowering<'_>, component: &Component) -> Self {
        let mut environment = Self::default();
        if parts::is_foreign(component) {
            environment.wire(lowering, component);
        } else {
            environment.set_own(lowering, component);
        }
        for (key, template) in &component.env {
            environment.set_template(lowering, key, template);
        }
        environment
    }

    pub(super) fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.variables.insert(key.into(), value.into());
    }

    /// `DB_HOST`, `DB_PORT`, …: every property of every component in `uses`.
    fn wire(&mut self, lowering: &Lowering<'_>, component: &Component) {
        for used in component.uses.iter().filter_map(|name| lowering.component(name)) {
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
    fn set_own(&mut self, lowering: &Lowering<'_>, component: &Component) {
        match &component.kind {
            Kind::ModelServer(server) => {
                self.set("MLSTACK_BIND", "0.0.0.0");
                if let Some(database) = server
                    .log_predictions
                    .as_ref()
                    .and_then(|name| lowering.component(name))
                {
                    self.set_log(database);
                }
            }
            Kind::Frontend(frontend) => {
                self.set("MLSTACK_BIND", "0.0.0.0");
                if let Some(called) = frontend.calls.as_ref().and_then(|name| lowering.component(name)) {
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

    fn set_template(&mut self, lowering: &Lowering<'_>, key: &str, template: &Template) {
        if let [Piece::SecretValue(name)] = template.0.as_slice() {
            self.secrets.insert(name.clone());
            self.set(format!("{key}_FILE"), refs::secret_path(name));
            return;
        }
        let text = template
            .0
            .iter()
            .map(|piece| self.piece(lowering, piece))
            .collect::<String>();
        self.set(key, text);
    }

    fn piece(&mut self, lowering: &Lowering<'_>, piece: &Piece) -> String {
        match piece {
            Piece::Text(text) => text.clone(),
            Piece::Property { component, property } => {
                let Some(of) = lowering.component(component) else {
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
