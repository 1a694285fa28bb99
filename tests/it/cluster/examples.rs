//! Every ready stack, from nothing to nothing: planned, applied, changed, updated, gone back, destroyed.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::ground::Ground;
use super::server::{self, Answers};
use crate::support::repository;

/// A ready stack on a cluster, with a model server that answers its golden requests right.
fn ready(folder: &str, answers: &[(&'static str, f64)]) -> (Ground, Answers) {
    let mut ground = Ground::new();
    ground.folder = ground.folder.copy(folder);
    let answers: Answers = Arc::new(Mutex::new(answers.to_vec()));
    serve(&ground, &answers);
    (ground, answers)
}

/// Whatever the stack's pods run answers golden requests.
fn serve(ground: &Ground, answers: &Answers) {
    let address = server::start(answers);
    for image in images(ground) {
        ground.double.serve(&image, 8080, address);
    }
}

/// The images of all pods that the stack will have.
fn images(ground: &Ground) -> Vec<String> {
    let plan: Value = serde_json::from_str(&ground.folder.stdout("plan --format json")).unwrap();
    let changes = plan["resource_changes"].as_array().unwrap();
    let containers = changes
        .iter()
        .flat_map(|change| change["change"]["after"]["spec"]["template"]["spec"]["containers"].as_array())
        .flatten();
    containers
        .map(|container| container["image"].as_str().unwrap().to_owned())
        .collect()
}

/// Runs a command that must end well.
fn well(ground: &Ground, command: &str) -> String {
    let said = ground.run(command);
    assert!(said.starts_with("exit: 0"), "{command}\n{said}");
    said
}

/// The whole way of a stack, with `from` made `to` in between.
fn walk(ground: &Ground, (from, to): (&str, &str)) {
    let workloads = || [ground.double.names("Deployment"), ground.double.names("StatefulSet")].concat();
    well(ground, "apply -y");
    ground.is_settled();
    let status = well(ground, "status");
    let pods = ground.double.names("Pod");
    assert!(pods.len() >= workloads().len(), "{pods:?}");
    assert_eq!(status.matches("healthy").count(), pods.len(), "{status}");
    ground.edit(from, to);
    let plan = ground.run("plan --detailed-exitcode");
    assert!(plan.starts_with("exit: 2") && plan.contains("0 to destroy"), "{plan}");
    well(ground, "apply -y");
    ground.is_settled();
    well(ground, "rollback -y");
    ground.edit(to, from);
    ground.is_settled();
    let claims = ground.double.names("PersistentVolumeClaim");
    let said = well(ground, "destroy -y");
    assert!(said.contains("Kept: "), "{said}");
    assert_eq!(
        (workloads(), ground.double.names("PersistentVolumeClaim")),
        (Vec::new(), claims)
    );
}

#[test]
fn the_smallest_stack() {
    let (ground, _) = ready("stacks/minimal", &[("\"age\":41", 81.6767)]);
    walk(&ground, ("cpu: 500m", "cpu: 600m"));
}

#[test]
fn a_cache_and_a_broker() {
    let (ground, _) = ready("stacks/cache-broker", &[]);
    walk(&ground, ("cpu: 250m", "cpu: 300m"));
}

#[test]
fn the_full_stack() {
    let (ground, _) = ready("stacks/full", &[("\"age\":41", 81.6767)]);
    walk(&ground, ("cpu: 500m", "cpu: 600m"));
}

#[test]
fn the_example_of_the_handbook() {
    let (ground, answers) = ready(
        "examples/diabetes",
        &[("\"age\":41", 82.1535), ("\"age\":48", 205.4293)],
    );
    walk(&ground, ("cpu: 500m", "cpu: 600m"));
    // Its data stayed, so it comes back; and a version that answers wrong does not.
    well(&ground, "apply -y");
    answers.lock().unwrap()[1].1 = 99.0;
    ground.edit("cpu: 500m", "cpu: 700m");
    insta::assert_snapshot!(ground.run("apply -y -q"), @"
    exit: 8
    --- stdout
    diabetes → k8s (context double, namespace diabetes)

      ~ deployment/predictor  mlstack.yaml:6  limits.cpu 500m → 700m
                                              requests.cpu 500m → 700m
                                              rolling, no downtime

    Plan: 0 to add, 1 to change, 0 to replace, 0 to destroy.
    --- stderr
    error: deployment/predictor gives a wrong answer
     --> mlstack.yaml:6:3
      caused by: checks[1]: expected 205.4293 within 0.01, got 99; asked [TIME]
      hint: if 99 is right, write it as checks[1].expect.prediction
      hint: the version before it was not touched, and serves
    ");
    ground.edit("cpu: 700m", "cpu: 500m");
    ground.is_settled();
}

/// All that the language has for a cluster at once, with the model and the golden request of the smallest stack.
#[test]
fn a_stack_of_everything() {
    let mut ground = Ground::new();
    ground.folder = ground.folder.copy("stacks/minimal");
    let text = std::fs::read_to_string(repository().join("tests/fixtures/k8s-everything.yaml")).unwrap();
    let text = text
        .replace("model/a.onnx", "model/diabetes.onnx")
        .replace(
            "{a: 1}",
            "{age: 41, sex: 1, bmi: 20.5, bp: 80, s1: 124, s2: 48.8, s3: 64, s4: 2, s5: 4.0254, s6: 75}",
        )
        .replace("{prediction: 2, within: 0.5}", "{prediction: 81.6767, within: 0.01}");
    ground.folder.write("mlstack.yaml", text);
    for (name, value) in [
        ("API_KEY", "k-1"),
        ("ID", "i-1"),
        ("KEY", "k-2"),
        ("MLSTACK_ENV", "openshift"),
    ] {
        ground.folder = ground.folder.env(name, value);
    }
    serve(&ground, &Arc::new(Mutex::new(vec![("\"age\":41", 81.6767)])));
    walk(&ground, ("cpu: 250m", "cpu: 300m"));
}
