//! The journal's lines, whole and torn.

use super::*;

pub(crate) fn opened() -> Opened {
    Opened {
        id: "r1".into(),
        place: "prod/compose".into(),
        command: "apply".into(),
        who: Who {
            user: "ann@build-7".into(),
            run_url: None,
        },
        begun: "2026-11-23T07:45:14Z".into(),
        mlstack_version: "0.1.0".into(),
        stack_digest: "ab".into(),
        plan_id: Some("p1".into()),
        steps: 5,
    }
}

pub(crate) fn intent(step: usize) -> Intent {
    Intent {
        step,
        op: "create".into(),
        kind: "service".into(),
        resource: format!("s{step}"),
        token: format!("r1/{step}"),
        fingerprint: None,
    }
}

fn settled(step: usize, done: bool) -> Settled {
    Settled {
        step,
        done,
        provider_id: done.then(|| "c0ffee".to_owned()),
    }
}

fn sample() -> Vec<Entry> {
    vec![
        Entry::Run(opened()),
        Entry::Begin(intent(1)),
        Entry::End(settled(1, true)),
        Entry::Begin(intent(2)),
        Entry::Begin(intent(3)),
        Entry::End(settled(3, false)),
    ]
}

fn text() -> String {
    sample().iter().map(line).collect()
}

#[test]
fn an_entry_is_a_line_of_json() {
    insta::assert_snapshot!(text(), @r#"
    {"run":{"id":"r1","place":"prod/compose","command":"apply","who":{"user":"ann@build-7","run_url":null},"begun":"2026-11-23T07:45:14Z","mlstack_version":"0.1.0","stack_digest":"ab","plan_id":"p1","steps":5},"sum":"c5c80f7e0b85f619"}
    {"begin":{"step":1,"op":"create","kind":"service","resource":"s1","token":"r1/1","fingerprint":null},"sum":"ac05fe85a883a65d"}
    {"end":{"step":1,"done":true,"provider_id":"c0ffee"},"sum":"b12dddc4b8f52835"}
    {"begin":{"step":2,"op":"create","kind":"service","resource":"s2","token":"r1/2","fingerprint":null},"sum":"5db34b7aea644674"}
    {"begin":{"step":3,"op":"create","kind":"service","resource":"s3","token":"r1/3","fingerprint":null},"sum":"033353b71dae2fde"}
    {"end":{"step":3,"done":false,"provider_id":null},"sum":"f9d6bc20315ae9e3"}
    "#);
    assert_eq!(entries(&text()), sample());
}

#[test]
fn a_journal_cut_off_at_any_byte_gives_the_lines_that_are_whole() {
    let text = text();
    let whole = |end: usize| text[..end].matches('\n').count();
    for end in 0..=text.len() {
        assert_eq!(entries(&text[..end]), sample()[..whole(end)], "the first {end} bytes");
    }
}

#[test]
fn a_changed_byte_ends_the_journal_there() {
    let text = text();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let read = entries(&String::from_utf8_lossy(&bytes));
        let before = text[..at].matches('\n').count();
        assert_eq!(read, sample()[..before], "byte {at}");
    }
}

#[test]
fn what_was_cut_off_is_told() {
    let cut = replay(&text()).unwrap();
    assert_eq!((cut.run.done, cut.run.failed, cut.run.skipped), (1, 1, 2));
    assert_eq!((cut.run.ending, cut.run.ended), (Ending::CutOff, None));
    assert_eq!(cut.open, [intent(2)]);
}

#[test]
fn nothing_is_cut_off_where_no_run_began() {
    assert_eq!(replay(""), None);
    let first = line(&Entry::Run(opened()));
    assert_eq!(replay(&first[..first.len() - 1]), None);
    assert_eq!(replay(&line(&Entry::Begin(intent(1)))), None);
}
