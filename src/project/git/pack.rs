//! A pack: many objects in one file, most of them as differences to others, and an index that tells where each begins.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flate2::read::ZlibDecoder;

use super::object::{Object, Sort, damaged, inflate, refuse_large};
use super::{GitError, Id, digit};

/// A pack with its index; bytes are read where they are needed.
#[derive(Debug)]
pub(super) struct Pack {
    path: PathBuf,
    index: File,
    pack: File,
    /// How many objects begin with each byte, or with a smaller one.
    fanout: Vec<u64>,
}

/// Where the names of an index begin: behind the sign, the version and the fanout.
const NAMES: u64 = 8 + 256 * 4;
/// The longest chain of differences; git makes none longer.
const LONGEST_CHAIN: usize = 4096;
/// Bytes of differences that a chain may have beside those of its object.
const SLACK: u64 = 1 << 20;

/// Where an object of a pack gets its bytes from.
enum Base {
    Whole(Sort),
    Near(u64),
    Named(Id),
}

impl Pack {
    pub(super) fn open(path: &Path) -> Result<Self, GitError> {
        let open = |path: &Path| {
            File::open(path).map_err(|source| GitError::Read {
                path: path.display().to_string(),
                source,
            })
        };
        let mut opened = Self {
            path: path.to_owned(),
            index: open(path)?,
            pack: open(&path.with_extension("pack"))?,
            fanout: Vec::new(),
        };
        let mut head = [0; NAMES as usize];
        opened.read(&mut head, 0)?;
        if head[..8] != [0xff, b't', b'O', b'c', 0, 0, 0, 2] {
            return Err(opened.bad("it is no index of version 2"));
        }
        opened.fanout = head[8..].chunks_exact(4).map(number).collect();
        if !opened.fanout.is_sorted() {
            return Err(opened.bad("its table of contents is out of order"));
        }
        Ok(opened)
    }

    fn count(&self) -> u64 {
        self.fanout.last().copied().unwrap_or_default()
    }

    fn bad(&self, why: &'static str) -> GitError {
        let path = self.path.display().to_string();
        GitError::BadFile { path, why }
    }

    fn read(&self, into: &mut [u8], at: u64) -> Result<(), GitError> {
        let read = self.index.read_exact_at(into, at);
        read.map_err(|_| self.bad("it ends too early"))
    }

    fn name(&self, place: u64) -> Result<Id, GitError> {
        let mut name = [0; Id::BYTES];
        self.read(&mut name, NAMES + place * Id::BYTES as u64)?;
        Ok(Id(name))
    }

    /// The places of the index whose names begin with a byte.
    fn places(&self, first: u8) -> (u64, u64) {
        let from = first
            .checked_sub(1)
            .map_or(0, |before| self.fanout[usize::from(before)]);
        (from, self.fanout[usize::from(first)])
    }

    /// Where in the pack an object begins.
    pub(super) fn find(&self, id: Id) -> Result<Option<u64>, GitError> {
        let (mut from, mut to) = self.places(id.0[0]);
        while from < to {
            let middle = from.midpoint(to);
            match self.name(middle)?.cmp(&id) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => return self.offset(middle).map(Some),
            }
        }
        Ok(None)
    }

    fn offset(&self, place: u64) -> Result<u64, GitError> {
        let offsets = NAMES + self.count() * (Id::BYTES as u64 + 4);
        let mut four = [0; 4];
        self.read(&mut four, offsets + place * 4)?;
        let near = number(&four);
        if near >> 31 == 0 {
            return Ok(near);
        }
        let mut eight = [0; 8];
        self.read(&mut eight, offsets + self.count() * 4 + (near & 0x7fff_ffff) * 8)?;
        Ok(u64::from_be_bytes(eight))
    }

    /// Adds the names that begin with these hex digits.
    pub(super) fn begin_with(&self, digits: &str, most: usize, found: &mut Vec<Id>) -> Result<(), GitError> {
        let mut bytes = digits.bytes().filter_map(digit);
        let first = bytes.next().zip(bytes.next()).map(|(high, low)| high << 4 | low);
        let (mut from, end) = self.places(first.unwrap_or_default());
        let mut to = end;
        while from < to {
            let middle = from.midpoint(to);
            match self.name(middle)?.to_string().as_str() < digits {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        for place in (from..end).take(most) {
            let name = self.name(place)?;
            if !name.to_string().starts_with(digits) {
                break;
            }
            found.push(name);
        }
        Ok(())
    }

    /// The object that begins at `at`, of at most `most` bytes. What it differs from is in the same pack: git completes
    /// packs that come with less when it stores them.
    pub(super) fn object(&self, mut at: u64, id: Id, most: u64) -> Result<Object, GitError> {
        let (mut chain, mut spent) = (Vec::new(), 0);
        let (sort, mut data) = loop {
            let mut stream = self.stream(at);
            let (base, size) = head(&mut stream, at).ok_or_else(|| damaged(id, "its header cannot be read"))?;
            let data = inflate(ZlibDecoder::new(stream), size, id, most)?;
            let next = match base {
                Base::Whole(sort) => break (sort, data),
                Base::Near(near) => Some(near),
                Base::Named(name) => self.find(name)?,
            };
            at = next.ok_or_else(|| damaged(id, "what it differs from is not in its pack"))?;
            spent += size;
            chain.push(data);
            if chain.len() > LONGEST_CHAIN || spent > most.saturating_mul(2) + SLACK {
                return Err(damaged(id, "it is a chain of too many differences"));
            }
        };
        for delta in chain.iter().rev() {
            data = patch(&data, delta, id, most)?;
        }
        Ok(Object { sort, data })
    }

    fn stream(&self, at: u64) -> BufReader<Onward<'_>> {
        BufReader::new(Onward { file: &self.pack, at })
    }
}

/// A file from a place on, without a position that others would move.
struct Onward<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Onward<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn number(four: &[u8]) -> u64 {
    four.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn byte(stream: &mut impl Read) -> Option<u64> {
    let mut one = [0];
    stream.read_exact(&mut one).ok()?;
    Some(u64::from(one[0]))
}

/// What stands before the compressed bytes of an object: what it is, or what it differs from, and how many they are.
fn head(stream: &mut impl Read, at: u64) -> Option<(Base, u64)> {
    let first = byte(stream)?;
    let (mut size, mut shift, mut last) = (first & 15, 4, first);
    while last & 128 != 0 {
        last = byte(stream)?;
        size |= (last & 127).checked_shl(shift).filter(|_| shift < 57)?;
        shift += 7;
    }
    let base = match first >> 4 & 7 {
        1 => Base::Whole(Sort::Commit),
        2 => Base::Whole(Sort::Tree),
        3 => Base::Whole(Sort::Blob),
        4 => Base::Whole(Sort::Tag),
        6 => Base::Near(at.checked_sub(distance(stream)?).filter(|near| *near < at)?),
        7 => {
            let mut name = [0; Id::BYTES];
            stream.read_exact(&mut name).ok()?;
            Base::Named(Id(name))
        }
        _ => return None,
    };
    Some((base, size))
}

/// How far before an object stands what it differs from.
fn distance(stream: &mut impl Read) -> Option<u64> {
    let mut last = byte(stream)?;
    let mut distance = last & 127;
    while last & 128 != 0 {
        last = byte(stream)?;
        distance = distance.checked_add(1)?.checked_mul(128)? | (last & 127);
    }
    Some(distance)
}

/// Makes an object from another and what differs.
fn patch(base: &[u8], delta: &[u8], id: Id, most: u64) -> Result<Vec<u8>, GitError> {
    let bad = || damaged(id, "a difference does not fit what it is of");
    let mut rest = delta;
    let expected = length(&mut rest).ok_or_else(bad)?;
    let size = length(&mut rest).ok_or_else(bad)?;
    refuse_large(size, id, most)?;
    if expected != base.len() as u64 {
        return Err(bad());
    }
    let mut made = Vec::new();
    while !rest.is_empty() {
        let part = part(&mut rest, base).ok_or_else(bad)?;
        made.extend_from_slice(part);
        if made.len() as u64 > size {
            return Err(bad());
        }
    }
    match made.len() as u64 == size {
        true => Ok(made),
        false => Err(bad()),
    }
}

fn length(rest: &mut &[u8]) -> Option<u64> {
    let (mut length, mut shift) = (0_u64, 0);
    loop {
        let byte = u64::from(*rest.split_off_first()?);
        length |= (byte & 127).checked_shl(shift).filter(|_| shift < 57)?;
        shift += 7;
        if byte & 128 == 0 {
            return Some(length);
        }
    }
}

/// The next bytes: some of the base, or some that the difference brings.
fn part<'a>(rest: &mut &'a [u8], base: &'a [u8]) -> Option<&'a [u8]> {
    let order = *rest.split_off_first()?;
    if order & 128 == 0 {
        return rest.split_off(..usize::from(order)).filter(|new| !new.is_empty());
    }
    let mut field = |bits: std::ops::Range<u8>| {
        let mut value = 0_usize;
        for (place, bit) in bits.enumerate() {
            if order >> bit & 1 == 1 {
                value |= usize::from(*rest.split_off_first()?) << (8 * place);
            }
        }
        Some(value)
    };
    let (from, size) = (field(0..4)?, field(4..7)?);
    let size = if size == 0 { 0x10000 } else { size };
    base.get(from..from.checked_add(size)?)
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
