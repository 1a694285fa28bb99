//! The ledger's format, file and lock.

use std::os::unix::fs::PermissionsExt as _;

use super::file::rfc3339;
use super::*;

fn ledger() -> Ledger {
    let mut ledger = Ledger::new("0b6e6c9e-4a52-4d7c-8a39-0d8f6f0d9f10");
    ledger.mark_used("7d0f0d9e-7c1f-4f53-9be2-3c2b1f6a5e44", "2026-11-23T07:45:14Z");
    let applied = Applied {
        at: "2026-11-23T07:45:20Z".into(),
        mlstack_version: "0.1.0".into(),
        stack_digest: "ab".repeat(32),
        plan_id: Some("7d0f0d9e-7c1f-4f53-9be2-3c2b1f6a5e44".into()),
        done: 4,
        failed: 1,
        skipped: 2,
    };
    ledger.record(Some("prod"), "compose", applied.clone());
    ledger.record(None, "compose", applied);
    ledger
}

#[test]
fn version_1_reads_and_writes_as_ever() {
    let golden = include_str!("../../tests/formats/ledger/v1.json");
    assert_eq!(to_text(&ledger()), golden);
    assert_eq!(from_text(golden).unwrap(), ledger());
}

#[test]
fn a_newer_ledger_is_refused_with_advice() {
    let error = from_text(r#"{"version": 2, "more": []}"#).unwrap_err();
    insta::assert_snapshot!(error, @"it was written by a newer mlstack (format 2; this one reads up to 1): update mlstack");
}

#[test]
fn no_torn_ledger_is_read() {
    let text = to_text(&ledger());
    for end in 0..text.len() - 2 {
        assert!(from_text(&text[..end]).is_err(), "the first {end} bytes");
    }
}

#[test]
fn a_saved_ledger_is_loaded_and_private() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::below(root.path());
    let lock = folder.lock("apply").unwrap();
    let mut saved = Ledger {
        lineage: folder.load().unwrap().lineage,
        ..ledger()
    };
    folder.save(&mut saved, &lock).unwrap();
    folder.save(&mut saved, &lock).unwrap();
    assert_eq!((folder.load().unwrap(), saved.serial), (saved, 2));
    let mode = |name: &str| root.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(
        [".mlstack", ".mlstack/ledger.json", ".mlstack/lock"].map(mode),
        [0o700, 0o600, 0o600]
    );
    let names = std::fs::read_dir(root.path().join(".mlstack")).unwrap().count();
    assert_eq!(names, 2, "no temporary file stays");
}

#[test]
fn looking_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    Folder::below(root.path()).load().unwrap();
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn a_held_lock_tells_who_and_ends_with_its_holder() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::below(root.path());
    let lock = folder.lock("apply").unwrap();
    let Err(LedgerError::LockHeld(Some(held))) = folder.lock("destroy") else {
        panic!("the lock is held")
    };
    assert_eq!((held.pid, held.command.as_str()), (std::process::id(), "apply"));
    assert!(held.to_string().starts_with("`mlstack apply`, process "), "{held}");
    drop(lock);
    let _lock = folder.lock("destroy").unwrap();
}

#[test]
fn a_damaged_ledger_is_told_with_its_path() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::below(root.path());
    let _lock = folder.lock("apply").unwrap();
    std::fs::write(root.path().join(".mlstack/ledger.json"), "{").unwrap();
    let error = folder.load().unwrap_err();
    assert!(error.to_string().ends_with(".mlstack/ledger.json"), "{error}");
    insta::assert_snapshot!(std::error::Error::source(&error).unwrap(), @"it is damaged: move it away; only the history of applies is lost");
}

#[test]
fn ids_are_random_and_look_like_uuids() {
    let (one, other) = (new_id().unwrap(), new_id().unwrap());
    assert_ne!(one, other);
    assert_eq!((one.len(), &one[14..15], one.matches('-').count()), (36, "4", 4));
}

#[test]
fn times_are_dates() {
    let cases = [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (1_709_210_096, "2024-02-29T12:34:56Z"),
        (4_102_444_800, "2100-01-01T00:00:00Z"),
    ];
    for (seconds, text) in cases {
        assert_eq!(rfc3339(seconds), text);
    }
}
