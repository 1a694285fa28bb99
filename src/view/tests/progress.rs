//! What is shown while a plan is carried out.

use std::time::Duration;

use mlstack_provider::{ErrorKind, ProviderError};

use super::*;
use crate::apply::{Event, Outcome};

#[test]
fn events_are_lines() {
    let plan = sample();
    let error = ProviderError::new(ErrorKind::NotReady, "did not become ready").because("exit code 1\n\u{1b}[31m");
    let (node, took) = (&plan.nodes[0], Duration::from_millis(1240));
    let events = [
        Event::Started { node },
        Event::Progress {
            node,
            message: "pulling 34 %\r",
        },
        Event::Done { node, took },
        Event::Failed {
            node,
            error: &error,
            took,
        },
        Event::Skipped {
            node,
            because: Some(&plan.nodes[1]),
        },
        Event::Skipped { node, because: None },
    ];
    let lines: Vec<String> = events.iter().map(|event| event_line(event, PLAIN)).collect();
    assert_snapshot!(lines.join("\n"), @r"
      service/artifacts is being brought back: exited (137): out of memory
      service/artifacts pulling 34 %\r
    ✓ service/artifacts brought back in 1.2 s
    ✗ service/artifacts did not become ready: exit code 1\n\u{1b}[31m after 1.2 s
    - service/artifacts skipped: service/cache failed
    - service/artifacts skipped: interrupted
    ");
}

/// One step in each state.
fn states(plan: &Plan) -> std::collections::BTreeMap<usize, StepState> {
    let took = Duration::from_millis(1240);
    let said = |said: &str| StepState::Running {
        said: said.into(),
        elapsed: Duration::from_secs(12),
    };
    let all = [
        StepState::Done { took },
        said("waiting for health\u{1b}[2J"),
        StepState::Failed { took },
        said(""),
    ];
    plan.nodes.iter().map(|node| node.id).zip(all).collect()
}

#[test]
fn a_tree_has_a_line_for_each_step() {
    let plan = sample();
    let at = |width| tree(&plan, &states(&plan), 1, 24, Style { width, ..PLAIN });
    assert_snapshot!(at(80), @r"
    ✓ service/artifacts    brought back in 1.2 s
    ⢸ service/cache        waiting for health\u{1b}[2J, 12 s
    ✗ service/db           failed after 1.2 s
    ⢸   service/predictor  being created, 12 s
    · service/web          waits
    ");
    assert_snapshot!(at(120), @r"
    ✓ service/artifacts    brought back in 1.2 s
    ⢸ service/cache        waiting for health\u{1b}[2J, 12 s
    ✗ service/db           failed after 1.2 s
    ⢸   service/predictor  being created, 12 s
    · service/web          waits
    ");
    assert_snapshot!(at(40), @"
    ✓ service/artifacts    brought …in 1.2 s
    ⢸ service/cache        waiting …2J, 12 s
    ✗ service/db           failed a…er 1.2 s
    ⢸   service/predictor  being cr…ed, 12 s
    · service/web          waits
    ");
    let painted = tree(&plan, &states(&plan), 1, 24, Style { color: true, ..PLAIN });
    assert!(painted.contains("\u{1b}[32m✓\u{1b}[0m"));
}

#[test]
fn a_tree_that_is_too_tall_shows_what_runs() {
    let plan = sample();
    assert_snapshot!(tree(&plan, &states(&plan), 2, 4, PLAIN), @r"
    ⣰ service/cache      waiting for health\u{1b}[2J, 12 s
    ✗ service/db         failed after 1.2 s
    ⣰ service/predictor  being created, 12 s
    1 of 5 done, 2 running, 1 waiting
    ");
}

#[test]
fn a_tree_fits_its_terminal() {
    let plan = sample();
    for width in 20..100 {
        for rows in 1..10 {
            let frame = tree(&plan, &states(&plan), 0, rows, Style { width, ..PLAIN });
            assert!(frame.lines().count() <= rows, "{frame}");
            assert!(
                width < 32 || frame.lines().all(|line| line.chars().count() <= width),
                "{width}: {frame}"
            );
        }
    }
}

#[test]
fn events_are_objects_of_their_schema() {
    let plan = sample();
    let error = ProviderError::new(ErrorKind::NotReady, "did not become ready")
        .because("exit code 1")
        .hint("look at its log");
    let (node, took) = (&plan.nodes[0], Duration::from_millis(1240));
    let at = Moment {
        time: "2026-11-23T10:12:03Z".into(),
        elapsed_ms: 17,
    };
    let mut outcome = Outcome::default();
    outcome.skipped.insert(1, None);
    let events = [
        begin_json(&HEADER, "apply", &plan, &at),
        event_json(&Event::Started { node }, &at),
        event_json(
            &Event::Progress {
                node,
                message: "pulling",
            },
            &at,
        ),
        event_json(&Event::Done { node, took }, &at),
        event_json(
            &Event::Failed {
                node,
                error: &error,
                took,
            },
            &at,
        ),
        event_json(
            &Event::Skipped {
                node,
                because: Some(node),
            },
            &at,
        ),
        event_json(&Event::Skipped { node, because: None }, &at),
        event_json(&Event::Left { node }, &at),
        end_json(&outcome, 130, &at),
    ];
    let schema = jsonschema::validator_for(&events_schema()).unwrap();
    for event in &events {
        schema
            .validate(event)
            .unwrap_or_else(|error| panic!("{event}: {error}"));
        let mut lacking = event.clone();
        lacking
            .as_object_mut()
            .unwrap()
            .retain(|key, _| key == "type" || key == "time" || key == "elapsed_ms");
        assert!(!schema.is_valid(&lacking), "{lacking}");
    }
    let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    {"type":"begin","time":"2026-11-23T10:12:03Z","elapsed_ms":17,"format_version":"1.1","mlstack_version":"0.1.0","command":"apply","stack":"house-prices","environment":"prod","target":"compose","steps":[{"id":1,"after":[],"address":"service/artifacts","op":"repair","reason":"exited (137): out of memory","source":{"file":"mlstack.yaml","line":24,"column":3}},{"id":2,"after":[],"address":"service/cache","op":"delete","reason":"no longer declared","source":null},{"id":3,"after":[],"address":"service/db","op":"update","reason":"memory and 1 more changed","source":{"file":"mlstack.yaml","line":18,"column":3}},{"id":4,"after":[3],"address":"service/predictor","op":"create","reason":"will be created","source":{"file":"mlstack.yaml","line":7,"column":3}},{"id":5,"after":[],"address":"service/web","op":"replace","reason":"image changed","source":{"file":"mlstack.yaml","line":30,"column":3}}]}
    {"type":"started","time":"2026-11-23T10:12:03Z","elapsed_ms":17,"id":1,"address":"service/artifacts"}
    {"type":"progress","time":"2026-11-23T10:12:03Z","elapsed_ms":17,"id":1,"address":"service/artifacts","message":"pulling"}
    {"type":"done","time":"2026-11-23T10:12:03Z","elapsed_ms":17,"id":1,"address":"service/artifacts","took_ms":1240}
    {"type":"failed","time":"2026-11-23T10:12:03Z","elapsed_ms":17,"id":1,"address":"service/artifacts","took_ms":1240,"error":{"kind":"not-ready","action":"did not become ready","causes":["exit code 1"],"hints":["look at its log"]}}
    {"type":"skipped","time":"2026-11-23T10:12:03Z","elapsed_ms":17,"id":1,"address":"service/artifacts","because":"service/artifacts"}
    {"type":"skipped","time":"2026-11-23T10:12:03Z","elapsed_ms":17,"id":1,"address":"service/artifacts","because":null}
    {"type":"left","time":"2026-11-23T10:12:03Z","elapsed_ms":17,"id":1,"address":"service/artifacts"}
    {"type":"end","time":"2026-11-23T10:12:03Z","elapsed_ms":17,"done":0,"failed":0,"skipped":1,"interrupted":true,"exit_code":130}
    "#);
}

#[test]
fn an_outcome_is_one_line() {
    let (plan, mut outcome) = (sample(), Outcome::default());
    outcome.done.insert(1, None);
    let took = Duration::from_secs(3);
    let mut lines = vec![outcome_text(&plan, &outcome, took)];
    outcome
        .failed
        .insert(2, ProviderError::new(ErrorKind::Failed, "cannot create"));
    outcome.skipped.insert(3, Some(2));
    lines.push(outcome_text(&plan, &outcome, took));
    outcome.skipped.insert(4, None);
    lines.push(outcome_text(&plan, &outcome, took));
    assert_snapshot!(lines.concat(), @"
    Applied: 1 of 5 done in 3.0 s.
    Not applied: 1 done, 1 failed, 1 skipped; run `mlstack apply` again to do the rest.
    Interrupted: 1 done, 1 failed, 2 skipped; run `mlstack apply` again to do the rest.
    ");
}
