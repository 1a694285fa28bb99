use std::os::unix::fs::symlink;

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

fn digest(jail: &Jail, build: &Build) -> Digest {
    BuildContext::of(jail, build, &[]).unwrap().digest().unwrap()
}

/// What is in the context, as another reader of tars sees it; links with what they say.
fn names(jail: &Jail) -> Vec<String> {
    let tar = BuildContext::of(jail, &build(), &[]).unwrap().tar;
    let mut archive = tar::Archive::new(tar.reader());
    let shown = |entry: tar::Entry<'_, _>| {
        let path = entry.path().unwrap().display().to_string();
        match entry.link_name().unwrap() {
            Some(target) => format!("{path} -> {}", target.display()),
            None => path,
        }
    };
    archive.entries().unwrap().map(|entry| shown(entry.unwrap())).collect()
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
    assert_eq!(digest(&a, &build()), digest(&b, &build()));
    assert_ne!(digest(&a, &build()), digest(&c, &build()));
    assert_ne!(digest(&a, &build()), digest(&a, &with_argument));
}

#[test]
fn a_missing_folder_or_dockerfile_is_named() {
    let (_guard, jail) = folder(&[("x", "")]);
    let error = BuildContext::of(&jail, &build(), &[]).unwrap_err();
    assert_eq!(error.to_string(), "the build context `app` cannot be used");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "there is no file `app/Dockerfile`"
    );
}

fn link(guard: &tempfile::TempDir, target: &str, name: &str) {
    symlink(target, guard.path().join("app").join(name)).unwrap();
}

#[test]
fn a_link_goes_in_as_a_link_and_is_never_followed() {
    let (guard, jail) = folder(&[("Dockerfile", "FROM x"), ("src/a.py", "")]);
    let before = digest(&jail, &build());
    for (target, name) in [
        ("/etc/passwd", "passwd"),
        ("src", "code"),
        ("none", "nowhere"),
        ("ring", "ring"),
    ] {
        link(&guard, target, name);
    }
    assert_eq!(
        names(&jail),
        [
            "Dockerfile",
            "code -> src",
            "nowhere -> none",
            "passwd -> /etc/passwd",
            "ring -> ring",
            "src/",
            "src/a.py"
        ]
    );
    let with = digest(&jail, &build());
    assert_ne!(with, before);
    std::fs::remove_file(guard.path().join("app/code")).unwrap();
    link(&guard, "sRc", "code");
    assert_ne!(digest(&jail, &build()), with, "what a link says counts");
}

#[test]
fn dockerignore_names_links_too() {
    let (guard, jail) = folder(&[(".dockerignore", "data/\n"), ("Dockerfile", "FROM x")]);
    link(&guard, "/var/data", "data");
    assert_eq!(names(&jail), [".dockerignore", "Dockerfile"]);
}

#[test]
fn a_dockerfile_may_be_a_link_that_stays_in_the_project() {
    let (guard, jail) = folder(&[("x", ""), ("../Dockerfile", "FROM x")]);
    link(&guard, "../Dockerfile", "Dockerfile");
    assert_eq!(names(&jail), ["Dockerfile", "x"]);
    std::fs::remove_file(guard.path().join("app/Dockerfile")).unwrap();
    link(&guard, "/etc/passwd", "Dockerfile");
    let error = BuildContext::of(&jail, &build(), &[]).unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(why, "`app/Dockerfile` leads outside the stack file's folder");
}

#[test]
fn what_is_neither_file_nor_folder_nor_link_is_told() {
    let (guard, jail) = folder(&[("Dockerfile", "FROM x")]);
    let _socket = std::os::unix::net::UnixListener::bind(guard.path().join("app/socket")).unwrap();
    let text = BuildContext::of(&jail, &build(), &[]).unwrap_err().to_string();
    assert!(
        text.ends_with("app/socket is neither a file nor a folder nor a link"),
        "{text}"
    );
}

#[test]
fn what_mlstack_keeps_is_in_no_context() {
    let (_guard, jail) = folder(&[
        ("Dockerfile", "FROM x"),
        ("../Dockerfile", "FROM x"),
        ("../.mlstack/secrets/key", "hunter2"),
        (".mlstack/own.txt", ""),
    ]);
    let all = Build {
        context: ".".into(),
        ..build()
    };
    let packed = BuildContext::of(&jail, &all, &[]).unwrap();
    let mut archive = tar::Archive::new(packed.tar.reader());
    let paths = archive.entries().unwrap();
    let paths: Vec<_> = paths
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(
        paths,
        [
            "Dockerfile",
            "app/",
            "app/.mlstack/",
            "app/.mlstack/own.txt",
            "app/Dockerfile"
        ]
    );
    assert_eq!(packed.files, 3);
}

#[test]
fn names_of_any_length_are_packed() {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    let (guard, jail) = folder(&[("Dockerfile", "FROM x"), (&long, "text")]);
    let target = format!("../{}", "t".repeat(300));
    link(&guard, &target, "link");
    assert_eq!(
        names(&jail),
        [
            "Dockerfile".to_owned(),
            format!("{}/", "d".repeat(120)),
            long,
            format!("link -> {target}")
        ]
    );
}

#[test]
fn sizes_are_known_before_anything_is_read() {
    let (guard, jail) = folder(&[("Dockerfile", "FROM x"), ("a/big", "0123456789")]);
    let packed = BuildContext::of(&jail, &build(), &[]).unwrap();
    assert_eq!((packed.bytes, packed.files), (16, 2));
    assert_eq!(packed.largest, Some(("a/big".to_owned(), 10)));
    assert!(!packed.is_large());
    let file = std::fs::File::create(guard.path().join("app/huge")).unwrap();
    file.set_len(LARGE).unwrap();
    assert!(BuildContext::of(&jail, &build(), &[]).unwrap().is_large());
}

#[test]
fn fifty_thousand_files_are_one_stream() {
    let mut entries = Vec::new();
    for number in 0..50_000 {
        entries.push(Entry::file(format!("f{number}"), 0o644, Parts::bytes(*b"x")));
    }
    let tar = tar(&entries).unwrap();
    assert_eq!(tar.len(), 50_000 * 1024 + 1024);
    tar.digest().unwrap();
}
