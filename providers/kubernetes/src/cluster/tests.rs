use super::{Access, Cluster, warning};

#[test]
fn a_warning_is_read_from_its_header() {
    assert_eq!(
        warning(r#"299 - "would violate PodSecurity \"restricted:latest\": runAsNonRoot != true""#).as_deref(),
        Some("would violate PodSecurity \"restricted:latest\": runAsNonRoot != true")
    );
    assert_eq!(warning("nonsense"), None);
}

const CONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: c, cluster: {server: "http://127.0.0.1:6443"}}
users:
- {name: u, user: {token: secret}}
contexts:
- {name: one, context: {cluster: c, user: u, namespace: models}}
- {name: two, context: {cluster: c, user: u}}
"#;

#[tokio::test]
async fn a_context_names_the_server_and_the_namespace() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    std::fs::write(&file, CONFIG).expect("written");
    let access = |context: Option<&str>, namespace: Option<&str>| Access {
        kubeconfig: vec![file.clone()],
        context: context.map(ToOwned::to_owned),
        namespace: namespace.map(ToOwned::to_owned),
    };
    let of = async |access: Access| Cluster::connect(&access).await.map(|cluster| format!("{cluster:?}"));
    assert_eq!(
        of(access(None, None)).await.expect("a cluster"),
        "Cluster(http://127.0.0.1:6443, models)"
    );
    assert_eq!(
        of(access(Some("two"), None)).await.expect("a cluster"),
        "Cluster(http://127.0.0.1:6443, default)"
    );
    assert_eq!(
        of(access(Some("two"), Some("x"))).await.expect("a cluster"),
        "Cluster(http://127.0.0.1:6443, x)"
    );
    let error = of(access(Some("three"), None)).await.expect_err("no such context");
    insta::assert_snapshot!(format!("{error}: {}\n{}", error.cause.as_ref().expect("a cause"), error.hints.join("\n")), @"
    cannot tell which cluster to use: failed to load current context: three
    see which contexts there are: kubectl config get-contexts
    ");
}

#[tokio::test]
async fn outside_of_a_cluster_a_kubeconfig_is_needed() {
    let error = Cluster::connect(&Access::default()).await.expect_err("no cluster here");
    assert_eq!(error.kind.name(), "unreachable");
    assert_eq!(
        error.hints,
        ["set KUBECONFIG, or write ~/.kube/config: your cloud's command line does it"]
    );
}
