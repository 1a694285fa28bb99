//! The values behind a stack's secrets, and the one place on disk that holds those mlstack made.
//!
//! Values lie in `.mlstack/secrets/NAME` (mode 0600, folder 0700) and nowhere else; plans and labels carry a keyed
//! digest of them, which says that a value changed and nothing about it.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use mlstack_provider::Secret;
use sha2::Sha256;

use super::sops::age::Identity;
use super::sops::{self, SopsError};
use super::{Jail, JailError};
use crate::atomic;
use crate::stack::SecretSource;

/// What is known of a stack's secrets.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The values.
    pub values: BTreeMap<String, Secret>,
    /// Keyed digests of the values.
    pub digests: BTreeMap<String, String>,
    /// Names whose value does not exist yet: apply makes them.
    pub to_make: Vec<String>,
    /// Names whose value is kept nowhere but in the running stack, where it was found: apply keeps it here again.
    pub recovered: Vec<String>,
    /// Names whose value cannot be had here, each with the reason.
    pub missing: Vec<(String, SecretError)>,
}

/// Why a secret's value cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable `{0}` is not set")]
    NoVariable(String),
    /// The variable is set to nothing.
    #[error("the environment variable `{0}` is empty")]
    EmptyVariable(String),
    /// The file cannot be used.
    #[error("{0}")]
    File(String),
    /// The SOPS file gives no value.
    #[error("`{file}`: {source}")]
    Sops {
        /// The file as the stack file names it.
        file: String,
        /// Why.
        source: SopsError,
    },
}

/// The most bytes a secret may have.
const LARGEST: u64 = 64 << 10;
/// The most bytes a SOPS file may have.
const LARGEST_SOPS: u64 = 1 << 20;
/// Easy to type, safe in URLs, no quotes: 62 signs.
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The folder where mlstack keeps what must survive between runs.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
    jail: Jail,
}

/// Where the vault lies below the stack file's folder.
const FOLDER: &str = ".mlstack/secrets";

impl Vault {
    /// The vault of the stack in `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            folder: root.join(FOLDER),
            jail: Jail::new(root),
        }
    }

    /// Looks every value up; makes nothing.
    ///
    /// # Errors
    /// When a stored value cannot be read.
    pub fn look(
        &self,
        needs: &BTreeMap<String, SecretSource>,
        jail: &Jail,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> io::Result<Secrets> {
        let mut secrets = Secrets::default();
        let mut identities = None;
        for (name, source) in needs {
            match source {
                SecretSource::Generate(_) => match self.stored(name)? {
                    Some(value) => secrets.keep(name, value),
                    None => secrets.to_make.push(name.clone()),
                },
                SecretSource::Env(key) => secrets.found(name, from_variable(key, variable(key))),
                SecretSource::Sops { file, key } => {
                    let identities = identities.get_or_insert_with(|| identities_here(variable));
                    secrets.found(name, from_sops(file, key, jail, identities));
                }
                SecretSource::File(path) => secrets.found(name, from_file(path, jail)),
            }
        }
        if let Some(key) = self.stored(KEY)? {
            secrets.digest(key.expose());
        }
        Ok(secrets)
    }

    /// The keyed digest of a value by its name, as labels carry it; `None` where the key is not here.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn digester(&self) -> io::Result<Option<impl Fn(&str, &[u8]) -> String + Send + Sync + use<>>> {
        let key = self.stored(KEY)?;
        Ok(key.map(|key| move |name: &str, value: &[u8]| keyed(key.expose(), name, &Secret::new(value))))
    }

    fn keep(&self, name: &str, value: &Secret) -> io::Result<()> {
        atomic::folder(&self.folder)?;
        atomic::replace(&self.folder.join(name), value.expose())
    }

    /// Makes and keeps the values that do not exist yet, and the key of the digests.
    ///
    /// # Errors
    /// When the system has no randomness or the values cannot be kept.
    pub fn make(&self, needs: &BTreeMap<String, SecretSource>, secrets: &mut Secrets) -> io::Result<()> {
        for name in std::mem::take(&mut secrets.recovered) {
            self.keep(&name, &secrets.values[&name])?;
        }
        for name in std::mem::take(&mut secrets.to_make) {
            if let Some(SecretSource::Generate(length)) = needs.get(&name) {
                let value = random(*length as usize)?;
                self.keep(&name, &value)?;
                secrets.keep(&name, value);
            }
        }
        if self.stored(KEY)?.is_none() && !secrets.values.is_empty() {
            self.keep(KEY, &random(64)?)?;
        }
        if let Some(key) = self.stored(KEY)? {
            secrets.digest(key.expose());
        }
        Ok(())
    }

    fn stored(&self, name: &str) -> io::Result<Option<Secret>> {
        // A link in its place could make any file of the machine a secret's value.
        match self.jail.read(&format!("{FOLDER}/{name}"), LARGEST) {
            Ok(bytes) => Ok(Some(Secret::new(bytes))),
            Err(JailError::Missing(_)) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// The file with the key of the digests; no secret can be named so, since names start with a letter.
const KEY: &str = ".key";

impl Secrets {
    /// A value that was to be made, but that the running stack has: making another would lock it out of its own data.
    pub fn recover(&mut self, name: &str, value: Secret) {
        self.to_make.retain(|other| other != name);
        self.recovered.push(name.to_owned());
        self.keep(name, value);
    }

    /// Whether apply has something to make or to keep.
    pub fn is_complete(&self) -> bool {
        self.to_make.is_empty() && self.recovered.is_empty() && self.digests.len() == self.values.len()
    }

    fn keep(&mut self, name: &str, value: Secret) {
        self.values.insert(name.to_owned(), value);
    }

    fn found(&mut self, name: &str, value: Result<Secret, SecretError>) {
        match value {
            Ok(value) => self.keep(name, value),
            Err(error) => self.missing.push((name.to_owned(), error)),
        }
    }

    fn digest(&mut self, key: &[u8]) {
        self.digests = self
            .values
            .iter()
            .map(|(name, value)| (name.clone(), keyed(key, name, value)))
            .collect();
    }
}

/// HMAC-SHA-256 over name and value, 32 hexadecimal digits of it.
fn keyed(key: &[u8], name: &str, value: &Secret) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(name.as_bytes());
    mac.update(&[0]);
    mac.update(value.expose());
    mac.finalize()
        .into_bytes()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn from_variable(key: &str, value: Option<String>) -> Result<Secret, SecretError> {
    match value {
        None => Err(SecretError::NoVariable(key.to_owned())),
        Some(value) if value.is_empty() => Err(SecretError::EmptyVariable(key.to_owned())),
        Some(value) => Ok(Secret::new(value)),
    }
}

/// A trailing newline is an editor's, not the secret's.
fn from_file(path: &str, jail: &Jail) -> Result<Secret, SecretError> {
    let mut bytes = jail
        .read(path, LARGEST)
        .map_err(|error| SecretError::File(JailError::to_string(&error)))?;
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    Ok(Secret::new(bytes))
}

fn from_sops(file: &str, key: &str, jail: &Jail, identities: &[Identity]) -> Result<Secret, SecretError> {
    let wrong = |source| SecretError::Sops {
        file: file.to_owned(),
        source,
    };
    if identities.is_empty() {
        // Nothing to open it with, as always offline: the file is not even read.
        return Err(wrong(SopsError::NoKey));
    }
    let bytes = jail
        .read(file, LARGEST_SOPS)
        .map_err(|error| SecretError::File(error.to_string()))?;
    sops::value(file, &bytes, key, identities)
        .map(Secret::new)
        .map_err(wrong)
}

/// The age keys of whoever runs mlstack, found where `sops` finds them.
fn identities_here(variable: &dyn Fn(&str) -> Option<String>) -> Vec<Identity> {
    let config = || Some(PathBuf::from(variable("HOME")?).join(".config"));
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(config);
    let usual = folder.map(|folder| folder.join("sops/age/keys.txt"));
    let named = variable("SOPS_AGE_KEY_FILE").map(PathBuf::from);
    let files = named.into_iter().chain(usual).filter_map(|path| read_keys(&path));
    let texts = variable("SOPS_AGE_KEY").into_iter().chain(files);
    texts.flat_map(|text| Identity::all(&text)).collect()
}

/// A key file, which lies outside the stack's folder; what goes on for longer is a device or a mistake.
fn read_keys(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let file = std::fs::File::open(path).ok()?;
    io::read_to_string(file.take(LARGEST)).ok()
}

/// Uniform over [`ALPHABET`]: bytes that would favour its beginning are thrown away.
fn random(length: usize) -> io::Result<Secret> {
    let fair = 256 - 256 % ALPHABET.len();
    let mut text = Vec::with_capacity(length);
    let mut buffer = [0_u8; 64];
    while text.len() < length {
        getrandom::fill(&mut buffer).map_err(|error| io::Error::other(error.to_string()))?;
        let signs = buffer.iter().map(|byte| usize::from(*byte)).filter(|n| *n < fair);
        text.extend(signs.map(|n| ALPHABET[n % ALPHABET.len()]));
    }
    text.truncate(length);
    Ok(Secret::new(text))
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
