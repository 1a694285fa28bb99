//! Comments, whole: what a reviewer reads.

use insta::assert_snapshot;
use mlstack_provider::{Address, Source};
use serde_json::json;

use super::fit::cost;
use super::*;
use crate::plan::{Action, AttributeChange, Change, Disruption, Plan, Reason};
use crate::review::{Base, Edge, ModelChange, ModelFacts, Node, Topology};

fn change(address: &str, action: Action, reason: Reason, disruption: Disruption) -> Change {
    let (kind, name) = address.split_once('/').expect("kind/name");
    let source = Source {
        file: "mlstack.yaml".to_owned(),
        line: 7,
        column: 3,
    };
    Change {
        address: Address::new(kind, name),
        action,
        reason,
        attributes: Vec::new(),
        disruption,
        source: Some(source),
        protected: false,
        before: None,
        after: None,
    }
}

fn update(address: &str) -> Change {
    let attribute = AttributeChange {
        path: "mem_limit".to_owned(),
        attribute: "mem_limit".to_owned(),
        before: Some(json!(268_435_456)),
        after: Some(json!(536_870_912)),
        sensitive: false,
    };
    let reason = Reason::Changed {
        attribute: "mem_limit".to_owned(),
        more: 0,
    };
    let disruption = Disruption::Downtime { seconds: Some(5) };
    Change {
        attributes: vec![attribute],
        ..change(address, Action::Update, reason, disruption)
    }
}

fn section(environment: &str, changes: Vec<Change>) -> Section {
    let nodes = changes.iter().map(|change| crate::plan::Node {
        id: 1,
        after: Vec::new(),
        step: mlstack_provider::Step::Delete {
            before: mlstack_provider::Observed {
                address: change.address.clone(),
                id: String::new(),
                recorded: None,
                spec: json!({}),
                depends_on: Vec::new(),
                protected: false,
                problem: None,
            },
        },
        reason: Reason::Unchanged,
    });
    Section {
        environment: Some(environment.to_owned()),
        target: "compose".to_owned(),
        context: Some("unix:///var/run/docker.sock".to_owned()),
        fingerprint: "0123456789abcdef".repeat(4),
        plan: Plan {
            nodes: nodes.collect(),
            changes,
            drift: Vec::new(),
        },
        ..Section::default()
    }
}

fn review(sections: Vec<Section>) -> Review {
    let base = Base {
        reference: "origin/main".to_owned(),
        commit: "1a2b3c4d5e6f7890".to_owned(),
    };
    Review {
        stack: "house-prices".to_owned(),
        base: Some(base),
        sections,
        ..Review::default()
    }
}

const FORM: Form = Form {
    topic: Topic::Plan,
    most: COMMENT,
    context: 3,
};

fn comment(review: &Review) -> String {
    let text = markdown(review, FORM);
    assert_eq!(
        judge(&text).map(|marker| marker.stack),
        Ok("house-prices".to_owned()),
        "{text}"
    );
    text
}

#[test]
fn a_comment_in_full() {
    let facts = |uri: &str, inputs: &[&str]| ModelFacts {
        uri: uri.to_owned(),
        bytes: Some(40_960),
        inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
        ..ModelFacts::default()
    };
    let model = ModelChange {
        component: "predictor".to_owned(),
        before: Some(facts("model/a.onnx", &["MedInc: float", "HouseAge: float"])),
        after: Some(facts("model/b.onnx", &["MedInc: float"])),
        breaking: vec!["input HouseAge is gone".to_owned()],
        ..ModelChange::default()
    };
    let node = |name: &str, kind: &str, change| Node {
        name: name.to_owned(),
        kind: kind.to_owned(),
        change,
        exposed: false,
    };
    let edge = |to: &str, change| Edge {
        from: "predictor".to_owned(),
        to: to.to_owned(),
        change,
    };
    let mut prod = section(
        "prod",
        vec![
            update("service/predictor"),
            change(
                "service/cache",
                Action::Delete,
                Reason::NoLongerDeclared,
                Disruption::None,
            ),
            change("volume/db-data", Action::Keep, Reason::HoldsData, Disruption::None),
        ],
    );
    prod.models = vec![model];
    prod.topology = Topology {
        nodes: vec![
            node("predictor", "model-server", Action::Update),
            node("db", "database", Action::NoOp),
            node("cache", "cache", Action::Delete),
        ],
        edges: vec![edge("cache", Action::Delete), edge("db", Action::NoOp)],
    };
    assert_snapshot!(comment(&review(vec![prod])), @r#"
    <!-- mlstack:house-prices:plan -->
    > [!CAUTION]
    > **Destroyed: `service/cache`.** Breaks callers of `predictor`: input HouseAge is gone. Not available for ≈ 5 s: `service/predictor`.

    **mlstack plan** of `house-prices` against `origin/main` (`1a2b3c4d5e`)

    ### `prod` → `compose` (`unix:///var/run/docker.sock`)

    0 to add, 1 to change, 0 to replace, 1 to destroy.

    **Destroyed** (1):

    - `service`: `cache`

    **Models**

    The model of `predictor` changes. **Breaking change** of the prediction API:

    - breaks callers: input HouseAge is gone

    | | Before | After |
    |---|---|---|
    | file | `model/a.onnx` | `model/b.onnx` |
    | size | `40960 bytes` | the same |
    | inputs | `MedInc: float, HouseAge: float` | `MedInc: float` |

    | | Address | What | Why | Disruption | Line |
    |---|---|---|---|---|---|
    | `-` | `service/cache` | goes | no longer declared |  | `mlstack.yaml:7` |
    | `~` | `service/predictor` | `mem_limit 256Mi → 512Mi` | `mem_limit` changed | ≈ 5 s downtime | `mlstack.yaml:7` |
    | `!` | `volume/db-data` | stays | no longer declared: kept |  | `mlstack.yaml:7` |

    ```mermaid
    flowchart LR
      n0["predictor<br/>model-server"]:::changed
      n1[("db<br/>database")]
      n2[("cache<br/>cache")]:::removed
      n0 -.-> n2
      n0 --> n1
      classDef added fill:#dafbe1,stroke:#1a7f37,color:#1f2328
      classDef changed fill:#fff8c5,stroke:#9a6700,color:#1f2328
      classDef removed fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4 3
      linkStyle 0 stroke:#cf222e
    ```

    <details><summary><code>service/predictor</code></summary>

    ```diff
    - mem_limit: 268435456
    + mem_limit: 536870912
    ```

    </details>

    Fingerprint, for `mlstack apply --approved`:

    - `prod`: `0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef`
    "#);
}

#[test]
fn nothing_is_said_in_one_line() {
    let text = comment(&review(vec![section("dev", Vec::new()), section("prod", Vec::new())]));
    assert_snapshot!(text, @"
    <!-- mlstack:house-prices:plan empty -->
    > [!TIP]
    > **No changes.**

    **mlstack plan** of `house-prices` against `origin/main` (`1a2b3c4d5e`)

    ### `dev` and `prod` → `compose` (`unix:///var/run/docker.sock`)

    0 to add, 0 to change, 0 to replace, 0 to destroy.
    ");
    assert!(Marker::read(&text).is_some_and(|marker| marker.empty));
}

#[test]
fn environments_where_the_same_happens_are_told_once() {
    let same = || vec![update("service/predictor")];
    let mut other = section("prod", same());
    other.plan.changes[0].disruption = Disruption::Rolling;
    let text = comment(&review(vec![section("dev", same()), section("staging", same()), other]));
    let titles: Vec<_> = text.lines().filter(|line| line.starts_with("### ")).collect();
    assert_eq!(
        titles,
        [
            "### `dev` and `staging` → `compose` (`unix:///var/run/docker.sock`)",
            "### `prod` → `compose` (`unix:///var/run/docker.sock`)"
        ]
    );
    assert_eq!(text.matches("`: `0123").count(), 3, "a fingerprint for each:\n{text}");
}

/// Ten thousand changes, every twentieth of them a loss.
fn large() -> Review {
    let changes = (0..10_000).map(|at| match at % 20 {
        0 => change(
            &format!("service/gone-{at:05}"),
            Action::Delete,
            Reason::NoLongerDeclared,
            Disruption::None,
        ),
        _ => update(&format!("service/api-{at:05}")),
    });
    review(vec![section("prod", changes.collect())])
}

#[test]
fn of_ten_thousand_changes_every_loss_is_named_and_the_rest_counted() {
    let text = comment(&large());
    assert!((60_000..=COMMENT).contains(&cost(&text)), "{}", cost(&text));
    for at in (0..10_000).step_by(20) {
        assert!(text.contains(&format!("gone-{at:05}")), "{at}");
    }
    let rows = text.lines().filter(|line| line.starts_with("| `")).count();
    assert!(rows > 300, "{rows}");
    assert!(
        text.contains(&format!("… and {} more changes are left out.", 10_000 - rows)),
        "{rows}"
    );
    assert!(text.contains("… and 9500 more diffs are left out."));
}

#[test]
fn a_thousand_environments_fit_too() {
    let gone = |at: usize| {
        change(
            &format!("service/gone-{at}"),
            Action::Delete,
            Reason::NoLongerDeclared,
            Disruption::None,
        )
    };
    let sections = (0..1_000).map(|at| section(&format!("env-{at}"), vec![gone(at)]));
    let text = comment(&review(sections.collect()));
    assert!(cost(&text) <= COMMENT);
    assert!(
        text.contains("**976 more environments**") && text.contains("- `env-999`: 1 destroyed or refused"),
        "{text}"
    );
}

#[test]
fn a_marker_is_read_as_it_was_written() {
    let marker = Marker::new("house-prices", "plan", true);
    assert_eq!(marker.to_string(), "<!-- mlstack:house-prices:plan empty -->");
    assert_eq!(Marker::read(&format!("{marker}\nmore")), Some(marker));
    let forged = [
        "",
        "text <!-- mlstack:a:plan -->",
        " <!-- mlstack:a:plan -->",
        "<!-- mlstack:a:plan --> more",
        "<!-- mlstack:a -->",
        "<!-- mlstack:a:b c -->",
    ];
    assert!(forged.iter().all(|line| Marker::read(line).is_none()));
}

#[test]
fn what_mlstack_does_not_write_is_refused() {
    let with = |line: &str| judge(&format!("<!-- mlstack:shop:plan -->\n{line}\n"));
    let lines = [
        "@octocat",
        "Hello @org/team",
        "see #123",
        "https://example.com",
        "http://x",
        "www.example.com",
        "[a](b)",
        "![a](b)",
        "<b>x</b>",
        "<!-- x -->",
        "<details>",
        "<details><summary><code><b></code></summary>",
        "<details><summary><code>&x;</code></summary>",
        "# Title",
        "## Title",
        "1. a\n===",
        "===",
        "---",
        "* * *",
        "    code",
        "~~~",
        "```",
        "```js\nx\n```",
        "```diff\n@octocat",
        "```diff\nx\n````\n@octocat\n```",
        "| `a | @octocat `|`",
        "| `a\\\\|b` |",
        "`a` b | c",
        "`a",
        "``a`",
        "- ```diff",
        "fixes GH-12",
        "1a2b3c4",
        ":tada:",
        "$x$",
        "a_b",
        "a~b",
        "a\\*b",
        "&amp;",
        "```mermaid\nflowchart LR\n  click n0 \"https://example.com\"\n```",
        "```mermaid\n%%{init: {}}%%\n```",
        "```mermaid\n  n0[\"a\"] click\n  x\n```",
        "```mermaid\n  n0[\"a\"]\n```",
        "```mermaid\n  n0; click n0 call alert()\n```",
        "```mermaid\n  n0[\"a<br/>b\"]; click n0 href \"tel:1\"\n```",
        "```mermaid\n  n0[\"a<br/>b\"]:::x\n```",
        "```mermaid\n  n0[\"a<br/>b\")]\n```",
        "```mermaid\n  n0[\"#36;#36;x#36;#36;<br/>b\"]\n```",
        "```mermaid\n  n0[\"fa#58;fa-car<br/>b\"]\n```",
        "```mermaid\n  n0[\"#097;<br/>b\"]\n```",
        "```mermaid\n  n0[\"#8203;<br/>b\"]\n```",
        "```mermaid\n  n0[\"a#<br/>b\"]\n```",
        "```mermaid\n  n0 --> n1; n2\n```",
        "```mermaid\n  linkStyle 0 stroke:red\n```",
        "> [!IMPORTANT]",
        "> quote <b>",
        "</details>\n```diff\n<b>x</b>\n```",
        "<details><summary><code>x</code></summary>\na",
        "a\n- ",
        "> ",
        "****",
        "- ** **",
        "**What**deadbeef",
        "a\u{200b}b",
        "a\rb",
        "text  \u{202e}",
    ];
    for line in lines {
        assert!(with(line).is_err(), "{line:?} passes");
    }
    assert_eq!(judge("hello"), Err(Objection::NoMarker));
    assert_eq!(judge(&"x".repeat(COMMENT + 1)), Err(Objection::TooLong(COMMENT + 1)));
    assert_eq!(
        with("### `prod` → `compose`").map(|marker| marker.stack),
        Ok("shop".to_owned())
    );
}
