//! Text: `StringNormalizer`, `Tokenizer` (com.microsoft, for word patterns), `TfIdfVectorizer`.

use crate::error::Fault;
use crate::ops::{Call, Entry, Operator, Outputs, Spec, one, wrong_type};
use crate::tensor::{Data, Tensor};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::onnx("StringNormalizer", string_normalizer),
    Entry::onnx("TfIdfVectorizer", tf_idf),
    Entry {
        domain: "com.microsoft",
        name: "Tokenizer",
        build: tokenizer,
    },
];

fn string_normalizer(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let change: fn(&str) -> String = match spec.attributes.text("case_change_action")?.unwrap_or("NONE") {
        "LOWER" => str::to_lowercase,
        "UPPER" => str::to_uppercase,
        "NONE" => str::to_owned,
        other => return Err(Fault::new(format!("case change '{other}' is not known"))),
    };
    let exact = spec.attributes.flag("is_case_sensitive");
    let fold = move |word: &str| if exact { word.to_owned() } else { word.to_lowercase() };
    let stop: BTreeSet<String> = spec.attributes.texts("stopwords")?.iter().map(|w| fold(w)).collect();
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let words = x.view::<String>().ok_or_else(|| wrong_type(x))?;
        if stop.is_empty() {
            return one(x.shape().to_vec(), words.iter().map(|w| change(w)).collect());
        }
        let mut kept: Vec<String> = words
            .iter()
            .filter(|w| !stop.contains(&fold(w)))
            .map(|w| change(w))
            .collect();
        if kept.is_empty() {
            kept.push(String::new());
        }
        match x.shape() {
            [1, _] => one(vec![1, kept.len()], kept),
            [_] => one(vec![kept.len()], kept),
            _ => Err(Fault::new("stop words work on one row only")),
        }
    }))
}

/// Splits by separators, or into runs of word characters.
enum Cut {
    Separators(Vec<String>),
    /// Runs of ASCII letters, digits and `_`, at least this long.
    Words(usize),
    Letters,
}

/// The patterns that converters write.
fn word_pattern(pattern: &str) -> Option<Cut> {
    Some(match pattern {
        "[a-zA-Z0-9_]+" | "\\w+" => Cut::Words(1),
        "[a-zA-Z0-9_][a-zA-Z0-9_]+" | "\\w\\w+" | "(?u)\\b\\w\\w+\\b" | "\\b\\w\\w+\\b" | "[a-zA-Z0-9_]{2,}" => {
            Cut::Words(2)
        }
        "." => Cut::Letters,
        _ => return None,
    })
}

fn tokenizer(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let pattern = spec.attributes.text("tokenexp")?;
    let cut = match pattern {
        Some(pattern) => word_pattern(pattern)
            .ok_or_else(|| Fault::new(format!("only word patterns are supported, not '{pattern}'")))?,
        None => Cut::Separators(
            spec.attributes
                .texts("separators")?
                .into_iter()
                .filter(|s| !s.is_empty())
                .collect(),
        ),
    };
    if spec.attributes.flag("mark") {
        return Err(Fault::new("marks at start and end are not supported"));
    }
    let pad = spec.attributes.text("pad_value")?.unwrap_or("#").to_owned();
    let least = usize::try_from(spec.attributes.int("mincharnum").unwrap_or(1)).unwrap_or(1);
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let rows: Vec<Vec<&str>> = x
            .view::<String>()
            .ok_or_else(|| wrong_type(x))?
            .iter()
            .map(|t| cut.tokens(t, least))
            .collect();
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut shape = x.shape().to_vec();
        shape.push(width);
        let mut all = Vec::with_capacity(call.room(&shape)?);
        for row in rows {
            let missing = width - row.len();
            all.extend(row.into_iter().map(str::to_owned));
            all.extend(std::iter::repeat_n(pad.clone(), missing));
        }
        one(shape, all)
    }))
}

impl Cut {
    fn tokens<'a>(&self, text: &'a str, least: usize) -> Vec<&'a str> {
        let long = |n: usize, word: &&str| word.chars().count() >= n.max(1);
        match self {
            Self::Words(n) => {
                let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
                words.filter(|w| long(least.max(*n), w)).collect()
            }
            Self::Letters => text.char_indices().map(|(i, c)| &text[i..i + c.len_utf8()]).collect(),
            Self::Separators(separators) => {
                let mut parts = vec![text];
                for separator in separators {
                    parts = parts.into_iter().flat_map(|p| p.split(separator.as_str())).collect();
                }
                parts.into_iter().filter(|w| long(least, w)).collect()
            }
        }
    }
}

/// How counts become weights.
#[derive(Clone, Copy)]
enum Weighting {
    Count,
    Presence,
    Weighted,
}

/// Counts of the n-grams of a vocabulary.
struct Vocabulary {
    /// From n-gram to the column it is counted in.
    columns: BTreeMap<Vec<String>, usize>,
    /// The weight of each column.
    weights: Vec<f32>,
    width: usize,
    shortest: usize,
    longest: usize,
    skips: usize,
    weighting: Weighting,
}

/// No vocabulary has more columns, and no n-gram more words or skips.
const COLUMNS: usize = 1 << 24;
const LENGTH: usize = 64;

fn tf_idf(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let a = &spec.attributes;
    let number = |name: &str| {
        let n = usize::try_from(a.int(name).unwrap_or(0)).ok().filter(|&n| n <= LENGTH);
        n.ok_or_else(|| Fault::new(format!("{name} is out of range")))
    };
    let weighting = match a.text("mode")?.unwrap_or("TF") {
        "TF" => Weighting::Count,
        "IDF" => Weighting::Presence,
        "TFIDF" => Weighting::Weighted,
        other => return Err(Fault::new(format!("mode '{other}' is not known"))),
    };
    let indexes = columns(a.ints("ngram_indexes"))?;
    let width = indexes.iter().max().map_or(0, |&m| m + 1);
    let given = a.floats("weights");
    let mut weights = vec![1.0; width];
    if !given.is_empty() {
        if given.len() != indexes.len() {
            return Err(Fault::new(format!(
                "{} weights for {} n-grams",
                given.len(),
                indexes.len()
            )));
        }
        indexes.iter().zip(given).for_each(|(&i, &w)| weights[i] = w);
    }
    let vocabulary = Vocabulary {
        columns: grams(&pool(spec)?, a.ints("ngram_counts"), &indexes)?,
        weights,
        width,
        shortest: number("min_gram_length")?.max(1),
        longest: number("max_gram_length")?,
        skips: number("max_skip_count")?,
        weighting,
    };
    Ok(Operator::new(move |call| vocabulary.run(call)))
}

fn columns(indexes: &[i64]) -> Result<Vec<usize>, Fault> {
    let column = |&i: &i64| usize::try_from(i).ok().filter(|&i| i < COLUMNS);
    indexes
        .iter()
        .map(|i| column(i).ok_or_else(|| Fault::new(format!("column {i} is out of range"))))
        .collect()
}

/// The words of all n-grams, integers as their digits.
fn pool(spec: &Spec<'_>) -> Result<Vec<String>, Fault> {
    let texts = spec.attributes.texts("pool_strings")?;
    Ok(if texts.is_empty() {
        spec.attributes.ints("pool_int64s").iter().map(i64::to_string).collect()
    } else {
        texts
    })
}

/// The pool cut into n-grams: those of one word start at `starts[0]`, those of two at `starts[1]`, …
fn grams(pool: &[String], starts: &[i64], indexes: &[usize]) -> Result<BTreeMap<Vec<String>, usize>, Fault> {
    let mut all = BTreeMap::new();
    let mut next = indexes.iter();
    let start = |i: usize| match starts.get(i) {
        Some(&s) => usize::try_from(s).ok().filter(|&s| s <= pool.len()),
        None => Some(pool.len()),
    };
    for n in 0..starts.len() {
        let bad = || Fault::new("ngram_counts is out of range");
        let (from, to) = (start(n).ok_or_else(bad)?, start(n + 1).ok_or_else(bad)?);
        let words = pool.get(from..to).ok_or_else(bad)?;
        for gram in words.chunks_exact(n + 1) {
            let column = *next
                .next()
                .ok_or_else(|| Fault::new("there are fewer columns than n-grams"))?;
            all.insert(gram.to_vec(), column);
        }
    }
    Ok(all)
}

impl Vocabulary {
    fn run(&self, call: &Call<'_>) -> Result<Outputs, Fault> {
        let x = call.input(0)?;
        let words = words(x)?;
        let (rows, length) = match x.shape() {
            [n] => (1, *n),
            [rows, n] => (*rows, *n),
            other => return Err(Fault::new(format!("it does not work on shape {other:?}"))),
        };
        let mut shape = x.shape().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.width;
        }
        let mut counts = vec![0.0_f32; call.room(&[rows, self.width])?];
        if self.width > 0 && length > 0 {
            words
                .chunks_exact(length)
                .zip(counts.chunks_exact_mut(self.width))
                .for_each(|(w, c)| self.count(w, c));
        }
        one(shape, counts)
    }

    fn count(&self, words: &[String], counts: &mut [f32]) {
        for n in self.shortest..=self.longest {
            // One word has no gaps; longer n-grams are counted once for each width of the gaps.
            let gaps = if n == 1 { 0 } else { self.skips };
            (1..=gaps + 1).for_each(|step| self.count_grams(words, n, step, counts));
        }
        for (count, weight) in counts.iter_mut().zip(&self.weights) {
            *count = match self.weighting {
                Weighting::Count => *count,
                Weighting::Presence => {
                    if *count > 0.0 {
                        *weight
                    } else {
                        0.0
                    }
                }
                Weighting::Weighted => *count * weight,
            };
        }
    }

    fn count_grams(&self, words: &[String], n: usize, step: usize, counts: &mut [f32]) {
        let span = (n - 1) * step + 1;
        for window in words.windows(span) {
            let gram: Vec<String> = window.iter().step_by(step).cloned().collect();
            if let Some(&column) = self.columns.get(&gram) {
                counts[column] += 1.0;
            }
        }
    }
}

fn words(x: &Tensor) -> Result<Vec<String>, Fault> {
    match x.data() {
        Data::Text(v) => Ok(v.clone()),
        Data::I64(v) => Ok(v.iter().map(i64::to_string).collect()),
        _ => Err(wrong_type(x)),
    }
}
