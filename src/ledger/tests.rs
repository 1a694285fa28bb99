//! The ledger's format, file and lock.

use serde_json::json;

use super::clock::rfc3339;
use super::*;

fn service(name: &str, image: &str) -> Resource {
    Resource {
        address: Address::new("service", name),
        spec: json!({"image": image, "environment": {"B": "2", "A": "1"}}),
        depends_on: vec![Address::new("network", "default")],
        source: Some(mlstack_provider::Source {
            file: "mlstack.yaml".into(),
            line: 7,
            column: 3,
        }),
        protected: false,
    }
}

fn run(id: &str, place: &str) -> Run {
    Run {
        id: id.into(),
        place: place.into(),
        command: "up".into(),
        who: Some(Who {
            user: "ann@build-7".into(),
            run_url: Some("https://ci.example/7".into()),
        }),
        begun: "2026-11-23T07:45:14Z".into(),
        ended: Some("2026-11-23T07:45:20Z".into()),
        mlstack_version: "0.1.0".into(),
        stack_digest: "ab".repeat(32),
        plan_id: Some("7d0f0d9e-7c1f-4f53-9be2-3c2b1f6a5e44".into()),
        done: 4,
        failed: 1,
        skipped: 2,
        ending: Ending::Failed,
        revision: None,
    }
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::new("0b6e6c9e-4a52-4d7c-8a39-0d8f6f0d9f10");
    ledger.mark_used("7d0f0d9e-7c1f-4f53-9be2-3c2b1f6a5e44", "2026-11-23T07:45:14Z");
    ledger.record(run("one", "prod/compose"));
    ledger.record(Run {
        who: None,
        ended: None,
        plan_id: None,
        ending: Ending::CutOff,
        ..run("two", "compose")
    });
    let number = ledger.revise(
        "compose",
        "2026-11-23T07:45:20Z",
        &"ab".repeat(32),
        &[service("api", "api:1")],
    );
    ledger.protect("compose", [Address::new("volume", "db")]);
    ledger.time("compose", &Address::new("service", "db"), Some(7));
    ledger.record(Run {
        ending: Ending::Done,
        revision: Some(number),
        ..run("three", "compose")
    });
    ledger
}

#[test]
fn version_3_reads_and_writes_as_ever() {
    let golden = include_str!("../../tests/formats/ledger/v3.json");
    assert_eq!(to_text(&ledger()), golden);
    assert_eq!(to_text(&from_text(golden).unwrap()), golden);
}

#[test]
fn version_2_did_not_know_how_long_changes_took() {
    let mut now = ledger();
    now.time("compose", &Address::new("service", "db"), None);
    assert_eq!(
        from_text(include_str!("../../tests/formats/ledger/v2.json")).unwrap(),
        now
    );
}

#[test]
fn version_1_is_upgraded() {
    let upgraded = from_text(include_str!("../../tests/formats/ledger/v1.json")).unwrap();
    assert_eq!(from_text(&to_text(&upgraded)).unwrap(), upgraded);
    assert!(upgraded.used("7d0f0d9e-7c1f-4f53-9be2-3c2b1f6a5e44").is_some());
    let told: Vec<_> = upgraded
        .runs
        .iter()
        .map(|run| (run.place.as_str(), run.ending, run.done, run.who.is_none()))
        .collect();
    assert_eq!(
        told,
        [
            ("compose", Ending::Failed, 4, true),
            ("prod/compose", Ending::Failed, 4, true)
        ]
    );
}

#[test]
fn good_revisions_are_counted_and_bounded() {
    let mut ledger = Ledger::new("one");
    assert!(ledger.revisions("compose").is_empty());
    for image in 1..=8 {
        let wanted = [service("api", &format!("api:{image}"))];
        assert_eq!(ledger.revise("compose", "now", "digest", &wanted), image);
        let moved = [Resource {
            source: None,
            ..wanted[0].clone()
        }];
        assert_eq!(
            ledger.revise("compose", "later", "digest", &moved),
            image,
            "only lines moved"
        );
    }
    let numbers: Vec<u64> = ledger.revisions("compose").iter().map(|r| r.number).collect();
    assert_eq!(numbers, [4, 5, 6, 7, 8]);
    assert_eq!(ledger.revise("prod/compose", "now", "digest", &[]), 1);
}

#[test]
fn runs_are_bounded_and_a_run_is_there_once() {
    let mut ledger = Ledger::new("one");
    for id in 0..60 {
        ledger.record(run(&id.to_string(), "compose"));
    }
    ledger.record(run("30", "compose"));
    assert_eq!(ledger.runs.len(), MOST_RUNS);
    assert_eq!(ledger.runs.last().unwrap().id, "30");
}

#[test]
fn used_plans_are_bounded() {
    let mut ledger = Ledger::new("one");
    for id in 0..1100 {
        ledger.mark_used(&id.to_string(), &rfc3339(id));
    }
    assert_eq!(ledger.used_plans.len(), 1000);
    assert!(ledger.used("99").is_none() && ledger.used("100").is_some());
}

#[test]
fn what_holds_data_stays_protected_until_it_is_lost_with_leave() {
    let mut ledger = ledger();
    let volume = Address::new("volume", "db");
    assert!(ledger.protected("compose").contains(&volume) && ledger.protected("prod/compose").is_empty());
    ledger.unprotect("compose", &volume);
    assert!(ledger.protected("compose").is_empty());
}

#[test]
fn a_newer_ledger_is_refused_with_advice() {
    let error = from_text(r#"{"version": 3, "more": []}"#).unwrap_err();
    insta::assert_snapshot!(error, @"it is damaged: move it away; only the history of applies is lost");
}

#[test]
fn no_torn_ledger_is_read() {
    let text = to_text(&ledger());
    for end in 0..text.len() - 2 {
        assert!(from_text(&text[..end]).is_err(), "the first {end} bytes");
    }
}

#[test]
fn ids_are_random_and_look_like_uuids() {
    let (one, other) = (new_id().unwrap(), new_id().unwrap());
    assert_ne!(one, other);
    assert_eq!((one.len(), &one[14..15], one.matches('-').count()), (36, "4", 4));
}

#[test]
fn times_are_dates() {
    let cases = [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (1_709_210_096, "2024-02-29T12:34:56Z"),
        (4_102_444_800, "2100-01-01T00:00:00Z"),
    ];
    for (seconds, text) in cases {
        assert_eq!(rfc3339(seconds), text);
    }
}

#[test]
fn what_a_later_run_took_down_does_not_stand() {
    let mut ledger = Ledger::new("one");
    assert!(ledger.standing("compose").is_empty());
    let good = [service("api", "api:1")];
    let number = ledger.revise("compose", "2026-11-23T07:45:20Z", "ab", &good);
    let ended = |id: &str, begun: &str, revision| Run {
        begun: begun.into(),
        revision,
        ..run(id, "compose")
    };
    ledger.record(ended("apply", "2026-11-23T07:45:14Z", Some(number)));
    assert_eq!(ledger.standing("compose").len(), 1);
    ledger.record(ended("elsewhere", "2026-11-23T07:46:00Z", None));
    ledger.runs.last_mut().unwrap().place = "prod/compose".into();
    assert_eq!(ledger.standing("compose").len(), 1, "another place is another place");
    ledger.record(ended("destroy", "2026-11-23T07:47:00Z", None));
    assert!(ledger.standing("compose").is_empty());
    assert_eq!(ledger.revisions("compose").len(), 1, "the way back is kept");
    ledger.revise("compose", "2026-11-23T07:48:00Z", "ab", &[service("api", "api:2")]);
    assert_eq!(ledger.standing("compose").len(), 1, "seen to run without a run of ours");
}
