//! What the policies of a stack stop, what they let through, and what was approved.

use super::ground::Ground;

const STACK: &str = r#"version: 1
name: shop
policies:
  downtime: error
  registry:
    deny: "@.kind == 'deployment' && !search(@.after.spec.template.spec.containers[0].image, '^registry.example/')"
    severity: warning
    message: images come from registry.example
components:
  db: { type: database, version: "17" }
  api:
    type: service
    image: registry.example/api:1
    port: 8080
    resources: { cpu: 100m, memory: 64Mi }
environments:
  dev: { policies: { downtime: warning } }
"#;

/// Changes the pod of the database, which has one copy.
fn up_and_edited() -> Ground {
    let ground = Ground::with(STACK);
    let said = ground.run("apply -y -q");
    assert!(said.starts_with("exit: 0"), "{said}");
    ground.edit("version: \"17\"", "version: \"17\", resources: { memory: 1Gi }");
    ground
}

/// How a run ended, and what policies said before it did.
fn judgement(said: &str) -> String {
    let (exit, rest) = said.split_once('\n').unwrap_or((said, ""));
    let policies = rest.find("Policies:").map_or("no policies", |at| &rest[at..]);
    format!("{exit}\n{policies}")
}

#[test]
fn what_is_against_a_policy_is_told_and_not_done() {
    let ground = up_and_edited();
    insta::assert_snapshot!(ground.run("plan"), @r#"
    exit: 5
    --- stdout
    shop → k8s (context double, namespace shop)

      ~ statefulset/db  mlstack.yaml:10  limits.memory 512Mi → 1Gi  downtime
                                         requests.memory 512Mi → 1Gi

    Plan: 0 to add, 1 to change, 0 to replace, 0 to destroy.

    Policies:

      error  downtime  mlstack.yaml:10: statefulset/db does not answer for a while
                       let it through with a reason, if it is meant:
                       `allow_degraded: {downtime: "…"}` on `db`
    --- stderr
    error: this is against the policies of the stack: downtime
      hint: change what is against them, let it through with a reason (`allow_degraded` on the component), or let the policy weigh less
    "#);
    ground.double.forget_calls();
    let said = ground.run("apply -y -q");
    assert!(said.starts_with("exit: 5"), "{said}");
    let patches: Vec<String> = ground
        .writes()
        .into_iter()
        .filter(|call| call.starts_with("PATCH"))
        .collect();
    assert_eq!(patches, Vec::<String>::new());
    let sealed = ground.run("plan --out shop.mlplan -q");
    assert!(
        sealed.starts_with("exit: 5") && !ground.folder.path().join("shop.mlplan").exists(),
        "{sealed}"
    );
    let json = ground.folder.run("plan --format json");
    assert!(json.contains("\"policy\": \"downtime\""), "{json}");
    // The environment says how much it weighs.
    let dev = ground.run("plan -e dev");
    assert!(dev.starts_with("exit: 0") && dev.contains("warning  downtime"), "{dev}");
}

#[test]
fn a_waiver_counts_until_its_day() {
    let ground = up_and_edited();
    let waived = |until: &str| {
        let text = ground.folder.read("mlstack.yaml");
        let allowed =
            format!("memory: 1Gi }}, allow_degraded: {{ downtime: {{ reason: one node, until: \"{until}\" }} }}");
        ground
            .folder
            .write("mlstack.yaml", text.replace("memory: 1Gi }", &allowed));
        let said = ground.run("plan");
        ground.folder.write("mlstack.yaml", text);
        judgement(&said)
    };
    insta::assert_snapshot!(waived("9999-12-31"), @"
    exit: 0
    Policies:

      waived  downtime  mlstack.yaml:10: statefulset/db does not answer for a while
                        let through until [TIME] one node
    --- stderr
    ");
    insta::assert_snapshot!(waived("2020-02-29"), @r#"
    exit: 5
    Policies:

      error  downtime  mlstack.yaml:10: statefulset/db does not answer for a while
                       let it through with a reason, if it is meant:
                       `allow_degraded: {downtime: "…"}` on `db`
    --- stderr
    mlstack::ended-waiver

      ⚠ a waiver whose time is over
        ╭─[mlstack.yaml:10:86]
     10 │   db: { type: database, version: "17", resources: { memory: 1Gi }, allow_degraded: { downtime: { reason: one node, until: [TIME] } } }
        ·                                                                                      ────┬───
        ·                                                                                          ╰── `downtime` was let through until [TIME]
        ╰────
      help: mend what it is about, or move `until` with a reason that still holds

    mlstack.yaml: 1 warning
    error: this is against the policies of the stack: downtime
      hint: change what is against them, let it through with a reason (`allow_degraded` on the component), or let the policy weigh less
    "#);
}

#[test]
fn only_what_was_approved_is_applied() {
    let ground = up_and_edited();
    ground.edit("downtime: error", "downtime: warning");
    let fingerprint = || {
        let plan: serde_json::Value = serde_json::from_str(&ground.folder.stdout("plan --format json")).unwrap();
        plan["fingerprint"].as_str().unwrap().to_owned()
    };
    let approved = fingerprint();
    ground.edit("memory: 1Gi", "memory: 2Gi");
    let said = ground.run(&format!("apply -q --approved {approved}"));
    assert!(
        said.starts_with("exit: 7") && said.contains("this is not what was approved"),
        "{said}"
    );
    let short = ground.run("apply -q --approved 0123");
    assert!(short.starts_with("exit: 64") && short.contains("too short"), "{short}");
    ground.edit("memory: 2Gi", "memory: 1Gi");
    assert_eq!(fingerprint(), approved, "the same change has the same fingerprint");
    let said = ground.run(&format!("apply -q --approved {}", &approved[..16]));
    assert!(said.starts_with("exit: 0"), "{said}");
    ground.is_settled();
}

/// Everything that is up, with a policy against taking any of it away.
fn up_and_kept() -> Ground {
    let ground = up_and_edited();
    ground.edit("downtime: error", "downtime: warning\n  destroy: error");
    let said = ground.run("apply -y -q");
    assert!(said.starts_with("exit: 0"), "{said}");
    ground
}

#[test]
fn a_destroy_is_judged_as_an_apply_is() {
    let ground = up_and_kept();
    ground.double.forget_calls();
    let said = ground.run("destroy -y");
    assert!(said.starts_with("exit: 5"), "{said}");
    assert!(said.contains("statefulset/db is taken away"), "{said}");
    let gone: Vec<String> = ground.writes();
    let gone: Vec<_> = gone.iter().filter(|call| call.starts_with("DELETE")).collect();
    assert!(gone.iter().all(|call| call.contains("/leases/")), "{gone:#?}");
    ground.edit("destroy: error", "destroy: warning");
    let said = ground.run("destroy -y");
    assert!(
        said.starts_with("exit: 0") && said.contains("warning  destroy"),
        "{said}"
    );
}

#[test]
fn a_plan_of_nothing_is_judged_by_apply_too() {
    let ground = up_and_kept();
    ground.edit("severity: warning", "severity: error");
    ground.edit("'^registry.example/'", "'^elsewhere.example/'");
    let planned = ground.run("plan");
    assert!(planned.contains("No changes"), "{planned}");
    assert_eq!(judgement(&ground.run("apply -y")), judgement(&planned));
    insta::assert_snapshot!(judgement(&planned), @r#"
    exit: 5
    Policies:

      error  registry  mlstack.yaml:12: images come from registry.example
                       let it through with a reason, if it is meant:
                       `allow_degraded: {registry: "…"}` on `api`
    --- stderr
    error: this is against the policies of the stack: registry
      hint: change what is against them, let it through with a reason (`allow_degraded` on the component), or let the policy weigh less
    "#);
}

#[test]
fn the_way_back_is_not_held_up() {
    let ground = up_and_kept();
    ground.edit("severity: warning", "severity: error");
    ground.edit("'^registry.example/'", "'^elsewhere.example/'");
    let said = ground.run("rollback -y");
    assert!(said.starts_with("exit: 0") && !said.contains("Policies:"), "{said}");
}
