//! The real kubectl against the double: what a user's tool sees of it. `MLSTACK_TEST_KUBE` is the folder it is in.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use mlstack_kube_double::Double;

const MANIFEST: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: cfg, namespace: default}
data: {a: "1", b: "2"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: server, image: "registry.example/model-server:1.0"}
"#;

struct Kubectl {
    binary: String,
    config: tempfile::NamedTempFile,
    home: tempfile::TempDir,
}

/// The real kubectl; a missing one is said, and fails where everything is required.
fn kubectl(double: &Double) -> Option<Kubectl> {
    let Ok(folder) = std::env::var("MLSTACK_TEST_KUBE") else {
        println!("NOT RUN: no MLSTACK_TEST_KUBE; `tests/run --prepare` installs it");
        assert_ne!(
            std::env::var("MLSTACK_TEST_REQUIRE").as_deref(),
            Ok("1"),
            "kubectl is required"
        );
        return None;
    };
    let mut config = tempfile::NamedTempFile::new().unwrap();
    config.write_all(double.kubeconfig().as_bytes()).unwrap();
    Some(Kubectl {
        binary: format!("{folder}/bin/kubectl"),
        config,
        home: tempfile::tempdir().unwrap(),
    })
}

impl Kubectl {
    fn run(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut child = Command::new(&self.binary)
            .args(arguments)
            .env("KUBECONFIG", self.config.path())
            .env("HOME", self.home.path())
            .env("KUBECTL_APPLYSET", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        (
            status.code().unwrap(),
            String::from_utf8(stdout).unwrap(),
            String::from_utf8(stderr).unwrap(),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_diff_get_and_delete() {
    let double = Double::start().await;
    let Some(kubectl) = kubectl(&double) else { return };
    let (code, out, err) = kubectl.run(&["apply", "--server-side", "-f", "-"], MANIFEST);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (
            0,
            "configmap/cfg serverside-applied\ndeployment.apps/web serverside-applied\n",
            ""
        )
    );
    let (code, out, err) = kubectl.run(&["diff", "--server-side", "-f", "-"], MANIFEST);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    let (code, out, _) = kubectl.run(
        &["diff", "--server-side", "-f", "-"],
        &MANIFEST.replace("a: \"1\"", "a: \"9\""),
    );
    assert_eq!(code, 1);
    assert!(out.contains("-  a: \"1\"\n+  a: \"9\""), "{out}");
    let (code, out, err) = kubectl.run(&["rollout", "status", "deployment/web", "--timeout=20s"], "");
    assert_eq!(code, 0, "{out}{err}");
    let (code, out, err) = kubectl.run(&["get", "configmap", "cfg", "-o", "jsonpath={.data}"], "");
    assert_eq!((code, out.as_str()), (0, r#"{"a":"1","b":"2"}"#), "{err}");
    let (code, out, err) = kubectl.run(&["delete", "--wait=true", "-f", "-"], MANIFEST);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(double.object("Deployment", "default", "web"), None);
}
