//! What is rendered for Kubernetes: every byte of it, and what those say who read it.
//!
//! `tests/run` installs kubectl and the schemas. A judge that is not there is named; with `MLSTACK_TEST_REQUIRE=1` the
//! absence of one that `tests/run` installs fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use mlstack::render::{GitOps, GitOpsTool, KubernetesInput, RenderedFile, kubernetes as render};
use mlstack::stack::{Options, Stack, parse};
use mlstack::target::{Target, capability, kubernetes};
use mlstack_manifest::{pod_spec, violations};
use mlstack_provider::Resource;
use tempfile::TempDir;

use crate::judge::{self, answer, missing, program};
use crate::support::{Sandbox, repository};

/// The stacks that are rendered: a name, a stack file, an environment.
const EXAMPLES: [(&str, &str, Option<&str>); 7] = [
    ("minimal", "stacks/minimal/mlstack.yaml", None),
    ("full", "stacks/full/mlstack.yaml", None),
    ("cache-broker", "stacks/cache-broker/mlstack.yaml", None),
    ("diabetes", "examples/diabetes/mlstack.yaml", None),
    ("everything", "tests/fixtures/k8s-everything.yaml", Some("prod")),
    ("gateway", "tests/fixtures/k8s-everything.yaml", Some("gateway")),
    ("openshift", "tests/fixtures/k8s-everything.yaml", Some("openshift")),
];

fn stack(path: &str, environment: Option<&str>) -> Stack {
    let text = std::fs::read_to_string(repository().join(path)).unwrap();
    let options = Options {
        environment: environment.map(str::to_owned),
        ..Options::default()
    };
    let parsed = parse(&text, &options);
    parsed
        .stack
        .unwrap_or_else(|| panic!("{path}: {:#?}", parsed.diagnostics))
}

fn lowered(stack: &Stack) -> Vec<Resource> {
    let digest = |name: &String| (name.clone(), format!("sha256:{}", "a1".repeat(32)));
    let digests: BTreeMap<_, _> = stack.components.keys().map(digest).collect();
    kubernetes::lower(
        stack,
        &kubernetes::Inputs {
            digests: &digests,
            secrets: &BTreeMap::new(),
            locate: &|_| None,
        },
    )
}

fn rendered(stack: &Stack, gitops: Option<GitOps<'_>>) -> Vec<RenderedFile> {
    render(
        &lowered(stack),
        &KubernetesInput {
            stack: &stack.name,
            namespace: kubernetes::namespace(stack),
            source: "mlstack.yaml",
            source_digest: "00",
            generated: &BTreeSet::from(["db-password".to_owned()]),
            forwards: &["kubectl port-forward …".to_owned()],
            gitops,
        },
    )
}

/// All files as one text.
fn whole(files: &[RenderedFile]) -> String {
    let one = |file: &RenderedFile| format!("=== {}\n{}", file.path, String::from_utf8_lossy(&file.bytes));
    files.iter().map(one).collect()
}

/// All files into a folder.
fn fill(folder: &Path, files: &[RenderedFile]) {
    for file in files {
        let path = folder.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.bytes).unwrap();
    }
}

fn each(mut judge: impl FnMut(&str, &Path)) {
    for (name, path, environment) in EXAMPLES {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), &rendered(&stack(path, environment), None));
        judge(name, folder.path());
    }
}

#[test]
fn every_byte_is_as_it_was() {
    for (name, path, environment) in EXAMPLES {
        let stack = stack(path, environment);
        let text = whole(&rendered(&stack, None));
        assert_eq!(text, whole(&rendered(&stack, None)), "{name}: not the same twice");
        let golden = repository().join(format!("tests/fixtures/k8s/{name}.txt"));
        if std::env::var_os("MLSTACK_BLESS").is_some() {
            std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
            std::fs::write(&golden, &text).unwrap();
        }
        let written = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(
            text == written,
            "{name}: not as in {}; MLSTACK_BLESS=1 writes it anew",
            golden.display()
        );
    }
}

#[test]
fn examples_can_be_carried() {
    for (name, path, environment) in EXAMPLES {
        let found = capability::check(&stack(path, environment), Target::Kubernetes);
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn every_pod_passes_pod_security_restricted() {
    for (name, path, environment) in EXAMPLES {
        let resources = lowered(&stack(path, environment));
        let pods: Vec<_> = resources
            .iter()
            .filter_map(|resource| Some((&resource.address, pod_spec(&resource.spec)?)))
            .collect();
        assert!(!pods.is_empty(), "{name}");
        for (address, pod) in pods {
            assert_eq!(violations(pod), [] as [&str; 0], "{name}: {address}");
            for container in pod["containers"].as_array().unwrap() {
                assert_eq!(
                    container["securityContext"]["readOnlyRootFilesystem"], true,
                    "{address}"
                );
            }
            assert_eq!(pod["automountServiceAccountToken"], false, "{address}");
            assert_eq!(pod["enableServiceLinks"], false, "{address}");
        }
    }
}

#[test]
fn what_a_resource_stands_on_is_there_and_comes_before_it() {
    for (name, path, environment) in EXAMPLES {
        let resources = lowered(&stack(path, environment));
        let known: BTreeSet<_> = resources.iter().map(|resource| &resource.address).collect();
        assert_eq!(known.len(), resources.len(), "{name}");
        for resource in &resources {
            for address in &resource.depends_on {
                assert!(known.contains(address), "{name}: {} needs {address}", resource.address);
            }
        }
    }
}

#[test]
fn tools_that_watch_a_repository_are_told_where() {
    let stack = stack("stacks/minimal/mlstack.yaml", None);
    let gitops = |tool| GitOps {
        tool,
        repository: "https://example.com/shop.git",
        path: "dist/k8s",
    };
    let told = |tool| {
        let files = rendered(&stack, Some(gitops(tool)));
        let watched: Vec<_> = files
            .into_iter()
            .filter(|file| file.path.starts_with("gitops/"))
            .collect();
        whole(&watched)
    };
    insta::assert_snapshot!(told(GitOpsTool::ArgoCd), @"
    === gitops/application.yaml
    # Generated by mlstack from mlstack.yaml (sha256:00).
    # Edit that file and render again: changes here are lost.
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    metadata:
      name: minimal
      namespace: argocd
    spec:
      project: default
      source:
        repoURL: https://example.com/shop.git
        targetRevision: HEAD
        path: dist/k8s
      destination:
        server: https://kubernetes.default.svc
        namespace: minimal
      syncPolicy:
        automated:
          prune: true
          selfHeal: true
        syncOptions:
        - ServerSideApply=true
    ");
    insta::assert_snapshot!(told(GitOpsTool::Flux), @"
    === gitops/gitrepository.yaml
    # Generated by mlstack from mlstack.yaml (sha256:00).
    # Edit that file and render again: changes here are lost.
    apiVersion: source.toolkit.fluxcd.io/v1
    kind: GitRepository
    metadata:
      name: minimal
      namespace: flux-system
    spec:
      interval: 5m
      url: https://example.com/shop.git
      ref:
        branch: main
    === gitops/kustomization.yaml
    # Generated by mlstack from mlstack.yaml (sha256:00).
    # Edit that file and render again: changes here are lost.
    apiVersion: kustomize.toolkit.fluxcd.io/v1
    kind: Kustomization
    metadata:
      name: minimal
      namespace: flux-system
    spec:
      interval: 10m
      sourceRef:
        kind: GitRepository
        name: minimal
      path: ./dist/k8s
      prune: true
      wait: true
    ");
}

#[test]
fn the_command_writes_the_folder_and_clears_what_is_old() {
    let sandbox = Sandbox::new().copy("stacks/cache-broker");
    let said = sandbox.run("render --target k8s");
    assert!(said.starts_with("exit: 0"), "{said}");
    assert!(said.contains("kubectl apply -k"), "{said}");
    assert!(
        sandbox
            .read("dist/k8s/kustomization.yaml")
            .contains("- deployment-cache.yaml")
    );
    let smaller = sandbox
        .read("mlstack.yaml")
        .replace("    uses: [cache, broker]", "    uses: [broker]");
    let smaller = smaller.replace("      CACHE_URL: ${cache.url}\n", "");
    let smaller = smaller.replace(
        "  cache:\n    type: cache\n    engine: valkey\n    version: \"8\"\n",
        "",
    );
    sandbox.write("mlstack.yaml", smaller);
    sandbox.write("dist/k8s/mine.yaml", "kind: Mine\n");
    let said = sandbox.run("render --target k8s");
    assert!(said.starts_with("exit: 0"), "{said}");
    assert!(!sandbox.path().join("dist/k8s/deployment-cache.yaml").exists());
    assert!(
        sandbox.path().join("dist/k8s/mine.yaml").exists(),
        "a file of somebody else stays"
    );
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let sandbox = Sandbox::new()
        .copy("stacks/cache-broker")
        .file("dist/k8s/kustomization.yaml", "resources: []\n");
    let said = sandbox.run("render --target k8s");
    assert!(said.starts_with("exit: 1"), "{said}");
    assert_eq!(sandbox.read("dist/k8s/kustomization.yaml"), "resources: []\n");
}

#[test]
fn without_a_cluster_it_is_said_what_lacks() {
    let sandbox = Sandbox::new().copy("stacks/cache-broker").env("MLSTACK_TARGET", "k8s");
    let mut said = BTreeSet::new();
    for command in ["apply -y", "up", "destroy -y", "drift", "status", "logs", "rollback -y"] {
        said.insert(sandbox.run(command));
    }
    let said: Vec<String> = said.into_iter().collect();
    insta::assert_snapshot!(said.join("\n"), @"
    exit: 1
    --- stdout
    --- stderr
    error: cannot tell which cluster to use
      caused by: there is no kubeconfig, and this is no pod of a cluster
      hint: set KUBECONFIG, or write ~/.kube/config: your cloud's command line does it
    ");
    let nowhere = sandbox.env("KUBECONFIG", "/nowhere/config:/nowhere/else");
    insta::assert_snapshot!(nowhere.run("status"), @"
    exit: 1
    --- stdout
    --- stderr
    error: KUBECONFIG names no file that is there: /nowhere/config:/nowhere/else
      hint: unset it to use ~/.kube/config
    ");
    let context = Sandbox::new()
        .copy("stacks/cache-broker")
        .file("config", "apiVersion: v1\nkind: Config\ncontexts: []\n");
    let path = context.path().join("config");
    let context = context.env("KUBECONFIG", path.to_str().unwrap());
    insta::assert_snapshot!(context.run("plan -t k8s --context prod"), @"
    exit: 1
    --- stdout
    --- stderr
    error: cannot tell which cluster to use
      caused by: failed to load current context: prod
      hint: see which contexts there are: kubectl config get-contexts
      hint: `mlstack plan --offline` needs neither engine nor cluster
    ");
}

#[test]
fn a_plan_needs_no_cluster() {
    let sandbox = Sandbox::new().copy("stacks/cache-broker");
    insta::assert_snapshot!(sandbox.run("plan --offline --target k8s"), @"
    exit: 0
    --- stdout
    cache-broker → k8s (offline)

      + deployment/broker           mlstack.yaml:20  will be created
      + deployment/cache            mlstack.yaml:16  will be created
      + deployment/worker           mlstack.yaml:6   will be created
      + namespace/cache-broker      mlstack.yaml:3   will be created
      + networkpolicy/broker        mlstack.yaml:20  will be created
      + networkpolicy/cache         mlstack.yaml:16  will be created
      + networkpolicy/default-deny                   will be created
      + networkpolicy/worker        mlstack.yaml:6   will be created
      + service/broker              mlstack.yaml:20  will be created
      + service/cache               mlstack.yaml:16  will be created
      + service/worker              mlstack.yaml:6   will be created
      + serviceaccount/broker       mlstack.yaml:20  will be created
      + serviceaccount/cache        mlstack.yaml:16  will be created
      + serviceaccount/worker       mlstack.yaml:6   will be created

    Plan: 14 to add, 0 to change, 0 to replace, 0 to destroy.
    --- stderr
    ");
}

/// The folder with what `tests/run` installs.
fn tools(judge: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MLSTACK_TEST_KUBE").map(PathBuf::from);
    if folder.is_none() {
        missing(judge, "no MLSTACK_TEST_KUBE; `tests/run --prepare` installs it", true);
    }
    folder
}

#[test]
fn every_object_fits_the_schemas_of_every_version() {
    let Some(tools) = tools("kubernetes-validate") else {
        return;
    };
    each(|name, folder| {
        let said = answer(
            Command::new("python3")
                .arg(repository().join("tests/judges/kubernetes.py"))
                .arg(folder)
                .env("PYTHONPATH", &tools),
        );
        assert!(said.contains("versions 29 to "), "{name}: {said}");
    });
}

fn kubectl(tools: &Path) -> Command {
    let mut command = Command::new(tools.join("bin/kubectl"));
    command.env("KUBECONFIG", "/dev/null");
    command
}

#[test]
fn kubectl_reads_the_folder_and_every_file_as_we_meant_it() {
    let Some(tools) = tools("kubectl") else { return };
    each(|name, folder| {
        let built = answer(kubectl(&tools).arg("kustomize").arg(folder));
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|file| file == "kustomization.yaml") {
                continue;
            }
            let read = answer(
                kubectl(&tools)
                    .args(["annotate", "--local", "-o", "json", "a=b", "-f"])
                    .arg(&path),
            );
            let mut read: serde_json::Value = serde_json::from_str(&read).unwrap();
            read["metadata"]["annotations"].as_object_mut().unwrap().remove("a");
            let meant = yaml(&path);
            assert_eq!(read, meant, "{name}: {}", path.display());
            let own = format!("name: {}\n", meant["metadata"]["name"].as_str().unwrap());
            assert!(built.contains(&own), "{name}: {own}");
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "reads what we wrote")]
fn yaml(path: &Path) -> serde_json::Value {
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Rules that mlstack does not follow, and why.
const WAIVED: &[(&str, &str)] = &[
    (
        "CKV_K8S_43",
        "the digest of an image that others make is known to their registry alone",
    ),
    (
        "CKV_K8S_15",
        "an image that only the nodes have, as no registry is named, must not be asked for",
    ),
    ("CKV_K8S_40", "PostgreSQL on Alpine starts as user 70 only"),
    ("KSV-0020", "the same"),
    ("KSV-0021", "the same"),
    ("CKV_K8S_35", "`env: {KEY: ${secrets.key}}` asks for a variable"),
    ("KSV-0117", "`port: 80` asks for it"),
    ("KSV-0125", "which registries are trusted is known to nobody else"),
];

/// Every example, each a stack of another name in a folder of its own: no object of one may stand in for one that
/// another lacks.
fn all_examples() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, path, environment) in EXAMPLES {
        let mut stack = stack(path, environment);
        name.clone_into(&mut stack.name);
        fill(&root.path().join(name), &rendered(&stack, None));
    }
    root
}

#[test]
fn checkov_finds_nothing() {
    let Some(checkov) = program("checkov", "MLSTACK_TEST_CHECKOV", true) else {
        return;
    };
    let waived: Vec<_> = WAIVED.iter().map(|(rule, _)| *rule).collect();
    let examples = all_examples();
    let (judged, found) = judge::checkov(&checkov, &["kubernetes"], &waived, examples.path());
    assert_eq!(found, [] as [&str; 0]);
    for (name, ..) in EXAMPLES {
        let count = judged
            .iter()
            .filter(|file| file.starts_with(&format!("/{name}/")))
            .count();
        assert!(count >= 3, "{name}: {count} of {judged:?}");
    }
}

#[test]
fn trivy_finds_nothing() {
    let Some(trivy) = program("trivy", "MLSTACK_TEST_TRIVY", cfg!(target_arch = "x86_64")) else {
        return;
    };
    let (examples, cache) = (all_examples(), tempfile::tempdir().unwrap());
    let said = answer(
        Command::new(trivy)
            .args(["config", "--quiet", "--format", "json"])
            .args(["--skip-check-update", "--skip-version-check", "--disable-telemetry"])
            .arg(".")
            .current_dir(examples.path())
            .env("TRIVY_CACHE_DIR", cache.path()),
    );
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    let (mut found, mut judged) = (Vec::new(), BTreeSet::new());
    for result in report["Results"].as_array().unwrap() {
        let file = result["Target"].as_str().unwrap();
        let passed = result["MisconfSummary"]["Successes"].as_u64() > Some(0);
        judged.extend(file.split_once('/').filter(|_| passed).map(|(name, _)| name));
        let faults = result["Misconfigurations"].as_array().into_iter().flatten();
        let faults = faults.filter(|fault| !WAIVED.iter().any(|(rule, _)| fault["ID"] == *rule));
        found.extend(faults.map(|fault| format!("{file}: {} {} {}", fault["ID"], fault["Title"], fault["Message"])));
    }
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(judged, EXAMPLES.iter().map(|(name, ..)| *name).collect());
}
