//! The body of an inference request: which tensors it holds, and which it asks for.

use std::borrow::Cow;

use mlstack_onnx::{Data, Port, Tensor};

use super::data::{each, limit, tensor, wrong_count};
use super::{Code, Refusal};
use crate::json::{Cursor, Scalar};
use crate::model::Served;
use crate::rows::{Cell, Filler, Form, Rows};

/// What a request gives to the model.
pub(super) enum Given {
    /// one tensor for each feature
    Columns(Rows),
    /// the model's own inputs, and their rows
    Tensors(Vec<Tensor>, usize),
}

impl Given {
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Columns(rows) => rows.count,
            Self::Tensors(_, rows) => *rows,
        }
    }
}

impl Given {
    /// The rows by feature, for the log; none where tensors and features do not go one to one.
    pub(super) fn features(&self, served: &Served) -> Option<Cow<'_, Rows>> {
        let (tensor, count) = match self {
            Self::Columns(rows) => return Some(Cow::Borrowed(rows)),
            Self::Tensors(tensors, count) => (tensors.first().filter(|_| tensors.len() == 1)?, *count),
        };
        let cells: Vec<Cell> = match tensor.data() {
            Data::F32(v) => v.iter().map(|&v| Cell::Float(f64::from(v))).collect(),
            Data::F64(v) => v.iter().map(|&v| Cell::Float(v)).collect(),
            Data::I64(v) => v.iter().map(|&v| Cell::Int(v)).collect(),
            Data::Bool(v) => v.iter().map(|&v| Cell::Bool(v)).collect(),
            Data::Text(v) => v.iter().map(|v| Cell::Text(v.clone())).collect(),
        };
        let fits = cells.len() == count * served.features.list().len();
        let rows = Rows {
            cells,
            count,
            form: Form::Many,
        };
        fits.then_some(Cow::Owned(rows))
    }
}

/// A request, read.
pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) given: Given,
    /// places of the wanted outputs, in order
    pub(super) outputs: Vec<usize>,
}

/// An input as it stands in the body: its data are read when its type is known.
pub(super) struct Raw<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) kind: Cow<'a, str>,
    pub(super) shape: Vec<usize>,
    pub(super) data: Cursor<'a>,
}

impl Call {
    pub(super) fn read(served: &Served, body: &[u8], most: usize) -> Result<Self, Refusal> {
        let mut cursor = Cursor::new(body)?;
        let (mut id, mut inputs, mut outputs) = (None, None, None);
        expect(&mut cursor, b'{', "", "the body must be an object")?;
        cursor.object(|cursor, key| {
            match &*key {
                "id" => id = Some(text(cursor, "/id")?.into_owned()),
                "inputs" => inputs = Some(raw_inputs(cursor)?),
                "outputs" => outputs = Some(wanted(cursor, served.engine().outputs())?),
                "parameters" => cursor.skip()?,
                _ => {
                    return Err(Refusal::new(
                        Code::UnknownField,
                        "the body has a key that the protocol does not know",
                    ));
                }
            }
            Ok(())
        })?;
        cursor.end()?;
        let inputs =
            inputs.ok_or_else(|| Refusal::new(Code::MissingField, "the body has no `inputs`").at("/inputs"))?;
        let all = || (0..served.engine().outputs().len()).collect();
        let outputs = outputs.filter(|list: &Vec<usize>| !list.is_empty()).unwrap_or_else(all);
        Ok(Self {
            id,
            given: given(served, &inputs, most)?,
            outputs,
        })
    }
}

/// `[{"name": …}, …]` as places in the model's outputs.
fn wanted(cursor: &mut Cursor<'_>, ports: &[Port]) -> Result<Vec<usize>, Refusal> {
    let mut list = Vec::new();
    expect(cursor, b'[', "/outputs", "`outputs` must be a list")?;
    cursor.array(|cursor, at| {
        let place = format!("/outputs/{at}");
        expect(cursor, b'{', &place, "an output must be an object")?;
        let mut found = None;
        cursor.object(|cursor, key| match &*key {
            "name" => {
                let name = text(cursor, &format!("{place}/name"))?;
                let unknown = || Refusal::new(Code::UnknownField, "the model has no such output").at(&place);
                found = Some(ports.iter().position(|port| port.name == name).ok_or_else(unknown)?);
                Ok(())
            }
            _ => Ok::<(), Refusal>(cursor.skip()?),
        })?;
        list.push(found.ok_or_else(|| Refusal::new(Code::MissingField, "the output has no name").at(&place))?);
        Ok::<(), Refusal>(())
    })?;
    Ok(list)
}

fn raw_inputs<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Raw<'a>>, Refusal> {
    let mut list = Vec::new();
    expect(cursor, b'[', "/inputs", "`inputs` must be a list")?;
    cursor.array(|cursor, at| {
        list.push(raw_input(cursor, at)?);
        Ok::<(), Refusal>(())
    })?;
    Ok(list)
}

fn raw_input<'a>(cursor: &mut Cursor<'a>, at: usize) -> Result<Raw<'a>, Refusal> {
    let place = format!("/inputs/{at}");
    let (mut name, mut kind, mut shape, mut data) = (None, None, None, None);
    expect(cursor, b'{', &place, "an input must be an object")?;
    cursor.object(|cursor, key| {
        match &*key {
            "name" => name = Some(text(cursor, &format!("{place}/name"))?),
            "datatype" => kind = Some(text(cursor, &format!("{place}/datatype"))?),
            "shape" => shape = Some(sizes(cursor, &place)?),
            "data" => {
                data = Some(cursor.clone());
                cursor.skip()?;
            }
            "parameters" => cursor.skip()?,
            _ => {
                return Err(Refusal::new(
                    Code::UnknownField,
                    "the input has a key that the protocol does not know",
                )
                .at(&place));
            }
        }
        Ok(())
    })?;
    let missing = |what: &str| {
        Refusal::new(Code::MissingField, format!("the input has no `{what}`")).at(format!("{place}/{what}"))
    };
    Ok(Raw {
        name: name.ok_or_else(|| missing("name"))?,
        kind: kind.ok_or_else(|| missing("datatype"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
        data: data.ok_or_else(|| missing("data"))?,
    })
}

fn sizes(cursor: &mut Cursor<'_>, place: &str) -> Result<Vec<usize>, Refusal> {
    let mut list = Vec::new();
    let place = format!("{place}/shape");
    expect(cursor, b'[', &place, "`shape` must be a list")?;
    cursor.array(|cursor, _| {
        let size = match cursor.scalar()? {
            Scalar::Number(text) => text.parse().ok(),
            _ => None,
        };
        list.push(size.ok_or_else(|| Refusal::new(Code::WrongType, "a size must be a whole number").at(&place))?);
        Ok::<(), Refusal>(())
    })?;
    Ok(list)
}

/// The model's own tensors where the names are those, else one tensor a feature.
fn given(served: &Served, inputs: &[Raw<'_>], most: usize) -> Result<Given, Refusal> {
    let ports = served.engine().inputs();
    let own = inputs
        .iter()
        .any(|input| ports.iter().any(|port| port.name == input.name));
    if !own && inputs.iter().all(|input| served.features.find(&input.name).is_some()) && !inputs.is_empty() {
        return columns(served, inputs, most).map(Given::Columns);
    }
    let mut tensors = Vec::with_capacity(ports.len());
    for port in ports {
        let mut found = inputs.iter().enumerate().filter(|(_, input)| input.name == port.name);
        let (at, input) = found.next().ok_or_else(|| {
            Refusal::new(Code::MissingField, format!("the input `{}` is missing", port.name)).at("/inputs")
        })?;
        tensors.push(tensor(port, input, at, most)?);
    }
    if inputs.len() != ports.len() {
        return Err(Refusal::new(Code::UnknownField, "the model takes other inputs")
            .at("/inputs")
            .hint(names(ports)));
    }
    let rows = tensors
        .first()
        .and_then(|t: &Tensor| t.shape().first())
        .copied()
        .unwrap_or(1);
    Ok(Given::Tensors(tensors, rows))
}

fn names(ports: &[Port]) -> String {
    let names: Vec<String> = ports.iter().map(|port| format!("`{}`", port.name)).collect();
    format!("the model takes {}", names.join(", "))
}

/// Rows of features from columns, by the rules of the signature.
fn columns(served: &Served, inputs: &[Raw<'_>], most: usize) -> Result<Rows, Refusal> {
    let mut filler = Filler::new(&served.features);
    for (at, input) in inputs.iter().enumerate() {
        let place = format!("/inputs/{at}");
        let column = matches!(input.shape.as_slice(), [_] | [_, 1]);
        let rows = input.shape.first().copied().unwrap_or(0);
        if !column || rows == 0 {
            return Err(
                Refusal::new(Code::WrongLength, "a feature's shape must be [rows] or [rows, 1]")
                    .at(format!("{place}/shape")),
            );
        }
        limit(rows, most, &place)?;
        let feature = served.features.find(&input.name).unwrap_or(0);
        filler.start(feature, rows).map_err(|refusal| refusal.at(&place))?;
        let mut count = 0;
        each(&mut input.data.clone(), &place, &mut |scalar, place| {
            count += 1;
            if count > rows {
                return Err(wrong_count(place, rows));
            }
            filler
                .put(scalar)
                .map_err(|refusal| refusal.at(format!("{place}/data/{}", count - 1)))
        })?;
        if count != rows {
            return Err(wrong_count(&place, rows));
        }
    }
    filler.done().map_err(|refusal| refusal.at("/inputs"))
}

fn expect(cursor: &mut Cursor<'_>, bracket: u8, place: &str, rule: &str) -> Result<(), Refusal> {
    if cursor.peek() == bracket {
        return Ok(());
    }
    cursor.skip()?;
    Err(Refusal::new(Code::InvalidBody, rule).at(place))
}

fn text<'a>(cursor: &mut Cursor<'a>, place: &str) -> Result<Cow<'a, str>, Refusal> {
    match cursor.peek() {
        b'"' => Ok(cursor.string()?),
        _ => {
            cursor.skip()?;
            Err(Refusal::new(Code::WrongType, "must be a string").at(place))
        }
    }
}
