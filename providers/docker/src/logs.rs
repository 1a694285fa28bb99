//! What the containers of a project wrote, as one stream of lines.
//!
//! Finds containers by label, never by name; never colours or escapes, that is the view's part.

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::stream::{StreamExt as _, select_all, unfold};
use mlstack_provider::{LogLine, LogLines, LogsRequest, ProviderError, by_time};

use crate::labels::{self, Labels as _};
use crate::look::Look;

/// Opens the logs of `project`: by time when they end, as they come when they are followed.
pub(crate) async fn open(look: &Look, project: &str, request: &LogsRequest) -> Result<LogLines, ProviderError> {
    let containers = look.containers(&labels::containers_of(project)).await?;
    let wanted = containers.iter().filter_map(|container| {
        let labels = container.labels.container()?;
        let (component, copy) = (labels.service, labels.number);
        let wanted = request.components.is_empty() || request.components.contains(&component);
        wanted.then_some((container.id.clone()?, component, copy))
    });
    let streams: Vec<LogLines> = wanted
        .map(|(id, component, copy)| one(look, &id, component, copy, request))
        .collect();
    Ok(match request.follow {
        true => select_all(streams).boxed(),
        false => by_time(streams),
    })
}

fn one(look: &Look, id: &str, component: String, copy: u32, request: &LogsRequest) -> LogLines {
    // The engine takes seconds as 32 bits: a moment after 2038 is as late as it can say.
    let since = i32::try_from(request.since.unwrap_or(0)).unwrap_or(i32::MAX);
    let options = LogsOptionsBuilder::default()
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .follow(request.follow)
        .since(since)
        .tail(&request.tail.map_or("all".to_owned(), |tail| tail.to_string()))
        .build();
    let frames = look.logs(id, options);
    let lines = frames.map(move |frame| frame.map(|output| read(&output, &component, copy)));
    whole(lines.boxed())
}

/// The most bytes of one line; a longer one comes in pieces.
const LONGEST_LINE: usize = 1 << 20;

/// The engine cuts long lines into frames; only the last of them ends with a newline. They become one line again, or
/// a secret that a border cuts in two would be found in neither half.
fn whole(frames: LogLines) -> LogLines {
    unfold((frames, Vec::<Frame>::new()), |(mut frames, mut open)| async move {
        loop {
            let Some(frame) = frames.next().await else {
                let left = open.pop()?;
                return Some((Ok(left.line), (frames, open)));
            };
            let frame = match frame {
                Ok(frame) => join(&mut open, frame),
                Err(error) => return Some((Err(error), (frames, open))),
            };
            if frame.ended || frame.line.text.len() >= LONGEST_LINE {
                return Some((Ok(frame.line), (frames, open)));
            }
            open.push(frame);
        }
    })
    .boxed()
}

/// A line as far as it is known.
struct Frame {
    line: LogLine,
    ended: bool,
}

/// The frame behind what is open on the same stream.
fn join(open: &mut Vec<Frame>, line: LogLine) -> Frame {
    let ended = line.text.ends_with('\n');
    let begun = open.iter().position(|frame| frame.line.stderr == line.stderr);
    let mut line = match begun.map(|at| open.remove(at).line) {
        Some(begun) => LogLine {
            text: begun.text + &line.text,
            ..begun
        },
        None => line,
    };
    if ended {
        line.text.truncate(line.text.trim_end_matches(['\n', '\r']).len());
    }
    Frame { line, ended }
}

/// One frame, its newline included.
fn read(output: &LogOutput, component: &str, copy: u32) -> LogLine {
    let text = String::from_utf8_lossy(output.as_ref());
    let (time, text) = text.split_once(' ').unwrap_or(("", &text));
    LogLine {
        component: component.to_owned(),
        copy,
        stderr: matches!(output, LogOutput::StdErr { .. }),
        time: time.to_owned(),
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
