//! A run's hold on the ledger, whole and cut off.

use mlstack_provider::Value;

use super::*;
use crate::ledger::journal::tests::{intent, opened};
use crate::ledger::{Folder, Who, place};

fn holder(id: &str) -> Holder {
    Holder::new(id.into(), Who::default(), "apply", "2026-11-23T07:45:14Z".into())
}

fn wanted(name: &str) -> Resource {
    Resource {
        address: Address::new("service", name),
        spec: Value::Null,
        depends_on: Vec::new(),
        source: None,
        protected: false,
    }
}

fn ended() -> Ended {
    Ended {
        done: 5,
        failed: 0,
        skipped: 0,
        ending: Ending::Done,
    }
}

struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Session {
        Session::open(Arc::new(Folder::below(self.0.path())), &holder("h"))
            .await
            .unwrap()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(".mlstack").join(name)
    }
}

#[tokio::test]
async fn a_run_becomes_history_and_a_revision() {
    let root = Root::new();
    let mut session = root.open().await;
    session.begin(opened()).await.unwrap();
    session.intend(intent(1)).await.unwrap();
    session.end(opened(), ended(), Some(&[wanted("api")])).await.unwrap();
    drop(session);
    let session = root.open().await;
    let ledger = session.ledger();
    assert!(session.cut().is_none());
    assert!(ledger.used("p1").is_some());
    let run = &ledger.runs[0];
    assert_eq!((run.done, run.ending, run.revision), (5, Ending::Done, Some(1)));
    assert_eq!(
        ledger.revisions(&place(Some("prod"), "compose"))[0].resources,
        [wanted("api")]
    );
}

#[tokio::test]
async fn a_run_that_was_cut_off_is_told_once_and_its_plan_is_used() {
    let root = Root::new();
    let session = root.open().await;
    session.begin(opened()).await.unwrap();
    session.intend(intent(2)).await.unwrap();
    drop(session);
    let session = root.open().await;
    assert_eq!(session.cut().unwrap().open, [intent(2)]);
    assert!(session.ledger().used("p1").is_some());
    drop(session);
    let session = root.open().await;
    assert!(session.cut().is_none());
    assert_eq!(session.ledger().runs.len(), 1);
}

#[tokio::test]
async fn a_run_cut_off_between_ledger_and_journal_is_whole() {
    let root = Root::new();
    let mut session = root.open().await;
    session.begin(opened()).await.unwrap();
    let journal = std::fs::read(root.file("journal")).unwrap();
    session.end(opened(), ended(), None).await.unwrap();
    drop(session);
    std::fs::write(root.file("journal"), journal).unwrap();
    let session = root.open().await;
    assert!(session.cut().is_none());
    assert_eq!(session.ledger().runs[0].ending, Ending::Done);
    assert!(!root.file("journal").exists());
}

#[tokio::test]
async fn a_journal_that_says_nothing_is_no_trouble() {
    let root = Root::new();
    drop(root.open().await);
    for text in ["", "{", "no json\n", "{}\n"] {
        std::fs::write(root.file("journal"), text).unwrap();
        assert!(root.open().await.cut().is_none());
    }
}

#[tokio::test]
async fn after_a_line_that_could_not_be_written_none_follows() {
    let root = Root::new();
    let session = root.open().await;
    session.begin(opened()).await.unwrap();
    std::fs::rename(root.file("journal"), root.file("moved")).unwrap();
    std::fs::create_dir(root.file("journal")).unwrap();
    assert!(session.intend(intent(1)).await.is_err());
    std::fs::remove_dir(root.file("journal")).unwrap();
    std::fs::rename(root.file("moved"), root.file("journal")).unwrap();
    let error = session.intend(intent(2)).await.unwrap_err();
    assert!(error.to_string().contains("could not be written before"), "{error}");
}

#[tokio::test]
async fn what_runs_already_is_a_revision_too() {
    let root = Root::new();
    let mut session = root.open().await;
    for _ in 0..2 {
        session.confirm("compose", "ab", &[wanted("api")]).await.unwrap();
    }
    assert_eq!(
        (session.ledger().serial, session.ledger().revisions("compose").len()),
        (1, 1)
    );
}

#[tokio::test]
async fn nobody_opens_what_is_open() {
    let root = Root::new();
    let _session = root.open().await;
    let error = Session::open(Arc::new(Folder::below(root.0.path())), &holder("other"))
        .await
        .err()
        .unwrap();
    let LedgerError::Held(Some(held)) = error else {
        panic!("{error}")
    };
    assert_eq!(held.id, "h");
}
