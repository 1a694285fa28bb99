//! What a [`crate::Memory`] holds, and the laws by which it changes.

use std::collections::BTreeMap;

use mlstack_provider::{Address, ErrorKind, Impact, Observed, ProviderError, Resource, Step};

use crate::impact;

/// Things by address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    things: BTreeMap<Address, Observed>,
    made: usize,
}

impl Extend<Observed> for World {
    fn extend<I: IntoIterator<Item = Observed>>(&mut self, things: I) {
        self.things
            .extend(things.into_iter().map(|thing| (thing.address.clone(), thing)));
    }
}

impl World {
    /// Everything, sorted by address.
    pub fn things(&self) -> impl Iterator<Item = &Observed> {
        self.things.values()
    }

    /// One thing, to change it behind the engine's back.
    pub fn get_mut(&mut self, address: &Address) -> Option<&mut Observed> {
        self.things.get_mut(address)
    }

    /// Takes one thing away behind the engine's back.
    pub fn remove(&mut self, address: &Address) -> Option<Observed> {
        self.things.remove(address)
    }

    /// Carries out one step by the laws; says what was done and what stands there now.
    pub(crate) fn change(&mut self, step: &Step) -> Result<(&'static str, Option<Observed>), ProviderError> {
        match step {
            Step::Create { resource } => {
                self.absent(&resource.address, "cannot create")?;
                self.make(resource, "cannot create").map(|live| ("create", Some(live)))
            }
            Step::Update { before, after } => {
                let id = self.present(before, "cannot update")?;
                self.place(after, id, "cannot update")
                    .map(|live| ("update", Some(live)))
            }
            Step::Repair { before, after } => {
                let id = self.present(before, "cannot repair")?;
                self.place(after, id, "cannot repair")
                    .map(|live| ("repair", Some(live)))
            }
            Step::Replace { before, after } => {
                self.present(before, "cannot replace")?;
                self.free(before, "cannot replace")?;
                self.make(after, "cannot replace").map(|live| ("replace", Some(live)))
            }
            Step::Delete { before } => {
                self.present(before, "cannot delete")?;
                self.free(before, "cannot delete")?;
                self.things.remove(&before.address);
                Ok(("delete", None))
            }
        }
    }

    fn absent(&self, address: &Address, action: &str) -> Result<(), ProviderError> {
        match self.things.get(address) {
            None => Ok(()),
            Some(_) => Err(refused(ErrorKind::Stale, action, address, "it exists already".into())),
        }
    }

    /// The very thing that was seen when planning.
    fn present(&self, before: &Observed, action: &str) -> Result<String, ProviderError> {
        match self.things.get(&before.address) {
            Some(live) if live.id == before.id => Ok(live.id.clone()),
            Some(_) => Err(refused(
                ErrorKind::Stale,
                action,
                &before.address,
                "another one stands there".into(),
            )),
            None => Err(refused(ErrorKind::Stale, action, &before.address, "it is gone".into())),
        }
    }

    /// Nothing is attached to it. A service that merely talks to it is not.
    fn free(&self, on: &Observed, action: &str) -> Result<(), ProviderError> {
        let stands = |d: &&Observed| d.depends_on.contains(&on.address) && stays_not(d, &on.address);
        match self.things().find(stands) {
            None => Ok(()),
            Some(d) => Err(refused(
                ErrorKind::Failed,
                action,
                &on.address,
                format!("{} stands on it", d.address),
            )),
        }
    }

    fn make(&mut self, resource: &Resource, action: &str) -> Result<Observed, ProviderError> {
        self.made += 1;
        self.place(resource, format!("{}#{}", resource.address, self.made), action)
    }

    fn place(&mut self, resource: &Resource, id: String, action: &str) -> Result<Observed, ProviderError> {
        if let Some(on) = resource.depends_on.iter().find(|on| !self.things.contains_key(on)) {
            return Err(refused(
                ErrorKind::Failed,
                action,
                &resource.address,
                format!("{on} does not exist"),
            ));
        }
        let live = Observed {
            address: resource.address.clone(),
            id,
            spec: resource.spec.clone(),
            recorded: Some(resource.spec.clone()),
            depends_on: resource.depends_on.clone(),
            protected: resource.protected,
            problem: None,
        };
        self.things.insert(resource.address.clone(), live.clone());
        Ok(live)
    }
}

/// Whether a dependent cannot stay while what it stands on is made anew.
fn stays_not(dependent: &Observed, on: &Address) -> bool {
    impact(&dependent.address.kind, &format!("depends_on.{}", on.kind)) != Impact::InPlace
}

fn refused(kind: ErrorKind, action: &str, address: &Address, cause: String) -> ProviderError {
    ProviderError::new(kind, action).at(address).because(cause)
}
