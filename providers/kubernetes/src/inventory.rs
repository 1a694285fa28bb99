//! The inventory of a stack, in the form of KEP-3659: which kinds it has members of.
//!
//! Before the first object of a kind is made the inventory names the kind; only when all is done it is made exact. So it
//! never names too little, whatever cuts a run off.

use std::collections::BTreeSet;

use mlstack_manifest::{KINDS, Kind, PART_OF_SET, Parent, SET_GROUP_KINDS, group_kind, kind};
use mlstack_provider::{ProviderError, Value};
use tokio::sync::Mutex;

use crate::observe::{Question, text};
use crate::write::{Propagation, Write};

/// Who writes the parent.
const MANAGER: &str = "mlstack-applyset";

/// What a run knows of the inventory.
#[derive(Debug, Default)]
pub(crate) struct Inventory(Mutex<Option<BTreeSet<&'static str>>>);

impl Inventory {
    /// Makes sure that the inventory names a kind. The namespace itself is known by its name.
    ///
    /// # Errors
    /// When another tool keeps it, or the server refuses.
    pub(crate) async fn cover(
        &self,
        question: &Question<'_>,
        write: &Write,
        added: &'static Kind,
    ) -> Result<(), ProviderError> {
        if !added.namespaced {
            return Ok(());
        }
        let mut known = self.0.lock().await;
        let mut kinds = match known.as_ref() {
            Some(kinds) => kinds.clone(),
            None => named(question.parent().await?.as_ref()),
        };
        if kinds.insert(added.short) {
            write_parent(question, write, &kinds).await?;
        }
        *known = Some(kinds);
        Ok(())
    }

    /// Makes the inventory exact; one without members goes.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) async fn settle(&self, question: &Question<'_>, write: &Write) -> Result<(), ProviderError> {
        let mut known = self.0.lock().await;
        let Some(parent) = question.parent().await? else {
            *known = None;
            return Ok(());
        };
        let before = named(Some(&parent));
        let selector = format!("{PART_OF_SET}={}", question.place().set);
        let mut exact = BTreeSet::new();
        for short in &before {
            let Some(kind) = kind(short) else { continue };
            if !question.look.list(kind, &selector).await?.is_empty() {
                exact.insert(*short);
            }
        }
        if exact.is_empty() {
            let (name, uid) = (text(&parent["metadata"]["name"]), text(&parent["metadata"]["uid"]));
            if let Some(config_map) = kind("configmap") {
                write.delete(config_map, name, uid, Propagation::Background).await?;
            }
            *known = None;
            return Ok(());
        }
        if exact != before {
            write_parent(question, write, &exact).await?;
        }
        *known = Some(exact);
        Ok(())
    }
}

/// The kinds that a parent names.
fn named(parent: Option<&Value>) -> BTreeSet<&'static str> {
    let names = parent
        .map(|parent| text(&parent["metadata"]["annotations"][SET_GROUP_KINDS]))
        .unwrap_or_default();
    let names: BTreeSet<&str> = names.split(',').collect();
    let there = KINDS.iter().filter(|kind| names.contains(group_kind(kind).as_str()));
    there.map(|kind| kind.short).collect()
}

async fn write_parent(
    question: &Question<'_>,
    write: &Write,
    kinds: &BTreeSet<&'static str>,
) -> Result<(), ProviderError> {
    let Some(config_map) = kind("configmap") else {
        return Ok(());
    };
    let parent = Parent::of(question.stack, question.look.namespace());
    let kinds: Vec<&Kind> = kinds.iter().filter_map(|short| kind(short)).collect();
    let object = parent.object(&kinds, &[], env!("CARGO_PKG_VERSION"));
    let answer = write.apply(config_map, &parent.name, MANAGER, object, false).await?;
    answer.good("cannot write the inventory").map(drop)
}

#[cfg(test)]
mod tests;
