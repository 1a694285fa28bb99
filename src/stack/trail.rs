//! The way from the root of a stack file to where a reader stands, kept on the stack of calls.
//!
//! Becomes a [`Path`] only when a diagnostic needs one.

use crate::diag::{Path, Segment};

/// A place, as a chain of borrowed steps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trail<'a> {
    Root,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl<'a> Trail<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Trail::Key(self, key)
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Trail::Index(self, index)
    }

    pub(super) fn path(&self) -> Path {
        let mut segments = Vec::new();
        let mut at = self;
        loop {
            at = match at {
                Trail::Root => break,
                Trail::Key(up, key) => {
                    segments.push(Segment::Key((*key).to_owned()));
                    up
                }
                Trail::Index(up, index) => {
                    segments.push(Segment::Index(*index));
                    up
                }
            };
        }
        segments.reverse();
        Path(segments)
    }
}
