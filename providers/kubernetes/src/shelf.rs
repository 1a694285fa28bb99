//! What mlstack keeps for itself beside a stack, in the stack's namespace: ConfigMaps that are no part of the stack.
//!
//! They carry no mark of the inventory, so that no plan knows them and no prune meets them. An item is replaced only over
//! the version that was read. A namespace that is not there, or that goes, has no place for anything: that is an answer,
//! not a failure. Never knows what the bytes are; they must hold no secret, as whoever may read the stack may read them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlstack_manifest::{Kind, MANAGED_BY, MANAGER, MAX_SUBDOMAIN, fit, kind, label_value};
use mlstack_provider::{ErrorKind, ProviderError, Value};
use serde_json::json;

use crate::cluster::Cluster;
use crate::fault::Sort;
use crate::look::{Look, list_path, object_path};
use crate::observe::text;
use crate::write::Write;

/// Whose an item is: the stack.
const KEPT_FOR: &str = "mlstack.dev/kept-for";
/// The field manager of items.
const KEEPER: &str = "mlstack-ledger";
/// The key of an item's bytes.
const BYTES: &str = "bytes";
/// The most bytes that an object holds: 1 MiB, checked by the server (`MaxSecretSize` in its validation).
const MOST: usize = 1 << 20;

/// The items of one stack.
#[derive(Clone, Debug)]
pub struct Shelf {
    look: Look,
    write: Write,
    stack: String,
}

/// An item as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Names what was read.
    pub version: String,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is written; the version it has now.
    Done(String),
    /// Somebody else wrote since.
    Overtaken,
    /// The namespace is not there, or goes.
    NoPlace,
}

impl Shelf {
    /// The shelf of a stack in the cluster's namespace; nothing is opened yet.
    pub fn new(cluster: &Cluster, stack: &str) -> Self {
        Self {
            look: Look::new(cluster.clone()),
            write: Write::new(cluster.clone()),
            stack: stack.to_owned(),
        }
    }

    /// The name of the object that holds an item. No other object of ours has a dot in its name.
    pub fn object_name(&self, item: &str) -> String {
        fit(&format!("mlstack-{}.{item}", self.stack), MAX_SUBDOMAIN)
    }

    /// An item; `None` where there is none.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses, or the object is somebody else's.
    pub async fn get(&self, item: &str) -> Result<Option<Item>, ProviderError> {
        let Some(object) = self.object(item).await? else {
            return Ok(None);
        };
        let bytes = STANDARD.decode(text(&object["binaryData"][BYTES]));
        Ok(Some(Item {
            bytes: bytes.map_err(|error| self.failed("cannot read", item).because(error))?,
            version: version(&object),
        }))
    }

    /// Writes an item over the version that was read; `None`: where there was none. One whose answer was lost but that
    /// happened is done.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses, or there are more bytes than an object holds.
    pub async fn put(&self, item: &str, bytes: &[u8], over: Option<&str>) -> Result<Put, ProviderError> {
        if bytes.len() > MOST {
            let why = format!(
                "{} bytes are more than the {MOST} that an object of a cluster holds",
                bytes.len()
            );
            let error = self.failed("cannot write", item).because(why);
            return Err(
                error.hint("keep the ledger elsewhere: --ledger s3://BUCKET/PREFIX or postgres://USER@HOST/DATABASE")
            );
        }
        let body = self.body(item, bytes, over);
        let answer = match over {
            None => self.write.post(&asked(&self.list()), body).await?,
            Some(_) => self.write.put(&asked(&self.path(item)), body).await?,
        };
        match answer.refusal().map(|refusal| refusal.sort()) {
            Some(Sort::NoNamespace | Sort::Terminating) => Ok(Put::NoPlace),
            Some(Sort::Exists | Sort::Stale) => self.happened(item, bytes).await,
            Some(Sort::Missing) => self.gone(item).await,
            _ => answer
                .good(&format!("cannot write configmap/{}", self.object_name(item)))
                .map(|object| Put::Done(version(&object))),
        }
    }

    /// Removes an item; one that is not there is fine. Whether it was still as it was read.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses.
    pub async fn remove(&self, item: &str) -> Result<bool, ProviderError> {
        let Some(object) = self.object(item).await? else {
            return Ok(true);
        };
        let metadata = &object["metadata"];
        let conditions = json!({"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]});
        let answer = self.write.delete_if(&self.path(item), conditions).await?;
        match answer.refusal().map(|refusal| refusal.sort()) {
            Some(Sort::Missing | Sort::NoNamespace) => Ok(true),
            Some(Sort::Stale) => Ok(false),
            _ => answer
                .good(&format!("cannot delete configmap/{}", self.object_name(item)))
                .map(|_| true),
        }
    }

    /// A refused write whose item turns out to be ours happened, and its answer was lost.
    async fn happened(&self, item: &str, bytes: &[u8]) -> Result<Put, ProviderError> {
        let found = self.get(item).await?.filter(|found| found.bytes == bytes);
        Ok(found.map_or(Put::Overtaken, |found| Put::Done(found.version)))
    }

    /// What was read is gone: with its namespace, or by somebody's hand.
    async fn gone(&self, item: &str) -> Result<Put, ProviderError> {
        let goes = self
            .write
            .has_no_place(&self.list(), self.body(item, &[], None))
            .await?;
        Ok(if goes { Put::NoPlace } else { Put::Overtaken })
    }

    async fn object(&self, item: &str) -> Result<Option<Value>, ProviderError> {
        let found = self.look.object(config_map(), &self.object_name(item)).await?;
        match found {
            Some(object) if object["metadata"]["labels"][KEPT_FOR] != label_value(&self.stack) => Err(self
                .failed("cannot use", item)
                .because("it is not mlstack's, or another stack's")
                .hint("choose another stack name or namespace, or delete it if nobody needs it")),
            found => Ok(found),
        }
    }

    fn body(&self, item: &str, bytes: &[u8], over: Option<&str>) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.object_name(item),
                "labels": {MANAGED_BY: MANAGER, KEPT_FOR: label_value(&self.stack)},
                "resourceVersion": over,
            },
            "binaryData": {BYTES: STANDARD.encode(bytes)},
        })
    }

    fn failed(&self, action: &str, item: &str) -> ProviderError {
        let name = self.object_name(item);
        ProviderError::new(ErrorKind::Failed, format!("{action} configmap/{name}"))
    }

    fn list(&self) -> String {
        list_path(config_map(), self.look.namespace())
    }

    fn path(&self, item: &str) -> String {
        object_path(config_map(), self.look.namespace(), &self.object_name(item))
    }
}

fn config_map() -> &'static Kind {
    kind("configmap").expect("a kind of ours")
}

fn asked(path: &str) -> String {
    format!("{path}?fieldManager={KEEPER}&fieldValidation=Strict")
}

fn version(object: &Value) -> String {
    text(&object["metadata"]["resourceVersion"]).to_owned()
}
