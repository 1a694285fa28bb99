//! What containers print, as one stream of lines.

use std::pin::Pin;

use futures_util::stream::{BoxStream, Peekable, StreamExt as _, unfold};

use crate::ProviderError;

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
pub struct LogsRequest {
    /// Only these components; all when empty.
    pub components: Vec<String>,
    /// Go on as lines are written.
    pub follow: bool,
    /// Only the last this many of each container.
    pub tail: Option<u32>,
    /// Only from this moment on, in seconds since 1970.
    pub since: Option<i64>,
}

/// One line that a container wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The component.
    pub component: String,
    /// Which of its copies, from 1.
    pub copy: u32,
    /// Whether it was written to standard error; a cluster does not tell.
    pub stderr: bool,
    /// When, as RFC 3339 in UTC with nine digits of a second.
    pub time: String,
    /// What, without the newline; as written, control characters included.
    pub text: String,
}

/// A stream of log lines.
pub type LogLines = BoxStream<'static, Result<LogLine, ProviderError>>;

/// Merges streams that each are in order of time.
pub fn by_time(streams: Vec<LogLines>) -> LogLines {
    let streams: Vec<Peekable<LogLines>> = streams.into_iter().map(futures_util::StreamExt::peekable).collect();
    unfold(streams, |mut streams| async {
        let mut first: Option<(String, usize)> = None;
        for (index, stream) in streams.iter_mut().enumerate() {
            let time = match Pin::new(stream).peek().await {
                Some(Ok(line)) => line.time.clone(),
                Some(Err(_)) => String::new(),
                None => continue,
            };
            first = first.into_iter().chain([(time, index)]).min();
        }
        let line = streams[first?.1].next().await?;
        Some((line, streams))
    })
    .boxed()
}
