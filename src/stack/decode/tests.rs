use super::*;
use crate::stack::language::{self, Field, TYPES};
use crate::stack::{shape, yaml};

/// The stack that `text` decodes to; its form must be right.
fn decoded(text: &str) -> Stack {
    let mut diagnostics = Vec::new();
    let root = yaml::read(text, &mut diagnostics).unwrap();
    shape::check(&root, &mut diagnostics);
    assert_eq!(diagnostics, [], "{text}");
    stack(&root, None)
}

fn component_text(kind: &str, fields: &str) -> String {
    format!("version: 1\nname: shop\ncomponents:\n  it: {{type: {kind}{fields}}}\n")
}

/// A field with its example changes what is decoded, unless the example is the default.
fn matters(with: &str, without: &str, field: &Field) {
    let same = decoded(with) == decoded(without);
    assert_eq!(
        same,
        field.default == Some(field.example),
        "`{}` is not read:\n{with}",
        field.name
    );
}

#[test]
fn every_field_of_the_tables_is_read() {
    for kind in TYPES {
        // `endpoint` and its like are those of `engine: s3`, `storage` and its like are not.
        for field in kind.all().filter(|field| field.name != "type") {
            let s3 = ["endpoint", "region", "access_key", "secret_key"].contains(&field.name);
            let engine = if s3 { ", engine: s3" } else { "" };
            let with = component_text(kind.name, &format!("{engine}, {}: {}", field.name, field.example));
            matters_in(kind.name, &with, &component_text(kind.name, engine), field);
        }
    }
}

/// Fields whose example stands alone but changes nothing by itself.
fn matters_in(kind: &str, with: &str, without: &str, field: &Field) {
    if (kind, field.name) == ("object-store", "version") {
        let other = with.replace(field.example, "\"4.50\"");
        return matters(&other, without, field);
    }
    matters(with, without, field);
}

/// Where a record stands: a component that holds it, with `FIELDS` in its place.
fn homes() -> Vec<(&'static str, String)> {
    let workload = |field: &str| component_text("service", &format!(", {field}"));
    let model = |field: &str| component_text("model-server", &format!(", {field}"));
    vec![
        ("resources", workload("resources: {FIELDS}")),
        ("expose", workload("expose: {FIELDS}")),
        ("volume", workload("volumes: [{FIELDS}]")),
        ("rollout", workload("rollout: {FIELDS}")),
        ("build", workload("build: {FIELDS}")),
        ("autoscale", workload("autoscale: {FIELDS}")),
        ("healthcheck", workload("healthcheck: {FIELDS}")),
        ("model", model("model: {FIELDS}")),
        ("check", model("checks: [{FIELDS}]")),
        ("expect", model("checks: [{request: {a: 1}, expect: {FIELDS}}]")),
        ("bucket", component_text("object-store", ", buckets: {abc: {FIELDS}}")),
        ("waiver", workload("allow_degraded: {no-limits: {FIELDS}}")),
        (
            "policy",
            "version: 1\nname: shop\ncomponents: {db: {type: database}}\npolicies: {mine: {FIELDS}}\n".to_owned(),
        ),
    ]
}

/// What else must stand there for a field to have an effect.
fn companions(record: &str, field: &Field) -> &'static str {
    match (record, field.name) {
        ("volume", "name" | "host") => "",
        ("volume", _) => "name: x",
        ("healthcheck", "http" | "command") => "",
        ("healthcheck", _) => "http: /",
        _ => "",
    }
}

fn required(record: &[Field], but: &str) -> Vec<String> {
    let needed = record.iter().filter(|field| field.required && field.name != but);
    needed
        .map(|field| format!("{}: {}", field.name, field.example))
        .collect()
}

#[test]
fn every_field_of_the_records_is_read() {
    for (name, home) in homes() {
        let (_, record) = language::records()
            .into_iter()
            .find(|(known, _)| *known == name)
            .unwrap();
        for field in record.iter().filter(|field| !field.required) {
            let mut others = required(record, field.name);
            others.extend(Some(companions(name, field).to_owned()).filter(|text| !text.is_empty()));
            let without = home.replace("FIELDS", &others.join(", "));
            others.push(format!("{}: {}", field.name, field.example));
            let with = home.replace("FIELDS", &others.join(", "));
            // Without the field, a check for its absence may fail: only the form counts here.
            matters(&with, &without, field);
        }
    }
}

#[test]
fn every_record_is_covered() {
    let covered: Vec<_> = homes().into_iter().map(|(name, _)| name).collect();
    // Those of components stand in the other tests here; what a cluster is told in those of `target::kubernetes`.
    let elsewhere = [
        "stack",
        "secret",
        "sops",
        "environment",
        "common",
        "workload",
        "kubernetes",
    ];
    for (name, _) in language::records() {
        assert!(covered.contains(&name) || elsewhere.contains(&name), "{name}");
    }
}

#[test]
fn sources_of_secrets() {
    let text = "version: 1\nname: shop\ncomponents: {db: {type: database}}\nsecrets: {a: {env: A}, b: {file: x/b, x-note: 1}, c: {generate: 32}, d: {sops: {file: s.yaml, key: db.password}}}\n";
    let secrets: Vec<_> = decoded(text).secrets.into_iter().collect();
    let of = |name: &str, source| (name.to_owned(), source);
    assert_eq!(
        secrets,
        [
            of("a", SecretSource::Env("A".to_owned())),
            of("b", SecretSource::File("x/b".to_owned())),
            of("c", SecretSource::Generate(32)),
            of(
                "d",
                SecretSource::Sops {
                    file: "s.yaml".to_owned(),
                    key: "db.password".to_owned()
                }
            )
        ]
    );
}

#[test]
fn requests_of_checks_keep_their_types() {
    let text = component_text(
        "model-server",
        ", checks: [{request: {a: 1, b: 1.5, c: x, d: true, e: null, f: [1, '2'], g: {h: 1e3}, 'no': -0.0}, expect: {prediction: [1, 2]}}]",
    );
    let Kind::ModelServer(server) = &decoded(&text).components["it"].kind else {
        panic!()
    };
    let expected = serde_json::json!({"a": 1, "b": 1.5, "c": "x", "d": true, "e": null, "f": [1, "2"], "g": {"h": 1e3}, "no": -0.0});
    assert_eq!(server.checks[0].request, expected);
    assert_eq!(server.checks[0].prediction, serde_json::json!([1, 2]));
}

#[test]
fn ports() {
    let port = |kind: &str, fields: &str| {
        let stack = decoded(&component_text(kind, fields));
        let component = &stack.components["it"];
        (
            component.port,
            component.expose.as_ref().map(|expose| (expose.port, expose.to)),
        )
    };
    assert_eq!(port("database", ", expose: 15432"), (Some(5432), Some((15432, 5432))));
    assert_eq!(port("service", ", expose: 80"), (Some(80), Some((80, 80))));
    assert_eq!(
        port("service", ", expose: {port: 80, to: 8000}"),
        (Some(8000), Some((80, 8000)))
    );
    assert_eq!(
        port("service", ", port: 9000, expose: 80"),
        (Some(9000), Some((80, 9000)))
    );
    assert_eq!(port("service", ""), (None, None));
}
