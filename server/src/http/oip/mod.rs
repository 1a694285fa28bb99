//! The Open Inference Protocol v2 over REST: tensors in, tensors out.
//!
//! Inputs are the model's own tensors, or one tensor for each feature: then the signature's rules hold for every
//! value. Outputs keep the names of the model file, and the order in which they were asked for.

mod call;
mod data;

use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use mlstack_onnx::{Data, Dimension, ElementType, Port, Tensor};
use serde_json::{Value, json};

use super::predict::{self, Timing, named};
use super::route::Route;
use super::{Asked, Code, Refusal, body, reply, says_json};
use crate::app::App;
use crate::listen::Answer;
use crate::metrics::Protocol;
use crate::model::{Served, Wrong};
use crate::rows::Rows;
use call::{Call, Given};

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
    let is_check = asked.is_check();
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
    if !is_check
        && let Some(log) = &app.log
        && let Some(rows) = given.features(served)
        && let Ok(done) = served.engine().read(outputs, rows.count)
    {
        let of = (Protocol::Oip, asked.started.elapsed());
        predict::record(log, served, &rows, &done, &asked.id, of);
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
