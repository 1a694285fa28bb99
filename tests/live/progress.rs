//! What is shown while a plan is carried out: a tree on a terminal, lines elsewhere, `--events` for programs.

use std::process::Command;

use serde_json::Value;

use crate::stage::Stage;

const STACK: &str = "\
version: 1
name: STACK
components:
  store: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], resources: { memory: 32Mi } }
  worker: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], uses: [store], resources: { memory: 32Mi } }
";

/// `10:12:03 ✓ service/store created in 1.2 s` without its numbers.
fn steady(line: &str) -> String {
    let is_number = |word: &str| word.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b':');
    let words = line
        .split_whitespace()
        .map(|word| if is_number(word) { "*" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn lines_have_their_time_and_events_their_schema() {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    let ran = stage.run("apply -y --events happened.ndjson");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let mut lines: Vec<String> = ran.stderr.lines().map(steady).collect();
    lines.sort();
    lines.dedup();
    insta::assert_snapshot!(lines.join("\n"), @"
    * network/back is being created
    * network/front is being created
    * service/store is being created
    * service/worker is being created
    * ✓ network/back created in * s
    * ✓ network/front created in * s
    * ✓ service/store created in * s
    * ✓ service/worker created in * s
    Applied: * of * done in * s.
    ");

    let schema: Value = serde_json::from_str(&stage.ends(0, "schema events")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let events: Vec<Value> = stage
        .read("happened.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for event in &events {
        schema
            .validate(event)
            .unwrap_or_else(|error| panic!("{event}: {error}"));
    }
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((of("begin"), of("started"), of("done"), of("end")), (1, 4, 4, 1));
    assert_eq!(events.last().unwrap()["exit_code"], 0);

    let refused = stage.run("apply -y --events nowhere/happened.ndjson");
    assert_eq!(
        (refused.code, refused.stderr.lines().next()),
        (0, None),
        "nothing to do needs no file"
    );
    stage.edit(
        "trap exit TERM; sleep 600 & wait\"], uses",
        "trap exit TERM; sleep 601 & wait\"], uses",
    );
    let before = stage.containers();
    let refused = stage.run("apply -y --events nowhere/happened.ndjson");
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing was changed"), "{}", refused.stderr);
    assert_eq!(stage.containers(), before);
}

#[test]
fn a_terminal_has_a_tree() {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    let mlstack = stage.command("apply -y");
    let program = mlstack.get_program().to_string_lossy().into_owned();
    let mut on_terminal = Command::new("script");
    on_terminal.args([
        "-qec",
        &format!("stty cols 90 rows 30; {program} apply -y"),
        "/dev/null",
    ]);
    on_terminal.current_dir(stage.path()).stdin(std::process::Stdio::null());
    for (key, value) in mlstack.get_envs() {
        match value {
            Some(value) => on_terminal.env(key, value),
            None => on_terminal.env_remove(key),
        };
    }
    let output = on_terminal
        .env("TERM", "xterm")
        .env_remove("CI")
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let last_frame = text.rsplit("\u{1b}[2K").next().unwrap();
    for shown in ["network/back", "  service/store", "    service/worker"] {
        let line = last_frame
            .split('✓')
            .find(|line| line.contains(shown))
            .unwrap_or_else(|| panic!("{shown}: {text}"));
        assert!(line.contains("created in"), "{line}");
    }
    assert!(text.contains("waits"), "{text}");
    assert!(!text.contains("is being created"), "no lines beside the tree: {text}");
}
