//! Golden pictures of plans, outcomes and states.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use mlstack_provider::{Address, Observed, Outage, Resource, Source, Value};
use mlstack_provider_memory::impact;
use serde_json::json;

use super::values::shorten;
use super::*;
use crate::plan::scope::Scope;
use crate::plan::seal::{Binding, SealError, Sealed, seal, unseal};
use crate::plan::{Action, Foresight, Options, Plan, forecast, plan, verify, wire};

mod logs;
mod progress;

const HEADER: Header<'static> = Header {
    stack: "house-prices",
    environment: Some("prod"),
    target: "compose",
    context: Some("unix:///var/run/docker.sock"),
};
const PLAIN: Style = Style {
    color: false,
    width: 80,
};

fn want(address: &str, line: usize, spec: Value, depends_on: &[&str]) -> Resource {
    let at = |text: &str| {
        text.split_once('/')
            .map(|(kind, name)| Address::new(kind, name))
            .expect("kind/name")
    };
    let source = Source {
        file: "mlstack.yaml".into(),
        line,
        column: 3,
    };
    Resource {
        address: at(address),
        spec,
        depends_on: depends_on.iter().map(|on| at(on)).collect(),
        source: (line > 0).then_some(source),
        protected: address.starts_with("volume/"),
    }
}

fn live(resource: Resource) -> Observed {
    let Resource {
        address,
        spec,
        depends_on,
        protected,
        ..
    } = resource;
    Observed {
        id: format!("{address}#1"),
        address,
        recorded: Some(spec.clone()),
        spec,
        depends_on,
        protected,
        problem: None,
    }
}

fn desired() -> Vec<Resource> {
    let secrets = |digest: &str| json!({"secrets": {"db-password": digest}});
    vec![
        want("service/predictor", 7, json!({"image": "predictor:1"}), &["service/db"]),
        want(
            "service/db",
            18,
            json!({"image": "postgres:17", "memory": "536870912", "x-mlstack": secrets("aa")}),
            &[],
        ),
        want(
            "service/web",
            30,
            json!({"image": "ghcr.io/example/house-prices/web@sha256:2222222222222222", "memory": 134_217_728, "cap_add": ["CHOWN", "SETUID"]}),
            &[],
        ),
        want(
            "service/artifacts",
            24,
            json!({"image": "seaweedfs:4", "environment": {"LOG": "1"}}),
            &[],
        ),
        want("network/default", 0, json!({"driver": "bridge"}), &[]),
    ]
}

fn observed() -> Vec<Observed> {
    let secrets = |digest: &str| json!({"secrets": {"db-password": digest}});
    let mut broken = live(want(
        "service/artifacts",
        0,
        json!({"image": "seaweedfs:4", "environment": {"LOG": "1"}}),
        &[],
    ));
    broken.problem = Some("exited (137): out of memory".into());
    vec![
        live(want(
            "service/db",
            0,
            json!({"image": "postgres:17", "memory": "268435456", "x-mlstack": secrets("bb")}),
            &[],
        )),
        live(want(
            "service/web",
            0,
            json!({"image": "ghcr.io/example/house-prices/web@sha256:1111111111111111", "cap_add": ["SETUID", "KILL"]}),
            &[],
        )),
        live(want("volume/db-data", 0, json!({"driver": "local"}), &[])),
        live(want("service/cache", 0, json!({"image": "valkey:8"}), &[])),
        live(want("network/default", 0, json!({"driver": "bridge"}), &[])),
        broken,
    ]
}

/// A plan with what users will notice: a service hands over when its image changes.
fn foretold(desired: &[Resource], observed: &[Observed], options: &Options) -> Plan {
    let mut plan = plan(desired, observed, &impact, options);
    let took = std::collections::BTreeMap::new();
    let outage = |_: &str, _: &Value, changed: &[&str]| match changed.contains(&"image") {
        true => Outage::Moment,
        false => Outage::None,
    };
    forecast(&mut plan, Foresight { outage, took: &took });
    plan
}

fn sample() -> Plan {
    let plan = foretold(&desired(), &observed(), &Options::default());
    assert_eq!(verify(&plan, &desired(), &observed()), Vec::<String>::new());
    plan
}

fn refused() -> Plan {
    let mut desired = desired();
    desired.push(want("volume/db-data", 20, json!({"driver": "nfs"}), &[]));
    foretold(&desired, &observed(), &Options::default())
}

#[test]
fn a_plan_in_80_columns() {
    let text = plan_text(&HEADER, &sample(), PLAIN);
    assert!(text.lines().all(|line| width(line) <= 80), "{text}");
    assert_snapshot!(text, @"
    house-prices · prod → compose (unix:///var/run/docker.sock)

      ~ service/artifacts  mlstack.yaml:24  exited (137): out of memory: will be
                                            brought back
      - service/cache                       no longer declared
      ~ service/db         mlstack.yaml:18  memory 256Mi → 512Mi
                                            secret db-password (secret changed)
      + service/predictor  mlstack.yaml:7   will be created
      -/+ service/web      mlstack.yaml:30  image …111111…1111111 → …2222222…2222222
                                            cap_add KILL → CHOWN
                                            memory none → 128Mi
                                            ≈ 1 s downtime
      ! volume/db-data     protected        no longer declared: kept

    Plan: 1 to add, 2 to change, 1 to replace, 1 to destroy.
    ");
}

#[test]
fn a_plan_in_120_columns() {
    assert_snapshot!(plan_text(&HEADER, &sample(), Style { width: 120, ..PLAIN }), @"
    house-prices · prod → compose (unix:///var/run/docker.sock)

      ~ service/artifacts  mlstack.yaml:24  exited (137): out of memory: will be brought back
      - service/cache                       no longer declared
      ~ service/db         mlstack.yaml:18  memory 256Mi → 512Mi
                                            secret db-password (secret changed)
      + service/predictor  mlstack.yaml:7   will be created
      -/+ service/web      mlstack.yaml:30  image …@sha256:1111111111111111 → …@sha256:2222222222222222  ≈ 1 s downtime
                                            cap_add KILL → CHOWN
                                            memory none → 128Mi
      ! volume/db-data     protected        no longer declared: kept

    Plan: 1 to add, 2 to change, 1 to replace, 1 to destroy.
    ");
}

#[test]
fn a_plan_in_40_columns() {
    assert_snapshot!(plan_text(&HEADER, &sample(), Style { width: 40, ..PLAIN }), @"
    house-prices · prod → compose (unix:///var/run/docker.sock)

      ~ service/artifacts  mlstack.yaml:24
          exited (137): out of memory: will
          be brought back
      - service/cache
          no longer declared
      ~ service/db         mlstack.yaml:18
          memory 256Mi → 512Mi
          secret db-passwor…(secret changed)
      + service/predictor  mlstack.yaml:7
          will be created
      -/+ service/web      mlstack.yaml:30
          image …11111…11111 → …22222…222222
          cap_add KILL → CHOWN
          memory none → 128Mi
          ≈ 1 s downtime
      ! volume/db-data     protected
          no longer declared: kept

    Plan: 1 to add, 2 to change, 1 to replace, 1 to destroy.
    ");
}

#[test]
fn a_refused_plan_says_how_to_allow_it() {
    assert_snapshot!(plan_text(&HEADER, &refused(), PLAIN), @"
    house-prices · prod → compose (unix:///var/run/docker.sock)

      ~ service/artifacts  mlstack.yaml:24  exited (137): out of memory: will be
                                            brought back
      - service/cache                       no longer declared
      ~ service/db         mlstack.yaml:18  memory 256Mi → 512Mi
                                            secret db-password (secret changed)
      + service/predictor  mlstack.yaml:7   will be created
      -/+ service/web      mlstack.yaml:30  image …111111…1111111 → …2222222…2222222
                                            cap_add KILL → CHOWN
                                            memory none → 128Mi
                                            ≈ 1 s downtime
      ! volume/db-data     mlstack.yaml:20  refused: changing driver would lose its
                                            data
                                            data loss

    Refused: nothing is done because of volume/db-data. To let its data go: --destroy-data db-data
    ");
}

#[test]
fn nothing_to_do_is_one_line() {
    let header = Header {
        environment: None,
        context: None,
        ..HEADER
    };
    let same: Vec<Observed> = desired().into_iter().map(live).collect();
    let plan = plan(&desired(), &same, &impact, &Options::default());
    assert_snapshot!(plan_text(&header, &plan, PLAIN), @"
    house-prices → compose

    No changes: 5 of 5 are as they should be.
    ");
}

#[test]
fn colours_change_nothing_else() {
    let text = plan_text(&HEADER, &refused(), Style { color: true, ..PLAIN });
    let bare: String = text
        .split('\u{1b}')
        .enumerate()
        .map(|(i, part)| if i == 0 { part } else { part.split_once('m').unwrap().1 })
        .collect();
    assert_eq!(bare, plan_text(&HEADER, &refused(), PLAIN));
    assert_ne!(bare, text);
}

#[test]
fn hostile_text_cannot_steer_a_terminal() {
    let evil = "a\u{1b}[2J\u{202e}b\r\n::error::\u{200b}\u{feff}\u{9b}x";
    let spec = json!({ evil: evil, "list": [evil] });
    let plan = plan(
        &[want("service/x", 1, spec, &[])],
        &[live(want("service/x", 0, json!({}), &[]))],
        &impact,
        &Options::default(),
    );
    let header = Header {
        stack: evil,
        environment: Some(evil),
        context: Some(evil),
        ..HEADER
    };
    let text = plan_text(&header, &plan, PLAIN);
    assert!(
        text.chars().all(|c| c == '\n' || !(crate::diag::visible::is_hidden(c))),
        "{text:?}"
    );
    assert_eq!(text.lines().filter(|line| line.starts_with("::")).count(), 0);
}

#[test]
fn long_values_keep_their_ends() {
    assert_eq!(shorten("0123456789", 10), "0123456789");
    assert_eq!(shorten("0123456789", 7), "012…789");
    assert_eq!(shorten("äöüäöü", 3), "ä…ü");
    assert_eq!(shorten("abc", 0), "…");
}

#[test]
fn the_plan_json_fits_its_schema() {
    let schema = jsonschema::validator_for(&plan_schema()).unwrap();
    for plan in [sample(), refused(), Plan::default()] {
        let json = plan_json(&HEADER, &plan, &Extras::default());
        let errors: Vec<String> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
    assert!(!schema.is_valid(&json!({"format_version": "2.0"})));
}

#[test]
fn the_plan_json_stays_as_it_is() {
    let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    golden("v1.plan.json", &text);
    assert!(
        !text.contains("\"aa\"") && !text.contains("\"bb\""),
        "no digest of a secret"
    );
}

#[test]
fn every_change_is_read_back_from_its_json() {
    for change in sample().changes.into_iter().chain(refused().changes) {
        let read = wire::from_json(&wire::to_json(&change)).unwrap();
        assert_eq!(
            (&read.address, read.action, &read.reason),
            (&change.address, change.action, &change.reason)
        );
        assert_eq!(
            (&read.attributes, read.disruption, &read.source),
            (&change.attributes, change.disruption, &change.source)
        );
    }
}

/// The plan JSON of the sample as the version that made the goldens writes it.
fn document() -> Value {
    let mut json = plan_json(&HEADER, &sample(), &Extras::default());
    json["mlstack_version"] = json!("0.1.0");
    json
}

/// Compares with `tests/formats/plan/NAME`; with `MLSTACK_BLESS=1` writes it.
fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/formats/plan")
        .join(name);
    if std::env::var_os("MLSTACK_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        text,
        "{}",
        path.display()
    );
}

fn binding() -> Binding {
    Binding {
        plan_id: "7d0f0d9e-7c1f-4f53-9be2-3c2b1f6a5e44".into(),
        stack_digest: "ab".repeat(32),
        scope: Scope::default(),
    }
}

fn sealed_text() -> String {
    seal(document(), &sample(), &observed(), &binding())
}

fn sealed() -> Sealed {
    unseal(&sealed_text()).unwrap()
}

#[test]
fn a_plan_sealed_by_version_1_is_read_for_ever() {
    let golden = include_str!("../../../tests/formats/plan/v1.sealed.json");
    assert_eq!(unseal(golden).unwrap().plan.nodes, sample().nodes);
}

#[test]
fn a_sealed_plan_is_read_back_whole() {
    golden("v1.sealed.json", &sealed_text());
    let sealed = sealed();
    assert_eq!(sealed.plan.nodes, sample().nodes);
    assert_eq!(
        plan_text(&HEADER, &sealed.plan, PLAIN),
        plan_text(&HEADER, &sample(), PLAIN)
    );
    assert_eq!(
        (sealed.binding, sealed.stack, sealed.environment),
        (binding(), "house-prices".into(), Some("prod".into()))
    );
    let schema = jsonschema::validator_for(&plan_schema()).unwrap();
    assert!(schema.is_valid(&serde_json::from_str(&sealed_text()).unwrap()));
}

#[test]
fn a_sealed_plan_says_which_part_it_is_about() {
    let scope = Scope {
        only: ["api".to_owned()].into(),
        exclude: ["volume/db-data".to_owned()].into(),
    };
    let binding = Binding { scope, ..binding() };
    let text = seal(document(), &sample(), &observed(), &binding);
    assert!(text.contains("\"scope\": {"), "{text}");
    assert_eq!(unseal(&text).unwrap().binding, binding);
    assert!(!sealed_text().contains("\"scope\""), "nothing is said of the whole");
}

#[test]
fn a_sealed_plan_that_was_touched_is_refused() {
    let text = sealed_text();
    assert_eq!(
        unseal(&text.replace("predictor:1", "predictor:2")),
        Err(SealError::Damaged)
    );
    assert_eq!(
        unseal(&text.replace("\"version\": 1", "\"version\": 7")),
        Err(SealError::Newer { found: 7 })
    );
    for other in ["", "{}", "[]", "null", "\u{0}", "{\"seal\": 1}", &"[".repeat(100_000)] {
        assert_eq!(unseal(other), Err(SealError::NotAPlan));
    }
    for (i, _) in text.char_indices().step_by(37) {
        assert!(unseal(&text[..i]).is_err());
    }
    let compact = serde_json::from_str::<Value>(&text).unwrap().to_string();
    assert!(unseal(&compact).is_ok(), "spaces do not matter");
}

#[test]
fn nothing_moved_when_nothing_moved() {
    assert_eq!(sealed().moved(&binding().stack_digest, &observed()), []);
}

#[test]
fn whatever_moves_makes_a_plan_stale_and_is_named() {
    type Move = fn(&mut Observed);
    let moves: [(Move, &str); 6] = [
        (|o| o.id.push('x'), "another one stands there"),
        (|o| o.spec["image"] = json!("moved"), "image changed"),
        (|o| o.spec["more"] = json!({"deep": 1}), "more.deep changed"),
        (|o| o.problem = Some("paused".into()), "state changed"),
        (
            |o| o.depends_on.push(Address::new("service", "new")),
            "depends_on changed",
        ),
        (|o| o.protected = !o.protected, "protection changed"),
    ];
    let mut tried = 0;
    for (at, live) in observed().iter().enumerate() {
        for (change, how) in &moves {
            let mut now = observed();
            change(&mut now[at]);
            let moved = sealed().moved(&binding().stack_digest, &now);
            assert_eq!(moved.len(), 1);
            assert_eq!(moved[0].address, Some(live.address.to_string()));
            assert!(moved[0].how.contains(how), "{}", moved[0]);
            tried += 1;
        }
    }
    assert_eq!(tried, 36);
}

#[test]
fn what_comes_goes_or_is_secret_makes_a_plan_stale() {
    let mut now = observed();
    now[0].spec["x-mlstack"]["secrets"]["db-password"] = json!("cc");
    now.remove(1);
    now.push(live(want("service/stranger", 0, json!({}), &[])));
    let moved: Vec<String> = sealed().moved("other", &now).iter().map(ToString::to_string).collect();
    assert_snapshot!(moved.join("\n"), @"
    the stack file: changed since the plan was made
    service/db: a secret changed
    service/web: is gone
    service/stranger: appeared
    ");
}

#[test]
fn every_action_is_in_the_sample() {
    let seen: BTreeSet<Action> = sample().changes.iter().map(|change| change.action).collect();
    assert_eq!(seen.len(), 7);
}

/// The sample's world, with one thing changed by hand, one removed and one that nobody made.
fn drifted() -> Plan {
    let mut observed = observed();
    let web = observed.iter_mut().find(|live| live.address.name == "db").unwrap();
    web.spec["memory"] = json!("134217728");
    let ghost = want("service/ghost", 0, json!({"image": "ghost:1"}), &[]);
    observed.push(Observed {
        recorded: None,
        ..live(ghost)
    });
    let mut plan = foretold(&desired(), &observed, &Options::default());
    plan.drift = crate::plan::drift(&desired(), &observed, &desired());
    plan
}

#[test]
fn drift_is_told_with_what_to_do_and_apart_from_what_was_meant() {
    let text = drift_text(&HEADER, &drifted(), PLAIN);
    assert!(text.lines().all(|line| width(line) <= 80), "{text}");
    assert_snapshot!(text, @"
    house-prices · prod → compose (unix:///var/run/docker.sock)

      ≠ service/artifacts  mlstack.yaml:24  exited (137): out of memory
                                            fix: `mlstack apply` brings it back to
                                            work
      ≠ service/db         mlstack.yaml:18  memory 256Mi → 128Mi
                                            fix: `mlstack apply` puts it back; to
                                            keep it, write it into the stack file
                                            first
      ≠ service/ghost                       not made by mlstack
                                            fix: `mlstack apply` removes it, unless
                                            it holds data
      ≠ service/predictor  mlstack.yaml:7   removed
                                            fix: `mlstack apply` makes it again

    Not applied yet, changed in the stack file or its secrets:

      - service/cache                   no longer declared
      ~ service/db     mlstack.yaml:18  memory 128Mi → 512Mi
                                        secret db-password (secret changed)
      -/+ service/web  mlstack.yaml:30  image …1111111111111111 → …2222222222222222
                                        cap_add KILL → CHOWN
                                        memory none → 128Mi
                                        ≈ 1 s downtime

    Drift: 4 are not as mlstack made them. Not applied yet: 3; see `mlstack plan`.
    ");
    assert_snapshot!(drift_text(&HEADER, &Plan::default(), PLAIN), @"
    house-prices · prod → compose (unix:///var/run/docker.sock)

    No drift: 0 of 0 are as mlstack made them.
    ");
    let plan = plan_text(&HEADER, &drifted(), PLAIN);
    assert_snapshot!(plan.lines().take(8).collect::<Vec<_>>().join("\n"), @"
    house-prices · prod → compose (unix:///var/run/docker.sock)

    Drift, not made by mlstack:

      ≠ service/db         mlstack.yaml:18  memory 256Mi → 128Mi
      ≠ service/ghost                       not made by mlstack
      ≠ service/predictor  mlstack.yaml:7   removed
    ");
}
