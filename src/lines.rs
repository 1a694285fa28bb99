//! Two texts, line by line: what they share, and what differs as hunks.
//!
//! Pure. A stranger's texts take bounded time: where too much differs, all of it counts as different.

use std::collections::BTreeSet;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// The most lines between a common beginning and a common end that are compared, those of both texts multiplied.
const LARGEST: usize = 4_000_000;

/// Lines that two texts share, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The first of them before.
    pub before: usize,
    /// The first of them after.
    pub after: usize,
    /// How many they are.
    pub count: usize,
}

/// The lines that two texts share, in order.
pub fn shared(before: &[&str], after: &[&str]) -> Vec<Shared> {
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut before.iter().zip(after));
    let tail = same(&mut before[head..].iter().rev().zip(after[head..].iter().rev()));
    let (old, new) = (&before[head..before.len() - tail], &after[head..after.len() - tail]);
    let middle = match old.len().saturating_mul(new.len()) > LARGEST {
        true => Vec::new(),
        false => capture_diff_slices(Algorithm::Myers, old, new),
    };
    let middle = middle.iter().filter_map(|operation| match operation {
        DiffOp::Equal {
            old_index,
            new_index,
            len,
        } => Some(Shared {
            before: head + old_index,
            after: head + new_index,
            count: *len,
        }),
        _ => None,
    });
    let first = Shared {
        before: 0,
        after: 0,
        count: head,
    };
    let last = Shared {
        before: before.len() - tail,
        after: after.len() - tail,
        count: tail,
    };
    let all = std::iter::once(first).chain(middle).chain([last]);
    all.filter(|shared| shared.count > 0).collect()
}

/// The lines of `after`, from 1, that `before` does not have.
pub fn added(before: &str, after: &str) -> BTreeSet<usize> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut added: BTreeSet<usize> = (1..=new.len()).collect();
    for shared in shared(&old, &new) {
        (shared.after..shared.after + shared.count).for_each(|line| {
            added.remove(&(line + 1));
        });
    }
    added
}

/// One line of a hunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// In both.
    Same(&'a str),
    /// Before alone.
    Gone(&'a str),
    /// After alone.
    New(&'a str),
}

/// Lines that differ, with some around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk<'a> {
    /// The lines before, from 0.
    pub before: Range<usize>,
    /// The lines after, from 0.
    pub after: Range<usize>,
    /// All of it.
    pub lines: Vec<Line<'a>>,
}

/// What differs, with at most `context` shared lines on either side of it.
pub fn hunks<'a>(before: &'a str, after: &'a str, context: usize) -> Vec<Hunk<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let end = Shared {
        before: old.len(),
        after: new.len(),
        count: 0,
    };
    let mut hunks: Vec<Hunk<'a>> = Vec::new();
    let (mut a, mut b) = (0, 0);
    // How many shared lines stand before the next difference; the last hunk takes up to `context` of them.
    let mut between = 0;
    for run in shared(&old, &new).into_iter().chain([end]) {
        if a < run.before || b < run.after {
            let joins = hunks.last().is_some_and(|_| between <= context.saturating_mul(2));
            let lead = if joins { between } else { between.min(context) };
            if !joins {
                close(&mut hunks, &old, context, between);
                hunks.push(Hunk {
                    before: a - lead..a - lead,
                    after: b - lead..b - lead,
                    lines: Vec::new(),
                });
            }
            if let Some(hunk) = hunks.last_mut() {
                hunk.lines.extend(old[a - lead..a].iter().map(|line| Line::Same(line)));
                hunk.lines
                    .extend(old[a..run.before].iter().map(|line| Line::Gone(line)));
                hunk.lines.extend(new[b..run.after].iter().map(|line| Line::New(line)));
                (hunk.before.end, hunk.after.end) = (run.before, run.after);
            }
            between = 0;
        }
        between += run.count;
        (a, b) = (run.before + run.count, run.after + run.count);
    }
    close(&mut hunks, &old, context, between);
    hunks
}

/// Gives the last hunk what of the shared lines behind it is its own.
fn close<'a>(hunks: &mut [Hunk<'a>], old: &[&'a str], context: usize, between: usize) {
    if let Some(hunk) = hunks.last_mut() {
        let tail = between.min(context);
        let end = hunk.before.end;
        hunk.lines
            .extend(old[end..end + tail].iter().map(|line| Line::Same(line)));
        hunk.before.end += tail;
        hunk.after.end += tail;
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
