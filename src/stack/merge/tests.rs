use super::*;
use crate::stack::yaml;

fn merged(text: &str, name: &str) -> (Option<Node>, Vec<String>) {
    let mut diagnostics = Vec::new();
    let root = yaml::read(text, &mut diagnostics).unwrap();
    let tree = environment(&root, name, &mut diagnostics);
    (
        tree,
        diagnostics
            .iter()
            .map(|diagnostic| format!("{}: {}", diagnostic.code.name, diagnostic.label))
            .collect(),
    )
}

const TEXT: &str = "components:
  api: {type: service, env: {A: 1, B: 2}, uses: [x, y], replicas: 1}
  db: {type: database}
environments:
  prod:
    components:
      api: {env: {B: 3, C: 4}, uses: [z], replicas: 5}
      cache: {type: cache}
      dbb: {storage: 1Gi}
";

fn at<'n>(node: &'n Node, path: &[&str]) -> &'n Node {
    path.iter().fold(node, |node, key| node.get(key).unwrap())
}

#[test]
fn mappings_merge_and_everything_else_replaces() {
    let (tree, wrong) = merged(TEXT, "prod");
    let tree = tree.unwrap();
    let text = |path: &[&str]| at(&tree, path).scalar().unwrap().text.clone();
    assert_eq!(text(&["components", "api", "env", "A"]), "1");
    assert_eq!(text(&["components", "api", "env", "B"]), "3");
    assert_eq!(text(&["components", "api", "env", "C"]), "4");
    assert_eq!(text(&["components", "api", "replicas"]), "5");
    assert_eq!(at(&tree, &["components", "api", "uses"]).list().unwrap().len(), 1);
    assert_eq!(text(&["components", "cache", "type"]), "cache");
    assert!(at(&tree, &["components"]).get("dbb").is_none());
    assert_eq!(wrong, ["unknown-component: the base has no component `dbb`"]);
}

#[test]
fn values_keep_their_places() {
    let tree = merged(TEXT, "prod").0.unwrap();
    let slice = |path: &[&str]| {
        let span = at(&tree, path).span;
        (
            TEXT[..span.start].matches('\n').count() + 1,
            &TEXT[span.start..span.end()],
        )
    };
    assert_eq!(slice(&["components", "api", "env", "A"]), (2, "1"));
    assert_eq!(slice(&["components", "api", "replicas"]), (7, "5"));
    assert_eq!(slice(&["components", "api", "uses"]), (7, "[z]"));
}

#[test]
fn an_unknown_environment() {
    assert_eq!(
        merged(TEXT, "prd").1,
        ["unknown-environment: no environment is named `prd`"]
    );
}
