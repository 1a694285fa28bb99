//! The files that `aws configure` writes: a profile's key and region, where no `AWS_*` variable says them.
//!
//! Owns the reading of both files and which of them counts. What goes beyond a key (single sign-on, roles, programs) is
//! named and left to the AWS command line, which can hand over a key. Never writes, never connects.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::LedgerError;

/// The variables that make a client, by the keys of a profile.
const KEYS: [(&str, &str); 4] = [
    ("aws_access_key_id", "AWS_ACCESS_KEY_ID"),
    ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ("aws_session_token", "AWS_SESSION_TOKEN"),
    ("region", "AWS_REGION"),
];
/// Ways to a key that a profile may name instead of the key.
const DETOURS: [&str; 5] = [
    "sso_session",
    "sso_start_url",
    "role_arn",
    "credential_process",
    "web_identity_token_file",
];

type Profile = BTreeMap<String, String>;

/// The `AWS_*` variables among `variables`, with what the profile adds to them. Variables count first; a key among them
/// leaves the files' keys alone, as they belong together.
///
/// # Errors
/// When `AWS_PROFILE` names a profile that is not there or has no key, or when a file cannot be read.
pub(super) fn variables(variables: &[(String, String)]) -> Result<Vec<(String, String)>, LedgerError> {
    let get = |name: &str| {
        let found = variables.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    };
    let mut all: Vec<_> = variables
        .iter()
        .filter(|(name, _)| name.starts_with("AWS_"))
        .cloned()
        .collect();
    let file = |variable: &str, name: &str| {
        let usual = || get("HOME").map(|home| Path::new(home).join(".aws").join(name));
        get(variable).map(PathBuf::from).or_else(usual)
    };
    let config = read(file("AWS_CONFIG_FILE", "config"))?;
    let credentials = read(file("AWS_SHARED_CREDENTIALS_FILE", "credentials"))?;
    let asked = get("AWS_PROFILE");
    let name = asked.unwrap_or("default");
    let profile = profile(&config, &credentials, name);
    let has_key = get("AWS_ACCESS_KEY_ID").is_some() || get("AWS_WEB_IDENTITY_TOKEN_FILE").is_some();
    if asked.is_some() && !has_key {
        refuse_without_key(profile.as_ref(), name)?;
    }
    let has_region = get("AWS_REGION").is_some() || get("AWS_DEFAULT_REGION").is_some();
    let profile = profile.unwrap_or_default();
    for (key, variable) in KEYS {
        let known = if key == "region" { has_region } else { has_key };
        if let Some(value) = profile.get(key).filter(|_| !known) {
            all.push((variable.to_owned(), value.clone()));
        }
    }
    Ok(all)
}

fn refuse_without_key(profile: Option<&Profile>, name: &str) -> Result<(), LedgerError> {
    let shown = name.escape_debug();
    let Some(profile) = profile else {
        return Err(LedgerError::Refused(format!(
            "AWS_PROFILE is `{shown}`, and there is no such profile in ~/.aws/credentials or ~/.aws/config"
        )));
    };
    if ["aws_access_key_id", "aws_secret_access_key"]
        .iter()
        .all(|key| profile.contains_key(*key))
    {
        return Ok(());
    }
    let how = DETOURS.iter().find(|detour| profile.contains_key(**detour));
    let how = how.map(|detour| format!(" but `{detour}`")).unwrap_or_default();
    Err(LedgerError::Refused(format!(
        "the AWS profile `{shown}` has no key{how}; the AWS command line can hand one over: \
         eval \"$(aws configure export-credentials --profile {shown} --format env)\""
    )))
}

/// A profile as both files have it; the credentials' file counts first.
fn profile(config: &str, credentials: &str, name: &str) -> Option<Profile> {
    let config = section(config, |title| match title.split_once(char::is_whitespace) {
        Some(("profile", rest)) => rest.trim() == name,
        _ => title == name && name == "default",
    });
    let credentials = section(credentials, |title| title == name);
    match (config, credentials) {
        (None, None) => None,
        (config, credentials) => Some(config.into_iter().chain(credentials).flatten().collect()),
    }
}

/// The pairs of the sections whose title is the one. Lines that are indented belong to the key above and say nothing here.
fn section(text: &str, is_it: impl Fn(&str) -> bool) -> Option<Profile> {
    let (mut inside, mut found) = (false, None);
    for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
        if let Some((title, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            inside = is_it(title.trim());
            if inside {
                found.get_or_insert_with(Profile::new);
            }
        } else if let (true, false, Some((key, value))) =
            (inside, line.starts_with(char::is_whitespace), line.split_once('='))
        {
            let value = value.split(" #").next().unwrap_or_default().trim();
            let pairs = found.get_or_insert_with(Profile::new);
            pairs.insert(key.trim().to_lowercase(), value.to_owned());
        }
    }
    found
}

fn read(file: Option<PathBuf>) -> Result<String, LedgerError> {
    let Some(path) = file else { return Ok(String::new()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(String::new())
        }
        Err(cause) => Err(LedgerError::Io {
            action: "read",
            path,
            cause,
        }),
    }
}

#[cfg(test)]
#[path = "aws_tests.rs"]
mod tests;
