//! Profiles: which file counts, what a profile lacks.

use tempfile::TempDir;

use super::*;

const CONFIG: &str = "\
# where things are
[default]
region = eu-central-1
output = json

[profile  team]
region=eu-west-1  # near the office
s3 =
    region = us-east-9
    addressing_style = path

[profile sso]
sso_session = office
region = eu-west-2

[default-not]
region = mars-1
";
const CREDENTIALS: &str = "\
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = one/two+three=

[team]
AWS_ACCESS_KEY_ID = AKIATEAM
aws_secret_access_key = team
; aws_session_token = not this one
aws_session_token = token
[empty]
";

fn home(files: &[(&str, &str)]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    for (name, text) in files {
        std::fs::write(home.path().join(".aws").join(name), text).unwrap();
    }
    home
}

fn told(home: &Path, given: &[(&str, &str)]) -> String {
    let home = ("HOME".to_owned(), home.display().to_string());
    let given = given
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let all: Vec<_> = given.chain([home.clone()]).collect();
    match variables(&all) {
        Ok(found) => {
            let mut lines: Vec<_> = found.iter().map(|(key, value)| format!("{key}={value}")).collect();
            lines.sort();
            lines.join(" ").replace(&home.1, "HOME")
        }
        Err(error) => error.to_string().replace(&home.1, "HOME"),
    }
}

#[test]
fn variables_count_before_the_files_and_a_profile_is_found_in_both() {
    let home = home(&[("config", CONFIG), ("credentials", CREDENTIALS)]);
    let cases: [&[(&str, &str)]; 9] = [
        &[],
        &[("AWS_PROFILE", "team"), ("PATH", "/bin")],
        &[("AWS_PROFILE", "team"), ("AWS_DEFAULT_REGION", "us-east-1")],
        &[("AWS_ACCESS_KEY_ID", "AKIAMINE"), ("AWS_SECRET_ACCESS_KEY", "mine")],
        &[("AWS_PROFILE", "sso"), ("AWS_ACCESS_KEY_ID", "AKIAMINE")],
        &[("AWS_PROFILE", "sso")],
        &[("AWS_PROFILE", "empty")],
        &[("AWS_PROFILE", "nobody")],
        &[("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")],
    ];
    let all: Vec<_> = cases
        .iter()
        .map(|given| format!("{given:?}\n    {}", told(home.path(), given)))
        .collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    []
        AWS_ACCESS_KEY_ID=AKIADEFAULT AWS_REGION=eu-central-1 AWS_SECRET_ACCESS_KEY=one/two+three=
    [("AWS_PROFILE", "team"), ("PATH", "/bin")]
        AWS_ACCESS_KEY_ID=AKIATEAM AWS_PROFILE=team AWS_REGION=eu-west-1 AWS_SECRET_ACCESS_KEY=team AWS_SESSION_TOKEN=token
    [("AWS_PROFILE", "team"), ("AWS_DEFAULT_REGION", "us-east-1")]
        AWS_ACCESS_KEY_ID=AKIATEAM AWS_DEFAULT_REGION=us-east-1 AWS_PROFILE=team AWS_SECRET_ACCESS_KEY=team AWS_SESSION_TOKEN=token
    [("AWS_ACCESS_KEY_ID", "AKIAMINE"), ("AWS_SECRET_ACCESS_KEY", "mine")]
        AWS_ACCESS_KEY_ID=AKIAMINE AWS_REGION=eu-central-1 AWS_SECRET_ACCESS_KEY=mine
    [("AWS_PROFILE", "sso"), ("AWS_ACCESS_KEY_ID", "AKIAMINE")]
        AWS_ACCESS_KEY_ID=AKIAMINE AWS_PROFILE=sso AWS_REGION=eu-west-2
    [("AWS_PROFILE", "sso")]
        the AWS profile `sso` has no key but `sso_session`; the AWS command line can hand one over: eval "$(aws configure export-credentials --profile sso --format env)"
    [("AWS_PROFILE", "empty")]
        the AWS profile `empty` has no key; the AWS command line can hand one over: eval "$(aws configure export-credentials --profile empty --format env)"
    [("AWS_PROFILE", "nobody")]
        AWS_PROFILE is `nobody`, and there is no such profile in ~/.aws/credentials or ~/.aws/config
    [("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")]
        AWS_REGION=eu-central-1 AWS_SHARED_CREDENTIALS_FILE=/nowhere/credentials
    "#);
}

#[test]
fn without_files_nothing_is_added_and_one_that_cannot_be_read_is_told() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(told(empty.path(), &[]), "");
    let home = home(&[]);
    std::fs::create_dir(home.path().join(".aws/config")).unwrap();
    assert_eq!(told(home.path(), &[]), "cannot read HOME/.aws/config");
}

proptest::proptest! {
    #[test]
    fn no_file_makes_it_panic(text in "[\\[\\]a-c=# \n;\t]{0,60}") {
        let _read = profile(&text, &text, "a");
    }
}
