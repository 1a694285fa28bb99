//! The rules of the house that no compiler checks: who may use whom, who may touch the world, sizes, first lines.
//!
//! Reads the sources as text. A rule that is in the way is changed here, in the commit that needs it changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a module of the root package may use: modules and crates of ours, and the world outside the program.
struct Rule {
    module: &'static str,
    ours: &'static [&'static str],
    world: &'static [World],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum World {
    Files,
    Environment,
    Processes,
    Clock,
    Async,
}
use World::{Async, Clock, Environment, Files, Processes};

impl World {
    const ALL: [Self; 5] = [Files, Environment, Processes, Clock, Async];

    /// How it shows in a source.
    fn signs(self) -> &'static [&'static str] {
        match self {
            Self::Files => &["std::fs", "tokio::fs"],
            Self::Environment => &["std::env::"],
            Self::Processes => &["std::process::Command", "tokio::process"],
            Self::Clock => &["SystemTime::now", "Instant::now"],
            Self::Async => &["tokio::", "async fn"],
        }
    }
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { module: "diag", ours: &[], world: &[] },
    Rule { module: "lines", ours: &[], world: &[] },
    Rule { module: "stack", ours: &["diag", "mlstack_onnx"], world: &[] },
    Rule { module: "target", ours: &["diag", "stack", "mlstack_provider", "mlstack_compose", "mlstack_manifest"], world: &[] },
    Rule { module: "plan", ours: &["ledger", "mlstack_provider"], world: &[] },
    Rule { module: "atomic", ours: &[], world: &[Files] },
    Rule { module: "ledger", ours: &["atomic", "mlstack_provider", "mlstack_provider_kubernetes"], world: &[Files, Clock, Async] },
    Rule { module: "render", ours: &["target", "mlstack_provider", "mlstack_compose", "mlstack_manifest"], world: &[] },
    Rule { module: "ci", ours: &["image", "render"], world: &[] },
    Rule { module: "apply", ours: &["plan", "mlstack_provider"], world: &[Async, Clock] },
    Rule { module: "review", ours: &["diag", "lines", "plan", "stack", "mlstack_provider", "mlstack_onnx"], world: &[] },
    Rule { module: "view", ours: &["apply", "diag", "ledger", "lines", "plan", "review", "mlstack_provider"], world: &[] },
    Rule { module: "image", ours: &["mlstack_provider"], world: &[Files, Async] },
    Rule { module: "project", ours: &["atomic", "diag", "image", "lines", "stack", "mlstack_provider", "mlstack_onnx"], world: &[Files, Environment, Processes] },
    Rule { module: "lsp", ours: &["diag", "stack", "target"], world: &[] },
    Rule { module: "cli", ours: &[
        "apply", "atomic", "ci", "diag", "image", "ledger", "lines", "lsp", "plan", "project", "render", "review", "stack", "target", "view",
        "mlstack_provider", "mlstack_provider_docker", "mlstack_provider_kubernetes", "mlstack_compose", "mlstack_manifest", "mlstack_onnx",
    ], world: &World::ALL },
];

/// What a package may depend on of ours; for the tests alone, after the bar.
const PACKAGES: &[(&str, &[&str], &[&str])] = &[
    ("providers/core", &[], &[]),
    ("providers/memory", &["mlstack-provider"], &[]),
    ("providers/compose", &["mlstack-provider"], &[]),
    ("providers/manifest", &[], &[]),
    ("providers/docker", &["mlstack-compose", "mlstack-provider"], &[]),
    (
        "providers/kubernetes",
        &["mlstack-manifest", "mlstack-provider"],
        &["mlstack-kube-double"],
    ),
    ("providers/kubernetes/double", &[], &[]),
    ("server", &["mlstack-onnx"], &[]),
    ("server/onnx", &[], &[]),
    (
        ".",
        &[
            "mlstack-compose",
            "mlstack-manifest",
            "mlstack-onnx",
            "mlstack-provider",
            "mlstack-provider-docker",
            "mlstack-provider-kubernetes",
        ],
        &["mlstack-kube-double", "mlstack-provider-memory"],
    ),
];

/// Crates that must not come in, not even through others.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "one TLS stack, in Rust, without a C library to find"),
    ("native-tls", "one TLS stack: rustls with ring"),
    (
        "aws-lc-sys",
        "one TLS stack: rustls with ring; this one needs a C toolchain",
    ),
    ("serde_yaml", "unmaintained; YAML goes through serde-saphyr"),
    ("serde_yml", "unsound; YAML goes through serde-saphyr"),
    ("yaml-rust", "unmaintained; YAML goes through serde-saphyr"),
];

/// Files that may be longer than [`LONGEST`] lines, and why.
const LONG: &[(&str, &str)] = &[("src/stack/language.rs", "one table: every word of the language")];
const LONGEST: usize = 700;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helper", "helpers", "manager", "misc"];

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Tests may do what the code they test may not.
    fn is_test(&self) -> bool {
        let stem = self.path.trim_end_matches(".rs");
        stem.ends_with("tests") || self.path.contains("/tests/") || self.path.starts_with("tests/")
    }

    /// The code without comments and without the tests at its end.
    fn code(&self) -> String {
        let code = self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// `plan` of `src/plan/order.rs`; `None` outside `src` and for its entry points.
    fn module(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let module = rest.split('/').next()?.trim_end_matches(".rs");
        (!["lib", "main"].contains(&module)).then_some(module)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for folder in ["src", "providers", "server", "tests", "benches"] {
        collect(&root().join(folder), &mut files);
    }
    files.sort();
    assert!(files.len() > 20, "the sources were not found");
    files
        .iter()
        .map(|path| Source {
            path: path.strip_prefix(root()).expect("it lies below").display().to_string(),
            text: fs::read_to_string(path).expect("a source is readable UTF-8"),
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Fails with one line a violation.
#[track_caller]
fn none(violations: Vec<String>) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// The modules of this crate and the crates of ours that a text names.
fn used(code: &str) -> BTreeSet<String> {
    let modules = code.split("crate::").skip(1).flat_map(first_names);
    let crates = code
        .match_indices("mlstack_")
        .flat_map(|(at, _)| first_names(&code[at..]));
    let crates = crates.filter(|name| code.contains(&format!("{name}::")));
    modules.chain(crates).collect()
}

/// `a` of `a::b`, and `a` and `c` of `{a::b, c::{d, e}}`.
fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        return vec![path.chars().take_while(|c| is_name(*c)).collect()];
    };
    let (mut depth, mut top) = (0, String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ if depth == 0 => top.push(c),
            _ => {}
        }
    }
    let names = top
        .split(',')
        .map(|name| name.trim().chars().take_while(|c| is_name(*c)).collect());
    names.filter(|name: &String| !name.is_empty()).collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn names_are_found_in_every_form_of_use() {
    let code =
        "use crate::{plan::{Node, Plan}, stack,\n diag::Path};\nfn f() { crate::view::text(); mlstack_onnx::load() }";
    let names: Vec<_> = used(code).into_iter().collect();
    assert_eq!(names, ["diag", "mlstack_onnx", "plan", "stack", "view"]);
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let Some(module) = source.module() else { continue };
        let Some(rule) = RULES.iter().find(|rule| rule.module == module) else {
            violations.push(format!("{}: no rule for module `{module}`", source.path));
            continue;
        };
        let code = source.code();
        let allowed = |name: &String| name == module || rule.ours.contains(&name.as_str());
        let names = used(&code).into_iter().filter(|name| !allowed(name));
        violations.extend(names.map(|name| format!("{}: `{module}` must not use `{name}`", source.path)));
        let worlds = World::ALL.into_iter().filter(|world| !rule.world.contains(world));
        let touched = worlds.filter(|world| world.signs().iter().any(|sign| code.contains(sign)));
        violations.extend(touched.map(|world| format!("{}: `{module}` must not touch {world:?}", source.path)));
    }
    none(violations);
}

#[test]
fn packages_depend_only_as_the_table_says() {
    let mut violations = Vec::new();
    for (folder, normal, tests) in PACKAGES {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("the package is there");
        let mut section = "";
        for line in manifest.lines() {
            section = line
                .strip_prefix('[')
                .map_or(section, |name| name.trim_end_matches(']'));
            let name = line.split([' ', '=', '.']).next().unwrap_or_default();
            let allowed = match section {
                "dependencies" => normal.contains(&name),
                "dev-dependencies" => normal.contains(&name) || tests.contains(&name),
                _ => true,
            };
            if name.starts_with("mlstack") && !allowed {
                violations.push(format!("{folder}: `{name}` is not allowed in [{section}]"));
            }
        }
    }
    none(violations);
}

#[test]
fn every_package_of_the_workspace_is_in_the_table() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace is there");
    let members = manifest
        .lines()
        .find(|line| line.starts_with("members"))
        .expect("it has members");
    let named: BTreeSet<_> = members.split('"').skip(1).step_by(2).collect();
    let known: BTreeSet<_> = PACKAGES.iter().map(|(folder, ..)| *folder).collect();
    assert_eq!(named, known);
}

#[test]
fn no_banned_crate_comes_in() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file is committed");
    let found = BANNED
        .iter()
        .filter(|(name, _)| lock.contains(&format!("name = \"{name}\"\n")));
    none(
        found
            .map(|(name, reason)| format!("Cargo.lock: `{name}` is banned: {reason}"))
            .collect(),
    );
}

#[test]
fn every_module_says_what_it_owns() {
    let sources = sources();
    let silent = sources
        .iter()
        .filter(|source| !source.is_test() && !source.text.starts_with("//! "));
    none(
        silent
            .map(|source| format!("{}: the first line must be `//! …`", source.path))
            .collect(),
    );
}

#[test]
fn files_have_a_size_and_a_name() {
    let mut violations = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        let listed = LONG.iter().any(|(path, _)| *path == source.path);
        if lines > LONGEST && !listed {
            violations.push(format!("{}: {lines} lines, more than {LONGEST}", source.path));
        }
        let stem = Path::new(&source.path).file_stem().and_then(|stem| stem.to_str());
        if stem.is_some_and(|stem| EMPTY_NAMES.contains(&stem)) {
            violations.push(format!("{}: the name says nothing", source.path));
        }
    }
    none(violations);
}

#[test]
fn lints_are_expected_with_a_reason_never_allowed() {
    let forbidden = [concat!("#[", "allow("), concat!("#![", "allow(")];
    let sources = sources();
    let found = sources
        .iter()
        .filter(|source| forbidden.iter().any(|word| source.text.contains(word)));
    none(
        found
            .map(|source| format!("{}: use #[expect(lint, reason = \"…\")]", source.path))
            .collect(),
    );
}

#[test]
fn order_never_depends_on_a_hash() {
    let sources = sources();
    let code = sources.iter().filter(|source| source.path.starts_with("src/"));
    let found = code.filter(|source| ["HashMap", "HashSet"].iter().any(|word| source.code().contains(word)));
    none(
        found
            .map(|source| format!("{}: use BTreeMap or IndexMap", source.path))
            .collect(),
    );
}
