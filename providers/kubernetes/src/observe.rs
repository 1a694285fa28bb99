//! Everything a stack has in a cluster, and what the server would make of what it should have.
//!
//! Owns the order of the questions: which kinds, one list for each, then one dry run for each wanted object, at most
//! [`AT_ONCE`] at a time. What is asked about one object is [`crate::examine`].

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mlstack_manifest::{KINDS, Kind, PART_OF_SET, Parent, SET_GROUP_KINDS, SET_TOOLING, group_kind, kind};
use mlstack_provider::{Address, ErrorKind, Finding, Keyed, Level, Observed, ProviderError, Resource, Value};

use crate::look::Look;
use crate::policy::Policy;
use crate::words::{self, Place};
use crate::{examine, references};

/// How many questions are open at once.
pub(crate) const AT_ONCE: usize = 10;

/// What is asked, and how.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) look: &'a Look,
    pub(crate) stack: &'a str,
    pub(crate) policy: Policy,
    /// Reads back what secrets hold.
    pub(crate) keyed: Option<&'a Keyed>,
}

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// What is there, sorted by address.
    pub observed: Vec<Observed>,
    /// What else there is to say, the weightiest last.
    pub findings: Vec<Finding>,
}

/// The cluster before anything is compared.
pub(crate) struct World {
    pub(crate) place: Place,
    /// Whether the namespace is there.
    pub(crate) has_namespace: bool,
    /// What carries the mark of our inventory; of a look at one thing, that thing, whoever's it is.
    pub(crate) ours: BTreeMap<Address, Value>,
}

impl Question<'_> {
    /// The inventory's id and where it is.
    pub(crate) fn place(&self) -> Place {
        let namespace = self.look.namespace().to_owned();
        Place {
            set: Parent::of(self.stack, &namespace).id(),
            namespace,
        }
    }

    /// Looks at everything, beside what is wanted.
    pub(crate) async fn everything(self, desired: &[Resource]) -> Result<Seen, ProviderError> {
        let world = self.world(desired).await?;
        let each = desired.iter().map(|resource| examine::one(self, &world, resource));
        let looked: Vec<Seen> = stream::iter(each.collect::<Vec<_>>())
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut seen = Seen::default();
        for mut one in looked {
            seen.observed.append(&mut one.observed);
            seen.findings.append(&mut one.findings);
        }
        let wanted: BTreeSet<&Address> = desired.iter().map(|resource| &resource.address).collect();
        let left = world.ours.iter().filter(|(address, _)| !wanted.contains(address));
        seen.observed
            .extend(left.map(|(address, live)| left_over(address, live)));
        seen.observed.extend(self.claims(&world, desired).await?);
        join(&mut seen.observed);
        seen.findings.extend(references::missing(&self, &world, desired).await?);
        if !world.has_namespace && !wanted.iter().any(|address| address.kind == "namespace") && !desired.is_empty() {
            seen.findings
                .push(no_namespace(&desired[0].address, &world.place.namespace));
        }
        seen.findings
            .sort_by(|a, b| (a.level, &a.address).cmp(&(b.level, &b.address)));
        seen.findings.dedup();
        Ok(seen)
    }

    /// Looks at one that is wanted, as before its step.
    pub(crate) async fn one(self, resource: &Resource) -> Result<Option<Observed>, ProviderError> {
        let (place, address) = (self.place(), &resource.address);
        let Some(live) = self.look.object(examine::known(address)?, &address.name).await? else {
            return Ok(None);
        };
        let world = World {
            has_namespace: true, // as something is in it
            place,
            ours: BTreeMap::from([(address.clone(), live)]),
        };
        let seen = examine::one(self, &world, resource).await?;
        Ok(seen.observed.into_iter().next())
    }

    /// Looks at one that nothing asks for.
    pub(crate) async fn left(self, address: &Address) -> Result<Option<Observed>, ProviderError> {
        let Some(kind) = kind(&address.kind) else {
            return Ok(None);
        };
        let live = self.look.object(kind, &address.name).await?;
        Ok(live.map(|live| left_over(address, &live)))
    }

    async fn world(&self, desired: &[Resource]) -> Result<World, ProviderError> {
        let place = self.place();
        let has_namespace = self.look.has_namespace(&place.namespace).await?;
        let (kinds, sure) = match has_namespace {
            true => self.kinds(desired).await?,
            false => (Vec::new(), BTreeSet::new()),
        };
        let selector = format!("{PART_OF_SET}={}", place.set);
        let lists = kinds.into_iter().map(|kind| {
            let (selector, sure) = (&selector, sure.contains(kind.short));
            async move {
                match self.look.list(kind, selector).await {
                    // Nobody said that there is any.
                    Err(error) if error.kind == ErrorKind::Denied && !sure => Ok(Vec::new()),
                    listed => listed.map(|all| all.into_iter().map(|live| (address(kind, &live), live)).collect()),
                }
            }
        });
        let listed: Vec<Vec<(Address, Value)>> = stream::iter(lists.collect::<Vec<_>>())
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut ours: BTreeMap<Address, Value> = listed.into_iter().flatten().collect();
        if let Some((address, namespace)) = self.own_namespace(&place).await? {
            ours.insert(address, namespace);
        }
        Ok(World {
            place,
            has_namespace,
            ours,
        })
    }

    /// The namespace when it is ours too: seen by name, as not everybody may list them.
    async fn own_namespace(&self, place: &Place) -> Result<Option<(Address, Value)>, ProviderError> {
        let Some(kind) = kind("namespace") else {
            return Ok(None);
        };
        match self.look.object(kind, &place.namespace).await {
            Err(error) if error.kind == ErrorKind::Denied => Ok(None),
            found => Ok(found?
                .filter(|live| is_ours(live, place))
                .map(|live| (Address::new("namespace", &place.namespace), live))),
        }
    }

    /// The kinds that may have members, and those of them that surely matter. The inventory names a superset; without
    /// one there is only what was left by somebody who removed it, so all are looked at.
    async fn kinds(&self, desired: &[Resource]) -> Result<(Vec<&'static Kind>, BTreeSet<&'static str>), ProviderError> {
        let parent = self.parent().await?;
        let named = parent
            .as_ref()
            .map(|parent| text(&parent["metadata"]["annotations"][SET_GROUP_KINDS]));
        let in_set: Option<BTreeSet<&str>> = named.map(|named| named.split(',').collect());
        let wanted: BTreeSet<&str> = desired.iter().map(|resource| resource.address.kind.as_str()).collect();
        let is_sure = |kind: &Kind| {
            let member = in_set
                .as_ref()
                .is_some_and(|set| set.contains(group_kind(kind).as_str()));
            member || wanted.contains(kind.short)
        };
        let sure: BTreeSet<&'static str> = KINDS
            .iter()
            .filter(|kind| is_sure(kind))
            .map(|kind| kind.short)
            .collect();
        let looked = KINDS
            .iter()
            .filter(|kind| kind.namespaced && (in_set.is_none() || sure.contains(kind.short)));
        Ok((looked.collect(), sure))
    }

    /// The parent of our inventory.
    ///
    /// # Errors
    /// When another tool keeps it.
    pub(crate) async fn parent(&self) -> Result<Option<Value>, ProviderError> {
        let parent = Parent::of(self.stack, self.look.namespace());
        let Some(config_map) = kind("configmap") else {
            return Ok(None);
        };
        let found = self.look.object(config_map, &parent.name).await?;
        let tooling = found
            .as_ref()
            .map(|found| text(&found["metadata"]["annotations"][SET_TOOLING]));
        match tooling {
            Some(tool) if !tool.is_empty() && !tool.starts_with("mlstack/") => Err(ProviderError::new(
                ErrorKind::Foreign,
                "the inventory belongs to another tool:",
            )
            .because(format!("ConfigMap {} is kept by {tool}", parent.name))
            .hint("choose another stack name or namespace")),
            _ => Ok(found),
        }
    }

    /// Claims that stateful sets left: they carry the labels of their pods alone. Those of a set that is wanted are its
    /// own affair.
    async fn claims(&self, world: &World, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        let Some(pvc) = kind("pvc").filter(|_| world.has_namespace) else {
            return Ok(Vec::new());
        };
        let label = mlstack_manifest::label_value(self.stack);
        let selector = format!("app.kubernetes.io/instance={label},!{PART_OF_SET}");
        let live = match self.look.list(pvc, &selector).await {
            Err(error) if error.kind == ErrorKind::Denied => return Ok(Vec::new()),
            listed => listed?,
        };
        let sets = desired.iter().filter(|resource| resource.address.kind == "statefulset");
        let sets: Vec<&str> = sets.map(|resource| resource.address.name.as_str()).collect();
        let is_left = |live: &&Value| !sets.iter().any(|set| is_claim_of(text(&live["metadata"]["name"]), set));
        Ok(live
            .iter()
            .filter(is_left)
            .map(|live| left_over(&address(pvc, live), live))
            .collect())
    }
}

/// Whether `data-db-0` is a claim of the stateful set `db`.
fn is_claim_of(claim: &str, set: &str) -> bool {
    let Some((stem, ordinal)) = claim.rsplit_once('-') else {
        return false;
    };
    ordinal.bytes().all(|byte| byte.is_ascii_digit())
        && stem.strip_suffix(set).is_some_and(|volume| volume.ends_with('-'))
}

/// Whether an object carries the mark of our inventory.
pub(crate) fn is_ours(live: &Value, place: &Place) -> bool {
    live["metadata"]["labels"][PART_OF_SET] == place.set.as_str()
}

fn address(kind: &Kind, live: &Value) -> Address {
    Address::new(kind.short, text(&live["metadata"]["name"]))
}

/// One that nothing asks for.
fn left_over(address: &Address, live: &Value) -> Observed {
    let known = kind(&address.kind);
    let spec = known.map_or_else(|| live.clone(), |kind| words::words(kind, live, &Value::Null));
    Observed {
        address: address.clone(),
        id: text(&live["metadata"]["uid"]).to_owned(),
        recorded: Some(spec.clone()),
        spec,
        depends_on: words::stands_on(live).unwrap_or_default(),
        protected: known.is_some_and(|kind| kind.protected),
        problem: None,
    }
}

/// What objects stand on without saying so: all on the namespace, a stateful set on the claims it made.
fn join(observed: &mut [Observed]) {
    observed.sort_by(|a, b| a.address.cmp(&b.address));
    let all: Vec<Address> = observed.iter().map(|one| one.address.clone()).collect();
    for one in observed {
        let (kind, name) = (one.address.kind.as_str(), one.address.name.as_str());
        let under = |other: &&Address| match other.kind.as_str() {
            "namespace" => kind != "namespace",
            "pvc" => kind == "statefulset" && is_claim_of(&other.name, name),
            _ => false,
        };
        let more: Vec<Address> = all
            .iter()
            .filter(under)
            .filter(|other| !one.depends_on.contains(other))
            .cloned()
            .collect();
        one.depends_on.extend(more);
        // What it was made to stand on may be gone.
        one.depends_on.retain(|on| all.contains(on) && *on != one.address);
        one.depends_on.sort();
    }
}

fn no_namespace(address: &Address, namespace: &str) -> Finding {
    Finding::new(address, Level::Refusal, format!("there is no namespace `{namespace}`"))
        .hint(format!("make it: kubectl create namespace {namespace}"))
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
