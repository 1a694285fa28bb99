//! Build contexts as both sides of a review see them: links, sizes, and what is left when a signal ends it.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::review::{PLAN, commit, committed};
use crate::support::Sandbox;

const STACK: &str = "\
version: 1
name: shop
components:
  app: { type: service, build: app, port: 80, resources: { memory: 64Mi } }
";

/// A context with links that stay in it, lead out of it, out of the project, nowhere, and to themselves.
fn linked() -> Sandbox {
    let sandbox = Sandbox::new()
        .stack(STACK)
        .file("Dockerfile", "FROM scratch\n")
        .file("app/src/main.py", "print()\n");
    for (target, name) in [
        ("../Dockerfile", "Dockerfile"),
        ("src", "code"),
        ("../mlstack.yaml", "up"),
        ("/etc/passwd", "passwd"),
        ("none", "nowhere"),
        ("ring", "ring"),
    ] {
        symlink(target, sandbox.path().join("app").join(name)).unwrap();
    }
    committed(sandbox)
}

#[test]
fn links_are_the_same_on_both_sides_and_what_they_say_counts() {
    let sandbox = linked();
    let same = sandbox.run(&format!("{PLAN} base"));
    assert!(same.contains("No changes"), "{same}");
    std::fs::remove_file(sandbox.path().join("app/passwd")).unwrap();
    symlink("/etc/shadow", sandbox.path().join("app/passwd")).unwrap();
    let changed = sandbox.run(&format!("{PLAN} base"));
    assert!(changed.contains("~ image/app"), "{changed}");
    commit(&sandbox, "another link");
    let same = sandbox.run(&format!("{PLAN} HEAD"));
    assert!(same.contains("No changes"), "{same}");
    sandbox.write("Dockerfile", "FROM scratch\nUSER 1\n");
    let changed = sandbox.run(&format!("{PLAN} HEAD"));
    assert!(changed.contains("~ image/app"), "{changed}");
}

#[test]
fn a_context_that_leads_out_of_the_project_is_refused_at_its_line() {
    let sandbox = linked();
    std::fs::remove_file(sandbox.path().join("app/Dockerfile")).unwrap();
    symlink("/etc/hostname", sandbox.path().join("app/Dockerfile")).unwrap();
    insta::assert_snapshot!(sandbox.run("plan --offline --color never"), @"
    exit: 1
    --- stdout
    --- stderr
    error: the build context `app` cannot be used
     --> mlstack.yaml:4:25
      caused by: `app/Dockerfile` leads outside the stack file's folder
    ");
    std::fs::rename(sandbox.path().join("app"), sandbox.path().join("old")).unwrap();
    symlink("/etc", sandbox.path().join("app")).unwrap();
    let told = sandbox.run("plan --offline --color never");
    assert!(told.starts_with("exit: 1") && told.contains("leads outside"), "{told}");
}

#[test]
fn a_large_context_is_told_at_its_line_unless_the_component_says_why() {
    let sandbox = committed(Sandbox::new().stack(STACK).file("app/Dockerfile", "FROM scratch\n"));
    let huge = File::create(sandbox.path().join("app/train.bin")).unwrap();
    huge.set_len((1 << 30) + 1).unwrap();
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} base")), @"
    exit: 0
    --- stdout
    shop: what changes since base (caa03290cc90)

    shop → compose

      ~ image/app      mlstack.yaml:4  reference …pp:78fa8fea7600 → …pp:dc8505f31f6c
                                       source.digest …78fa8f…d8ece1 → …dc8505…48a06a
      -/+ service/app  mlstack.yaml:4  image …/app:78fa8fea7600 → …/app:dc8505f31f6c
                                       rolling, no downtime

    Plan: 0 to add, 1 to change, 1 to replace, 0 to destroy.
    --- stderr
    mlstack::large-context

      ⚠ a build context of more than 1 GiB or 50,000 files
       ╭─[mlstack.yaml:4:32]
     4 │   app: { type: service, build: app, port: 80, resources: { memory: 64Mi } }
       ·                                ─┬─
       ·                                 ╰── 1.0 GiB in 2 files, most of it `train.bin` (1.0 GiB): read for each plan, sent for each build
       ╰────
      help: name in `app/.dockerignore` what the build does not need

    mlstack.yaml: 1 warning
    ");
    let why = STACK.replace("port: 80", "port: 80, allow_degraded: { large-context: data }");
    sandbox.write("mlstack.yaml", why);
    let told = sandbox.run(&format!("{PLAN} base --format json"));
    assert!(!told.contains("large-context"), "{told}");
}

/// Whether a folder has something in it.
fn is_filled(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_some()
}

/// A review that has begun to put files of the base into `tmp`.
fn begun(sandbox: &Sandbox, tmp: &Path) -> Child {
    let mut command = sandbox.command(&format!("{PLAN} base"));
    command.env("TMPDIR", tmp).stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = command.spawn().unwrap();
    let begun = Instant::now();
    while !is_filled(tmp) {
        assert!(run.try_wait().unwrap().is_none(), "it is over already");
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing is put aside");
        std::thread::sleep(Duration::from_millis(1));
    }
    run
}

#[test]
fn a_signal_leaves_nothing_of_the_base_behind() {
    let sandbox = Sandbox::new().stack(STACK).file("app/Dockerfile", "FROM scratch\n");
    let big = File::create(sandbox.path().join("app/weights.bin")).unwrap();
    big.set_len(64 << 20).unwrap();
    let sandbox = committed(sandbox);
    let tmp = tempfile::tempdir().unwrap();
    for (signal, pause) in [("-INT", 0), ("-TERM", 20), ("-HUP", 100), ("-INT", 400)] {
        let mut run = begun(&sandbox, tmp.path());
        std::thread::sleep(Duration::from_millis(pause));
        let sent = Command::new("kill").args([signal, &run.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(run.wait().unwrap().code(), Some(130), "{signal} after {pause} ms");
        assert!(!is_filled(tmp.path()), "{signal} after {pause} ms");
    }
}
