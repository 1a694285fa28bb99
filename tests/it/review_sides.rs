//! The two sides of a review: one that cannot be read, one that is gone, one that has other environments; and the policies of
//! both.

use crate::review::{PLAN, STACK, commit, committed, edit, git};
use crate::support::Sandbox;

const GUARDED: &str = "\
version: 1
name: shop
policies: { destroy: error, downtime: error }
components:
  api: { type: service, image: \"example/api:1\", resources: { memory: 64Mi } }
  worker: { type: service, image: \"example/worker:1\", resources: { memory: 64Mi } }
environments:
  dev: { target: compose }
  live: { target: compose }
";

/// A stack file that cannot be read has no environments either; that is no reason to say that they go.
#[test]
fn a_broken_stack_file_is_no_missing_one() {
    let sandbox = committed(Sandbox::new().stack(GUARDED));
    for broken in [
        "x: [",
        "",
        "{",
        "a: b",
        "version: 2",
        "version: 1\nname: shop\nenviroments: {dev: {}}\n",
    ] {
        sandbox.write("mlstack.yaml", broken);
        let said = sandbox.run(&format!("{PLAN} base"));
        assert!(said.starts_with("exit: 3"), "{broken:?}\n{said}");
        let named = sandbox.run(&format!("{PLAN} base -e dev"));
        assert!(named.starts_with("exit: 3"), "{broken:?}\n{named}");
    }
    let sarif: serde_json::Value =
        serde_json::from_str(&sandbox.stdout(&format!("{PLAN} base --format sarif"))).unwrap();
    assert!(!sarif["runs"][0]["results"].as_array().unwrap().is_empty(), "{sarif:#}");
}

#[test]
fn a_base_that_cannot_be_read_is_no_empty_one() {
    let sandbox = committed(Sandbox::new().stack(GUARDED));
    sandbox.write("mlstack.yaml", "x: [");
    commit(&sandbox, "broken");
    git(&sandbox, "tag broken");
    sandbox.write("mlstack.yaml", GUARDED);
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} broken")), @"
    exit: 0
    --- stdout
    shop: what changes since broken (072509187b58)

    shop · dev → compose

    Not compared: the stack file of the base cannot be used: line 1: a bracket is still open here

    shop · live → compose

    Not compared: the stack file of the base cannot be used: line 1: a bracket is still open here
    --- stderr
    ");
    let counted = sandbox.run(&format!("{PLAN} broken --detailed-exitcode"));
    assert!(
        counted.starts_with("exit: 2"),
        "what is not known counts as a change\n{counted}"
    );
    let told: serde_json::Value =
        serde_json::from_str(&sandbox.stdout(&format!("{PLAN} broken --format json"))).unwrap();
    assert_eq!(told["sections"][0]["summary"]["destructive"], true, "{told:#}");
    let output = sandbox.path().join("output");
    let github = sandbox
        .command(&format!("{PLAN} broken --format github"))
        .env("GITHUB_OUTPUT", &output)
        .status()
        .unwrap();
    assert_eq!(github.code(), Some(0));
    let output = std::fs::read_to_string(&output).unwrap();
    assert!(output.contains("changes=true\ndestructive=true\n"), "{output}");
    sandbox.write("mlstack.yaml", GUARDED.split("environments").next().unwrap());
    let said = sandbox.run(&format!("{PLAN} broken"));
    assert!(
        said.contains("shop → compose") && said.contains("Not compared"),
        "{said}"
    );
}

#[test]
fn policies_also_judge_what_goes_with_its_environment_or_file() {
    let sandbox = committed(Sandbox::new().stack(GUARDED));
    edit(&sandbox, "mlstack.yaml", &[("  live: { target: compose }\n", "")]);
    let said = sandbox.run(&format!("{PLAN} base"));
    assert!(said.starts_with("exit: 5") && said.contains("error  destroy"), "{said}");
    std::fs::remove_file(sandbox.path().join("mlstack.yaml")).unwrap();
    let said = sandbox.run(&format!("{PLAN} base"));
    assert!(
        said.starts_with("exit: 5") && said.contains("all of the stack goes"),
        "{said}"
    );
}

#[test]
fn what_a_change_lets_through_from_now_on_is_told() {
    let sandbox = committed(Sandbox::new().stack(GUARDED));
    edit(
        &sandbox,
        "mlstack.yaml",
        &[
            ("destroy: error, ", "destroy: warning, "),
            (
                "worker:1\", resources: { memory: 64Mi }",
                "worker:1\", resources: { memory: 64Mi }, allow_degraded: { downtime: one node }",
            ),
        ],
    );
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} base -e dev")), @"
    exit: 0
    --- stdout
    shop: what changes since base (362fdf6f5bd0)

    shop · dev → compose

    No changes: 6 of 6 are as they should be.

    Policies:

      warning  destroy   mlstack.yaml:3: `destroy` weighs less: error → warning
                         see whether that is meant: nothing stops it any more
      warning  downtime  mlstack.yaml:6: `worker` is let through from now on: one
                         node
                         see whether that is meant: nothing stops it any more
    --- stderr
    ");
    let comment = sandbox.stdout(&format!("{PLAN} base --format markdown"));
    assert!(
        comment.contains("but policies say something") && !comment.contains("empty -->"),
        "{comment}"
    );
}

#[test]
fn a_folder_that_is_gone_took_its_stack_along() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path().join("sub/m")).unwrap();
    sandbox.write("sub/m/mlstack.yaml", STACK);
    let sandbox = committed(sandbox);
    std::fs::remove_dir_all(sandbox.path().join("sub")).unwrap();
    for named in ["sub/m/mlstack.yaml", "sub/m"] {
        let said = sandbox.run(&format!("{PLAN} base -f {named}"));
        assert!(
            said.contains("all of the stack goes") && said.contains("- service/api"),
            "{said}"
        );
    }
}

/// Other names of environments make no other stack.
#[test]
fn the_same_stack_by_another_name_of_its_environment_is_compared() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    let without = STACK.split("  db:").next().unwrap().replace("    uses: [db]\n", "");
    let named = format!("{without}environments:\n  dev: {{ target: compose }}\n");
    sandbox.write("mlstack.yaml", &named);
    let said = sandbox.run(&format!("{PLAN} base"));
    assert!(
        said.contains("shop · dev → compose") && said.contains("- service/db"),
        "{said}"
    );
    commit(&sandbox, "named");
    git(&sandbox, "tag named");
    sandbox.write("mlstack.yaml", named.replace("dev:", "live:"));
    let said = sandbox.run(&format!("{PLAN} named"));
    assert!(
        said.contains("shop · live → compose") && said.contains("No changes") && !said.contains("dev"),
        "{said}"
    );
    sandbox.write("mlstack.yaml", without);
    let said = sandbox.run(&format!("{PLAN} named"));
    assert!(said.contains("shop → compose") && said.contains("No changes"), "{said}");
    sandbox.write("mlstack.yaml", named.replace("api:1", "api:2"));
    let said = sandbox.run(&format!("{PLAN} named -t compose"));
    assert!(
        said.contains("image example/api:1 → example/api:2") && !said.contains("network/"),
        "{said}"
    );
}

#[test]
fn what_no_build_context_holds_is_told_at_its_line() {
    let sandbox = Sandbox::new()
        .stack("version: 1\nname: shop\ncomponents:\n  api:\n    type: service\n    build: ./api\n    resources: { memory: 64Mi }\n")
        .file("api/Dockerfile", "FROM scratch\n");
    let sandbox = committed(sandbox);
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path().join("api/socket")).unwrap();
    for command in ["plan --offline".to_owned(), format!("{PLAN} base")] {
        let said = sandbox.run(&command);
        assert!(
            said.starts_with("exit: 1") && said.contains("--> mlstack.yaml:6:5") && said.contains(".dockerignore"),
            "{said}"
        );
    }
}

#[test]
fn data_that_neither_side_has_cannot_be_named() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    for command in [format!("{PLAN} base"), "plan --offline".to_owned()] {
        let said = sandbox.run(&format!("{command} --destroy-data db-dta"));
        assert!(
            said.starts_with("exit: 64\n--- stdout\n--- stderr\n")
                && said.ends_with("error: there is no data called db-dta\n  hint: did you mean `db-data`?\n"),
            "{said}"
        );
        let far = sandbox.run(&format!("{command} --destroy-data queue"));
        assert!(far.contains("hint: what there is: db-data"), "{far}");
        for name in ["db", "db-data", "volume/db-data"] {
            let said = sandbox.run(&format!("{command} --destroy-data {name}"));
            assert!(said.starts_with("exit: 0"), "{name}\n{said}");
        }
    }
}

#[test]
fn a_folder_called_as_a_stack_file_is_told() {
    let sandbox = committed(Sandbox::new().file("mlstack.yaml/a", "").file("sub/b", ""));
    let folder = "error: mlstack.yaml is a folder, and no stack file\n  hint: rename the folder, or name a file: `--file PATH`\n";
    for command in ["validate", "validate -f mlstack.yaml", "plan --offline --base base"] {
        let said = sandbox.run(command);
        assert!(said.starts_with("exit: 1") && said.ends_with(folder), "{said}");
    }
    let said = sandbox.run("validate -f sub");
    assert!(
        said.ends_with("error: the folder sub has no mlstack.yaml\n  hint: `mlstack init sub` starts a stack there\n"),
        "{said}"
    );
}

#[test]
fn what_goes_is_let_through_by_name_with_a_reason_and_a_day() {
    let sandbox = committed(Sandbox::new().stack(GUARDED));
    let text = sandbox.read("mlstack.yaml");
    let lines = text.lines().filter(|line| !line.starts_with("  worker:"));
    let without: String = lines.flat_map(|line| [line, "\n"]).collect();
    sandbox.write("mlstack.yaml", &without);
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} base -e dev")), @r#"
    exit: 5
    --- stdout
    shop: what changes since base (362fdf6f5bd0)

    shop · dev → compose

      - image/worker-1    no longer declared
      - service/worker    no longer declared

    Plan: 0 to add, 0 to change, 0 to replace, 2 to destroy.

    Policies:

      error  destroy  mlstack.yaml:3: service/worker is taken away
                      let it through with a reason, if it is meant: `allow_degraded:
                      {worker: {destroy: "…"}}` at the top of the stack file
    --- stderr
    error: this is against the policies of the stack: destroy
      hint: change what is against them, let it through with a reason (`allow_degraded` on the component), or let the policy weigh less
    "#);
    let waiver = "allow_degraded:\n  worker: { destroy: { reason: the queue is gone, until: \"2999-12-31\" } }\n";
    sandbox.write("mlstack.yaml", without + waiver);
    insta::assert_snapshot!(sandbox.run(&format!("{PLAN} base -e dev")), @"
    exit: 0
    --- stdout
    shop: what changes since base (362fdf6f5bd0)

    shop · dev → compose

      - image/worker-1    no longer declared
      - service/worker    no longer declared

    Plan: 0 to add, 0 to change, 0 to replace, 2 to destroy.

    Policies:

      waived   destroy  mlstack.yaml:3: service/worker is taken away
                        let through until 2999-12-31: the queue is gone
      warning  destroy  mlstack.yaml:10: `worker` is let through from now on: the
                        queue is gone
                        see whether that is meant: nothing stops it any more
    --- stderr
    ");
    let sarif = sandbox.stdout(&format!("{PLAN} base -e dev --format sarif"));
    assert!(sarif.contains("the queue is gone"), "{sarif}");
}
