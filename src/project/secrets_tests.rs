use std::os::unix::fs::PermissionsExt;

use super::*;

fn needs() -> BTreeMap<String, SecretSource> {
    BTreeMap::from([
        ("api-key".to_owned(), SecretSource::Env("API_KEY".into())),
        ("db-password".to_owned(), SecretSource::Generate(32)),
        ("token".to_owned(), SecretSource::File("token.txt".into())),
    ])
}

fn look(root: &Path, variable: Option<&str>) -> Secrets {
    let value = variable.map(str::to_owned);
    Vault::new(root)
        .look(&needs(), &Jail::new(root), &move |_| value.clone())
        .unwrap()
}

fn made(root: &Path) -> Secrets {
    let mut secrets = look(root, Some("abc"));
    Vault::new(root).make(&needs(), &mut secrets).unwrap();
    secrets
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::write(root.join("token.txt"), "t0ken\r\n").unwrap();
    (folder, root)
}

#[test]
fn looking_makes_nothing() {
    let (_guard, root) = folder();
    let secrets = look(&root, None);
    assert_eq!(secrets.to_make, ["db-password"]);
    assert_eq!(
        secrets.missing[0].1.to_string(),
        "the environment variable `API_KEY` is not set"
    );
    assert!(secrets.digests.is_empty());
    assert!(!root.join(".mlstack").exists());
}

#[test]
fn a_made_value_stays() {
    let (_guard, root) = folder();
    let first = made(&root);
    let again = look(&root, Some("abc"));
    assert_eq!(first.values, again.values);
    assert_eq!(first.digests, again.digests);
    assert_eq!(first.values["db-password"].expose().len(), 32);
    assert_eq!(first.values["token"].expose(), b"t0ken");
}

#[test]
fn only_this_user_can_read_what_is_kept() {
    let (_guard, root) = folder();
    made(&root);
    let mode = |path: &str| std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".mlstack"), 0o700);
    assert_eq!(mode(".mlstack/secrets"), 0o700);
    assert_eq!(mode(".mlstack/secrets/db-password"), 0o600);
    assert_eq!(mode(".mlstack/secrets/.key"), 0o600);
}

#[test]
fn a_digest_changes_with_the_value_and_with_the_key() {
    let (_guard, root) = folder();
    let before = made(&root).digests["api-key"].clone();
    assert_ne!(look(&root, Some("abd")).digests["api-key"], before);
    std::fs::write(root.join(".mlstack/secrets/.key"), "another").unwrap();
    assert_ne!(look(&root, Some("abc")).digests["api-key"], before);
}

#[test]
fn an_empty_variable_is_no_value() {
    let (_guard, root) = folder();
    assert_eq!(
        look(&root, Some("")).missing[0].1.to_string(),
        "the environment variable `API_KEY` is empty"
    );
}

#[test]
fn a_secret_file_outside_is_not_read() {
    let (_guard, root) = folder();
    std::fs::remove_file(root.join("token.txt")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("token.txt")).unwrap();
    let text = look(&root, Some("abc")).missing[0].1.to_string();
    assert_eq!(text, "`token.txt` leads outside the stack file's folder");
}

#[test]
fn a_value_that_the_running_stack_has_is_kept_not_made() {
    let (_guard, root) = folder();
    let mut secrets = look(&root, Some("abc"));
    secrets.recover("db-password", Secret::new("as it runs"));
    assert!(!secrets.is_complete());
    Vault::new(&root).make(&needs(), &mut secrets).unwrap();
    let again = look(&root, Some("abc"));
    assert_eq!(again.values["db-password"].expose(), b"as it runs");
    assert!(again.is_complete());
}
