//! `POST /predict`, and the v1 protocol of KServe and TensorFlow: the same rows, another envelope.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use mlstack_onnx::predict::Prediction;

use super::{Asked, Code, Refusal, body, reply, says_json};
use crate::answer;
use crate::app::App;
use crate::ids::Id;
use crate::listen::Answer;
use crate::log::{Entry, Log};
use crate::metrics::Protocol;
use crate::model::{self, Served};
use crate::rows::{self, Features, Rows};

const MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Time spent, for the `server-timing` header.
pub(super) struct Timing {
    pub(super) read: Duration,
    pub(super) infer: Duration,
}

pub(super) async fn native(app: &Arc<App>, asked: Asked) -> Result<Answer, Refusal> {
    let wanted = wants_probabilities(asked.head.uri.query())?;
    work(app, asked, Protocol::Predict, wanted, rows::read_predict).await
}

pub(super) async fn v1(app: &Arc<App>, model: &str, asked: Asked) -> Result<Answer, Refusal> {
    named(app.served()?, model, None)?;
    work(app, asked, Protocol::V1, false, rows::read_v1).await
}

pub(super) fn v1_status(app: &App, model: &str) -> Result<Answer, Refusal> {
    let served = named(app.served()?, model, None)?;
    Ok(reply::json(&serde_json::json!({
        "model_version_status": [{ "version": served.card.version, "state": "AVAILABLE", "status": { "error_code": "OK", "error_message": "" } }]
    })))
}

/// The model, when it has this name and version.
pub(super) fn named<'a>(
    served: &'a Arc<Served>,
    model: &str,
    version: Option<&str>,
) -> Result<&'a Arc<Served>, Refusal> {
    if served.card.name != model || version.is_some_and(|version| version != served.card.version) {
        return Err(Refusal::new(Code::UnknownModel, "there is no such model or version")
            .hint(format!("the model is `{}`", served.card.name)));
    }
    Ok(served)
}

async fn work(
    app: &Arc<App>,
    asked: Asked,
    protocol: Protocol,
    probabilities: bool,
    read: fn(&Features, &[u8], usize) -> Result<Rows, Refusal>,
) -> Result<Answer, Refusal> {
    let served = app.served()?;
    let _place = app.enter()?;
    if !says_json(&asked.head.headers) {
        return Err(
            Refusal::new(Code::InvalidBody, "the body must be JSON").hint("send content-type: application/json")
        );
    }
    let log = app.log.as_ref().filter(|_| !asked.is_check());
    let body = body::read(asked.body, app.limits.body).await?;
    let rows = read(&served.features, &body, app.limits.rows)?;
    let begun = Instant::now();
    let (predictions, rows) = app
        .compute(served, rows.count, move |served| Ok((served.predict(&rows)?, rows)))
        .await?;
    let timing = Timing {
        read: begun - asked.started,
        infer: begun.elapsed(),
    };
    count(app, rows.count, &timing);
    let text = answer::write(&predictions, rows.form, probabilities.then_some(&served.classes));
    if let Some(log) = log {
        record(
            log,
            served,
            &rows,
            &predictions,
            &asked.id,
            (protocol, asked.started.elapsed()),
        );
    }
    Ok(finish(
        reply::bytes(StatusCode::OK, "application/json", text),
        served,
        &timing,
    ))
}

pub(super) fn count(app: &App, rows: usize, timing: &Timing) {
    app.metrics.inference.observe(timing.infer);
    app.metrics.rows.add(rows as u64);
}

/// The headers that answers with predictions carry.
pub(super) fn finish(mut answer: Answer, served: &Served, timing: &Timing) -> Answer {
    let millis = |took: Duration| took.as_secs_f64() * 1e3;
    let timing = format!(
        "read;dur={:.3}, infer;dur={:.3}",
        millis(timing.read),
        millis(timing.infer)
    );
    let headers = answer.headers_mut();
    headers.insert(MODEL_VERSION, served.version_header.clone());
    headers.insert(
        SERVER_TIMING,
        HeaderValue::from_str(&timing).expect("digits are visible ASCII"),
    );
    answer
}

/// Hands every row to the log.
pub(super) fn record(
    log: &Log,
    served: &Served,
    rows: &Rows,
    done: &[Prediction],
    id: &HeaderValue,
    of: (Protocol, Duration),
) {
    let request_id: Arc<str> = id.to_str().unwrap_or_default().into();
    for (at, prediction) in done.iter().enumerate() {
        log.put(Entry {
            id: Id::new(),
            at: SystemTime::now(),
            features: answer::features(&served.features, rows.row(at)),
            prediction: answer::prediction(prediction),
            probability: model::top_probability(prediction),
            latency_us: i64::try_from(of.1.as_micros()).unwrap_or(i64::MAX),
            source: of.0.name(),
            request_id: Arc::clone(&request_id),
        });
    }
}

/// `?proba=true`; anything else in the query is a mistake that should be seen.
fn wants_probabilities(query: Option<&str>) -> Result<bool, Refusal> {
    let mut wanted = false;
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        wanted = match pair {
            "proba" | "proba=true" | "proba=1" => true,
            "proba=false" | "proba=0" => false,
            _ => return Err(Refusal::new(Code::UnknownField, "the query is not known").hint("only ?proba=true is")),
        };
    }
    Ok(wanted)
}
