//! The planner's tests: cases by hand here, a small world in full in `small`, chance in `property`.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use mlstack_provider::{Address, Impact, Observed, Resource};
use mlstack_provider_memory::impact;
use serde_json::{Value, json};

use super::*;

mod back;
mod drift;
mod forecast;
mod property;
mod scope;
mod size;
mod small;

/// `service/api` as an address.
pub(super) fn at(text: &str) -> Address {
    let (kind, name) = text.split_once('/').expect("kind/name");
    Address::new(kind, name)
}

fn all(names: &[&str]) -> Vec<Address> {
    names.iter().map(|name| at(name)).collect()
}

fn want(address: &str, spec: Value, depends_on: &[&str]) -> Resource {
    let protected = address.starts_with("volume/");
    Resource {
        address: at(address),
        spec,
        depends_on: all(depends_on),
        source: None,
        protected,
    }
}

/// What stands there after `resource` was applied.
pub(super) fn live(resource: &Resource) -> Observed {
    Observed {
        address: resource.address.clone(),
        id: format!("{}#1", resource.address),
        spec: resource.spec.clone(),
        recorded: Some(resource.spec.clone()),
        depends_on: resource.depends_on.clone(),
        protected: resource.protected,
        problem: None,
    }
}

fn lives(resources: &[Resource]) -> Vec<Observed> {
    resources.iter().map(live).collect()
}

/// A network, a volume, a database on both, an api that uses it, a page that uses the api.
fn stack() -> Vec<Resource> {
    vec![
        want("network/default", json!({"driver": "bridge"}), &[]),
        want("volume/db-data", json!({"driver": "local"}), &[]),
        want(
            "service/db",
            json!({"image": "postgres:17", "memory": 268_435_456}),
            &["network/default", "volume/db-data"],
        ),
        want(
            "service/api",
            json!({"image": "api:1"}),
            &["network/default", "service/db"],
        ),
        want("service/web", json!({"image": "web:1"}), &["service/api"]),
    ]
}

/// Plans with the memory target's rules and checks the plan.
fn check(desired: &[Resource], observed: &[Observed]) -> Plan {
    check_with(desired, observed, &Options::default())
}

fn check_with(desired: &[Resource], observed: &[Observed], options: &Options) -> Plan {
    let plan = plan(desired, observed, &impact, options);
    assert_eq!(
        verify(&plan, desired, observed),
        Vec::<String>::new(),
        "{}",
        plan.to_lines()
    );
    plan
}

/// What is told about everything that is not as it should be.
fn told(plan: &Plan) -> String {
    let changes = plan.changes.iter().filter(|c| c.action != Action::NoOp);
    changes
        .map(|c| format!("{:?} {}: {} ({:?})\n", c.action, c.address, c.reason, c.disruption))
        .collect()
}

fn name(data: &str) -> Options {
    Options {
        destroy_data: BTreeSet::from([data.to_owned()]),
    }
}

#[test]
fn creates_after_what_they_depend_on() {
    assert_snapshot!(check(&stack(), &[]).to_lines(), @"
    [] -> #1 network/default, create, will be created
    [] -> #2 volume/db-data, create, will be created
    [1, 2] -> #3 service/db, create, will be created
    [1, 3] -> #4 service/api, create, will be created
    [4] -> #5 service/web, create, will be created
    ");
}

#[test]
fn nothing_to_do_when_all_is_as_wanted() {
    let plan = check(&stack(), &lives(&stack()));
    assert!(plan.is_empty());
    assert_eq!(plan.changes.len(), 5);
}

#[test]
fn deletes_dependents_first_and_keeps_data() {
    let plan = check(&[], &lives(&stack()));
    assert_snapshot!(plan.to_lines(), @"
    [] -> #1 service/web, delete, no longer declared
    [1] -> #2 service/api, delete, no longer declared
    [2] -> #3 service/db, delete, no longer declared
    [2, 3] -> #4 network/default, delete, no longer declared
    ");
    assert_snapshot!(told(&plan), @"
    Delete network/default: no longer declared (None)
    Delete service/api: no longer declared (None)
    Delete service/db: no longer declared (None)
    Delete service/web: no longer declared (None)
    Keep volume/db-data: no longer declared: kept (None)
    ");
}

#[test]
fn deletes_data_only_by_name() {
    let plan = check_with(&[], &lives(&stack()), &name("db-data"));
    assert_snapshot!(plan.to_lines(), @"
    [] -> #1 service/web, delete, no longer declared
    [1] -> #2 service/api, delete, no longer declared
    [2] -> #3 service/db, delete, no longer declared
    [2, 3] -> #4 network/default, delete, no longer declared
    [3] -> #5 volume/db-data, delete, no longer declared, --destroy-data names it
    ");
    assert!(
        check_with(&[], &lives(&stack()), &name("volume/db-data"))
            .changes
            .last()
            .is_some_and(|c| c.action == Action::Delete)
    );
}

#[test]
fn a_misspelt_name_of_data_is_told() {
    let options = Options {
        destroy_data: ["db-data", "volume/db-data", "db-date", "web"]
            .map(str::to_owned)
            .into(),
    };
    assert_eq!(options.unmatched(&lives(&stack())), ["db-date", "web"]);
}

#[test]
fn updates_in_place_where_the_rules_allow() {
    let mut desired = stack();
    desired[2].spec["memory"] = json!(536_870_912);
    assert_snapshot!(check(&desired, &lives(&stack())).to_lines(), @"[] -> #1 service/db, update, memory changed");
}

#[test]
fn a_replace_names_the_attribute_and_the_live_value() {
    let mut desired = stack();
    desired[3].spec["image"] = json!("api:2");
    desired[3].spec["memory"] = json!(1);
    let plan = check(&desired, &lives(&stack()));
    assert_snapshot!(plan.to_lines(), @"[] -> #1 service/api, replace, image changed");
    let reason = Reason::CannotUpdateInPlace {
        attribute: "image".into(),
        before: Some(json!("api:1")),
    };
    assert_eq!(plan.nodes[0].reason, reason);
}

#[test]
fn dependents_with_work_wait_for_a_replaced_dependency() {
    let mut desired = stack();
    desired[2].spec["image"] = json!("postgres:18");
    desired[4].spec["image"] = json!("web:2");
    assert_snapshot!(check(&desired, &lives(&stack())).to_lines(), @"
    [] -> #1 service/db, replace, image changed
    [1] -> #2 service/web, replace, image changed
    ");
}

#[test]
fn what_cannot_stay_goes_down_and_up_around_a_replacement() {
    let mut desired = stack();
    desired[0].spec["driver"] = json!("overlay");
    let plan = check(&desired, &lives(&stack()));
    assert_snapshot!(plan.to_lines(), @"
    [] -> #1 service/api, delete, network/default is replaced
    [1] -> #2 service/db, delete, network/default is replaced
    [1, 2] -> #3 network/default, replace, driver changed
    [1, 2, 3] -> #4 service/db, create, network/default is replaced
    [1, 3, 4] -> #5 service/api, create, network/default is replaced
    ");
    assert_snapshot!(told(&plan), @"
    Replace network/default: driver changed (Downtime { seconds: None })
    Replace service/api: network/default is replaced (Downtime { seconds: None })
    Replace service/db: network/default is replaced (Downtime { seconds: None })
    ");
}

#[test]
fn losing_data_is_refused_unless_named() {
    let mut desired = stack();
    desired[1].spec["driver"] = json!("nfs");
    let refused = check(&desired, &lives(&stack()));
    assert!(refused.nodes.is_empty() && !refused.is_empty());
    assert_snapshot!(told(&refused), @"Refuse volume/db-data: refused: changing driver would lose its data (DataLoss)");
    let named = check_with(&desired, &lives(&stack()), &name("db-data"));
    assert_snapshot!(named.to_lines(), @"
    [] -> #1 service/db, delete, volume/db-data is replaced
    [1] -> #2 volume/db-data, replace, driver changed
    [1, 2] -> #3 service/db, create, volume/db-data is replaced
    ");
    assert_snapshot!(told(&named), @"
    Replace service/db: volume/db-data is replaced (Downtime { seconds: None })
    Replace volume/db-data: driver changed (DataLoss)
    ");
}

#[test]
fn what_is_right_but_broken_is_repaired() {
    let mut observed = lives(&stack());
    observed[3].problem = Some("exited (1)".into());
    assert_snapshot!(check(&stack(), &observed).to_lines(), @"[] -> #1 service/api, repair, exited (1)");
}

#[test]
fn what_kept_things_stand_on_is_kept() {
    let mut observed = lives(&stack());
    observed[2].protected = true;
    assert_snapshot!(told(&check(&[], &observed)), @"
    Keep network/default: no longer declared: kept for service/db (None)
    Delete service/api: no longer declared (None)
    Keep service/db: no longer declared: kept (None)
    Delete service/web: no longer declared (None)
    Keep volume/db-data: no longer declared: kept (None)
    ");
}

#[test]
fn what_once_held_data_is_kept_whatever_its_label_says_until_it_is_named() {
    let mut observed = lives(&stack());
    observed[1].protected = false;
    assert_snapshot!(told(&check(&[], &observed)).lines().last().unwrap(), @"Delete volume/db-data: no longer declared (None)");
    let remembered = protect(&observed, &BTreeSet::from([at("volume/db-data"), at("volume/gone")]));
    assert_snapshot!(told(&check(&[], &remembered)).lines().last().unwrap(), @"Keep volume/db-data: no longer declared: kept (None)");
    let named = check_with(&[], &remembered, &name("db-data"));
    assert_snapshot!(
        told(&named).lines().last().unwrap(),
        @"Delete volume/db-data: no longer declared, --destroy-data names it (DataLoss)"
    );
    let mut other = stack();
    other[1].spec = json!({"driver": "other"});
    other[1].protected = false;
    assert!(check(&other, &observed).refused().next().is_none());
    assert_eq!(check(&other, &remembered).refused().count(), 1, "nor is it made anew");
}

#[test]
fn what_a_kept_thing_stands_on_cannot_be_replaced() {
    let mut observed = lives(&stack());
    observed[2].protected = true;
    let network = vec![want("network/default", json!({"driver": "overlay"}), &[])];
    assert_snapshot!(told(&check(&network, &observed)), @"
    Refuse network/default: refused: service/db is kept and stands on it (None)
    Delete service/api: no longer declared (None)
    Keep service/db: no longer declared: kept (None)
    Delete service/web: no longer declared (None)
    Keep volume/db-data: no longer declared: kept (None)
    ");
}

#[test]
fn what_goes_leaves_before_a_replacement_under_it() {
    let mut desired = stack();
    desired[0].spec["driver"] = json!("overlay");
    desired.truncate(3);
    assert_snapshot!(check(&desired, &lives(&stack())).to_lines(), @"
    [] -> #1 service/web, delete, no longer declared
    [1] -> #2 service/api, delete, no longer declared
    [2] -> #3 service/db, delete, network/default is replaced
    [2, 3] -> #4 network/default, replace, driver changed
    [2, 3, 4] -> #5 service/db, create, network/default is replaced
    ");
}

#[test]
fn what_moves_off_does_so_before_the_other_goes() {
    let before = vec![
        want("service/a", json!({"uses": ["b"]}), &["service/b"]),
        want("service/b", json!({}), &[]),
    ];
    let after = vec![
        want("service/a", json!({"uses": ["c"]}), &["service/c"]),
        want("service/c", json!({}), &[]),
    ];
    assert_snapshot!(check(&after, &lives(&before)).to_lines(), @"
    [] -> #1 service/c, create, will be created
    [1] -> #2 service/a, update, uses changed
    [2] -> #3 service/b, delete, no longer declared
    ");
}

#[test]
fn a_port_is_free_before_another_takes_it() {
    let with = |name: &str, port: &str| want(name, json!({"ports": [{"published": port, "protocol": "tcp"}]}), &[]);
    let live = lives(&[with("service/web", "3000"), with("service/zoo", "4000")]);
    let plan = check(
        &[
            with("service/page", "3000"),
            with("service/ape", "4000"),
            with("service/zoo", "5000"),
        ],
        &live,
    );
    assert_snapshot!(plan.to_lines(), @"
    [] -> #1 service/web, delete, no longer declared
    [1] -> #2 service/page, create, will be created
    [] -> #3 service/zoo, replace, ports[0].published changed
    [3] -> #4 service/ape, create, will be created
    ");
    let swapped = check(&[with("service/web", "4000"), with("service/zoo", "3000")], &live);
    assert_snapshot!(swapped.to_lines(), @"
    [] -> #1 service/web, delete, ports[0].published changed
    [1] -> #2 service/zoo, replace, ports[0].published changed
    [1, 2] -> #3 service/web, create, ports[0].published changed
    ");
}

#[test]
fn a_port_goes_to_something_that_its_holder_waits_for() {
    let with = |name: &str, port: &str, on: &[&str]| {
        want(name, json!({"ports": [{"published": port, "protocol": "tcp"}]}), on)
    };
    let live = lives(&[
        with("service/api", "8080", &[]),
        with("service/web", "3000", &["service/api"]),
    ]);
    let swapped = check(
        &[
            with("service/api", "3000", &[]),
            with("service/web", "8080", &["service/api"]),
        ],
        &live,
    );
    assert_snapshot!(swapped.to_lines(), @"
    [] -> #1 service/web, delete, ports[0].published changed
    [1] -> #2 service/api, replace, ports[0].published changed
    [1, 2] -> #3 service/web, create, ports[0].published changed
    ");
    let taken = check(
        &[
            with("service/api", "3000", &[]),
            with("service/web", "4000", &["service/api"]),
        ],
        &live,
    );
    assert_snapshot!(taken.to_lines(), @"
    [] -> #1 service/web, delete, ports[0].published changed
    [1] -> #2 service/api, replace, ports[0].published changed
    [1, 2] -> #3 service/web, create, ports[0].published changed
    ");
    let ring = lives(&[
        with("service/a", "1", &[]),
        with("service/b", "2", &[]),
        with("service/c", "3", &[]),
    ]);
    let turned = check(
        &[
            with("service/a", "2", &[]),
            with("service/b", "3", &[]),
            with("service/c", "1", &[]),
        ],
        &ring,
    );
    assert_snapshot!(turned.to_lines(), @"
    [] -> #1 service/a, delete, ports[0].published changed
    [1] -> #2 service/c, replace, ports[0].published changed
    [2] -> #3 service/b, replace, ports[0].published changed
    [1, 3] -> #4 service/a, create, ports[0].published changed
    ");
}

#[test]
fn a_secret_that_was_not_looked_at_is_unchanged() {
    let spec = |digest: Value| json!({"x-mlstack": {"secrets": {"password": digest}}});
    assert!(diff(&spec(json!("0123")), &spec(Value::Null)).is_empty());
    assert_eq!(diff(&spec(json!("0123")), &json!({})).len(), 1);
}

#[test]
fn a_changed_order_alone_is_no_change() {
    let mut desired = stack();
    desired[4].depends_on.clear();
    assert!(check(&desired, &lives(&stack())).is_empty());
}

#[test]
fn live_cycles_end() {
    let mut observed = lives(&stack());
    observed[2].depends_on.push(at("service/web"));
    observed[2].depends_on.push(at("service/db"));
    assert_snapshot!(check(&[], &observed).to_lines(), @"
    [] -> #1 service/api, delete, no longer declared
    [1] -> #2 service/db, delete, no longer declared
    [1, 2] -> #3 network/default, delete, no longer declared
    [2] -> #4 service/web, delete, no longer declared
    ");
}

#[test]
fn secrets_are_told_apart_but_never_shown() {
    let spec = |digest: &str| json!({"image": "a", "x-mlstack": {"secrets": {"password": digest}}});
    let before = vec![want("service/a", spec("0123"), &[])];
    let plan = check(&[want("service/a", spec("4567"), &[])], &lives(&before));
    let told = &plan.changes[0].attributes[0];
    assert_eq!(
        (told.path.as_str(), told.sensitive),
        ("x-mlstack.secrets.password", true)
    );
    assert_eq!((&told.before, &told.after), (&None, &None));
}

#[test]
fn the_diff_names_leaves() {
    let before =
        json!({"env": {"A": "1", "B": "2"}, "ports": [{"published": 1}], "cmd": ["a"], "gone": null, "l": {"a.b": 1}});
    let after = json!({"env": {"A": "1", "C": "3"}, "ports": [{"published": 2}, {"published": 3}], "cmd": ["a", "b"], "l": {"a.b": 2}, "hc": {"t": 1}});
    let lines: String = diff(&before, &after)
        .iter()
        .map(|c| {
            format!(
                "{} ({}): {:?} -> {:?}\n",
                c.path,
                c.attribute,
                c.before.as_ref().map(Value::to_string),
                c.after.as_ref().map(Value::to_string)
            )
        })
        .collect();
    assert_snapshot!(lines, @r#"
    cmd (cmd): Some("[\"a\"]") -> Some("[\"a\",\"b\"]")
    env.B (env.B): Some("\"2\"") -> None
    env.C (env.C): None -> Some("\"3\"")
    hc.t (hc.t): None -> Some("1")
    l."a.b" (l."a.b"): Some("1") -> Some("2")
    ports[0].published (ports.published): Some("1") -> Some("2")
    ports[1] (ports): None -> Some("{\"published\":3}")
    "#);
}

/// The paths that differ, with what the target's rules call them.
fn paths(before: &Value, after: &Value) -> String {
    let all = diff(before, after);
    let lines = all.iter().map(|c| format!("{} ({})", c.path, c.attribute));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn members_of_a_list_are_told_by_their_names() {
    let env = |pairs: &[(&str, &str)]| -> Value {
        let each = pairs.iter().map(|(name, value)| json!({"name": name, "value": value}));
        json!({"env": each.collect::<Vec<_>>()})
    };
    let one = env(&[("A", "1"), ("B", "2")]);
    // One in front of the others is one change.
    assert_snapshot!(paths(&one, &env(&[("NEW.1", "0"), ("A", "1"), ("B", "3")])), @r#"
    env[B].value (env.value)
    env["NEW.1"] (env)
    "#);
    // Their order counts where nothing else differs.
    assert_snapshot!(paths(&one, &env(&[("B", "2"), ("A", "1")])), @"
    env[0].name (env.name)
    env[0].value (env.value)
    env[1].name (env.name)
    env[1].value (env.value)
    ");
    // A name that is there twice names nothing.
    assert_snapshot!(paths(&one, &env(&[("A", "1"), ("A", "2")])), @"env[1].name (env.name)");
    let mounts = |path: &str| json!({"mounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": path, "readOnly": true}]});
    assert_snapshot!(paths(&mounts("/b"), &mounts("/c")), @r#"
    mounts["/b"] (mounts)
    mounts["/c"] (mounts)
    "#);
    let ports = |published: u16| json!({"ports": [{"target": 8080, "published": published}]});
    assert_snapshot!(paths(&ports(1), &ports(2)), @"ports[8080].published (ports.published)");
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let observed = lives(&stack());
    let sound = check_with(&[], &observed, &name("db-data"));
    let mut flaws = Vec::new();
    let mut try_with = |change: &dyn Fn(&mut Plan)| {
        let mut broken = sound.clone();
        change(&mut broken);
        flaws.extend(verify(&broken, &[], &observed).into_iter().take(1));
    };
    try_with(&|plan| plan.nodes.swap(0, 1));
    try_with(&|plan| plan.nodes[0].after.push(9));
    try_with(&|plan| plan.nodes.iter_mut().for_each(|n| n.reason = Reason::NoLongerDeclared));
    try_with(&|plan| drop(plan.changes.pop()));
    try_with(&|plan| plan.changes[0].action = Action::Update);
    try_with(&|plan| plan.changes[0].action = Action::Refuse);
    try_with(&|plan| plan.nodes.iter_mut().for_each(|n| n.after.clear()));
    try_with(&|plan| plan.nodes[1].step = plan.nodes[0].step.clone());
    assert_snapshot!(flaws.join("\n"), @"
    [1] -> #2 service/api, delete, no longer declared: does not come after all it waits for
    [9] -> #1 service/web, delete, no longer declared: does not come after all it waits for
    [3] -> #5 volume/db-data, delete, no longer declared: holds data that nobody named
    the changes are not exactly one for each address, in order
    network/default: its steps are not those of Update
    something is refused, yet there are steps
    an address has two steps of one direction
    ");
    assert_eq!(verify(&check(&stack(), &[]), &stack()[2..], &[]).len(), 4);
}

#[test]
fn rules_are_asked_by_attribute_without_positions() {
    let asked = std::cell::RefCell::new(Vec::new());
    let rules = |kind: &str, attribute: &str| {
        asked.borrow_mut().push(format!("{kind} {attribute}"));
        Impact::InPlace
    };
    let before = vec![want("service/a", json!({"ports": [{"published": 1}]}), &[])];
    let after = vec![want("service/a", json!({"ports": [{"published": 2}]}), &[])];
    plan(&after, &lives(&before), &rules, &Options::default());
    assert_eq!(asked.into_inner(), ["service ports.published"]);
}
