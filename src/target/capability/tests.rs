use std::collections::BTreeSet;

use super::*;

#[test]
fn capabilities_have_names_of_their_own() {
    let names: BTreeSet<_> = Field::ALL.iter().map(|field| field.name()).collect();
    assert_eq!(names.len(), Field::ALL.len());
    for name in names {
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
            "{name}"
        );
    }
}

#[test]
fn a_field_is_found_by_its_name() {
    for field in Field::ALL {
        assert_eq!(Field::named(field.name()), Some(*field));
    }
    assert_eq!(Field::named("teleportation"), None);
}

#[test]
fn entries_are_short_and_fit_a_table() {
    for target in Target::ALL {
        for field in Field::ALL {
            let texts = match field.on(target) {
                Level::Full => continue,
                Level::Degraded { how, .. } => vec![how],
                Level::Unsupported { why, instead } => vec![why, instead],
            };
            for text in texts {
                assert!(
                    text.len() <= 90 && !text.ends_with('.') && !text.contains(['|', '\n']),
                    "{field:?}: {text}"
                );
            }
        }
    }
}

/// The stack of a text without its first two lines.
fn stack(text: &str) -> crate::stack::Stack {
    let parsed = crate::stack::parse(&format!("version: 1\nname: shop\n{text}"), &Default::default());
    parsed.stack.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics))
}

/// One line a diagnostic: code, place, label, help.
fn checked(text: &str) -> String {
    checked_on(text, Target::Compose)
}

fn checked_on(text: &str, target: Target) -> String {
    let line = |diagnostic: crate::diag::Diagnostic| {
        let crate::diag::At::Path(path, part) = &diagnostic.at else {
            unreachable!()
        };
        let (code, help) = (diagnostic.code.name, diagnostic.help.as_deref().unwrap_or("-"));
        format!("{code} at {part:?} {path}\n  {}\n  {help}\n", diagnostic.label)
    };
    check(&stack(text), target).into_iter().map(line).collect()
}

/// Uses everything there is.
const EVERYTHING: &str = r#"
secrets:
  one: {env: ONE}
  two: {file: two.txt}
  three: {generate: 32}
  four: {sops: {file: s.yaml, key: four}}
components:
  predictor:
    type: model-server
    model: {uri: model.onnx, sha256: "0000000000000000000000000000000000000000000000000000000000000000"}
    protocols: [rest, grpc, websocket, mqtt]
    uses: [queue]
    log_predictions: db
    resources: {cpu: 500m, memory: 256Mi, gpu: 1}
    autoscale: {min: 2, max: 4, cpu: 70%}
    rollout: {timeout: 5m}
    checks:
      - request: {a: 1}
        expect: {prediction: 1}
        p95: 50ms
  remote: {type: model-server, model: "s3://models/m.onnx", replicas: 2}
  db: {type: database, version: "17", storage: 1Gi, protect: true}
  files: {type: object-store, buckets: {models: {versioning: true}}}
  elsewhere: {type: object-store, engine: s3, endpoint: "https://s3.example.org", region: eu, access_key: one, secret_key: two, buckets: {logs: {}}}
  page: {type: frontend, calls: predictor, expose: {port: 3000, public: true}}
  fast: {type: cache}
  faster: {type: cache, engine: redis}
  queue: {type: broker}
  built: {type: service, build: {context: app}, command: [run], port: 80, healthcheck: {command: ["true"]}, resources: {memory: 1Gi}}
  web:
    type: service
    image: example.org/web:1
    resources: {memory: 1Gi}
    port: 80
    healthcheck: {http: /}
    env: {DB: "${db.url}", ONE: "${secrets.one}", TWO: "${secrets.two.file}", THREE: "${secrets.three.file}", FOUR: "${secrets.four.file}"}
    volumes: [{name: data, path: /data}, {host: ./site, path: /site, read_only: true}]
"#;

#[test]
fn a_stack_that_uses_everything_uses_every_field() {
    let text =
        format!("version: 1\nname: shop\n{EVERYTHING}environments: {{prod: {{kubernetes: {{namespace: ml}}}}}}\n");
    let options = crate::stack::Options {
        environment: Some("prod".to_owned()),
        ..Default::default()
    };
    let stack = crate::stack::parse(&text, &options).stack.expect("a stack");
    let used: BTreeSet<_> = uses(&stack).into_iter().map(|found| found.field).collect();
    let unused: Vec<_> = Field::ALL.iter().filter(|field| !used.contains(field)).collect();
    assert_eq!(unused, [] as [&Field; 0]);
}

#[test]
fn what_compose_cannot_do_is_refused_at_its_line() {
    insta::assert_snapshot!(checked(EVERYTHING), @r#"
    unsupported at Value components.predictor.protocols[1]
      compose: the bundled server of this version answers HTTP only
      `protocols: [rest]`, or a server of your own with `image`
    unsupported at Value components.predictor.protocols[2]
      compose: the bundled server of this version answers HTTP only
      `protocols: [rest]`, or a server of your own with `image`
    unsupported at Value components.predictor.protocols[3]
      compose: the bundled server of this version answers HTTP only
      `protocols: [rest]`, or a server of your own with `image`
    unsupported at Value components.predictor.autoscale
      compose: there is no autoscaler
      say how many copies: `replicas: 2`
    unsupported at Value components.remote.model
      compose: this version reads models from files only
      copy the file beside the stack file: `model: model.onnx`
    degraded at Value components.web.env.ONE
      compose: the value arrives as a file; `KEY_FILE` holds its path
      if that is fine, say why on the component: `allow_degraded: {env-secrets: "…"}`
    "#);
}

#[test]
fn what_kubernetes_cannot_do_is_refused_at_its_line() {
    insta::assert_snapshot!(checked_on(EVERYTHING, Target::Kubernetes), @"
    unsupported at Value components.predictor.protocols[1]
      k8s: the bundled server of this version answers HTTP only
      `protocols: [rest]`, or a server of your own with `image`
    unsupported at Value components.predictor.protocols[2]
      k8s: the bundled server of this version answers HTTP only
      `protocols: [rest]`, or a server of your own with `image`
    unsupported at Value components.predictor.protocols[3]
      k8s: the bundled server of this version answers HTTP only
      `protocols: [rest]`, or a server of your own with `image`
    unsupported at Value components.remote.model
      k8s: this version reads models from files only
      copy the file beside the stack file: `model: model.onnx`
    unsupported at Value components.built.build
      k8s: a cluster builds no images
      build and push it yourself, then `image: registry.example.com/team/app:1`
    unsupported at Value components.web.volumes[1].host
      k8s: a cluster has no folder of this machine, and Pod Security forbids those of its own
      a named volume, or an image with the files in it
    ");
}

const SECRET: &str = r#"
secrets: {key: {env: KEY}}
components:
  web:
    type: service
    image: example.org/web:1
    env: {KEY: "${secrets.key}"}
"#;

#[test]
fn a_degradation_with_a_reason_is_allowed() {
    assert_eq!(
        checked(&format!(
            "{SECRET}    allow_degraded: {{env-secrets: it reads KEY_FILE}}\n"
        )),
        ""
    );
}

#[test]
fn an_allowance_counts_for_its_own_component() {
    let other = "  other: {type: frontend, image: example.org/other:1, allow_degraded: {env-secrets: fine}}\n";
    insta::assert_snapshot!(checked(&format!("{SECRET}{other}")), @r#"
    degraded at Value components.web.env.KEY
      compose: the value arrives as a file; `KEY_FILE` holds its path
      if that is fine, say why on the component: `allow_degraded: {env-secrets: "…"}`
    unneeded-allowance at Key components.other.allow_degraded.env-secrets
      the component does not use it
      remove `env-secrets` from `allow_degraded`
    "#);
}

#[test]
fn allowances_that_miss_say_how() {
    let names = "{env-secret: a, nonsense: b, storage: c, grpc: d, image: e, env-secrets: f, floating-tag: g}";
    let text = format!("components:\n  db: {{type: database, version: \"17\", allow_degraded: {names}}}\n");
    insta::assert_snapshot!(checked(&text), @r#"
    unknown-capability at Key components.db.allow_degraded.env-secret
      no capability is called `env-secret`
      did you mean `env-secrets`?
    unknown-capability at Key components.db.allow_degraded.nonsense
      no capability is called `nonsense`
      one of `env-secrets`, `breaking-api`, `data-loss`, `destroy`, `downtime`, `exposed`, `public-data`, `dangerous-mount`, `floating-tag`, `no-limits`, `secret-in-file`, `one-replica`
    unneeded-allowance at Key components.db.allow_degraded.storage
      every target does this without an allowance, as far as it can
      remove `storage` from `allow_degraded`
    unneeded-allowance at Key components.db.allow_degraded.grpc
      what a target cannot do at all cannot be allowed
      remove `grpc` from `allow_degraded`
    unneeded-allowance at Key components.db.allow_degraded.image
      every target does this without an allowance, as far as it can
      remove `image` from `allow_degraded`
    unneeded-allowance at Key components.db.allow_degraded.env-secrets
      the component does not use it
      remove `env-secrets` from `allow_degraded`
    "#);
}

#[test]
fn a_reason_must_say_something() {
    let text = format!("version: 1\nname: shop{SECRET}    allow_degraded: {{env-secrets: \" \"}}\n");
    let codes: Vec<_> = crate::stack::parse(&text, &Default::default())
        .diagnostics
        .iter()
        .map(|d| d.code.name)
        .collect();
    assert!(codes.contains(&"empty-value"), "{codes:?}");
}

#[test]
fn only_the_target_decides_about_exit_code_5() {
    let stack = stack(&format!("{SECRET}    allow_degraded: {{nonsense: a}}\n"));
    let found = check(&stack, Target::Compose);
    let kinds: Vec<_> = found.iter().map(|d| (d.code.name, is_violation(d))).collect();
    assert_eq!(kinds, [("degraded", true), ("unknown-capability", false)]);
}
