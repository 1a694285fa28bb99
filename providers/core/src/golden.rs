//! Golden requests: what a new version must answer before it takes over, how often it is asked, and whether its answers
//! are the expected ones and fast enough.
//!
//! Owns the comparison and the words of a refusal, which are the same on every target. How a request gets to a version
//! is the provider's part: it hands over a function, and this module does no I/O of its own.

use std::time::{Duration as Time, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Duration, ErrorKind, ProviderError};

/// How often a request is measured when its time has a bound; the one before them, which warms up, does not count.
const MEASURED: u32 = 40;
/// Time after which a request is not asked again, however often it should be.
const ENOUGH: Time = Time::from_secs(10);
/// The most characters of an answer or a request that are shown.
const SHOWN: usize = 200;

/// Time that one answer may take.
pub const PATIENCE: Time = Time::from_secs(5);
/// The most bytes of an answer that are read.
pub const ANSWER_LIMIT: u64 = 1 << 20;

/// `x-mlstack.checks` of a spec: requests whose answers are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// The port in the container.
    pub port: u16,
    /// The path they are posted to.
    pub path: String,
    /// The requests, in the order of the stack file.
    pub requests: Vec<Check>,
}

/// One request and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The request's body.
    pub request: Value,
    /// The answer's `prediction`.
    pub prediction: Value,
    /// How far a number may be off.
    pub within: f64,
    /// The slowest acceptable 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<Duration>,
}

/// What came of asking one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// The HTTP status of the last answer; 0 when there was none.
    pub status: u16,
    /// The body of the last answer.
    pub body: String,
    /// How long each answer took, in microseconds.
    pub micros: Vec<u64>,
    /// Why there was no answer.
    #[serde(default)]
    pub error: Option<String>,
}

impl Answer {
    /// None, and why.
    pub fn none(why: impl Into<String>) -> Self {
        Self {
            error: Some(why.into()),
            ..Self::default()
        }
    }
}

/// What a request is answered once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// How long it took, in microseconds, where the one who answers measured it himself.
    pub micros: Option<u64>,
}

/// How often a request is asked.
pub fn times(check: &Check) -> u32 {
    if check.p95.is_some() { MEASURED + 1 } else { 1 }
}

/// Asks a request as often as its judge needs; `once` asks it once, within [`PATIENCE`], or says why it has no answer.
pub async fn ask<F>(check: &Check, mut once: impl FnMut() -> F) -> Answer
where
    F: Future<Output = Result<Reply, String>>,
{
    let (begun, mut answer) = (Instant::now(), Answer::default());
    for _ in 0..times(check) {
        let asked = Instant::now();
        let reply = once().await;
        let took = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
        match reply {
            Ok(reply) => {
                answer.micros.push(reply.micros.unwrap_or(took));
                (answer.status, answer.body) = (reply.status, reply.body);
            }
            Err(why) => {
                answer.micros.push(took);
                answer.error = Some(why);
            }
        }
        if answer.error.is_some() || answer.status != 200 || begun.elapsed() >= ENOUGH {
            break;
        }
    }
    answer
}

/// Judges the answers, one a request.
///
/// # Errors
/// The first that is missing, wrong or late.
pub fn judge(checks: &Checks, answers: &[Answer]) -> Result<(), ProviderError> {
    let missing = Answer::none("it was not asked");
    let answers = answers.iter().chain(std::iter::repeat(&missing));
    let mut each = checks.requests.iter().zip(answers).enumerate();
    each.try_for_each(|(index, (check, answer))| judge_one(index, check, answer))
}

fn judge_one(index: usize, check: &Check, answer: &Answer) -> Result<(), ProviderError> {
    let asked = shortened(&check.request.to_string());
    if let Some(error) = &answer.error {
        return Err(refused(
            "does not answer its checks:",
            &format!("checks[{index}]: {error}; asked {asked}"),
        )
        .hint("see that it listens on its port, and answers POST /predict"));
    }
    let got = prediction(answer).ok_or_else(|| {
        let body = shortened(answer.body.trim());
        let cause = format!("checks[{index}]: status {}: {body}; asked {asked}", answer.status);
        refused("does not answer its checks:", &cause)
            .hint(format!("mend checks[{index}].request, or what makes it refuse"))
    })?;
    if !agrees(&got, &check.prediction, check.within) {
        let (expected, within) = (&check.prediction, check.within);
        let got = shortened(&got.to_string());
        let cause = format!("checks[{index}]: expected {expected} within {within}, got {got}; asked {asked}");
        return Err(refused("gives a wrong answer:", &cause).hint(format!(
            "if {got} is right, write it as checks[{index}].expect.prediction"
        )));
    }
    judge_time(index, check, answer)
}

fn judge_time(index: usize, check: &Check, answer: &Answer) -> Result<(), ProviderError> {
    let (Some(bound), Some(took)) = (check.p95, p95(answer)) else {
        return Ok(());
    };
    if took <= bound {
        return Ok(());
    }
    let count = answer.micros.len().saturating_sub(1).max(1);
    let cause = format!("checks[{index}]: p95 is {took} over {count} answers, and may be {bound}");
    Err(refused("answers too slowly:", &cause)
        .hint(format!("give it more resources.cpu, or raise checks[{index}].p95")))
}

fn refused(action: &str, cause: &str) -> ProviderError {
    ProviderError::new(ErrorKind::NotReady, action).because(cause.to_owned())
}

/// What a good answer says: `prediction`, or `predictions` for several rows.
fn prediction(answer: &Answer) -> Option<Value> {
    let mut body: Value = serde_json::from_str(&answer.body)
        .ok()
        .filter(|_| answer.status == 200)?;
    let fields = body.as_object_mut()?;
    fields.remove("prediction").or_else(|| fields.remove("predictions"))
}

/// Whether an answer is the expected one; numbers may be off by `within` and by the rounding of float32.
fn agrees(got: &Value, expected: &Value, within: f64) -> bool {
    match (got, expected) {
        (Value::Number(got), Value::Number(expected)) => match (got.as_f64(), expected.as_f64()) {
            (Some(got), Some(expected)) => (got - expected).abs() <= within + 1e-6 * expected.abs().max(1.0),
            _ => got == expected,
        },
        (Value::Array(got), Value::Array(expected)) => {
            let mut pairs = got.iter().zip(expected);
            got.len() == expected.len() && pairs.all(|(got, expected)| agrees(got, expected, within))
        }
        (Value::Object(got), Value::Object(expected)) => {
            let known =
                |(key, expected): (&String, &Value)| got.get(key).is_some_and(|got| agrees(got, expected, within));
            got.len() == expected.len() && expected.iter().all(known)
        }
        _ => got == expected,
    }
}

/// The 95th percentile by nearest rank, without the first answer where there are more.
fn p95(answer: &Answer) -> Option<Duration> {
    let (_, rest) = answer.micros.split_first()?;
    let mut measured = if rest.is_empty() {
        answer.micros.clone()
    } else {
        rest.to_vec()
    };
    measured.sort_unstable();
    let rank = (measured.len() * 95).div_ceil(100);
    Some(Duration(measured[rank - 1]))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
