//! The forms of a body: one row, a list of rows, `{"instances": […]}`; a row is an object or an array.

use std::borrow::Cow;
use std::fmt::Write;

use super::{Cell, Features, Rows};
use crate::http::{Code, Refusal};
use crate::json::Cursor;

/// What was sent, and so what comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// one row: `{"prediction": …}`
    One,
    /// rows: `{"predictions": […]}`
    Many,
}

/// Reads the body of `POST /predict`.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read_predict(features: &Features, body: &[u8], most: usize) -> Result<Rows, Refusal> {
    let mut cursor = Cursor::new(body)?;
    let mut reader = Reader::new(features, most);
    let form = match cursor.peek() {
        b'{' => reader.object_or_instances(&mut cursor)?,
        b'[' => reader.list_or_row(&mut cursor)?,
        _ => return Err(not_rows(&mut cursor)),
    };
    cursor.end()?;
    reader.done(form)
}

/// Reads the body of KServe's and TensorFlow's v1 protocol: `{"instances": […]}` and nothing else.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read_v1(features: &Features, body: &[u8], most: usize) -> Result<Rows, Refusal> {
    let mut cursor = Cursor::new(body)?;
    let mut reader = Reader::new(features, most);
    let mut found = false;
    if cursor.peek() != b'{' {
        return Err(not_rows(&mut cursor));
    }
    cursor.object(|cursor, key| match &*key {
        "instances" if !found => {
            found = true;
            reader.list(cursor, "/instances")
        }
        "signature_name" => Ok(cursor.skip()?),
        _ => Err(
            Refusal::new(Code::UnknownField, "the body has a key that the protocol does not know")
                .at(pointer("", &key)),
        ),
    })?;
    cursor.end()?;
    if !found {
        return Err(Refusal::new(Code::InvalidBody, "the body has no `instances`").at("/instances"));
    }
    reader.done(Form::Many)
}

fn not_rows(cursor: &mut Cursor<'_>) -> Refusal {
    match cursor.skip() {
        Err(syntax) => syntax.into(),
        Ok(()) => Refusal::new(Code::InvalidBody, "the body must be an object or a list of rows").at(""),
    }
}

struct Reader<'f> {
    features: &'f Features,
    cells: Vec<Cell>,
    count: usize,
    most: usize,
}

impl<'f> Reader<'f> {
    fn new(features: &'f Features, most: usize) -> Self {
        Self {
            features,
            cells: Vec::new(),
            count: 0,
            most,
        }
    }

    fn width(&self) -> usize {
        self.features.list().len()
    }

    /// The cell of a feature in the row that is being read.
    fn cell(&mut self, feature: usize) -> &mut Cell {
        let start = self.cells.len() - self.width();
        &mut self.cells[start + feature]
    }

    fn done(self, form: Form) -> Result<Rows, Refusal> {
        if self.count == 0 {
            return Err(Refusal::new(Code::InvalidBody, "there are no rows").at(""));
        }
        Ok(Rows {
            cells: self.cells,
            count: self.count,
            form,
        })
    }

    /// `{"bmi": …}`, or `{"instances": […]}` where no feature has that name.
    fn object_or_instances(&mut self, cursor: &mut Cursor<'_>) -> Result<Form, Refusal> {
        let mut ahead = cursor.clone();
        if self.features.find("instances").is_none() && first_key(&mut ahead).as_deref() == Some("instances") {
            cursor.object(|cursor, key| match &*key {
                "instances" if self.count == 0 => self.list(cursor, "/instances"),
                _ => Err(self.unknown(&key, "")),
            })?;
            return Ok(Form::Many);
        }
        self.named_row(cursor, &At::Top)?;
        Ok(Form::One)
    }

    /// `[{…}, …]`, `[[…], …]`, or `[1, 2, …]`: one row.
    fn list_or_row(&mut self, cursor: &mut Cursor<'_>) -> Result<Form, Refusal> {
        let mut ahead = cursor.clone();
        let mut first = 0;
        let _ = ahead.array(|inner, _| {
            first = inner.peek();
            Err::<(), _>(Refusal::new(Code::InvalidBody, ""))
        });
        if matches!(first, b'{' | b'[' | 0) {
            self.list(cursor, "")?;
            return Ok(Form::Many);
        }
        self.plain_row(cursor, &At::Top)?;
        Ok(Form::One)
    }

    fn list(&mut self, cursor: &mut Cursor<'_>, base: &'static str) -> Result<(), Refusal> {
        if cursor.peek() != b'[' {
            return Err(Refusal::new(Code::InvalidBody, "the rows must be a list").at(base));
        }
        cursor.array(|cursor, at| self.row(cursor, &At::Row(base, at)))?;
        Ok(())
    }

    fn row(&mut self, cursor: &mut Cursor<'_>, at: &At) -> Result<(), Refusal> {
        match cursor.peek() {
            b'{' => self.named_row(cursor, at),
            b'[' => self.plain_row(cursor, at),
            _ => {
                cursor.skip()?;
                Err(Refusal::new(Code::InvalidBody, "a row must be an object or a list of values").at(at.pointer()))
            }
        }
    }

    fn start_row(&mut self, at: &At) -> Result<(), Refusal> {
        if self.count == self.most {
            let rule = format!("a request may have {} rows", self.most);
            return Err(Refusal::new(Code::TooManyRows, rule).at(at.base()));
        }
        self.count += 1;
        self.cells.resize(self.cells.len() + self.width(), Cell::Absent);
        Ok(())
    }

    fn named_row(&mut self, cursor: &mut Cursor<'_>, at: &At) -> Result<(), Refusal> {
        self.start_row(at)?;
        let mut next = 0;
        let mut given = 0;
        cursor.object(|cursor, key| {
            let feature = self
                .which(&key, next)
                .ok_or_else(|| self.unknown(&key, &at.pointer()))?;
            self.put(cursor, feature, at, Some(&key))?;
            next = feature + 1;
            given += 1;
            Ok::<(), Refusal>(())
        })?;
        if given == self.width() { Ok(()) } else { self.fill(at) }
    }

    /// Most clients send the features in order: look there first.
    fn which(&self, key: &str, next: usize) -> Option<usize> {
        match self.features.list().get(next) {
            Some(feature) if feature.name() == key => Some(next),
            _ => self.features.find(key),
        }
    }

    fn plain_row(&mut self, cursor: &mut Cursor<'_>, at: &At) -> Result<(), Refusal> {
        self.start_row(at)?;
        let want = self.width();
        let length = |refused: &str| {
            let rule = format!("a row must have {want} values, in the order of the signature{refused}");
            Refusal::new(Code::WrongLength, rule).at(at.pointer())
        };
        let got = cursor.array(|cursor, feature| {
            if feature == want {
                return Err(length(": there are more"));
            }
            self.put(cursor, feature, at, None)
        })?;
        if got == want {
            Ok(())
        } else {
            Err(length(&format!(": there are {got}")))
        }
    }

    fn put(&mut self, cursor: &mut Cursor<'_>, at: usize, row: &At, key: Option<&str>) -> Result<(), Refusal> {
        let features = self.features;
        let feature = &features.list()[at];
        let place = || match key {
            Some(key) => pointer(&row.pointer(), key),
            None => format!("{}/{at}", row.pointer()),
        };
        let cell = self.cell(at);
        let judged = match cursor.peek() {
            _ if *cell != Cell::Absent => Err(Refusal::new(
                Code::DuplicateField,
                format!("`{}` is given twice", feature.name()),
            )),
            b'{' | b'[' => Err(feature.wrong_type()),
            _ => feature.judge(cursor.scalar()?).map(|value| *cell = value),
        };
        judged.map_err(|refusal| refusal.at(place()).feature(at))
    }

    /// Defaults for what the row did not give.
    fn fill(&mut self, at: &At) -> Result<(), Refusal> {
        let features = self.features.list();
        let mut missing = Vec::new();
        for (place, feature) in features.iter().enumerate() {
            let cell = self.cell(place);
            match feature.absent() {
                _ if *cell != Cell::Absent => {}
                Some(value) => *cell = value,
                None => missing.push(place),
            }
        }
        let Some(&first) = missing.first() else { return Ok(()) };
        let own = &features[first];
        let names: Vec<String> = missing
            .iter()
            .map(|&place| format!("`{}`", features[place].name()))
            .collect();
        let hint = if names.len() > 1 {
            format!("missing: {}", names.join(", "))
        } else {
            own.expected()
        };
        let refusal = Refusal::new(Code::MissingField, format!("`{}` is missing", own.name())).hint(hint);
        Err(refusal.at(pointer(&at.pointer(), own.name())).feature(first))
    }

    fn unknown(&self, key: &str, base: &str) -> Refusal {
        let refusal = Refusal::new(Code::UnknownField, "the model has no such feature").at(pointer(base, key));
        match self.features.nearest(key) {
            Some(near) => refusal.hint(format!("did you mean `{near}`?")),
            None => refusal.hint("GET /signature.json lists the features"),
        }
    }
}

/// The first key of an object.
fn first_key<'a>(ahead: &mut Cursor<'a>) -> Option<Cow<'a, str>> {
    let mut first = None;
    let _ = ahead.object(|_, key| {
        first = Some(key);
        Err::<(), _>(Refusal::new(Code::InvalidBody, ""))
    });
    first
}

/// Where a row stands. Its pointer is only written when something is wrong there.
enum At {
    Top,
    Row(&'static str, usize),
}

impl At {
    fn pointer(&self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Row(base, at) => format!("{base}/{at}"),
        }
    }

    fn base(&self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Row(base, _) => base,
        }
    }
}

/// A JSON pointer (RFC 6901) to `key`; a long key is cut, because it comes from the client.
fn pointer(base: &str, key: &str) -> String {
    let mut out = format!("{base}/");
    for c in key.chars().take(80) {
        match c {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => {
                let _ = out.write_char(c);
            }
        }
    }
    out
}
