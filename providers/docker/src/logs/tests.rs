use bollard::container::LogOutput;
use futures_util::stream::{self, StreamExt as _};

use mlstack_provider::{LogLine, LogLines, by_time};

use super::{read, whole};

fn line(component: &str, time: &str) -> LogLine {
    LogLine {
        component: component.into(),
        copy: 1,
        stderr: false,
        time: time.into(),
        text: String::new(),
    }
}

fn lines(component: &'static str, times: &'static [&'static str]) -> LogLines {
    stream::iter(times.iter().map(move |time| Ok(line(component, time)))).boxed()
}

#[tokio::test]
async fn lines_of_several_containers_come_in_order_of_time() {
    let streams = vec![lines("a", &["1", "4"]), lines("b", &["2", "3", "5"]), lines("c", &[])];
    let merged: Vec<String> = by_time(streams).map(|line| line.expect("line").time).collect().await;
    assert_eq!(merged, ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_line_is_split_from_its_time() {
    let output = LogOutput::StdErr {
        message: "2026-11-23T07:00:00.000000001Z ready: yes \r\n".into(),
    };
    let read = read(&output, "web", 2);
    assert_eq!((read.component.as_str(), read.copy, read.stderr), ("web", 2, true));
    assert_eq!(
        (read.time.as_str(), read.text.as_str()),
        ("2026-11-23T07:00:00.000000001Z", "ready: yes \r\n")
    );
}

#[test]
fn bytes_that_are_no_text_survive() {
    let output = LogOutput::StdOut {
        message: b"t \xff\n".to_vec().into(),
    };
    assert_eq!(read(&output, "web", 1).text, "\u{fffd}\n");
}

#[tokio::test]
async fn a_line_that_the_engine_cut_is_one_line_again() {
    let frame = |stderr: bool, text: &str| {
        Ok(LogLine {
            stderr,
            text: text.into(),
            ..line("web", "1")
        })
    };
    let frames = vec![
        frame(false, "tok-4f"),
        frame(true, "oops\r\n"),
        frame(false, "1c9\n"),
        frame(false, "\n"),
        frame(false, "no end"),
    ];
    let lines = whole(stream::iter(frames).boxed());
    let texts: Vec<String> = lines.map(|line| line.expect("line").text).collect().await;
    assert_eq!(texts, ["oops", "tok-4f1c9", "", "no end"]);
}
