//! Processes that live and that are gone.

use super::*;

#[test]
fn a_process_is_gone_only_for_certain() {
    let own = Process::own();
    assert!(!own.is_gone());
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let ended = Process {
        pid: child.id(),
        ..own.clone()
    };
    let elsewhere = Process {
        machine: "another".into(),
        ..ended.clone()
    };
    let unknown = Process {
        machine: String::new(),
        ..ended.clone()
    };
    if own.machine.is_empty() {
        return;
    }
    assert!(ended.is_gone() && !elsewhere.is_gone() && !unknown.is_gone());
    let later = Process {
        started: own.started + 1,
        ..own
    };
    assert!(later.is_gone(), "its id went to another process");
}

#[test]
fn a_holder_is_told_with_its_run_or_its_process() {
    let mut holder = Holder {
        id: "h1".into(),
        who: Who {
            user: "ann@build-7\n".into(),
            run_url: None,
        },
        command: "apply".into(),
        since: "2026-11-23T07:45:14Z".into(),
        process: Process {
            pid: 7,
            ..Process::default()
        },
    };
    assert_eq!(
        holder.to_string(),
        "`mlstack apply` by ann@build-7\\n, since 2026-11-23T07:45:14Z, process 7"
    );
    holder.who.run_url = Some("https://ci/7".into());
    assert!(holder.to_string().ends_with(", https://ci/7"));
}
