//! "Did you mean": the known word nearest to a mistyped one.

use crate::diag::Help;

/// The known word nearest to `word`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let most = (folded.len().max(3) / 3).min(3);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", or the whole list when nothing is near.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Help {
    match nearest(word, known.clone()) {
        Some(candidate) => meant(word, candidate),
        None => one_of(known).into(),
    }
}

/// "did you mean `candidate`?", instead of `word`.
pub(crate) fn meant(word: &str, candidate: &str) -> Help {
    Help::from(format!("did you mean `{candidate}`?")).word(word, candidate)
}

/// "one of `a`, `b`, `c`".
pub(crate) fn one_of<'a>(known: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = known.into_iter().take(12).map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => "there are none".to_owned(),
        [one] => format!("there is only {one}"),
        _ => format!("one of {}", words.join(", ")),
    }
}

/// A noun with its article.
pub(crate) fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {noun}")
}

/// Spelling that people mix up: case, hyphens, underscores.
fn fold(word: &str) -> String {
    word.chars()
        .take(64)
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests;
