//! What is wrong with a condition, in words for whoever wrote it: which word or sign, where, and what stands there
//! instead.
//!
//! Looks at the spelling alone. What it finds nothing wrong with is for the parser to judge, whose own words are about
//! its grammar.

use super::{FIELDS, FUNCTIONS};
use crate::stack::suggest::{nearest, one_of};

/// The most characters of an expression that are shown again.
const SHOWN: usize = 24;
/// What helps where nothing else is known.
const EXAMPLE: &str = "such as `\"@.kind == 'volume' && @.action == 'delete'\"`";

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::stack) struct Wrong {
    /// What is wrong, and at which character of it.
    pub(in crate::stack) label: String,
    /// What to do about it.
    pub(in crate::stack) help: String,
}

impl Wrong {
    /// What is wrong with all of it.
    pub(super) fn whole(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            help: EXAMPLE.to_owned(),
        }
    }

    fn at(column: usize, label: impl AsRef<str>) -> Self {
        Self::whole(format!("character {column}: {}", label.as_ref()))
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        let help = help.into();
        Self { help, ..self }
    }

    /// What is wrong with a word that stands in `text`.
    pub(super) fn of(text: &str, word: &str, label: impl AsRef<str>) -> Self {
        let tokens = tokens(text).unwrap_or_default();
        let found = tokens.iter().find(|token| token.names(word));
        match found {
            Some(token) => Self::at(token.column, label),
            None => Self::whole(label.as_ref()),
        }
    }

    /// What the parser stumbled over, where it says at which character.
    pub(super) fn near(text: &str, at: Option<usize>) -> Self {
        let tokens = tokens(text).unwrap_or_default();
        let Some(at) = at else {
            return Self::whole("this is no condition");
        };
        match tokens.iter().find(|token| token.end() > at + 1) {
            None => Self::whole("something is missing at its end"),
            Some(token) => Self::at(token.column, format!("`{}` cannot stand here", short(token.text))),
        }
    }
}

/// The beginning of a text.
fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Word,
    Number,
    Quoted,
    Sign,
}

/// A word, number, text in quotes or sign of an expression.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    /// Its first character, counted from 1.
    column: usize,
    sort: Sort,
}

impl Token<'_> {
    fn is(&self, sign: &str) -> bool {
        self.sort == Sort::Sign && self.text == sign
    }

    /// The column behind it.
    fn end(&self) -> usize {
        self.column + self.text.chars().count()
    }

    fn names(&self, word: &str) -> bool {
        match self.sort {
            Sort::Word => self.text == word,
            Sort::Quoted => self.text.trim_matches(['\'', '"']) == word,
            Sort::Number | Sort::Sign => false,
        }
    }

    fn compares(&self) -> bool {
        self.sort == Sort::Sign && ["==", "!=", "<", ">", "<=", ">="].contains(&self.text)
    }
}

/// Signs of several characters, the longest first.
const SIGNS: [&str; 11] = ["===", "!==", "==", "!=", "<=", ">=", "<>", "=~", "&&", "||", ".."];

fn tokens(text: &str) -> Result<Vec<Token<'_>>, Wrong> {
    let mut all = Vec::new();
    let (mut rest, mut column) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (length, sort) = match first {
            _ if first.is_whitespace() => (first.len_utf8(), None),
            '\'' | '"' => {
                let label = || Wrong::at(column, format!("the quote `{first}` is not closed"));
                let end = closed(rest, first).ok_or_else(|| label().help(format!("end the text with `{first}`")))?;
                (end, Some(Sort::Quoted))
            }
            _ if first.is_alphabetic() || first == '_' => {
                (run(rest, |c| c.is_alphanumeric() || c == '_'), Some(Sort::Word))
            }
            _ if first.is_ascii_digit() => (run(rest, |c| c.is_ascii_alphanumeric() || c == '.'), Some(Sort::Number)),
            _ => {
                let long = SIGNS.iter().find(|sign| rest.starts_with(*sign));
                (long.map_or(first.len_utf8(), |sign| sign.len()), Some(Sort::Sign))
            }
        };
        let (token, after) = rest.split_at(length);
        all.extend(sort.map(|sort| Token {
            text: token,
            column,
            sort,
        }));
        column += token.chars().count();
        rest = after;
    }
    Ok(all)
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The bytes up to the end of a text in quotes.
fn closed(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map(|(at, _)| at + 1)
}

/// What is wrong with the spelling of a condition; `None` where nothing is.
pub(super) fn misspelt(text: &str) -> Option<Wrong> {
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err(wrong) => return Some(wrong),
    };
    if tokens.is_empty() {
        return Some(Wrong::whole("nothing stands here"));
    }
    let judge = |at: usize| match tokens[at].sort {
        Sort::Sign => sign(&tokens, at),
        Sort::Word => word(&tokens, at),
        Sort::Number | Sort::Quoted => None,
    };
    (0..tokens.len()).find_map(judge).or_else(|| brackets(&tokens))
}

/// A bracket that is not closed, or closes nothing.
fn brackets(tokens: &[Token<'_>]) -> Option<Wrong> {
    let mut open: Vec<&Token<'_>> = Vec::new();
    for token in tokens.iter().filter(|token| token.sort == Sort::Sign) {
        let wanted = match token.text {
            "(" | "[" => {
                open.push(token);
                continue;
            }
            ")" => "(",
            "]" => "[",
            "," if open.is_empty() => {
                return Some(Wrong::at(token.column, "`,` joins nothing").help("write `&&`, or `||`"));
            }
            _ => continue,
        };
        if !open.pop().is_some_and(|last| last.is(wanted)) {
            let label = format!("`{}` closes nothing", token.text);
            return Some(Wrong::at(token.column, label).help("take it away, or open it before"));
        }
    }
    let last = open.pop()?;
    let close = if last.is("(") { ")" } else { "]" };
    let label = format!("`{}` is not closed", last.text);
    Some(Wrong::at(last.column, label).help(format!("write `{close}` where it ends")))
}

fn sign(tokens: &[Token<'_>], at: usize) -> Option<Wrong> {
    let token = &tokens[at];
    let instead = |right: &str| Some(meaningless(token, right));
    match token.text {
        "=" | "===" => instead("=="),
        "!==" | "<>" => instead("!="),
        "&" => instead("&&"),
        "|" => instead("||"),
        "“" | "”" | "‘" | "’" | "`" => instead("'"),
        "=~" => instead("search(@.name, 'PATTERN')"),
        "$" => {
            let label = "a condition looks at one change, not at `$`";
            Some(Wrong::at(token.column, label).help("write `@`, the change"))
        }
        ".." => {
            let label = "`..` would look everywhere";
            Some(Wrong::at(token.column, label).help("name the way, such as `@.after.image`"))
        }
        "@" => {
            let next = tokens.get(at + 1).filter(|next| next.sort == Sort::Word)?;
            let label = format!("`@{}` lacks a dot", short(next.text));
            Some(Wrong::at(token.column, label).help(format!("write `@.{}`", next.text)))
        }
        _ => None,
    }
}

/// "`and` means nothing here", and what does.
fn meaningless(token: &Token<'_>, right: &str) -> Wrong {
    let label = format!("`{}` means nothing here", short(token.text));
    Wrong::at(token.column, label).help(format!("write `{right}`"))
}

fn word(tokens: &[Token<'_>], at: usize) -> Option<Wrong> {
    let (token, text) = (&tokens[at], tokens[at].text);
    let before = at.checked_sub(1).map(|before| &tokens[before]);
    if before.is_some_and(|before| before.is(".") || before.is("@")) {
        return dashed(tokens, at);
    }
    let lower = text.to_lowercase();
    match lower.as_str() {
        "and" => return Some(meaningless(token, "&&")),
        "or" => return Some(meaningless(token, "||")),
        "not" => return Some(meaningless(token, "!")),
        "true" | "false" | "null" if lower == text => return None,
        "true" | "false" | "null" => return Some(meaningless(token, &lower)),
        "none" | "nil" | "undefined" if !before.is_some_and(Token::compares) => {
            return Some(meaningless(token, "null"));
        }
        "in" | "contains" | "like" | "matches" if !is_called(tokens, at) => {
            return Some(meaningless(token, "search(@.name, 'PATTERN')"));
        }
        _ => {}
    }
    if is_called(tokens, at) {
        return function(token);
    }
    if before.is_some_and(Token::compares) {
        let label = format!("`{}` has no quotes", short(text));
        return Some(Wrong::at(token.column, label).help(format!("write `'{text}'`")));
    }
    match nearest(text, FIELDS) {
        Some(field) if field == text => {
            let label = format!("`{text}` has no `@.` before it");
            Some(Wrong::at(token.column, label).help(format!("write `@.{text}`")))
        }
        Some(field) => Some(Wrong::at(token.column, format!("`{text}` means nothing here")).help(meant(field))),
        None => Some(Wrong::at(token.column, format!("`{}` means nothing here", short(text)))),
    }
}

fn meant(field: &str) -> String {
    format!("did you mean `@.{field}`?")
}

fn is_called(tokens: &[Token<'_>], at: usize) -> bool {
    tokens.get(at + 1).is_some_and(|next| next.is("("))
}

fn function(token: &Token<'_>) -> Option<Wrong> {
    if FUNCTIONS.contains(&token.text) {
        return None;
    }
    let help = match nearest(token.text, FUNCTIONS) {
        Some(known) => format!("did you mean `{known}`?"),
        None => one_of(FUNCTIONS),
    };
    let label = format!("there is no function `{}`", short(token.text));
    Some(Wrong::at(token.column, label).help(help))
}

/// `@.after.my-label`: a name with a dash is written in brackets.
fn dashed(tokens: &[Token<'_>], at: usize) -> Option<Wrong> {
    let [name, dash, rest] = tokens.get(at..at + 3)? else {
        return None;
    };
    let adjoin = dash.is("-") && name.end() == dash.column && dash.end() == rest.column;
    if !adjoin || rest.sort == Sort::Sign {
        return None;
    }
    let name = format!("{}-{}", name.text, rest.text);
    let label = format!("`{}` has a dash", short(&name));
    Some(Wrong::at(tokens[at].column, label).help(format!("write `['{name}']`, without the dot before it")))
}
