//! What the containers of a stack wrote, as one stream of lines.
//!
//! Finds pods by label, never by name; never colours or escapes, that is the view's part. A cluster keeps standard output
//! and standard error as one.

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _, select_all, unfold};
use k8s_openapi::jiff::Timestamp;
use mlstack_provider::{LogLine, LogLines, LogsRequest, ProviderError, Value, by_time};

use crate::look::Look;
use crate::observe::text;
use crate::status;

/// The most bytes of one line; a longer one comes in pieces.
const LONGEST_LINE: usize = 1 << 20;

/// Opens the logs of `stack`: by time when they end, as they come when they are followed.
pub(crate) async fn open(look: &Look, stack: &str, request: &LogsRequest) -> Result<LogLines, ProviderError> {
    let mut streams = Vec::new();
    for (component, copy, pod) in status::pods(look, stack).await? {
        if !request.components.is_empty() && !request.components.contains(&component) {
            continue;
        }
        for container in started(&pod) {
            let query = format!("container={container}&timestamps=true{}", options(request));
            let pieces = look.log(text(&pod["metadata"]["name"]), &query).await?;
            streams.push(lines(pieces.boxed(), component.clone(), copy));
        }
    }
    Ok(match request.follow {
        true => select_all(streams).boxed(),
        false => by_time(streams),
    })
}

fn options(request: &LogsRequest) -> String {
    let follow = if request.follow { "&follow=true" } else { "" };
    let tail = request
        .tail
        .map(|tail| format!("&tailLines={tail}"))
        .unwrap_or_default();
    let since = request.since.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let since = since.map(|since| format!("&sinceTime={since}")).unwrap_or_default();
    format!("{follow}{tail}{since}")
}

/// The containers of a pod that have a log.
fn started(pod: &Value) -> Vec<&str> {
    let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let has_log =
        |status: &&Value| status["state"]["waiting"].is_null() || status["lastState"]["terminated"].is_object();
    statuses.filter(has_log).map(|status| text(&status["name"])).collect()
}

type Pieces = BoxStream<'static, Result<Bytes, ProviderError>>;

/// Lines out of pieces.
fn lines(pieces: Pieces, component: String, copy: u32) -> LogLines {
    let begin = (pieces, Vec::<u8>::new(), (component, copy));
    unfold(begin, |(mut pieces, mut open, whose)| async move {
        loop {
            if let Some(end) = open
                .iter()
                .position(|byte| *byte == b'\n')
                .or((open.len() >= LONGEST_LINE).then_some(LONGEST_LINE))
            {
                let rest = open.split_off((end + 1).min(open.len()));
                let line = read(&open, &whose);
                return Some((Ok(line), (pieces, rest, whose)));
            }
            match pieces.next().await {
                Some(Ok(piece)) => open.extend_from_slice(&piece),
                Some(Err(error)) => return Some((Err(error), (pieces, open, whose))),
                None if open.is_empty() => return None,
                None => {
                    let line = read(&open, &whose);
                    return Some((Ok(line), (pieces, Vec::new(), whose)));
                }
            }
        }
    })
    .boxed()
}

fn read(line: &[u8], (component, copy): &(String, u32)) -> LogLine {
    let line = String::from_utf8_lossy(line);
    let (time, text) = line.split_once(' ').unwrap_or(("", &line));
    LogLine {
        component: component.clone(),
        copy: *copy,
        stderr: false,
        time: time.to_owned(),
        text: text.trim_end_matches(['\n', '\r']).to_owned(),
    }
}

#[cfg(test)]
mod tests;
