//! Secrets: each is used, and none stands in the file.

use std::collections::BTreeSet;

use super::links::unknown_secret;
use super::{Context, Found, at_key, at_value};
use crate::diag::{Path, codes};
use crate::stack::model::{Component, Kind, ObjectStoreEngine, Piece, Template};

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    let mut used = BTreeSet::new();
    for component in cx.components() {
        for (variable, template) in &component.env {
            used.extend(template.0.iter().filter_map(secret_of));
            literal(component, variable, template, found);
        }
        for (field, name) in store_keys(component) {
            used.insert(name);
            let path = component.path.key(field);
            if !cx.has(&Path::root().key("secrets").key(name)) {
                found.push(unknown_secret(cx, name, &path));
            }
        }
    }
    if !found
        .iter()
        .any(|diagnostic| std::ptr::eq(diagnostic.code, &codes::UNKNOWN_SECRET))
    {
        unused(cx, &used, found);
    }
}

fn secret_of(piece: &Piece) -> Option<&str> {
    match piece {
        Piece::SecretFile(name) | Piece::SecretValue(name) => Some(name),
        _ => None,
    }
}

fn store_keys(component: &Component) -> Vec<(&'static str, &str)> {
    let Kind::ObjectStore(store) = &component.kind else {
        return Vec::new();
    };
    let ObjectStoreEngine::S3 {
        access_key, secret_key, ..
    } = &store.engine
    else {
        return Vec::new();
    };
    let keys = [("access_key", access_key), ("secret_key", secret_key)];
    keys.into_iter()
        .filter_map(|(field, name)| Some((field, name.as_deref()?)))
        .collect()
}

fn unused(cx: &Context<'_>, used: &BTreeSet<&str>, found: &mut Found) {
    for name in cx.stack.secrets.keys().filter(|name| !used.contains(name.as_str())) {
        let help = format!("refer to it as `${{secrets.{name}}}` in `env`, or remove it");
        let path = Path::root().key("secrets").key(name);
        found.push(at_key(&codes::UNUSED_SECRET, &path, "no component refers to it", help));
    }
}

/// A variable that is called like a secret, or a URL with a password, written out.
fn literal(component: &Component, variable: &str, template: &Template, found: &mut Found) {
    let [Piece::Text(text)] = template.0.as_slice() else {
        return;
    };
    if !text.is_empty() && (is_secret_name(variable) || has_password(text)) {
        let name = variable.to_lowercase();
        let help = format!("add `secrets: {{{name}: {{env: {variable}}}}}` and write `${{secrets.{name}}}` here");
        let path = component.path.key("env").key(variable);
        found.push(at_value(
            &codes::SECRET_IN_FILE,
            &path,
            "everybody who reads this file reads it",
            help,
        ));
    }
}

fn is_secret_name(variable: &str) -> bool {
    let variable = variable.to_ascii_uppercase();
    let ends = [
        "PASSWORD",
        "PASSWD",
        "SECRET",
        "TOKEN",
        "API_KEY",
        "APIKEY",
        "PRIVATE_KEY",
        "SECRET_KEY",
        "ACCESS_KEY",
    ];
    ends.iter().any(|end| variable.ends_with(end))
}

fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty())
}
