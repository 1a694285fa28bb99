use super::*;

fn at(keys: &[&str]) -> Option<Guide> {
    let path = keys.iter().fold(Path::root(), |path, key| match key.parse() {
        Ok(index) => path.index(index),
        Err(_) => path.key(*key),
    });
    Guide::at(&path, &|name| {
        let kind = match name {
            "api" => "model-server",
            "db" => "database",
            _ => return None,
        };
        Some(kind.to_owned())
    })
}

#[test]
fn places_have_their_fields() {
    let names = |keys: &[&str]| -> Vec<&str> {
        let fields = at(keys).unwrap().fields();
        fields.into_iter().map(|field| field.name).collect()
    };
    insta::assert_snapshot!(names(&[]).join(" "), @"version name components secrets policies allow_degraded environments");
    insta::assert_snapshot!(names(&["components", "db"]).join(" "), @"type image replicas resources env uses expose volumes rollout protect allow_degraded engine version storage");
    insta::assert_snapshot!(names(&["environments", "prod", "components", "api"]).join(" "), @"type image replicas resources env uses expose volumes rollout protect allow_degraded build command port autoscale healthcheck model protocols log_predictions checks");
    insta::assert_snapshot!(names(&["components", "api", "checks", "0"]).join(" "), @"request expect p95");
    assert!(names(&["components", "new"]).contains(&"buckets"));
    assert!(at(&["components", "db", "model"]).is_none());
}

#[test]
fn places_are_named_as_the_capabilities_name_them() {
    let place = |keys: &[&str]| at(keys).unwrap().place;
    assert_eq!(
        place(&["components", "x", "buckets", "models", "versioning"]),
        "buckets.*.versioning"
    );
    assert_eq!(
        place(&["environments", "prod", "components", "api", "checks", "3", "p95"]),
        "checks[].p95"
    );
    assert_eq!(
        place(&["environments", "prod", "kubernetes"]),
        "environments.*.kubernetes"
    );
}

#[test]
fn values_are_known() {
    let api = |field: &str| at(&["components", "api", field]).unwrap();
    assert_eq!(api("log_predictions").names(), Some(Names::Components(&["database"])));
    assert_eq!(
        at(&["components", "api", "uses", "0"]).unwrap().names(),
        Some(Names::Components(&[]))
    );
    assert_eq!(api("protect").words(), ["true", "false"]);
    assert_eq!(
        at(&["components", "api", "resources", "memory"]).unwrap().quantity(),
        Some("256Mi")
    );
    assert_eq!(api("allow_degraded").keys(), Some(Keys::Allowances));
    for policies in [
        &["policies"] as &[&str],
        &["environments", "prod", "policies"],
        &["allow_degraded", "gone"],
        &["environments", "prod", "allow_degraded", "gone"],
    ] {
        assert_eq!(at(policies).unwrap().keys(), Some(Keys::Policies), "{policies:?}");
    }
    assert_eq!(at(&["allow_degraded"]).unwrap().keys(), None);
    assert_eq!(
        (api("model").holds(), api("uses").holds()),
        (Holds::Scalar, Holds::List)
    );
    assert!(at(&["components", "api", "env", "A"]).unwrap().takes_references());
}

#[test]
fn names_are_judged() {
    assert_eq!(name_fault("db-2", false), None);
    assert!(name_fault("Db", false).is_some() && name_fault("a b", true).is_some());
}
