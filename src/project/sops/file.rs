//! The three forms of a SOPS file as one tree, in the order of the file: the MAC depends on it.

use serde_json::{Map, Value};

use super::SopsError;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Json,
    Dotenv,
    Ini,
}

impl Format {
    /// By the end of the file's name, as `sops` itself tells it; YAML where the name says nothing.
    pub(super) fn of(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some("json") => Self::Json,
            Some("env") => Self::Dotenv,
            Some("ini") => Self::Ini,
            _ => Self::Yaml,
        }
    }

    pub(super) fn read(self, text: &str) -> Result<Map<String, Value>, SopsError> {
        match self {
            Self::Yaml => yaml(text),
            Self::Json => serde_json::from_str(text).map_err(|error| SopsError::NotSops(error.to_string())),
            Self::Dotenv => Ok(dotenv(text)),
            Self::Ini => Err(SopsError::Ini),
        }
    }
}

/// Without anchors and with the limits of the reader: a SOPS file needs neither.
fn yaml(text: &str) -> Result<Map<String, Value>, SopsError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: 20_000, max_depth: 64, max_aliases: 0, max_anchors: 0, max_documents: 1 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let text = error.to_string();
        SopsError::NotSops(text.lines().next().unwrap_or_default().to_owned())
    })
}

/// `KEY=value` lines; the metadata is spelt as `sops_age__list_0__map_enc=…`.
fn dotenv(text: &str) -> Map<String, Value> {
    let mut tree = Map::new();
    let mut metadata = Map::new();
    let mut recipients: Vec<Map<String, Value>> = Vec::new();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    for (key, value) in lines.filter_map(|line| line.split_once('=')) {
        let value = Value::from(value.replace("\\n", "\n"));
        if let Some((place, field)) = of_recipient(key) {
            if place >= recipients.len() {
                recipients.resize(place + 1, Map::new());
            }
            recipients[place].insert(field.to_owned(), value);
        } else if let Some(field) = key.strip_prefix("sops_") {
            metadata.insert(field.to_owned(), value);
        } else {
            tree.insert(key.to_owned(), value);
        }
    }
    if !metadata.is_empty() {
        let recipients = recipients.into_iter().map(Value::Object).collect();
        metadata.insert("age".to_owned(), Value::Array(recipients));
        tree.insert("sops".to_owned(), Value::Object(metadata));
    }
    tree
}

/// More recipients than anybody has.
const MOST: usize = 1000;

fn of_recipient(key: &str) -> Option<(usize, &str)> {
    let (place, field) = key.strip_prefix("sops_age__list_")?.split_once("__map_")?;
    Some((place.parse().ok().filter(|place| *place < MOST)?, field))
}
