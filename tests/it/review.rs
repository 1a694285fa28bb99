//! `plan --offline --base REF`: what a pull request changes, whole outputs; repositories are made by the `git` program.

use std::process::Command;

use crate::support::{Sandbox, repository};

pub(crate) const STACK: &str = "\
version: 1
name: shop

components:
  api:
    type: service
    image: example/api:1
    port: 8000
    resources: { memory: 64Mi }
    uses: [db]
    env:
      LEVEL: info
  db:
    type: database
    storage: 1Gi
";

/// A sandbox that is a repository with one commit, tagged `base`.
pub(crate) fn committed(sandbox: Sandbox) -> Sandbox {
    std::fs::remove_dir(sandbox.path().join(".git")).unwrap();
    git(&sandbox, "init -q -b main .");
    commit(&sandbox, "first");
    git(&sandbox, "tag base");
    sandbox
}

pub(crate) fn commit(sandbox: &Sandbox, why: &str) {
    git(sandbox, "add -A");
    git_with(sandbox, &["commit", "-q", "-m", why]);
}

pub(crate) fn git(sandbox: &Sandbox, arguments: &str) -> String {
    git_with(sandbox, &arguments.split(' ').collect::<Vec<_>>())
}

fn git_with(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(sandbox.path()).args(arguments);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ada Lovelace");
        command.env(format!("GIT_{who}_EMAIL"), "ada@example.com");
        command.env(format!("GIT_{who}_DATE"), "2026-11-23T12:00:00+0000");
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    let output = command.output().expect("git is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn edit(sandbox: &Sandbox, path: &str, edits: &[(&str, &str)]) {
    let mut text = sandbox.read(path);
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    sandbox.write(path, text);
}

pub(crate) const PLAN: &str = "plan --offline --color never --base";

#[test]
fn what_changed_is_told_with_the_line_that_was_written() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} base")), @"
    exit: 0
    --- stdout
    shop: what changes since base (32546cc64ba9)

    shop → compose

    No changes: 7 of 7 are as they should be.
    --- stderr
    ");
    edit(
        &sandbox,
        "mlstack.yaml",
        &[("api:1", "api:2"), ("LEVEL: info", "LEVEL: debug\n      ROUND: 1")],
    );
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} base --detailed-exitcode")), @"
    exit: 2
    --- stdout
    shop: what changes since base (32546cc64ba9)

    shop → compose

      - image/api-1                    no longer declared
      + image/api-2    mlstack.yaml:7  will be created
      -/+ service/api  mlstack.yaml:7  environment.LEVEL info → debug
                                       environment.ROUND none → 1
                                       image example/api:1 → example/api:2
                                       rolling, no downtime

    Plan: 1 to add, 0 to change, 1 to replace, 1 to destroy.
    --- stderr
    ");
}

#[test]
fn data_that_goes_is_kept_and_data_that_would_be_lost_is_refused() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    edit(
        &sandbox,
        "mlstack.yaml",
        &[
            ("    uses: [db]\n", ""),
            ("  db:\n    type: database\n    storage: 1Gi\n", ""),
        ],
    );
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} base")), @r#"
    exit: 0
    --- stdout
    shop: what changes since base (32546cc64ba9)

    shop → compose

      - image/postgres-17                  no longer declared
      -/+ service/api      mlstack.yaml:5  depends_on…condition servic…ealthy → none
                                           depends_on….required true → none
                                           environmen…B_ADDRESS db:5432 → none
                                           environmen…_DATABASE app → none
                                           environment.DB_HOST db → none
                                           environmen…WORD_FILE /run/s…ssword → none
                                           environment.DB_PORT 5432 → none
                                           environment.DB_URL postgre…432/app → none
                                           environment.DB_USER app → none
                                           secrets [{"source":"d…-password"}] → none
                                           rolling, no downtime
      - service/db                         no longer declared
      ! volume/db-data     protected       no longer declared: kept

    Plan: 0 to add, 0 to change, 1 to replace, 2 to destroy.
    --- stderr
    "#);
    let named = sandbox.run(&format!("{PLAN} base --destroy-data db"));
    assert!(named.contains("no longer declared, --destroy-data names"), "{named}");
}

#[test]
fn each_environment_of_either_side_has_its_section() {
    let with = |names: &[&str]| {
        let all: String = names.iter().map(|name| format!("  {name}\n")).collect();
        format!("{STACK}environments:\n{all}")
    };
    let base = with(&["dev: { target: compose }", "old: { target: compose }"]);
    let head = with(&[
        "dev: { target: compose, components: { api: { replicas: 2 } } }",
        "prod: { target: k8s, allow: x }",
    ]);
    let head = head.replace(", allow: x", "");
    let sandbox = committed(Sandbox::new().stack(&base));
    sandbox.write("mlstack.yaml", head);
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} base")), @"
    exit: 0
    --- stdout
    shop: what changes since base (ac4be71c16bf)

    shop · dev → compose

      ~ service/api  mlstack.yaml:17  replicas none → 2

    Plan: 0 to add, 1 to change, 0 to replace, 0 to destroy.

    shop · prod → k8s

      + deployment/api              mlstack.yaml:5   will be created
      + namespace/shop              mlstack.yaml:2   will be created
      + networkpolicy/api           mlstack.yaml:5   will be created
      + networkpolicy/db            mlstack.yaml:13  will be created
      + networkpolicy/default-deny                   will be created
      + pvc/db-data                 mlstack.yaml:13  will be created
      + secret/db-password                           will be created
      + service/api                 mlstack.yaml:5   will be created
      + service/db                  mlstack.yaml:13  will be created
      + serviceaccount/api          mlstack.yaml:5   will be created
      + serviceaccount/db           mlstack.yaml:13  will be created
      + statefulset/db              mlstack.yaml:13  will be created

    Plan: 12 to add, 0 to change, 0 to replace, 0 to destroy.

    shop · old → compose

      - image/api-1                   no longer declared
      - image/postgres-17             no longer declared
      - network/back                  no longer declared
      - network/front                 no longer declared
      - service/api                   no longer declared
      - service/db                    no longer declared
      ! volume/db-data     protected  no longer declared: kept

    Plan: 0 to add, 0 to change, 0 to replace, 6 to destroy.
    --- stderr
    mlstack::one-replica

      ⚠ one copy in production
       ╭─[mlstack.yaml:5:3]
     5 │   api:
       ·   ─┬─
       ·    ╰── `api` is away whenever its one copy is
       ╰────
      help: add `replicas: 2`

    mlstack.yaml: 1 warning
    ");
    let one = sandbox.run(&format!("{PLAN} base -e dev"));
    assert!(one.contains("shop · dev → compose") && !one.contains("prod"), "{one}");
    let gone = sandbox.run(&format!("{PLAN} base -e old"));
    assert!(
        gone.contains("shop · old → compose") && gone.contains("no longer declared"),
        "{gone}"
    );
    let none = sandbox.run(&format!("{PLAN} base -e other"));
    assert!(
        none.contains("exit: 3") && none.contains("no environment is named `other`"),
        "{none}"
    );
}

#[test]
fn a_stack_that_is_new_and_a_stack_that_goes_are_told() {
    let sandbox = committed(Sandbox::new().file("README.md", "hello"));
    sandbox.write("mlstack.yaml", STACK);
    let new = sandbox.run(&format!("{PLAN} base"));
    assert!(
        new.contains("note: base has no mlstack.yaml: all of the stack is new"),
        "{new}"
    );
    assert!(
        new.contains("Plan: 7 to add, 0 to change, 0 to replace, 0 to destroy."),
        "{new}"
    );
    commit(&sandbox, "a stack");
    std::fs::remove_file(sandbox.path().join("mlstack.yaml")).unwrap();
    let gone = sandbox.run(&format!("{PLAN} HEAD"));
    for told in [
        "exit: 0",
        "- service/db                    no longer declared",
        "! volume/db-data     protected  no longer declared: kept",
        "Plan: 0 to add, 0 to change, 0 to replace, 6 to destroy.",
        "note: there is no mlstack.yaml here any more: all of the stack goes",
    ] {
        assert!(gone.contains(told), "{told} is not in\n{gone}");
    }
    let neither = sandbox.run(&format!("{PLAN} base"));
    assert!(
        neither.contains("exit: 1") && neither.contains("there is no mlstack.yaml"),
        "{neither}"
    );
}

#[test]
fn a_base_that_cannot_be_used_is_told_and_a_head_that_cannot_is_an_error() {
    let sandbox = committed(Sandbox::new().stack(&STACK.replace("type: database", "type: datbase")));
    sandbox.write("mlstack.yaml", STACK);
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} base --detailed-exitcode")), @"
    exit: 2
    --- stdout
    shop: what changes since base (c4af2ff4a49b)

    shop → compose

    Not compared: the stack file of the base cannot be used: line 14: the type `datbase` is unknown
    --- stderr
    ");
    commit(&sandbox, "mended");
    edit(&sandbox, "mlstack.yaml", &[("type: service", "type: servce")]);
    let said = sandbox.run(&format!("{PLAN} HEAD"));
    assert!(said.contains("exit: 3") && said.contains("unknown-type"), "{said}");
}

#[test]
fn a_changed_model_says_what_callers_must_change() {
    let sandbox = committed(Sandbox::new().copy("examples/diabetes"));
    edit(
        &sandbox,
        "mlstack.yaml",
        &[("model/diabetes.onnx", "model/diabetes-v2.onnx")],
    );
    let text = sandbox.read("mlstack.yaml");
    let (before, after) = (text.find("    checks:").unwrap(), text.find("  db:").unwrap());
    sandbox.write("mlstack.yaml", format!("{}{}", &text[..before], &text[after..]));
    std::fs::remove_file(sandbox.path().join("model/diabetes-v2.golden.json")).unwrap();
    let path = "model/diabetes-v2.signature.json";
    let mut signature: serde_json::Value = serde_json::from_str(&sandbox.read(path)).unwrap();
    signature["features"][2]["name"] = "body_mass".into();
    signature["features"][3]["default"] = 80.into();
    signature["unit"] = "points".into();
    sandbox.write(path, signature.to_string());
    let shown = sandbox.run(&format!("{PLAN} base"));
    let models = shown.split_once("\n\n  ~ image").unwrap().0;
    insta::assert_snapshot!(models, @"
    exit: 0
    --- stdout
    diabetes: what changes since base (7e8e1c5a4d43)

    diabetes · dev → compose

      ~ model of predictor  mlstack.yaml:8
          breaking: input bmi is now called body_mass
          breaking: the prediction is in points, not in disease progression one year after baseline, 25 to 346
          input bp is optional now
          file model/diabetes.onnx → model/diabetes-v2.onnx
          size 49.0 KiB → 450 B
          sha256 ec669d9c3aec → 86cc269270d9
    ");
}

#[test]
fn bytes_of_a_model_alone_are_a_change_of_its_service() {
    let sandbox = committed(Sandbox::new().copy("examples/diabetes"));
    let mut bytes = std::fs::read(sandbox.path().join("model/diabetes.onnx")).unwrap();
    // One more note of the model itself: `metadata_props` of ONNX.
    let notes = [("license", "CC-BY-4.0"), ("metrics.rmse", "54.2")];
    for (key, value) in notes {
        let entry = [
            &[0x0a, key.len() as u8][..],
            key.as_bytes(),
            &[0x12, value.len() as u8],
            value.as_bytes(),
        ]
        .concat();
        bytes.extend([&[0x72, entry.len() as u8][..], &entry].concat());
    }
    sandbox.write("model/diabetes.onnx", bytes);
    let shown = sandbox.run(&format!("{PLAN} base"));
    insta::assert_snapshot!(shown, @"
    exit: 0
    --- stdout
    diabetes: what changes since base (7e8e1c5a4d43)

    diabetes · dev → compose

      ~ model of predictor  mlstack.yaml:8
          sha256 ec669d9c3aec → 4c77c6813c92
          licence none → CC-BY-4.0
          rmse none → 54.2

      ~ image/predictor      mlstack.yaml:8  reference …f06a97b9ec26 → …92dfe8a5a66c
                                             source.id …f06a9…7cead4 → …92dfe…ff310c
      -/+ service/predictor  mlstack.yaml:8  image …r:f06a97b9ec26 → …r:92dfe8a5a66c
                                             ≈ 1 s downtime

    Plan: 0 to add, 1 to change, 1 to replace, 0 to destroy.
    --- stderr
    ");
}

const DIGEST: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

fn pointer(digest: &str) -> String {
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 4321\n")
}

#[test]
fn pointers_of_git_lfs_are_compared_by_what_they_say() {
    let stack = "version: 1\nname: shop\ncomponents:\n  api: { type: model-server, model: m.onnx, resources: { memory: 64Mi } }\n";
    let model = std::fs::read(repository().join("examples/diabetes/model/diabetes.onnx")).unwrap();
    let digest = mlstack::stack::models::digest(&model);
    let sandbox = Sandbox::new()
        .stack(stack)
        .file("m.onnx", pointer(&digest).replace("4321", &model.len().to_string()));
    let sandbox = committed(sandbox);
    sandbox.write("m.onnx", &model);
    let pulled = sandbox.run(&format!("{PLAN} base"));
    assert!(pulled.contains("No changes"), "pulled here, a pointer there: {pulled}");
    sandbox.write("m.onnx", pointer(DIGEST));
    let shown = sandbox.run(&format!("{PLAN} base"));
    insta::assert_snapshot!(shown, @"
    exit: 0
    --- stdout
    shop: what changes since base (704a0b83eb5c)

    shop → compose

      ~ model of api  mlstack.yaml:4
          size 49.0 KiB → 4.2 KiB
          sha256 ec669d9c3aec → 4d7a214614ab
          before not read: git keeps a pointer to it alone (Git LFS)
          now not read: git keeps a pointer to it alone (Git LFS)

      ~ image/api      mlstack.yaml:4  reference …pi:43e0d1660e3c → …pi:f7e866f08f57
                                       source.id …43e0d16…afb9d92 → …f7e866f…a7c0f89
      -/+ service/api  mlstack.yaml:4  image …/api:43e0d1660e3c → …/api:f7e866f08f57
                                       rolling, no downtime

    Plan: 0 to add, 1 to change, 1 to replace, 0 to destroy.
    --- stderr
    ");
    let live = sandbox.run("plan --offline --color never");
    assert!(
        live.contains("exit: 3") && live.contains("git lfs pull --include m.onnx"),
        "{live}"
    );
    assert!(!live.contains("not an ONNX model"), "{live}");
}

#[test]
fn why_names_commit_and_author_of_each_line() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    edit(&sandbox, "mlstack.yaml", &[("api:1", "api:2")]);
    commit(&sandbox, "api: the second version");
    edit(
        &sandbox,
        "mlstack.yaml",
        &[("storage: 1Gi", "storage: 2Gi\n    version: \"16\"")],
    );
    let shown = sandbox.run(&format!("{PLAN} base --why"));
    let why = shown.split_once("Why\n").unwrap().1;
    let head = git(&sandbox, "rev-parse --short=12 HEAD");
    insta::assert_snapshot!(why.replace(&head, "[COMMIT]"), @"
      mlstack.yaml:7  [COMMIT] Ada Lovelace, 2026-11-23: api: the second version
      mlstack.yaml:13  32546cc64ba9 Ada Lovelace, 2026-11-23: first
      mlstack.yaml:15  not committed
    --- stderr
    ");
}

#[test]
fn long_texts_are_told_by_hunks() {
    let script = |word: &str| {
        let lines: String = (0..12)
            .map(|n| {
                format!(
                    "          echo {}\n",
                    if n == 6 { word.to_owned() } else { n.to_string() }
                )
            })
            .collect();
        STACK.replace(
            "      LEVEL: info\n",
            &format!("      SCRIPT: |\n{}", lines.replace("          ", "        ")),
        )
    };
    let sandbox = committed(Sandbox::new().stack(&script("old")));
    sandbox.write("mlstack.yaml", script("new"));
    let hunk = |flag: &str| {
        let shown = sandbox.run(&format!("{PLAN} base {flag}"));
        shown.split_once("to destroy.\n").unwrap().1.to_owned()
    };
    insta::assert_snapshot!(hunk("-C 1"), @"

    service/api environment.SCRIPT
        @@ -6,3 +6,3 @@
         echo 5
        -echo old
        +echo new
         echo 7
    --- stderr
    ");
    assert_eq!(hunk("").matches("echo").count(), 8);
    assert_eq!(hunk("--context-lines 0").matches("echo").count(), 2);
}

#[test]
fn the_json_fits_its_schema_and_tells_all() {
    let sandbox = committed(Sandbox::new().copy("examples/diabetes"));
    edit(
        &sandbox,
        "mlstack.yaml",
        &[
            ("    storage: 1Gi\n", "    storage: 2Gi\n"),
            (
                "  web:\n    type: frontend\n    calls: predictor\n    expose: { port: 3000 }\n",
                "",
            ),
        ],
    );
    let schema: serde_json::Value = serde_json::from_str(&sandbox.stdout("schema review")).unwrap();
    let shown = sandbox.stdout(&format!("{PLAN} base --format json --why"));
    let document: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let judge = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> = judge.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    insta::assert_snapshot!(format!("{:#}", document["sections"][0]["topology"]), @r#"
    {
      "components": [
        {
          "name": "predictor",
          "type": "model-server",
          "change": "none",
          "exposed": true
        },
        {
          "name": "db",
          "type": "database",
          "change": "none",
          "exposed": false
        },
        {
          "name": "artifacts",
          "type": "object-store",
          "change": "none",
          "exposed": false
        },
        {
          "name": "web",
          "type": "frontend",
          "change": "delete",
          "exposed": true
        }
      ],
      "uses": [
        {
          "from": "predictor",
          "to": "artifacts",
          "change": "none"
        },
        {
          "from": "predictor",
          "to": "db",
          "change": "none"
        },
        {
          "from": "web",
          "to": "predictor",
          "change": "delete"
        }
      ]
    }
    "#);
    assert_eq!(document["base"]["commit"], git(&sandbox, "rev-parse base").as_str());
}

#[test]
fn references_are_those_of_git_and_others_are_told() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    for reference in [
        "base",
        "main",
        "HEAD",
        "@",
        "refs/tags/base",
        &git(&sandbox, "rev-parse HEAD"),
    ] {
        let shown = sandbox.run(&format!("{PLAN} {reference}"));
        assert!(shown.contains("exit: 0") && shown.contains("No changes"), "{shown}");
    }
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} origin/main")), @"
    exit: 1
    --- stdout
    --- stderr
    error: git knows no commit `origin/main` here
      hint: `git fetch origin` brings branches of others as origin/NAME
    ");
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} ../main")), @"
    exit: 1
    --- stdout
    --- stderr
    error: `../main` is no reference to one commit: a branch, a tag, a commit id, each with `~N` or `^N` behind it
    ");
    insta::assert_snapshot!(Sandbox::new().stack(STACK).run(&format!("{PLAN} main")), @"
    exit: 1
    --- stdout
    --- stderr
    error: git knows no commit `main` here
      hint: `git fetch origin` brings branches of others as origin/NAME
    ");
    let live = sandbox.run("plan --base main");
    assert!(live.contains("exit: 64") && live.contains("--offline"), "{live}");
}

#[test]
fn a_shallow_clone_names_the_way_out() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    sandbox.write("x", "x");
    commit(&sandbox, "second");
    let clone = Sandbox::new();
    std::fs::remove_dir(clone.path().join(".git")).unwrap();
    let from = format!("file://{}", sandbox.path().display());
    git_with(&clone, &["clone", "-q", "--depth", "1", &from, "."]);
    let same = clone.run(&format!("{PLAN} HEAD --why"));
    assert!(same.contains("No changes"), "{same}");
    insta::assert_snapshot!(clone.run(&format!("{PLAN} HEAD~1")), @"
    exit: 1
    --- stdout
    --- stderr
    error: `HEAD~1` leads nowhere: the history of this clone ends with `HEAD`
      hint: fetch what is missing: `git fetch --unshallow`; with actions/checkout `fetch-depth: 0`, with GitLab `GIT_DEPTH: 0`
    ");
}

#[test]
fn the_base_is_found_from_below_and_in_a_folder_of_the_repository() {
    let sandbox = committed(Sandbox::new().file("ml/mlstack.yaml", STACK).file("ml/sub/x", ""));
    edit(&sandbox, "ml/mlstack.yaml", &[("api:1", "api:2")]);
    for (folder, flags) in [("ml/sub", ""), (".", "-f ml"), ("ml", "")] {
        let shown = sandbox.run_in(folder, &format!("{PLAN} base {flags}"));
        assert!(
            shown.contains("image example/api:1 → example/api:2"),
            "{folder}: {shown}"
        );
    }
}

#[test]
fn build_contexts_are_compared_without_what_is_not_theirs() {
    let stack = "version: 1\nname: shop\ncomponents:\n  app: { type: service, build: ., port: 80, resources: { memory: 64Mi } }\n";
    let sandbox = committed(
        Sandbox::new()
            .stack(stack)
            .file("Dockerfile", "FROM scratch\n")
            .file("a/b.txt", "one"),
    );
    let same = sandbox.run(&format!("{PLAN} base"));
    assert!(same.contains("No changes"), "{same}");
    sandbox.write("a/b.txt", "two");
    let changed = sandbox.run(&format!("{PLAN} base"));
    assert!(changed.contains("~ image/app"), "{changed}");
}

#[test]
fn a_part_of_the_stack_can_be_looked_at() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    edit(
        &sandbox,
        "mlstack.yaml",
        &[
            ("api:1", "api:2"),
            ("storage: 1Gi", "storage: 1Gi\n    resources: { memory: 1Gi }"),
        ],
    );
    let shown = sandbox.run(&format!("{PLAN} base --exclude db"));
    assert!(
        shown.contains("service/api") && !shown.contains("service/db"),
        "{shown}"
    );
}

#[test]
fn no_secret_is_read_and_no_variable_reaches_the_plan() {
    let stack = format!("{STACK}secrets:\n  key: {{ env: API_KEY }}\n  kept: {{ file: kept.txt }}\n").replace(
        "LEVEL: info",
        "LEVEL: info\n      KEY_FILE: ${secrets.key.file}\n      KEPT_FILE: ${secrets.kept.file}",
    );
    let sandbox = committed(
        Sandbox::new()
            .stack(&stack)
            .file("kept.txt", "s3cr3t-in-a-file")
            .env("API_KEY", "s3cr3t-value"),
    );
    sandbox.write("kept.txt", "s3cr3t-changed");
    edit(&sandbox, "mlstack.yaml", &[("api:1", "api:2")]);
    for format in ["text", "json"] {
        let shown = sandbox.run(&format!("{PLAN} base --format {format} --why"));
        assert!(shown.contains("exit: 0") && !shown.contains("s3cr3t"), "{shown}");
    }
}

#[test]
fn another_name_or_place_is_another_stack() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    edit(&sandbox, "mlstack.yaml", &[("name: shop", "name: store")]);
    let shown = sandbox.run(&format!("{PLAN} base"));
    assert!(
        shown.contains("this becomes another stack: shop on compose keeps"),
        "{shown}"
    );
    assert!(
        shown.contains("Plan: 7 to add, 0 to change, 0 to replace, 0 to destroy."),
        "{shown}"
    );
    let of = |target: &str| format!("{STACK}environments:\n  dev: {{ target: {target} }}\n");
    let sandbox = committed(Sandbox::new().stack(&of("compose")));
    sandbox.write("mlstack.yaml", of("k8s"));
    let shown = sandbox.run(&format!("{PLAN} base"));
    assert!(
        shown.contains("this becomes another stack: shop on compose keeps"),
        "{shown}"
    );
    assert!(shown.contains("0 to change, 0 to replace, 0 to destroy."), "{shown}");
}
