//! How long the comment of a plan of 10,000 changes takes: `cargo bench -p mlstack --bench comment`.

#![expect(clippy::print_stdout, reason = "that is how a bench tells")]

use std::time::{Duration, Instant};

use mlstack::plan::{Action, AttributeChange, Change, Disruption, Plan, Reason};
use mlstack::review::{Review, Section};
use mlstack::view::{COMMENT, Form, Topic, markdown};
use mlstack_provider::{Address, Source};
use serde_json::json;

const CHANGES: usize = 10_000;
const RUNS: usize = 20;

/// Every twentieth goes, the others change.
fn change(at: usize) -> Change {
    let goes = at.is_multiple_of(20);
    let attribute = AttributeChange {
        path: "mem_limit".to_owned(),
        attribute: "mem_limit".to_owned(),
        before: Some(json!(268_435_456)),
        after: Some(json!(536_870_912)),
        sensitive: false,
    };
    let changed = Reason::Changed {
        attribute: "mem_limit".to_owned(),
        more: 0,
    };
    Change {
        address: Address::new("service", format!("api-{at:05}")),
        action: if goes { Action::Delete } else { Action::Update },
        reason: if goes { Reason::NoLongerDeclared } else { changed },
        attributes: if goes { Vec::new() } else { vec![attribute] },
        disruption: Disruption::Rolling,
        source: Some(Source {
            file: "mlstack.yaml".to_owned(),
            line: at + 1,
            column: 1,
        }),
        protected: false,
        before: None,
        after: None,
    }
}

fn main() {
    let section = |environment: &str| Section {
        environment: Some(environment.to_owned()),
        target: "k8s".to_owned(),
        plan: Plan {
            changes: (0..CHANGES).map(change).collect(),
            ..Plan::default()
        },
        ..Section::default()
    };
    let review = Review {
        stack: "house-prices".to_owned(),
        sections: vec![section("prod"), section("staging")],
        ..Review::default()
    };
    let form = Form {
        topic: Topic::Plan,
        most: COMMENT,
        context: 3,
    };
    let mut times: Vec<Duration> = Vec::new();
    let mut characters = 0;
    for _run in 0..RUNS {
        let begun = Instant::now();
        characters = markdown(&review, form).chars().count();
        times.push(begun.elapsed());
    }
    times.sort();
    println!(
        "{CHANGES} changes in 2 environments: {characters} characters; median {:?}, slowest {:?} of {RUNS}",
        times[RUNS / 2],
        times[RUNS - 1]
    );
}
