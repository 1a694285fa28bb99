//! One layer: a tar whose bytes depend on its entries alone.

use std::io::{self, Read, Write};

use flate2::{Compression, GzBuilder};

use super::{Blob, Digest, Parts};

/// A file, folder or link of a layer.
#[derive(Clone, Debug)]
pub struct Entry {
    path: String,
    mode: u32,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Folder,
    File(Parts),
    /// With what it says.
    Link(Vec<u8>),
}

impl Entry {
    /// A folder.
    pub fn dir(path: impl Into<String>, mode: u32) -> Self {
        let (path, kind) = (path.into() + "/", Kind::Folder);
        Self { path, mode, kind }
    }

    /// A file.
    pub fn file(path: impl Into<String>, mode: u32, content: Parts) -> Self {
        let (path, kind) = (path.into(), Kind::File(content));
        Self { path, mode, kind }
    }

    /// A symbolic link that says `target`.
    pub fn link(path: impl Into<String>, target: &[u8]) -> Self {
        const MODE: u32 = 0o777;
        let (path, kind) = (path.into(), Kind::Link(target.to_vec()));
        Self { path, mode: MODE, kind }
    }

    /// Its path in the image, without a leading slash; folders end in one.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its content, `None` for what is no file.
    pub fn content(&self) -> Option<&Parts> {
        match &self.kind {
            Kind::File(content) => Some(content),
            Kind::Folder | Kind::Link(_) => None,
        }
    }

    /// What it says, `None` for what is no link.
    pub fn target(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Link(target) => Some(target),
            Kind::Folder | Kind::File(_) => None,
        }
    }

    /// Its permission bits.
    pub fn mode(&self) -> u32 {
        self.mode
    }
}

/// A layer, known by its content; it is compressed only when it is stored.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it holds, in one word.
    pub name: &'static str,
    /// What is in it.
    pub entries: Vec<Entry>,
    /// The digest of the tar before compression.
    pub diff_id: Digest,
    /// The tar.
    pub tar: Parts,
    compressed: bool,
}

impl Layer {
    /// A layer that is stored as it is.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub fn plain(name: &'static str, entries: Vec<Entry>) -> io::Result<Self> {
        Self::new(name, entries, false)
    }

    /// A layer that is stored as gzip.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub fn gzip(name: &'static str, entries: Vec<Entry>) -> io::Result<Self> {
        Self::new(name, entries, true)
    }

    fn new(name: &'static str, entries: Vec<Entry>, compressed: bool) -> io::Result<Self> {
        let tar = tar(&entries)?;
        Ok(Self {
            name,
            diff_id: tar.digest()?,
            entries,
            tar,
            compressed,
        })
    }

    /// The layer as it is stored and sent.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub fn store(&self) -> io::Result<Blob> {
        if self.compressed {
            let content = Parts::bytes(gzip(self.tar.reader())?);
            return Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", content);
        }
        Blob::new("application/vnd.oci.image.layer.v1.tar", self.tar.clone())
    }
}

/// Packs with a header that names neither a time nor a system.
fn gzip(mut reader: impl Read) -> io::Result<Vec<u8>> {
    const UNKNOWN_SYSTEM: u8 = 255;
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(UNKNOWN_SYSTEM)
        .write(Vec::new(), Compression::new(6));
    io::copy(&mut reader, &mut encoder)?;
    encoder.flush()?;
    encoder.finish()
}

/// A tar of the entries in their order, ended by two empty blocks.
///
/// # Errors
/// When a path cannot stand in a header.
pub fn tar(entries: &[Entry]) -> io::Result<Parts> {
    let mut parts = Parts::default();
    for entry in entries {
        let (header, long) = header(entry)?;
        if !long.is_empty() {
            let before = extension(long.len() as u64);
            block(&mut parts, &before, Parts::bytes(long));
        }
        block(&mut parts, &header, entry.content().cloned().unwrap_or_default());
    }
    parts.append(Parts::zeros(1024));
    Ok(parts)
}

fn block(parts: &mut Parts, header: &tar::Header, content: Parts) {
    let padding = padding(content.len());
    parts.append(Parts::bytes(header.as_bytes().to_vec()));
    parts.append(content);
    parts.append(Parts::zeros(padding));
}

/// The header of an entry, and what does not fit in it as records of `pax`, which go before it.
fn header(entry: &Entry) -> io::Result<(tar::Header, Vec<u8>)> {
    let mut header = plain(&entry.kind, entry.content().map_or(0, Parts::len), entry.mode);
    let mut long = Vec::new();
    if header.set_path(&entry.path).is_err() {
        header.set_path(STAND_IN)?;
        long.extend(record("path", entry.path.as_bytes()));
    }
    if let Some(target) = entry.target()
        && header.set_link_name_literal(target).is_err()
    {
        header.set_link_name_literal(STAND_IN)?;
        long.extend(record("linkpath", target));
    }
    header.set_cksum();
    Ok((header, long))
}

/// What stands in a header instead of a name that is too long for it.
const STAND_IN: &str = "long";

fn plain(kind: &Kind, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_entry_type(match kind {
        Kind::Folder => tar::EntryType::Directory,
        Kind::File(_) => tar::EntryType::Regular,
        Kind::Link(_) => tar::EntryType::Symlink,
    });
    header
}

/// The header of `pax` records for the entry behind them.
fn extension(size: u64) -> tar::Header {
    let mut header = plain(&Kind::Folder, size, 0o644);
    header.set_entry_type(tar::EntryType::XHeader);
    header.set_cksum();
    header
}

/// `LENGTH KEY=VALUE` and a line's end; the length counts itself.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [format!(" {key}=").as_bytes(), value, b"\n"].concat();
    let digits = (1..).find(|digits| (rest.len() + digits).to_string().len() == *digits);
    let length = rest.len() + digits.unwrap_or_default();
    [length.to_string().as_bytes(), &rest].concat()
}

/// Bytes up to the next block of 512.
fn padding(len: u64) -> u64 {
    (512 - len % 512) % 512
}
