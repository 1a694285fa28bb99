//! The remedy of a diagnostic: words for people and, where one edit is the remedy, that edit for editors.

/// A remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help {
    /// What to do, so that it can be pasted.
    pub text: String,
    /// The one edit that does it.
    pub instead: Option<Instead>,
}

/// One edit at the place of a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instead {
    /// The word of the place that is wrong; none when all of it is.
    pub word: Option<String>,
    /// What stands there instead, as written in a stack file.
    pub text: String,
}

impl Help {
    /// `right` instead of the word `wrong`.
    #[must_use]
    pub fn word(self, wrong: impl Into<String>, right: impl Into<String>) -> Self {
        self.with(Some(wrong.into()), right.into())
    }

    /// `right` instead of all that stands there.
    #[must_use]
    pub fn whole(self, right: impl Into<String>) -> Self {
        self.with(None, right.into())
    }

    fn with(self, word: Option<String>, text: String) -> Self {
        let instead = Some(Instead { word, text });
        Self { instead, ..self }
    }

    /// Help that reads "write `x`" and no more is an edit of the word `wrong`.
    #[must_use]
    pub fn if_plain(self, wrong: &str) -> Self {
        let inside = self
            .text
            .strip_prefix("write `")
            .and_then(|rest| rest.strip_suffix('`'));
        match inside.filter(|word| !word.contains('`')).map(str::to_owned) {
            Some(right) => self.word(wrong, right),
            None => self,
        }
    }
}

impl<T: Into<String>> From<T> for Help {
    fn from(text: T) -> Self {
        let (text, instead) = (text.into(), None);
        Self { text, instead }
    }
}
