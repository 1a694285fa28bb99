//! One layer: a tar whose bytes depend on its entries alone.

use std::io::{self, Read, Write};

use flate2::{Compression, GzBuilder};

use super::{Blob, Digest, Parts};

/// A file or folder of a layer.
#[derive(Clone, Debug)]
pub struct Entry {
    path: String,
    mode: u32,
    content: Option<Parts>,
}

impl Entry {
    /// A folder.
    pub fn dir(path: impl Into<String>, mode: u32) -> Self {
        let (path, content) = (path.into() + "/", None);
        Self { path, mode, content }
    }

    /// A file.
    pub fn file(path: impl Into<String>, mode: u32, content: Parts) -> Self {
        let (path, content) = (path.into(), Some(content));
        Self { path, mode, content }
    }

    /// Its path in the image, without a leading slash; folders end in one.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its content, `None` for a folder.
    pub fn content(&self) -> Option<&Parts> {
        self.content.as_ref()
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
/// When a path is longer than a header can hold.
pub fn tar(entries: &[Entry]) -> io::Result<Parts> {
    let mut parts = Parts::default();
    for entry in entries {
        parts.append(Parts::bytes(header(entry)?.as_bytes().to_vec()));
        if let Some(content) = &entry.content {
            parts.append(content.clone());
            parts.append(Parts::bytes(vec![0; padding(content.len())]));
        }
    }
    parts.append(Parts::bytes(vec![0; 1024]));
    Ok(parts)
}

fn header(entry: &Entry) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(&entry.path)?;
    header.set_mode(entry.mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(entry.content.as_ref().map_or(0, Parts::len));
    header.set_entry_type(if entry.content.is_some() {
        tar::EntryType::Regular
    } else {
        tar::EntryType::Directory
    });
    header.set_cksum();
    Ok(header)
}

/// Bytes up to the next block of 512.
fn padding(len: u64) -> usize {
    usize::try_from((512 - len % 512) % 512).expect("a number below 512 fits")
}
