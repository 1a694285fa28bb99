use indexmap::IndexMap;

use super::*;

fn build() -> Build {
    Build {
        context: "app".into(),
        dockerfile: "Dockerfile".into(),
        args: IndexMap::new(),
    }
}

fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Jail) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join("app").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let jail = Jail::new(&folder.path().canonicalize().unwrap());
    (folder, jail)
}

fn names(jail: &Jail) -> Vec<String> {
    let tar = archive(jail, &build()).unwrap();
    let mut archive = tar::Archive::new(tar.reader());
    archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[test]
fn a_context_is_every_file_in_order() {
    let (_guard, jail) = folder(&[("Dockerfile", "FROM x"), ("src/b.py", ""), ("src/a.py", "")]);
    assert_eq!(names(&jail), ["Dockerfile", "src/", "src/a.py", "src/b.py"]);
}

#[test]
fn dockerignore_names_what_stays_out() {
    let ignore = "# notes\nnode_modules\n**/*.pyc\ndata\n!data/keep.csv\nDockerfile\n";
    let (_guard, jail) = folder(&[
        (".dockerignore", ignore),
        ("Dockerfile", "FROM x"),
        ("node_modules/x.js", ""),
        ("sub/node_modules/y.js", ""),
        ("sub/z.pyc", ""),
        ("data/drop.csv", ""),
        ("data/keep.csv", ""),
    ]);
    assert_eq!(
        names(&jail),
        [
            ".dockerignore",
            "Dockerfile",
            "data/keep.csv",
            "sub/",
            "sub/node_modules/",
            "sub/node_modules/y.js"
        ]
    );
}

#[test]
fn the_digest_follows_content_and_arguments_and_nothing_else() {
    let (_one, a) = folder(&[("Dockerfile", "FROM x")]);
    let (_two, b) = folder(&[("Dockerfile", "FROM x")]);
    let (_three, c) = folder(&[("Dockerfile", "FROM y")]);
    let mut with_argument = build();
    with_argument.args.insert("V".into(), "1".into());
    assert_eq!(digest(&a, &build()).unwrap(), digest(&b, &build()).unwrap());
    assert_ne!(digest(&a, &build()).unwrap(), digest(&c, &build()).unwrap());
    assert_ne!(digest(&a, &build()).unwrap(), digest(&a, &with_argument).unwrap());
}

#[test]
fn a_missing_folder_or_dockerfile_is_named() {
    let (_guard, jail) = folder(&[("x", "")]);
    let error = archive(&jail, &build()).unwrap_err();
    assert_eq!(error.to_string(), "the build context `app` cannot be used");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "there is no file `app/Dockerfile`"
    );
}

#[test]
fn a_link_is_not_followed() {
    let (guard, jail) = folder(&[("Dockerfile", "FROM x")]);
    std::os::unix::fs::symlink("/etc/passwd", guard.path().join("app/passwd")).unwrap();
    let text = archive(&jail, &build()).unwrap_err().to_string();
    assert!(text.ends_with("app/passwd is neither a file nor a folder"), "{text}");
}
