//! Rows of features out of a request body, judged by the signature while they are read.
//!
//! Owns every rule about what a value may be. Never builds a tree of the body, never knows how the model takes its
//! input, and no refusal holds a value: only the place, the feature and the rule.

mod feature;
mod fill;
mod read;
#[cfg(test)]
mod tests;

pub use feature::{Cell, Feature};
pub use fill::Filler;
pub use read::{Form, read_predict, read_v1};

/// The rows of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// row-major, a cell for each feature in the order of the signature
    pub cells: Vec<Cell>,
    /// how many rows
    pub count: usize,
    /// what was sent
    pub form: Form,
}

impl Rows {
    /// No rows.
    pub fn empty() -> Self {
        Self {
            cells: Vec::new(),
            count: 0,
            form: Form::Many,
        }
    }

    /// One row's cells.
    pub fn row(&self, at: usize) -> &[Cell] {
        let width = self.cells.len() / self.count.max(1);
        &self.cells[at * width..(at + 1) * width]
    }
}

/// The features of a model, in the order of its signature, and how to find them by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    list: Vec<Feature>,
    /// Every name a feature answers to, sorted: its own, and the form with `_` for what an identifier cannot hold.
    names: Vec<(String, usize)>,
}

impl Features {
    /// Makes the table of names.
    pub fn new(list: Vec<Feature>) -> Self {
        let mut names: Vec<(String, usize)> = list
            .iter()
            .enumerate()
            .map(|(at, f)| (f.name().to_owned(), at))
            .collect();
        let plain: Vec<_> = list
            .iter()
            .enumerate()
            .map(|(at, f)| (identifier(f.name()), at))
            .collect();
        for (name, at) in &plain {
            let taken = plain.iter().any(|(other, its)| other == name && its != at);
            if !taken && !names.iter().any(|(known, _)| known == name) {
                names.push((name.clone(), *at));
            }
        }
        names.sort();
        Self { list, names }
    }

    /// In the order of the signature.
    pub fn list(&self) -> &[Feature] {
        &self.list
    }

    /// The place of a feature.
    pub fn find(&self, name: &str) -> Option<usize> {
        let at = self
            .names
            .binary_search_by(|(known, _)| known.as_str().cmp(name))
            .ok()?;
        Some(self.names[at].1)
    }

    /// The feature whose name is a slip or two away from this one.
    fn nearest(&self, name: &str) -> Option<&str> {
        let slips = |known: &str| strsim::osa_distance(known, name);
        let best = self.list.iter().map(Feature::name).min_by_key(|known| slips(known))?;
        (slips(best) <= (best.chars().count() / 3).max(1)).then_some(best)
    }
}

/// `mean radius (cm)` → `mean_radius_cm`
fn identifier(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}
