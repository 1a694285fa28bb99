use mlstack_compose::ContainerLabels;
use mlstack_provider::{Address, Observed};
use serde_json::{Value, json};

use super::{Found, Role, one_of_each, set_replicas, settle, tell_apart};

fn found(name: &str, number: u32) -> Found {
    let labels = ContainerLabels {
        project: "p".into(),
        service: "web".into(),
        number,
        ..ContainerLabels::default()
    };
    Found {
        id: name.into(),
        name: name.into(),
        number,
        role: Role::read(name, &labels),
        inspected: Default::default(),
    }
}

fn settled(names: &[(&str, u32)]) -> (Vec<String>, &'static str) {
    let all: Vec<Found> = names.iter().map(|(name, number)| found(name, *number)).collect();
    let (copies, problem) = settle(&all);
    let names = copies.into_iter().map(|copy| copy.name.clone()).collect();
    (names, problem.map_or("", |problem| problem.leak()))
}

#[test]
fn an_interrupted_update_is_told_by_the_names() {
    let interrupted = "an update of it was interrupted";
    for (names, copies, problem) in [
        (&["p-web-1"][..], "p-web-1", ""),
        (&["renamed"], "renamed", ""),
        (&["p-web-1", "p-web-1.new"], "p-web-1", interrupted),
        (&["p-web-1", "p-web-1.old"], "p-web-1", interrupted),
        (&["p-web-1", "p-web-1.canary"], "p-web-1", interrupted),
        (&["p-web-1.new", "p-web-1.old"], "p-web-1.old", interrupted),
        (&["p-web-1.old"], "p-web-1.old", interrupted),
        (&["p-web-1.canary"], "", interrupted),
        (&["p-web-1.new"], "p-web-1.new", "it never came up"),
    ] {
        let names: Vec<(&str, u32)> = names.iter().map(|name| (*name, 1)).collect();
        let (found, why) = settled(&names);
        assert_eq!((found.join(" ").as_str(), why), (copies, problem), "{names:?}");
    }
    assert_eq!(
        settled(&[("p-web-1", 1), ("p-web-2", 2)]),
        (vec!["p-web-1".into(), "p-web-2".into()], "")
    );
}

#[test]
fn the_number_of_copies_is_written_only_when_it_says_something_new() {
    let after = |mut spec: Value, copies| {
        set_replicas(&mut spec, copies);
        spec
    };
    assert_eq!(after(json!({"image": "x"}), 1), json!({"image": "x"}));
    assert_eq!(
        after(json!({"deploy": {"replicas": 2}}), 2),
        json!({"deploy": {"replicas": 2}})
    );
    assert_eq!(
        after(json!({"image": "x", "deploy": {"replicas": 2}}), 1),
        json!({"image": "x"})
    );
    assert_eq!(
        after(json!({"deploy": {"replicas": 2, "resources": {}}}), 1),
        json!({"deploy": {"resources": {}}})
    );
    assert_eq!(
        after(json!({"image": "x"}), 3),
        json!({"image": "x", "deploy": {"replicas": 3}})
    );
}

#[test]
fn images_of_earlier_rollouts_have_addresses_of_their_own() {
    let seen = |kind: &str, name: &str, id: &str, spec: Value| Observed {
        address: Address::new(kind, name),
        id: format!("sha256:{id}"),
        spec,
        recorded: None,
        depends_on: Vec::new(),
        protected: false,
        problem: None,
    };
    let image = |name: &str, id: &str| seen("image", name, id, json!({"reference": format!("{name}:{id}")}));
    let mut images = vec![image("web", "33"), image("web", "22222222222222"), image("db", "11")];
    let services = [seen("service", "web", "", json!({"image": "web:33"}))];
    tell_apart(&mut images, &services);
    let names: Vec<_> = images.iter().map(|image| image.address.name.as_str()).collect();
    assert_eq!(names, ["db", "web", "web@222222222222"]);
}

#[test]
fn two_networks_of_one_name_are_one_in_trouble() {
    let network = |name: &str, id: &str| Observed {
        address: Address::new("network", name),
        id: id.into(),
        spec: json!({}),
        recorded: None,
        depends_on: Vec::new(),
        protected: false,
        problem: None,
    };
    let all = [network("back", "1"), network("front", "2"), network("back", "3")];
    let told: Vec<_> = one_of_each(all.into_iter())
        .into_iter()
        .map(|one| (one.id, one.problem))
        .collect();
    let trouble = "there is more than one of this name".to_owned();
    assert_eq!(told, [("1".to_owned(), Some(trouble)), ("2".to_owned(), None)]);
}
