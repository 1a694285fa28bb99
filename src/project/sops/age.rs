//! The part of the age format that SOPS needs: a short text, encrypted for X25519 recipients.
//!
//! After the specification age-encryption.org/v1. Reads only; other recipients, plugins and long files are not for it.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use mlstack_provider::Secret;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

const VERSION: &str = "age-encryption.org/v1";
/// One chunk of the payload, its tag included; SOPS encrypts 32 bytes.
const CHUNK: usize = (64 << 10) + 16;

/// A private key: `AGE-SECRET-KEY-1…`.
#[derive(Clone)]
pub struct Identity(StaticSecret);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("•••")
    }
}

impl Identity {
    /// Every X25519 identity in the text of a key file; other lines are passed over.
    pub fn all(text: &str) -> Vec<Self> {
        text.lines().filter_map(|line| Self::parse(line.trim())).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let (kind, bytes) = bech32::decode(line).ok()?;
        let bytes: [u8; 32] = bytes.try_into().ok()?;
        // From now on no output holds it.
        drop(Secret::new(line));
        (kind.to_lowercase() == "age-secret-key-").then(|| Self(StaticSecret::from(bytes)))
    }
}

/// What an armored age file holds; `None` when no identity opens it or it is not whole.
pub(super) fn open_armored(text: &str, identities: &[Identity]) -> Option<Vec<u8>> {
    let inside = text
        .trim()
        .strip_prefix("-----BEGIN AGE ENCRYPTED FILE-----")?
        .strip_suffix("-----END AGE ENCRYPTED FILE-----")?;
    let packed: String = inside.split_whitespace().collect();
    let file = File::parse(&BASE64_STANDARD.decode(packed).ok()?)?;
    identities.iter().find_map(|identity| file.open(identity))
}

/// An age file, taken apart.
struct File {
    /// The header up to and with `---`, which the MAC is over.
    header: Vec<u8>,
    /// Ephemeral share and wrapped file key, of each X25519 recipient.
    stanzas: Vec<([u8; 32], Vec<u8>)>,
    mac: Vec<u8>,
    payload: Vec<u8>,
}

impl File {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = find(bytes, b"\n--- ")?;
        let header = bytes.get(..end + 4)?.to_vec();
        let rest = bytes.get(end + 5..)?;
        let line = rest.iter().position(|byte| *byte == b'\n')?;
        let text = std::str::from_utf8(&header).ok()?;
        let mut lines = text.lines().peekable();
        if lines.next()? != VERSION {
            return None;
        }
        let mut stanzas = Vec::new();
        while let Some(arguments) = lines.next().and_then(|line| line.strip_prefix("-> ")) {
            let mut body = String::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("->") && !line.starts_with("---")) {
                body += line;
            }
            if let Some(share) = arguments.strip_prefix("X25519 ") {
                let share = BASE64_STANDARD_NO_PAD.decode(share).ok()?.try_into().ok()?;
                stanzas.push((share, BASE64_STANDARD_NO_PAD.decode(body).ok()?));
            }
        }
        Some(Self {
            header,
            stanzas,
            mac: BASE64_STANDARD_NO_PAD.decode(&rest[..line]).ok()?,
            payload: rest[line + 1..].to_vec(),
        })
    }

    fn open(&self, identity: &Identity) -> Option<Vec<u8>> {
        let mut stanzas = self.stanzas.iter();
        let file_key = stanzas.find_map(|(share, body)| unwrap(identity, share, body))?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&derive(&file_key, &[], b"header")?).ok()?;
        mac.update(&self.header);
        mac.verify_slice(&self.mac).ok()?;
        let (nonce, chunk) = self.payload.split_at_checked(16)?;
        if chunk.len() > CHUNK {
            return None;
        }
        // The first chunk and the last at once.
        let last = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let key = derive(&file_key, nonce, b"payload")?;
        ChaCha20Poly1305::new(&key.into()).decrypt(&last.into(), chunk).ok()
    }
}

/// The file key, if it was wrapped for this identity.
fn unwrap(identity: &Identity, share: &[u8; 32], body: &[u8]) -> Option<Vec<u8>> {
    let shared = identity.0.diffie_hellman(&PublicKey::from(*share));
    if !shared.was_contributory() {
        return None;
    }
    let salt = [*share, PublicKey::from(&identity.0).to_bytes()].concat();
    let key = derive(shared.as_bytes(), &salt, b"age-encryption.org/v1/X25519")?;
    let file_key = ChaCha20Poly1305::new(&key.into()).decrypt(&[0; 12].into(), body).ok()?;
    (file_key.len() == 16).then_some(file_key)
}

fn derive(secret: &[u8], salt: &[u8], purpose: &[u8]) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), secret).expand(purpose, &mut key).ok()?;
    Some(key)
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
