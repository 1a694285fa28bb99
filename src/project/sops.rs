//! One value of a SOPS file, decrypted here: no `sops` program, no plaintext on disk.
//!
//! Reads files that `sops` writes as YAML, JSON or dotenv for age recipients. A value is given out only when the MAC
//! over the whole file is right, so that nobody can move, drop or plainly overwrite one. Never writes such a file.

use std::fmt;

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, KeyInit as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256, Sha512};

pub mod age;
mod file;

use age::Identity;
use file::Format;

/// SOPS makes nonces of 32 bytes, not of the usual 12.
type Cipher = AesGcm<Aes256, U32>;
type DataKey = [u8; 32];

/// Why a value cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SopsError {
    /// Not a file that SOPS wrote.
    #[error("it is no SOPS file: {0}")]
    NotSops(String),
    /// SOPS writes it, and it is not read here.
    #[error("it is an INI file; as YAML, JSON or dotenv it can be read here")]
    Ini,
    /// It has other recipients than age keys, or needs several of them at once.
    #[error("it is encrypted for {0}; only age keys can be read here")]
    Recipients(&'static str),
    /// No key here opens it.
    #[error("no age key here opens it; it is for {}", .0.join(", "))]
    NoIdentity(Vec<String>),
    /// There is no age key here at all.
    #[error("there is no age key: set SOPS_AGE_KEY or SOPS_AGE_KEY_FILE, or put one into ~/.config/sops/age/keys.txt")]
    NoKey,
    /// No such key in the file.
    #[error("it has no value at `{0}`")]
    NoValue(String),
    /// The value stands there for everybody to read.
    #[error("the value at `{0}` is not encrypted")]
    Plain(String),
    /// Somebody changed it without `sops`.
    #[error("it was changed without `sops`: {0}")]
    Tampered(&'static str),
}

/// The value at `key` (`db.password`, `list.0`) of the SOPS file called `name`.
///
/// # Errors
/// When the file is not of SOPS, no identity opens it, it was tampered with, or has no such value.
pub fn value(name: &str, bytes: &[u8], key: &str, identities: &[Identity]) -> Result<Vec<u8>, SopsError> {
    let text = std::str::from_utf8(bytes).map_err(|_| SopsError::NotSops("it is no text".to_owned()))?;
    let mut tree = Format::of(name).read(text)?;
    let Some(Value::Object(metadata)) = tree.shift_remove("sops") else {
        return Err(SopsError::NotSops("it has no `sops` part".to_owned()));
    };
    let data_key = data_key(&metadata, identities)?;
    let mut walk = Walk {
        cipher: Cipher::new(&data_key.into()),
        hash: Sha512::new(),
        only_encrypted: metadata.get("mac_only_encrypted").is_some_and(is_true),
        wanted: key,
        found: None,
    };
    if walk.only_encrypted {
        walk.hash.update(Sha256::digest("sops"));
    }
    walk.map(&tree, &mut Place::default())?;
    walk.verify(&metadata)?;
    walk.found.unwrap_or_else(|| Err(SopsError::NoValue(key.to_owned())))
}

fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true) || value.as_str() == Some("true")
}

/// The key of all values, which is encrypted for each recipient.
fn data_key(metadata: &Map<String, Value>, identities: &[Identity]) -> Result<DataKey, SopsError> {
    if metadata.contains_key("key_groups") {
        return Err(SopsError::Recipients("groups of keys"));
    }
    let recipients = metadata
        .get("age")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if recipients.is_empty() {
        return Err(SopsError::Recipients("other keys"));
    }
    let text = |recipient: &Value, field: &str| recipient[field].as_str().unwrap_or_default().to_owned();
    let opened = recipients
        .iter()
        .find_map(|recipient| age::open_armored(&text(recipient, "enc"), identities));
    let names = || {
        recipients
            .iter()
            .map(|recipient| text(recipient, "recipient"))
            .collect()
    };
    let key = opened.ok_or_else(|| SopsError::NoIdentity(names()))?;
    DataKey::try_from(key).map_err(|_| SopsError::Tampered("its data key has a wrong length"))
}

/// Where a value stands: as people write it, and as SOPS binds the ciphertext to it (without places in lists).
#[derive(Default)]
struct Place {
    shown: Vec<String>,
    bound: Vec<String>,
}

/// Goes through the file in its order, decrypts and hashes every value.
struct Walk<'a> {
    cipher: Cipher,
    hash: Sha512,
    only_encrypted: bool,
    wanted: &'a str,
    found: Option<Result<Vec<u8>, SopsError>>,
}

impl Walk<'_> {
    fn map(&mut self, map: &Map<String, Value>, at: &mut Place) -> Result<(), SopsError> {
        for (key, value) in map {
            at.shown.push(key.clone());
            at.bound.push(key.clone());
            self.value(value, at)?;
            at.bound.pop();
            at.shown.pop();
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, at: &mut Place) -> Result<(), SopsError> {
        match value {
            Value::Null => Ok(()),
            Value::Object(map) => self.map(map, at),
            Value::Array(items) => items.iter().enumerate().try_for_each(|(place, item)| {
                at.shown.push(place.to_string());
                let done = self.value(item, at);
                at.shown.pop();
                done
            }),
            Value::String(text) if text.starts_with("ENC[") => self.encrypted(text, at),
            plain => {
                self.plain(plain, at);
                Ok(())
            }
        }
    }

    fn encrypted(&mut self, text: &str, at: &Place) -> Result<(), SopsError> {
        let bound = format!("{}:", at.bound.join(":"));
        let value = self.decrypt(text, &bound)?;
        self.hash.update(&value);
        if at.shown.join(".") == self.wanted {
            self.found = Some(Ok(as_shown(value, text)));
        }
        Ok(())
    }

    fn plain(&mut self, value: &Value, at: &Place) {
        let text = match value {
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            Value::String(text) => text.clone(),
            number => number
                .as_f64()
                .filter(|_| number.is_f64())
                .map_or_else(|| number.to_string(), |float| float.to_string()),
        };
        if !self.only_encrypted {
            self.hash.update(text.as_bytes());
        }
        if at.shown.join(".") == self.wanted {
            self.found = Some(Err(SopsError::Plain(self.wanted.to_owned())));
        }
    }

    fn decrypt(&self, text: &str, bound_to: &str) -> Result<Vec<u8>, SopsError> {
        let Sealed { iv, data } = Sealed::parse(text).ok_or(SopsError::Tampered("a value is cut off"))?;
        let payload = Payload {
            msg: &data,
            aad: bound_to.as_bytes(),
        };
        let opened = self.cipher.decrypt(&iv.into(), payload);
        opened.map_err(|_| SopsError::Tampered("a value does not belong where it stands"))
    }

    /// The MAC stands in the metadata, encrypted and bound to the time of the last change.
    fn verify(&self, metadata: &Map<String, Value>) -> Result<(), SopsError> {
        let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or_default();
        let kept = self.decrypt(text("mac"), text("lastmodified"))?;
        let mac = self.hash.clone().finalize();
        let mac = mac.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        match kept == mac.as_bytes() {
            true => Ok(()),
            false => Err(SopsError::Tampered("its MAC is not that of its values")),
        }
    }
}

/// SOPS keeps `True` and `False`, and shows them as everybody writes them.
fn as_shown(value: Vec<u8>, sealed: &str) -> Vec<u8> {
    match sealed.ends_with(",type:bool]") {
        true => value.to_ascii_lowercase(),
        false => value,
    }
}

/// `ENC[AES256_GCM,data:…,iv:…,tag:…,type:str]`, taken apart; the tag stands behind the data.
struct Sealed {
    iv: [u8; 32],
    data: Vec<u8>,
}

impl Sealed {
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.strip_prefix("ENC[AES256_GCM,")?.strip_suffix(']')?.split(',');
        let mut field = |name: &str| BASE64_STANDARD.decode(fields.next()?.strip_prefix(name)?).ok();
        let (mut data, iv, tag) = (field("data:")?, field("iv:")?, field("tag:")?);
        data.extend(tag);
        let iv = iv.try_into().ok()?;
        Some(Self { iv, data })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ENC[…]")
    }
}

#[cfg(test)]
mod tests;
