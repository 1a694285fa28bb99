//! The folder: what lies in it, and that a process killed at any write leaves something readable.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::ledger::journal::Opened;
use crate::ledger::{Ended, Ending, Ledger, Session, Who, look};

fn holder(id: &str) -> Holder {
    let who = Who {
        user: "ann@here".into(),
        run_url: None,
    };
    Holder::new(id.into(), who, "apply", "2026-11-23T07:45:14Z".into())
}

fn opened(id: &str) -> Opened {
    Opened {
        id: id.into(),
        place: "compose".into(),
        command: "apply".into(),
        who: holder(id).who,
        begun: "2026-11-23T07:45:14Z".into(),
        mlstack_version: "0.1.0".into(),
        stack_digest: "ab".into(),
        plan_id: Some(id.into()),
        steps: 1,
    }
}

fn ended() -> Ended {
    Ended {
        done: 1,
        failed: 0,
        skipped: 0,
        ending: Ending::Done,
    }
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

#[test]
fn what_is_written_is_private_and_nothing_else_stays() {
    let root = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(Folder::below(root.path()));
    std::fs::create_dir(root.path().join(".mlstack")).unwrap();
    std::fs::write(root.path().join(".mlstack/.unfinished-x"), "torn").unwrap();
    block(async {
        let mut session = Session::open(store, &holder("h1")).await.unwrap();
        session.begin(opened("r1")).await.unwrap();
        let mode = |name: &str| root.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(".mlstack/journal"), 0o600);
        session.end(opened("r1"), ended(), Some(&[])).await.unwrap();
        assert_eq!([".mlstack/ledger.json", ".mlstack/lock"].map(mode), [0o600, 0o600]);
    });
    assert_eq!(std::fs::read_dir(root.path().join(".mlstack")).unwrap().count(), 2);
}

#[test]
fn looking_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::below(root.path());
    block(async {
        look(&folder).await.unwrap();
        assert!(folder.holder().await.unwrap().is_none());
        assert_eq!(folder.journal().await.unwrap(), "");
        folder.clear().await.unwrap();
    });
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_ledger_is_told_with_its_path() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join(".mlstack")).unwrap();
    std::fs::write(root.path().join(".mlstack/ledger.json"), "{").unwrap();
    let error = block(look(&Folder::below(root.path()))).unwrap_err();
    assert!(error.to_string().ends_with(".mlstack"), "{error}");
    insta::assert_snapshot!(std::error::Error::source(&error).unwrap(), @"it is damaged: move it away; only the history of applies is lost");
}

/// How many writes the child may still do before it kills itself.
static LEFT: AtomicUsize = AtomicUsize::new(usize::MAX);

fn die_when_due(_point: Point) {
    if LEFT.fetch_sub(1, Ordering::Relaxed) == 0 {
        let pid = std::process::id().to_string();
        let _killed = Command::new("kill").args(["-9", &pid]).status();
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}

const CHILD: &str = "MLSTACK_TEST_LEDGER_CHILD";

/// Not a test by itself: run after run in the folder named by [`CHILD`], telling each one that is safe, until it is
/// killed or has done ten.
#[test]
fn child_that_is_killed() {
    let Ok(given) = std::env::var(CHILD) else { return };
    let (left, root) = given.split_once(' ').unwrap();
    LEFT.store(left.parse().unwrap(), Ordering::Relaxed);
    let store = std::sync::Arc::new(Folder::below(Path::new(root)).watched(die_when_due));
    block(async {
        for _ in 0..10 {
            let mut session = Session::open(store.clone(), &holder("h")).await.unwrap();
            let id = format!("r{}", session.ledger().serial);
            session.begin(opened(&id)).await.unwrap();
            tell(&format!("begun {id}"));
            session.intend(crate::ledger::journal::tests::intent(1)).await.unwrap();
            session.end(opened(&id), ended(), None).await.unwrap();
            tell(&format!("ended {id}"));
        }
    });
}

fn tell(line: &str) {
    println!("\n{line}");
}

fn child(left: usize, root: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "ledger::local::tests::child_that_is_killed", "--nocapture"])
        .env(CHILD, format!("{left} {}", root.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// After a kill: readable, the lock free, nothing older than the last word of the child.
fn assert_nothing_lost(root: &Path, told: &str) -> Ledger {
    let session = block(Session::open(
        std::sync::Arc::new(Folder::below(root)),
        &holder("after"),
    ))
    .unwrap();
    let ledger = session.ledger().clone();
    for line in told.lines() {
        if let Some(id) = line.strip_prefix("begun ") {
            assert!(ledger.used(id).is_some(), "{id} had begun");
            assert!(ledger.runs.iter().any(|run| run.id == id), "{id} had begun");
        } else if let Some(id) = line.strip_prefix("ended ") {
            let run = ledger.runs.iter().find(|run| run.id == id).unwrap();
            assert_eq!(run.ending, Ending::Done, "{id} had ended");
        }
    }
    ledger
}

#[test]
fn killed_at_each_write_everything_told_is_kept() {
    let mut kills = 0;
    for left in 0.. {
        let root = tempfile::tempdir().unwrap();
        let output = child(left, root.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_nothing_lost(root.path(), &told);
        if output.status.success() {
            break;
        }
        kills += 1;
    }
    // Ten runs of: header, intent (two points each), ledger (four).
    assert_eq!(kills, 80);
}

#[test]
fn killed_at_any_moment_everything_told_is_kept() {
    let root = tempfile::tempdir().unwrap();
    for round in 0..60 {
        let mut child = child(usize::MAX, root.path()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20 + round * 3));
        child.kill().unwrap();
        let told = child.wait_with_output().unwrap().stdout;
        assert_nothing_lost(root.path(), &String::from_utf8_lossy(&told));
    }
}
