//! The comment of a pull request for every example and every ready stack: what a fixed edit of it is told as.
//! `MLSTACK_BLESS=1` writes `docs/review/` anew.

use std::process::Command;

use crate::support::{Sandbox, repository};

/// What an edit replaces, and by what.
type Edits = &'static [(&'static str, &'static str)];

struct Case {
    name: &'static str,
    folder: &'static str,
    edits: Edits,
    /// Files of this repository that take the place of its own.
    files: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        name: "diabetes",
        folder: "examples/diabetes",
        edits: &[
            ("memory: 256Mi", "memory: 512Mi"),
            ("uses: [db, artifacts]", "uses: [db]"),
            (
                "  artifacts:\n    type: object-store\n    buckets:\n      models: { versioning: true }\n      datasets: {}\n",
                "",
            ),
            ("port: 3000", "port: 3001"),
        ],
        files: &[],
    },
    Case {
        name: "minimal",
        folder: "stacks/minimal",
        edits: &[("prediction: 81.6767", "prediction: 82.1535")],
        files: &[
            ("examples/diabetes/model/diabetes.onnx", "model/diabetes.onnx"),
            (
                "examples/diabetes/model/diabetes.golden.json",
                "model/diabetes.golden.json",
            ),
            (
                "examples/diabetes/model/diabetes.signature.json",
                "model/diabetes.signature.json",
            ),
        ],
    },
    Case {
        name: "full",
        folder: "stacks/full",
        edits: &[
            ("storage: 10Gi", "storage: 20Gi"),
            ("compose }\n", "compose }\n  prod: { target: k8s }\n"),
        ],
        files: &[],
    },
    Case {
        name: "cache-broker",
        folder: "stacks/cache-broker",
        edits: &[
            ("uses: [cache, broker]", "uses: [cache]"),
            ("      BROKER_URL: ${broker.url}\n", ""),
            (
                "  broker:\n    type: broker\n    engine: mosquitto\n    version: \"2\"\n",
                "",
            ),
            ("version: \"8\"", "version: \"9\""),
        ],
        files: &[],
    },
];

fn git(sandbox: &Sandbox, arguments: &[&str]) {
    let output = Command::new("git")
        .current_dir(sandbox.path())
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The comment, with digests that change with the sources of the server and of the example left out.
fn comment(case: &Case) -> String {
    let sandbox = Sandbox::new().copy(case.folder);
    std::fs::remove_dir(sandbox.path().join(".git")).unwrap();
    git(&sandbox, &["init", "-q", "-b", "main"]);
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-q", "-m", "Begin"]);
    let mut stack = sandbox.read("mlstack.yaml");
    for (before, after) in case.edits {
        assert!(stack.contains(before), "{}: {before:?} is not there", case.name);
        stack = stack.replacen(before, after, 1);
    }
    sandbox.write("mlstack.yaml", stack);
    for (from, to) in case.files {
        sandbox.write(to, std::fs::read(repository().join(from)).unwrap());
    }
    let text = sandbox.stdout("plan --offline --base main --format markdown");
    assert!(mlstack::view::judge(&text).is_ok(), "{text}");
    without_digests(&text)
        .lines()
        .map(|line| without_id(line) + "\n")
        .collect()
}

/// How much is shown of the two ids of an image depends on how soon they differ.
fn without_id(line: &str) -> String {
    match line.split_once("`source.id ") {
        Some((before, rest)) => {
            let after = rest.split_once('`').map_or("", |(_, after)| after);
            format!("{before}`source.id 0 → 0`{after}")
        }
        None => line.to_owned(),
    }
}

/// Every run of twelve hex digits or more, or of ten in the name of a commit, as dots.
fn without_digests(text: &str) -> String {
    let (mut out, mut run) = (String::new(), String::new());
    let flush = |run: &mut String, out: &mut String| {
        // Of a digest with its middle left out, what is left depends on chance.
        let digest = run.chars().count() >= 10 && run.contains(|c: char| c.is_ascii_digit());
        out.push_str(if digest { "0000000000" } else { run.as_str() });
        run.clear();
    };
    for c in text.chars() {
        if c.is_ascii_digit() || ('a'..='f').contains(&c) || c == '…' {
            run.push(c);
        } else {
            flush(&mut run, &mut out);
            out.push(c);
        }
    }
    flush(&mut run, &mut out);
    out
}

#[test]
fn the_examples_have_their_comments() {
    let folder = repository().join("docs/review");
    std::fs::create_dir_all(&folder).unwrap();
    for case in CASES {
        let path = folder.join(format!("{}.md", case.name));
        crate::bad_stacks::same_as(&path, &comment(case)).unwrap_or_else(|error| panic!("{error}"));
    }
}
