use std::fs::File;
use std::time::SystemTime;

use super::*;

#[test]
fn a_cleared_shelf_is_gone_and_stays_so() {
    let shelf = Shelf::default();
    let folder = shelf.folder().unwrap();
    std::fs::write(folder.path().join("model.onnx"), "bytes").unwrap();
    let (other, path) = (shelf.clone(), folder.path().to_owned());
    shelf.clear();
    assert!(!path.exists());
    assert!(other.0.try_lock().is_err(), "nobody writes any more");
}

#[test]
fn what_a_killed_run_left_goes_a_day_later() {
    let around = tempfile::tempdir().unwrap();
    let make = |name: &str, days: u64| {
        let path = around.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("file"), "x").unwrap();
        let then = SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60 + 60);
        File::open(&path).unwrap().set_modified(then).unwrap();
        path
    };
    let (old, fresh, other) = (make("mlstack-base-a", 1), make("mlstack-base-b", 0), make("else", 9));
    let link = around.path().join("mlstack-base-link");
    std::os::unix::fs::symlink(&other, &link).unwrap();
    clear_old(&fresh);
    assert!(!old.exists());
    assert!(fresh.exists() && other.join("file").exists() && link.is_symlink());
}
