//! Reads JSON straight from a request body, without building a tree.
//!
//! Owns the grammar (RFC 8259) and the depth limit. Never knows what a body means, and never copies a string that has
//! no escape in it. Two things differ from a general parser: numbers stay text, so that the reader of a value decides
//! what fits, and the tokens `NaN`, `Infinity` and `-Infinity`, which Python writes, come out as
//! [`Scalar::NotFinite`], so that the refusal can name the feature.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

/// Arrays and objects inside one another, at most.
pub const MAX_DEPTH: u8 = 32;

/// Where and why a body is no JSON. Holds nothing of the body itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct Syntax {
    /// Bytes from the start of the body.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// A value that is neither array nor object.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number as it was written.
    Number(&'a str),
    /// `NaN`, `Infinity` or `-Infinity`, which JSON does not have.
    NotFinite,
    /// A string with its escapes resolved.
    Text(Cow<'a, str>),
}

/// A place in a body.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

impl<'a> Cursor<'a> {
    /// At the start of `body`.
    ///
    /// # Errors
    /// When the body is not UTF-8.
    pub fn new(body: &'a [u8]) -> Result<Self, Syntax> {
        let text = std::str::from_utf8(body).map_err(|e| Syntax {
            offset: e.valid_up_to(),
            what: "not UTF-8",
        })?;
        Ok(Self { text, at: 0, depth: 0 })
    }

    /// The first byte of the next token; 0 at the end of the body.
    pub fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Calls `each` with every key of an object; `each` must read the value.
    ///
    /// # Errors
    /// When there is no object here, or what `each` returns.
    pub fn object<E: From<Syntax>>(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'{', "expected an object")?;
        let mut more = self.peek() != b'}';
        while more {
            let key = self.string()?;
            self.expect(b':', "expected `:`")?;
            each(self, key)?;
            more = self.separator(b'}', "expected `,` or `}`")?;
        }
        Ok(self.close(b'}')?)
    }

    /// Calls `each` with every index of an array; `each` must read the value. Returns how many there were.
    ///
    /// # Errors
    /// When there is no array here, or what `each` returns.
    pub fn array<E: From<Syntax>>(
        &mut self,
        mut each: impl FnMut(&mut Self, usize) -> Result<(), E>,
    ) -> Result<usize, E> {
        self.open(b'[', "expected an array")?;
        let mut count = 0;
        let mut more = self.peek() != b']';
        while more {
            each(self, count)?;
            count += 1;
            more = self.separator(b']', "expected `,` or `]`")?;
        }
        self.close(b']')?;
        Ok(count)
    }

    /// Reads a value that is neither array nor object.
    ///
    /// # Errors
    /// When there is none here.
    pub fn scalar(&mut self) -> Result<Scalar<'a>, Syntax> {
        match self.peek() {
            b'"' => self.string().map(Scalar::Text),
            b'-' if self.word("-Infinity") => Ok(Scalar::NotFinite),
            b'-' | b'0'..=b'9' => self.number().map(Scalar::Number),
            _ if self.word("true") => Ok(Scalar::Bool(true)),
            _ if self.word("false") => Ok(Scalar::Bool(false)),
            _ if self.word("null") => Ok(Scalar::Null),
            _ if self.word("NaN") || self.word("Infinity") => Ok(Scalar::NotFinite),
            _ => Err(self.wrong("expected a value")),
        }
    }

    /// Reads past a value of any kind.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn skip(&mut self) -> Result<(), Syntax> {
        match self.peek() {
            b'{' => self.object(|cursor, _| cursor.skip()),
            b'[' => self.array(|cursor, _| cursor.skip()).map(|_| ()),
            _ => self.scalar().map(|_| ()),
        }
    }

    /// Nothing may follow the value.
    ///
    /// # Errors
    /// When something does.
    pub fn end(&mut self) -> Result<(), Syntax> {
        self.peek();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.wrong("expected the end of the body"))
        }
    }

    /// Reads a string.
    ///
    /// # Errors
    /// When there is none here.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Syntax> {
        self.expect(b'"', "expected a string")?;
        let start = self.at;
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => return self.escaped(start).map(Cow::Owned),
                Some(0..0x20) => return Err(self.wrong("control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.wrong("string without an end")),
            }
        }
        self.at += 1;
        Ok(Cow::Borrowed(&self.text[start..self.at - 1]))
    }

    fn escaped(&mut self, start: usize) -> Result<String, Syntax> {
        let mut out = self.text[start..self.at].to_owned();
        loop {
            let rest = &self.text[self.at..];
            let Some(stop) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') else {
                return Err(self.wrong("string without an end"));
            };
            out.push_str(&rest[..stop]);
            self.at += stop;
            match rest.as_bytes()[stop] {
                b'"' => break,
                b'\\' => out.push(self.escape()?),
                _ => return Err(self.wrong("control character in a string")),
            }
        }
        self.at += 1;
        Ok(out)
    }

    fn escape(&mut self) -> Result<char, Syntax> {
        let letter = self.text.as_bytes().get(self.at + 1).copied().unwrap_or(0);
        let plain = match letter {
            b'"' | b'\\' | b'/' => letter.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.wrong("unknown escape")),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, Syntax> {
        let first = self.hex4()?;
        if (0xD800..0xDC00).contains(&first) && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            let second = self.hex4()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return char::from_u32(code).ok_or(self.wrong("unknown escape"));
            }
        }
        char::from_u32(first).ok_or(self.wrong("half of a surrogate pair"))
    }

    /// Reads `\uXXXX`.
    fn hex4(&mut self) -> Result<u32, Syntax> {
        let digits = self.text.as_bytes().get(self.at + 2..self.at + 6).unwrap_or_default();
        if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.wrong("unknown escape"));
        }
        self.at += 6;
        let digit = |&b: &u8| (b as char).to_digit(16).unwrap_or(0);
        Ok(digits.iter().fold(0, |code, b| code * 16 + digit(b)))
    }

    fn number(&mut self) -> Result<&'a str, Syntax> {
        let start = self.at;
        self.eat(b"-");
        if !self.eat(b"0") {
            self.digits()?;
        }
        if self.eat(b".") {
            self.digits()?;
        }
        if self.eat(b"eE") {
            self.eat(b"+-");
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), Syntax> {
        let start = self.at;
        while self.eat(b"0123456789") {}
        if self.at > start {
            Ok(())
        } else {
            Err(self.wrong("expected a digit"))
        }
    }

    fn eat(&mut self, any: &[u8]) -> bool {
        let found = self.text.as_bytes().get(self.at).is_some_and(|b| any.contains(b));
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn separator(&mut self, close: u8, what: &'static str) -> Result<bool, Syntax> {
        match self.peek() {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            b if b == close => Ok(false),
            _ => Err(self.wrong(what)),
        }
    }

    fn open(&mut self, bracket: u8, what: &'static str) -> Result<(), Syntax> {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong("nested more than 32 deep"));
        }
        self.expect(bracket, what)?;
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self, bracket: u8) -> Result<(), Syntax> {
        self.depth -= 1;
        self.expect(bracket, "expected a closing bracket")
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Syntax> {
        if self.peek() != byte {
            return Err(self.wrong(what));
        }
        self.at += 1;
        Ok(())
    }

    fn wrong(&self, what: &'static str) -> Syntax {
        Syntax { offset: self.at, what }
    }
}
