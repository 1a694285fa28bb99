//! Bytes that may lie in memory or in files, streamed one after the other: big models are never held in memory.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Digest;

/// A sequence of byte runs.
#[derive(Clone, Debug, Default)]
pub struct Parts(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Bytes(Arc<[u8]>),
    Zeros(u64),
    File { path: Arc<PathBuf>, len: u64 },
}

impl Parts {
    /// Bytes in memory.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(vec![Part::Bytes(bytes.into())])
    }

    /// So many zero bytes; nothing where they are none.
    pub fn zeros(len: u64) -> Self {
        Self((len > 0).then_some(Part::Zeros(len)).into_iter().collect())
    }

    /// A file, read each time the parts are.
    ///
    /// # Errors
    /// When the file is not there or is no regular file.
    pub fn file(path: &Path) -> io::Result<Self> {
        let meta = std::fs::metadata(path)?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self(vec![Part::File {
            path: Arc::new(path.to_owned()),
            len: meta.len(),
        }]))
    }

    /// Puts more behind these.
    pub fn append(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.0.iter().map(Part::len).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads everything, in order. A file that changed its length since is an error, not a silent difference.
    pub fn reader(&self) -> impl Read + Send + use<> {
        InOrder {
            now: Box::new(io::empty()),
            rest: self.0.clone().into_iter(),
        }
    }

    /// The digest of everything.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn digest(&self) -> io::Result<Digest> {
        Digest::of_reader(self.reader())
    }

    /// Everything, in memory.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(len) | Self::File { len, .. } => *len,
        }
    }

    fn reader(&self) -> Box<dyn Read + Send> {
        match self {
            Self::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Self::Zeros(len) => Box::new(io::repeat(0).take(*len)),
            Self::File { path, len } => Box::new(ExactFile {
                path: Arc::clone(path),
                left: *len,
                file: None,
            }),
        }
    }
}

/// One part after the other, with no part in another: there may be a million of them.
struct InOrder {
    now: Box<dyn Read + Send>,
    rest: std::vec::IntoIter<Part>,
}

impl Read for InOrder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.now.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            match self.rest.next() {
                Some(part) => self.now = part.reader(),
                None => return Ok(0),
            }
        }
    }
}

/// Opens its file at the first read, so that a thousand parts are not a thousand open files.
struct ExactFile {
    path: Arc<PathBuf>,
    left: u64,
    file: Option<File>,
}

impl Read for ExactFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        if self.file.is_none() {
            self.file = Some(File::open(self.path.as_path())?);
        }
        let Some(file) = &mut self.file else { return Ok(0) };
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = file.read(&mut buffer[..most])?;
        if n == 0 {
            let text = format!("{} became shorter while it was read", self.path.display());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.left -= n as u64;
        Ok(n)
    }
}
