//! The licences and the sources of every crate that is built in, held to `deny.toml`: cargo-deny reads the same file,
//! where it is installed.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::support::repository;

const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What cargo says of all crates that Linux needs.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap().iter();
    let used: BTreeSet<String> = nodes.map(|node| node["id"].as_str().unwrap().to_owned()).collect();
    let Value::Array(packages) = metadata["packages"].take() else {
        panic!("a list")
    };
    let is_used = |package: &Value| used.contains(package["id"].as_str().unwrap());
    packages.into_iter().filter(is_used).collect()
}

/// The list `allow` of `deny.toml`.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join("deny.toml")).unwrap();
    let list = text.split_once("\nallow = [").unwrap().1.split_once(']').unwrap().0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether a licence expression can be met with `allowed` alone.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = text.split_whitespace().peekable();
    let met = any(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'a, 'w> = &'a mut std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn any(words: Words<'_, '_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: Words<'_, '_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: Words<'_, '_>, allowed: &BTreeSet<String>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let met = any(words, allowed);
        return words.next() == Some(")") && met;
    }
    let mut licence = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        licence = format!("{licence} WITH {}", words.next().unwrap_or_default());
    }
    allowed.contains(&licence)
}

#[test]
fn every_crate_is_licensed_and_comes_from_where_deny_toml_allows() {
    let (packages, allowed) = (packages(), allowed());
    let flaw = |package: &Value| {
        let licence = package["license"].as_str().unwrap_or("none");
        let source = package["source"].as_str();
        let is_fine = is_met(licence, &allowed) && source.is_none_or(|source| source == SOURCE);
        (!is_fine).then(|| format!("{}: {licence}, {source:?}", package["name"]))
    };
    let flaws: Vec<_> = packages.iter().filter_map(flaw).collect();
    assert!(flaws.is_empty(), "{flaws:#?}");
    assert!(packages.len() > 200 && allowed.len() > 5, "{} crates", packages.len());
}

#[test]
fn an_expression_is_met_as_spdx_says() {
    let allowed = ["MIT", "Apache-2.0 WITH LLVM-exception", "Zlib"]
        .map(str::to_owned)
        .into();
    for met in [
        "MIT",
        "GPL-3.0 OR MIT",
        "GPL-3.0/MIT",
        "(GPL-3.0 OR MIT) AND Zlib",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_met(met, &allowed), "{met}");
    }
    for unmet in [
        "none",
        "",
        "MIT AND GPL-3.0",
        "Apache-2.0",
        "(MIT OR Zlib) AND GPL-3.0",
        "MIT Zlib",
        "(MIT",
    ] {
        assert!(!is_met(unmet, &allowed), "{unmet}");
    }
}
