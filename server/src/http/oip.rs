//! The Open Inference Protocol v2 over REST: tensors in, tensors out.
//!
//! Inputs are the model's own tensors, or one tensor for each feature: then the signature's rules hold for every
//! value. Outputs keep the names of the model file, and the order in which they were asked for.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use mlstack_onnx::{Data, Dimension, ElementType, Port, Tensor};
use serde_json::{Value, json};

use super::predict::{self, Timing, named};
use super::route::Route;
use super::{Asked, Code, Refusal, body, reply, says_json};
use crate::app::App;
use crate::json::{Cursor, Scalar};
use crate::listen::Answer;
use crate::metrics::Protocol;
use crate::model::{Served, Wrong};
use crate::rows::{self, Rows};

/// The pages without a body.
pub(super) fn page(app: &App, route: Route<'_>) -> Result<Answer, Refusal> {
    match route {
        Route::OipServer => Ok(reply::json(&json!({
            "name": "mlstack-server", "version": env!("CARGO_PKG_VERSION"), "extensions": [],
        }))),
        Route::OipLive => Ok(reply::json(&json!({ "live": true }))),
        Route::OipReady => health(app.ready().is_ok(), json!({ "ready": app.ready().is_ok() })),
        Route::OipModelReady(model, version) => {
            let ready = app.ready().and_then(|served| named(served, model, version).map(|_| ()));
            match ready {
                Err(refusal) if refusal.code == Code::UnknownModel => Err(refusal),
                ready => health(ready.is_ok(), json!({ "name": model, "ready": ready.is_ok() })),
            }
        }
        Route::OipModel(model, version) => {
            let served = named(app.served()?, model, version)?;
            Ok(reply::json(&metadata(served)))
        }
        _ => Err(Refusal::new(Code::NotFound, "there is no such page")),
    }
}

fn health(ready: bool, body: Value) -> Result<Answer, Refusal> {
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok(reply::bytes(status, "application/json", body.to_string()))
}

fn metadata(served: &Served) -> Value {
    let ports = |ports: &[Port]| -> Vec<Value> {
        ports
            .iter()
            .map(|p| json!({ "name": p.name, "datatype": word(p.element), "shape": shape(p) }))
            .collect()
    };
    json!({
        "name": served.card.name, "versions": [served.card.version], "platform": "onnx",
        "inputs": ports(served.engine().inputs()), "outputs": ports(served.engine().outputs()),
    })
}

/// `POST …/infer`
pub(super) async fn infer(app: &Arc<App>, model: &str, version: Option<&str>, asked: Asked) -> Result<Answer, Refusal> {
    let served = named(app.served()?, model, version)?;
    let _place = app.enter()?;
    if !says_json(&asked.head.headers) {
        return Err(Refusal::new(Code::InvalidBody, "the body must be JSON").hint("binary tensors are not supported"));
    }
    let body = body::read(asked.body, app.limits.body).await?;
    let call = Call::read(served, &body, app.limits.rows)?;
    let begun = Instant::now();
    let (given, wanted) = (call.given, call.outputs);
    let rows = given.rows();
    let (outputs, given) = app
        .compute(served, rows, move |served| {
            let outputs = match &given {
                Given::Columns(rows) => run_columns(served, rows)?,
                Given::Tensors(tensors, _) => served.engine().run(tensors)?,
            };
            Ok((outputs, given))
        })
        .await?;
    let timing = Timing {
        read: begun - asked.started,
        infer: begun.elapsed(),
    };
    predict::count(app, rows, &timing);
    let text = write(served, call.id.as_deref(), &outputs, &wanted);
    if let (Some(log), Given::Columns(rows)) = (&app.log, &given)
        && let Ok(done) = served.engine().read(outputs, rows.count)
    {
        predict::record(
            log,
            served,
            rows,
            &done,
            &asked.id,
            (Protocol::Oip, asked.started.elapsed()),
        );
    }
    Ok(predict::finish(
        reply::bytes(StatusCode::OK, "application/json", text),
        served,
        &timing,
    ))
}

/// One run for all rows: the outputs of several cannot be put together without knowing what they mean.
fn run_columns(served: &Served, rows: &Rows) -> Result<Vec<Tensor>, Wrong> {
    match served.engine().pack(rows)?.as_slice() {
        [(inputs, _)] => served.engine().run(inputs),
        other => Err(Wrong(format!(
            "the model takes {} rows at a time",
            rows.count / other.len().max(1)
        ))),
    }
}

/// The protocol's word for what a tensor holds.
fn word(element: ElementType) -> &'static str {
    match element {
        ElementType::F32 => "FP32",
        ElementType::F64 => "FP64",
        ElementType::I64 => "INT64",
        ElementType::Bool => "BOOL",
        ElementType::Text => "BYTES",
    }
}

/// Sizes, -1 for any.
fn shape(port: &Port) -> Vec<i64> {
    let size = |d: &Dimension| match d {
        Dimension::Fixed(size) => i64::try_from(*size).unwrap_or(i64::MAX),
        Dimension::Any => -1,
    };
    port.shape.iter().flatten().map(size).collect()
}

/// What a request gives to the model.
enum Given {
    /// one tensor for each feature
    Columns(Rows),
    /// the model's own inputs, and their rows
    Tensors(Vec<Tensor>, usize),
}

impl Given {
    fn rows(&self) -> usize {
        match self {
            Self::Columns(rows) => rows.count,
            Self::Tensors(_, rows) => *rows,
        }
    }
}

/// A request, read.
struct Call {
    id: Option<String>,
    given: Given,
    /// places of the wanted outputs, in order
    outputs: Vec<usize>,
}

/// An input as it stands in the body: its data are read when its type is known.
struct Raw<'a> {
    name: Cow<'a, str>,
    kind: Cow<'a, str>,
    shape: Vec<usize>,
    data: Cursor<'a>,
}

impl Call {
    fn read(served: &Served, body: &[u8], most: usize) -> Result<Self, Refusal> {
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
    let mut filler = rows::Filler::new(&served.features);
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

fn limit(rows: usize, most: usize, place: &str) -> Result<(), Refusal> {
    if rows > most {
        return Err(
            Refusal::new(Code::TooManyRows, format!("a request may have {most} rows")).at(format!("{place}/shape")),
        );
    }
    Ok(())
}

fn wrong_count(place: &str, want: usize) -> Refusal {
    Refusal::new(Code::WrongLength, format!("the shape asks for {want} values")).at(format!("{place}/data"))
}

/// One of the model's own tensors.
fn tensor(port: &Port, input: &Raw<'_>, at: usize, most: usize) -> Result<Tensor, Refusal> {
    let place = format!("/inputs/{at}");
    let fits = port.shape.as_ref().is_none_or(|shape| {
        let fits = |(want, got): (&Dimension, &usize)| *want == Dimension::Any || *want == Dimension::Fixed(*got);
        shape.len() == input.shape.len() && shape.iter().zip(&input.shape).all(fits)
    });
    if !fits {
        return Err(
            Refusal::new(Code::WrongLength, format!("`{}` takes another shape", port.name))
                .at(format!("{place}/shape"))
                .hint(format!("{:?}, where -1 is any", shape(port))),
        );
    }
    limit(input.shape.first().copied().unwrap_or(1), most, &place)?;
    let kind = Datatype::of(&input.kind)
        .filter(|kind| kind.goes_into(port.element))
        .ok_or_else(|| {
            Refusal::new(Code::WrongType, format!("`{}` takes {}", port.name, word(port.element)))
                .at(format!("{place}/datatype"))
        })?;
    let want = input
        .shape
        .iter()
        .try_fold(1_usize, |all, &size| all.checked_mul(size))
        .ok_or_else(|| wrong_count(&place, usize::MAX))?;
    let mut data = empty(port.element);
    each(&mut input.data.clone(), &place, &mut |scalar, place| {
        let at = data.len();
        if at == want {
            return Err(wrong_count(place, want));
        }
        push(&mut data, scalar, kind).ok_or_else(|| {
            Refusal::new(Code::WrongType, format!("a value is no {}", kind.name)).at(format!("{place}/data/{at}"))
        })
    })?;
    if data.len() != want {
        return Err(wrong_count(&place, want));
    }
    Tensor::from_data(input.shape.clone(), data).map_err(|_| wrong_count(&place, want))
}

/// Every value of flat or nested data, in order.
fn each<'a>(
    cursor: &mut Cursor<'a>,
    place: &str,
    take: &mut impl FnMut(Scalar<'a>, &str) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    match cursor.peek() {
        b'[' => cursor.array(|cursor, _| each(cursor, place, take)).map(|_| ()),
        b'{' => Err(Refusal::new(Code::WrongType, "`data` must hold plain values").at(format!("{place}/data"))),
        _ => take(cursor.scalar()?, place),
    }
}

/// A data type of the protocol.
#[derive(Debug, Clone, Copy)]
struct Datatype {
    name: &'static str,
    /// Bounds of a whole number.
    whole: Option<(i64, i64)>,
    element: ElementType,
}

impl Datatype {
    fn of(name: &str) -> Option<Self> {
        let float = |name, element| Self {
            name,
            whole: None,
            element,
        };
        let whole = |name, low, high| Self {
            name,
            whole: Some((low, high)),
            element: ElementType::I64,
        };
        Some(match name {
            "FP32" => float("FP32", ElementType::F32),
            "FP64" => float("FP64", ElementType::F64),
            "BOOL" => float("BOOL", ElementType::Bool),
            "BYTES" => float("BYTES", ElementType::Text),
            "INT64" => whole("INT64", i64::MIN, i64::MAX),
            "INT32" => whole("INT32", i32::MIN.into(), i32::MAX.into()),
            "INT16" => whole("INT16", i16::MIN.into(), i16::MAX.into()),
            "INT8" => whole("INT8", i8::MIN.into(), i8::MAX.into()),
            "UINT64" => whole("UINT64", 0, i64::MAX),
            "UINT32" => whole("UINT32", 0, u32::MAX.into()),
            "UINT16" => whole("UINT16", 0, u16::MAX.into()),
            "UINT8" => whole("UINT8", 0, u8::MAX.into()),
            _ => return None,
        })
    }

    /// Numbers go into floats, whole numbers into whole numbers, the rest only into its own kind.
    fn goes_into(self, element: ElementType) -> bool {
        let number = matches!(self.element, ElementType::F32 | ElementType::F64 | ElementType::I64);
        self.element == element || (number && matches!(element, ElementType::F32 | ElementType::F64))
    }
}

fn empty(element: ElementType) -> Data {
    match element {
        ElementType::F32 => Data::F32(Vec::new()),
        ElementType::F64 => Data::F64(Vec::new()),
        ElementType::I64 => Data::I64(Vec::new()),
        ElementType::Bool => Data::Bool(Vec::new()),
        ElementType::Text => Data::Text(Vec::new()),
    }
}

/// None when the value is not of the kind, or does not fit.
fn push(data: &mut Data, scalar: Scalar<'_>, kind: Datatype) -> Option<()> {
    let number = |text: &str| match kind.whole {
        Some(bounds) => whole(text, bounds).map(|v| v as f64),
        None => text.parse::<f64>().ok(),
    };
    match (data, scalar) {
        (Data::F32(all), Scalar::Number(text)) => all.push(number(text).map(|v| v as f32).filter(|v| v.is_finite())?),
        (Data::F64(all), Scalar::Number(text)) => all.push(number(text).filter(|v| v.is_finite())?),
        (Data::I64(all), Scalar::Number(text)) => all.push(whole(text, kind.whole?)?),
        (Data::Bool(all), Scalar::Bool(value)) => all.push(value),
        (Data::Text(all), Scalar::Text(text)) => all.push(text.into_owned()),
        _ => return None,
    }
    Some(())
}

fn whole(text: &str, (low, high): (i64, i64)) -> Option<i64> {
    text.parse().ok().filter(|v| (low..=high).contains(v))
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

fn write(served: &Served, id: Option<&str>, outputs: &[Tensor], wanted: &[usize]) -> String {
    let list: Vec<Value> = wanted
        .iter()
        .map(|&at| output(&served.engine().outputs()[at].name, &outputs[at]))
        .collect();
    let mut body = json!({ "model_name": served.card.name, "model_version": served.card.version });
    if let Some(id) = id {
        body["id"] = id.into();
    }
    body["outputs"] = list.into();
    body.to_string()
}

fn output(name: &str, tensor: &Tensor) -> Value {
    let data = match tensor.data() {
        // through text, so that a float32 keeps its own shortest form
        Data::F32(v) => v
            .iter()
            .map(|v| serde_json::from_str(&v.to_string()).unwrap_or(Value::Null))
            .collect(),
        Data::F64(v) => json!(v),
        Data::I64(v) => json!(v),
        Data::Bool(v) => json!(v),
        Data::Text(v) => json!(v),
    };
    json!({ "name": name, "datatype": word(tensor.element()), "shape": tensor.shape(), "data": data })
}
