//! Objects by their names: the loose ones, and those of packs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::ZlibDecoder;
use sha1::{Digest as _, Sha1};

use super::pack::Pack;
use super::{GitError, Id, SMALL, digit, text};

/// The sorts of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    /// For people who know git or do not.
    pub(super) fn said(self) -> &'static str {
        match self {
            Self::Commit => "a commit",
            Self::Tree => "a folder (a tree)",
            Self::Blob => "a file (a blob)",
            Self::Tag => "a tag",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let all = [Self::Commit, Self::Tree, Self::Blob, Self::Tag];
        all.into_iter().find(|sort| sort.name() == name)
    }
}

/// One object, whole.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) sort: Sort,
    pub(super) data: Vec<u8>,
}

/// The folders that hold objects, each with its packs.
#[derive(Debug)]
pub(super) struct Objects {
    folders: Vec<PathBuf>,
    packs: Vec<Pack>,
}

/// The most folders of objects: a clone that borrows from another that borrows.
const MOST_FOLDERS: usize = 16;
/// The most packs of a repository.
const MOST_PACKS: usize = 4096;
/// The longest header of a loose object: `commit 18446744073709551615` and a zero byte.
const LONGEST_HEADER: usize = 32;

impl Objects {
    pub(super) fn open(folder: &Path) -> Result<Self, GitError> {
        let mut folders = vec![folder.to_owned()];
        let mut next = 0;
        while let Some(folder) = folders.get(next).cloned() {
            let lenders = text(&folder.join("info/alternates"), SMALL)?.unwrap_or_default();
            for lender in lenders
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                let lender = folder.join(lender);
                if folders.len() < MOST_FOLDERS && !folders.contains(&lender) {
                    folders.push(lender);
                }
            }
            next += 1;
        }
        let mut packs = Vec::new();
        for folder in &folders {
            for index in indexes(&folder.join("pack")) {
                if packs.len() < MOST_PACKS {
                    packs.push(Pack::open(&index)?);
                }
            }
        }
        Ok(Self { folders, packs })
    }

    /// The object of that name, of at most `most` bytes; `None` when it is not here.
    pub(super) fn get(&self, id: Id, most: u64) -> Result<Option<Object>, GitError> {
        let Some(object) = self.find(id, most)? else {
            return Ok(None);
        };
        let mut digest = Sha1::new();
        digest.update(format!("{} {}\0", object.sort.name(), object.data.len()));
        digest.update(&object.data);
        if digest.finalize()[..] != id.0 {
            return Err(damaged(id, "it has another digest"));
        }
        Ok(Some(object))
    }

    fn find(&self, id: Id, most: u64) -> Result<Option<Object>, GitError> {
        for pack in &self.packs {
            if let Some(at) = pack.find(id)? {
                return pack.object(at, id, most).map(Some);
            }
        }
        let name = id.to_string();
        let paths = self
            .folders
            .iter()
            .map(|folder| folder.join(&name[..2]).join(&name[2..]));
        match paths.into_iter().find(|path| path.is_file()) {
            Some(path) => loose(&path, id, most).map(Some),
            None => Ok(None),
        }
    }

    /// The names that begin with these hex digits, at most `most` of them.
    pub(super) fn begin_with(&self, digits: &str, most: usize) -> Result<Vec<Id>, GitError> {
        let mut found = Vec::new();
        for pack in &self.packs {
            pack.begin_with(digits, most, &mut found)?;
        }
        for folder in &self.folders {
            let list = std::fs::read_dir(folder.join(&digits[..2]));
            let names = list.into_iter().flatten().flatten();
            let names = names.map(|entry| format!("{}{}", &digits[..2], entry.file_name().to_string_lossy()));
            found.extend(
                names
                    .filter(|name| name.starts_with(digits))
                    .filter_map(|name| Id::parse(&name))
                    .take(most),
            );
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(most);
        Ok(found)
    }
}

/// Whether a text is some hex digits that a name may begin with.
pub(super) fn is_short(text: &str) -> bool {
    (4..=2 * Id::BYTES).contains(&text.len()) && text.bytes().all(|byte| digit(byte).is_some())
}

fn indexes(folder: &Path) -> Vec<PathBuf> {
    let list = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = list
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "idx") && path.is_file())
        .collect();
    paths.sort();
    paths
}

fn loose(path: &Path, id: Id, most: u64) -> Result<Object, GitError> {
    let failed = |source| GitError::Read {
        path: path.display().to_string(),
        source,
    };
    let mut stream = ZlibDecoder::new(io::BufReader::new(File::open(path).map_err(failed)?));
    let (sort, size) = header(&mut stream).ok_or_else(|| damaged(id, "its header cannot be read"))?;
    let data = inflate(stream, size, id, most)?;
    Ok(Object { sort, data })
}

/// `blob 1234` and a zero byte.
fn header(stream: &mut impl Read) -> Option<(Sort, u64)> {
    let mut text = Vec::new();
    while text.len() < LONGEST_HEADER {
        let mut one = [0];
        stream.read_exact(&mut one).ok()?;
        if one[0] == 0 {
            let (sort, size) = std::str::from_utf8(&text).ok()?.split_once(' ')?;
            return Some((Sort::parse(sort)?, size.parse().ok()?));
        }
        text.extend(one);
    }
    None
}

/// The bytes behind a compressed stream that says how many they are. Memory is taken as they come, never before.
pub(super) fn inflate(stream: impl Read, size: u64, id: Id, most: u64) -> Result<Vec<u8>, GitError> {
    refuse_large(size, id, most)?;
    let mut data = Vec::new();
    let read = stream.take(size + 1).read_to_end(&mut data);
    read.map_err(|_| damaged(id, "it cannot be unpacked"))?;
    match data.len() as u64 == size {
        true => Ok(data),
        false => Err(damaged(id, "it has another size than it says")),
    }
}

pub(super) fn refuse_large(bytes: u64, id: Id, most: u64) -> Result<(), GitError> {
    match bytes > most {
        true => Err(GitError::TooLarge {
            what: format!("the git object {id}"),
            bytes,
            most,
        }),
        false => Ok(()),
    }
}

pub(super) fn damaged(id: Id, why: &'static str) -> GitError {
    let id = id.to_string();
    GitError::Damaged { id, why }
}
