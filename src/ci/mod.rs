//! Workflows that plan, comment, apply and look for drift on GitHub and GitLab.
//!
//! Owns what is in those files and how one of ours is known again. Every value that comes from outside is [`Plain`]
//! before it is put in, so that it can end neither a quotation nor a line. Pure: returns files and never touches a disk.

mod github;
mod gitlab;
mod seal;

pub use github::{Settings as GitHub, github};
pub use gitlab::{Settings as GitLab, gitlab};
pub use seal::{State, sealed, state};

/// A text that means itself wherever it is put: in YAML, in a shell, in an expression of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain(String);

/// Why a text is not [`Plain`].
#[derive(Debug, thiserror::Error)]
#[error("{what} `{text}` must consist of letters, digits and {LINKS}, a letter, digit, _ or . first, without `..`")]
pub struct NotPlain {
    what: &'static str,
    text: String,
}

/// What may stand between letters and digits.
const LINKS: &str = "._/:-";

impl Plain {
    /// `text`, which is `what`.
    ///
    /// # Errors
    /// When another character is in it.
    pub fn new(what: &'static str, text: impl Into<String>) -> Result<Self, NotPlain> {
        let text = text.into();
        let fits = text.chars().all(|c| c.is_ascii_alphanumeric() || LINKS.contains(c));
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "_.".contains(c));
        if fits && begins && !text.contains("..") {
            Ok(Self(text))
        } else {
            Err(NotPlain { what, text })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something of somebody else by its content: `NAME@DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned(String);

/// Why a text is not [`Pinned`].
#[derive(Debug, thiserror::Error)]
#[error("`{text}` must be {form}, in small hexadecimal digits")]
pub struct NotPinned {
    text: String,
    form: &'static str,
}

impl Pinned {
    /// An action: `OWNER/REPOSITORY@COMMIT`.
    ///
    /// # Errors
    /// When it is named by a tag or branch, which may mean something else tomorrow.
    pub fn action(text: &str) -> Result<Self, NotPinned> {
        Self::new(text, "@", 40, "OWNER/REPOSITORY@ and the 40 digits of a commit")
    }

    /// A container image: `NAME@sha256:DIGEST`.
    ///
    /// # Errors
    /// When it is named by a tag alone.
    pub fn image(text: &str) -> Result<Self, NotPinned> {
        Self::new(
            text,
            "@sha256:",
            64,
            "an image by its digest, NAME@sha256: and 64 digits",
        )
    }

    fn new(text: &str, sign: &str, digits: usize, form: &'static str) -> Result<Self, NotPinned> {
        let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        match text.split_once(sign) {
            Some((name, digest))
                if Plain::new("name", name).is_ok() && digest.len() == digits && digest.chars().all(is_hex) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NotPinned {
                text: text.into(),
                form,
            }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// When drift is looked for: the five fields of cron, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron(String);

/// Why a text is not [`Cron`].
#[derive(Debug, thiserror::Error)]
#[error("`{0}` must be five fields of numbers, `*`, `/`, `,` and `-`, such as `17 5 * * *`")]
pub struct NotCron(String);

impl Cron {
    /// The fields of `text`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn new(text: &str) -> Result<Self, NotCron> {
        let fits = text.chars().all(|c| c.is_ascii_digit() || " */,-".contains(c));
        if fits && text.split(' ').filter(|field| !field.is_empty()).count() == 5 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotCron(text.to_owned()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An environment of the stack file that is applied and watched.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its name; `None` for the stack as the file says it without one.
    pub name: Option<Plain>,
    /// What the service calls it, where credentials and reviewers are kept.
    pub shown: Plain,
    /// Variables that secrets of the stack file come from.
    pub secrets: Vec<Plain>,
}

/// `text` with each `@NAME@` replaced.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("@{name}@"), value)
    })
}

#[cfg(test)]
mod tests;
