use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;

use mlstack_provider::{LogsRequest, by_time};

use super::{lines, options, started};

async fn read(pieces: &[&'static str]) -> Vec<String> {
    let pieces: Vec<_> = pieces
        .iter()
        .map(|piece| Ok(Bytes::from_static(piece.as_bytes())))
        .collect();
    let lines = lines(stream::iter(pieces).boxed(), "api".to_owned(), 1);
    let lines: Vec<_> = lines.try_collect().await.expect("lines");
    lines
        .into_iter()
        .map(|line| format!("{} {} {}|{}", line.component, line.copy, line.time, line.text))
        .collect()
}

#[tokio::test]
async fn lines_are_whole_however_they_come() {
    assert_eq!(
        read(&["2026Z a b\r\n20", "26Z c\n2026Z d"]).await,
        ["api 1 2026Z|a b", "api 1 2026Z|c", "api 1 2026Z|d"]
    );
    assert!(read(&[]).await.is_empty());
}

#[tokio::test]
async fn lines_of_several_pods_stand_by_time() {
    let one = |text: &'static str, name: &str| {
        lines(
            stream::iter([Ok(Bytes::from_static(text.as_bytes()))]).boxed(),
            name.to_owned(),
            1,
        )
    };
    let merged = by_time(vec![one("1Z a\n4Z b\n", "x"), one("2Z c\n3Z d\n", "y")]);
    let texts: Vec<String> = merged.map_ok(|line| line.text).try_collect().await.expect("lines");
    assert_eq!(texts, ["a", "c", "d", "b"]);
}

#[test]
fn only_what_is_wanted_is_asked_for() {
    let request = LogsRequest {
        follow: true,
        tail: Some(20),
        since: Some(0),
        ..LogsRequest::default()
    };
    assert_eq!(
        options(&request),
        "&follow=true&tailLines=20&sinceTime=1970-01-01T00:00:00Z"
    );
    let pod = json!({"status": {"containerStatuses": [
        {"name": "a", "state": {"running": {}}},
        {"name": "b", "state": {"waiting": {"reason": "ContainerCreating"}}},
        {"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}},
    ]}});
    assert_eq!(started(&pod), ["a", "c"]);
}
