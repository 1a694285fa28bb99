//! `plan`, `validate` and `drift` in the forms that others read: a comment, a runner of GitHub, a code scanner.

use insta::assert_snapshot;
use serde_json::Value;

use crate::inert::injections;
use crate::support::Sandbox;

const STACK: &str = "\
version: 1
name: shop
components:
  web:
    type: service
    image: nginx:1.29
    resources: { memory: 64Mi }
    env: { GREETING: hello }
environments:
  dev: { target: compose }
";

const WRONG: &str = "\
version: 1
name: shop
components:
  web:
    type: service
    imag: nginx:1.29
";

fn sarif_is_valid(text: &str) -> Value {
    let schema = include_str!("../fixtures/sarif/sarif-2.1.0-rtm.5.json").replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let document: Value = serde_json::from_str(text).unwrap();
    let faults: Vec<_> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&document)
        .map(|fault| fault.to_string())
        .collect();
    assert_eq!(faults, Vec::<String>::new(), "{text}");
    document
}

#[test]
fn a_plan_as_a_comment() {
    let sandbox = Sandbox::new().stack(STACK);
    assert_snapshot!(sandbox.run("plan --offline -e dev --format markdown"), @r#"
    exit: 0
    --- stdout
    <!-- mlstack:shop:plan -->
    > [!NOTE]
    > **4 changes: nothing is destroyed, nothing stops.**

    **mlstack plan** of `shop`

    ### `dev` → `compose` (`offline`)

    4 to add, 0 to change, 0 to replace, 0 to destroy.

    | | Address | What | Why | Disruption | Line |
    |---|---|---|---|---|---|
    | `+` | `image/nginx-1.29` | new | will be created |  | `mlstack.yaml:4` |
    | `+` | `network/back` | new | will be created |  |  |
    | `+` | `network/front` | new | will be created |  |  |
    | `+` | `service/web` | new, `nginx:1.29` | will be created |  | `mlstack.yaml:4` |

    ```mermaid
    flowchart LR
      n0["web<br/>service"]:::added
      classDef added fill:#dafbe1,stroke:#1a7f37,color:#1f2328
      classDef changed fill:#fff8c5,stroke:#9a6700,color:#1f2328
      classDef removed fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4 3
    ```

    <details><summary><code>image/nginx-1.29</code></summary>

    ```diff
    + {
    +   "reference": "nginx:1.29",
    +   "source": {
    +     "kind": "pull"
    +   }
    + }
    ```

    </details>

    <details><summary><code>network/back</code></summary>

    ```diff
    + {
    +   "name": "shop_back",
    +   "internal": true
    + }
    ```

    </details>

    <details><summary><code>network/front</code></summary>

    ```diff
    + {
    +   "name": "shop_front"
    + }
    ```

    </details>

    <details><summary><code>service/web</code></summary>

    ```diff
    + {
    +   "cap_add": [
    +     "CHOWN",
    +     "DAC_OVERRIDE",
    +     "FOWNER",
    +     "KILL",
    +     "NET_BIND_SERVICE",
    +     "SETGID",
    +     "SETUID"
    +   ],
    +   "cap_drop": [
    +     "ALL"
    +   ],
    +   "deploy": {
    +     "resources": {
    +       "limits": {
    +         "memory": "67108864",
    +         "pids": 512
    +       }
    +     }
    +   },
    +   "environment": {
    +     "GREETING": "hello"
    +   },
    +   "image": "nginx:1.29",
    +   "networks": {
    +     "back": null,
    +     "front": null
    +   },
    +   "restart": "unless-stopped",
    +   "security_opt": [
    +     "no-new-privileges:true"
    +   ],
    +   "x-mlstack": {
    +     "ready_within": "5m0s"
    +   }
    + }
    ```

    </details>
    --- stderr
    "#);
}

#[test]
fn a_plan_for_a_runner_of_github() {
    let sandbox = Sandbox::new().stack(STACK);
    let named = |name: &str| sandbox.path().join(name).display().to_string();
    let (summary, output) = (named("summary"), named("output"));
    let run = || {
        let mut command = sandbox.command("plan --offline -e dev --format github");
        let output = command
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("GITHUB_OUTPUT", &output)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let stdout = run();
    let lines: Vec<&str> = stdout.lines().collect();
    let token = lines[0].strip_prefix("::stop-commands::").unwrap();
    assert_eq!(lines.last(), Some(&format!("::{token}::").as_str()));
    assert!(
        sandbox
            .read("summary")
            .starts_with("<!-- mlstack:shop:plan -->\n> [!NOTE]\n")
    );
    let outputs = sandbox.read("output");
    assert!(
        outputs.starts_with("changes=true\ndestructive=false\nadd=4\nchange=0\n"),
        "{outputs}"
    );
    assert_ne!(run().lines().next(), lines.first().copied(), "another token each time");
    assert_eq!(sandbox.read("output").matches("changes=true").count(), 2, "appended");
}

#[test]
fn a_summary_has_a_limit() {
    let sandbox = Sandbox::new().stack(STACK).file("summary", "x".repeat((1 << 20) - 100));
    let path = sandbox.path().join("summary").display().to_string();
    let sandbox = sandbox.env("GITHUB_STEP_SUMMARY", &path);
    let said = sandbox.run("plan --offline -e dev --format github");
    assert!(
        said.starts_with("exit: 0") && said.contains("GITHUB_STEP_SUMMARY is full"),
        "{said}"
    );
    assert_eq!(sandbox.read("summary").len(), (1 << 20) - 100);
}

#[test]
fn what_is_wrong_comes_out_as_sarif_and_the_exit_code_stays() {
    for (stack, code) in [
        (WRONG, "mlstack::unknown-field"),
        ("a: [\n", "mlstack::syntax"),
        ("", "mlstack::empty-file"),
    ] {
        let sandbox = Sandbox::new().file("deploy/mlstack.yaml", stack);
        for command in ["validate --format sarif", "plan --offline --format sarif"] {
            let output = sandbox.command(command).arg("-f").arg("deploy").output().unwrap();
            assert_eq!(output.status.code(), Some(3), "{command}: {output:?}");
            let document = sarif_is_valid(&String::from_utf8(output.stdout).unwrap());
            let run = &document["runs"][0];
            let rules: Vec<&str> = run["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["ruleId"].as_str().unwrap())
                .collect();
            assert!(rules.contains(&code), "{rules:?}");
            let artifact = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
            assert!(
                artifact.is_null() || artifact["uri"] == "deploy/mlstack.yaml",
                "{artifact}"
            );
            assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        }
    }
}

#[test]
fn what_is_right_is_valid_sarif_too() {
    let sandbox = Sandbox::new().copy("stacks/full");
    sarif_is_valid(&sandbox.stdout("validate --format sarif"));
    sarif_is_valid(&sandbox.stdout("plan --offline --format sarif"));
}

#[test]
fn a_path_is_told_from_the_root_of_the_repository() {
    let sandbox = Sandbox::new()
        .file("deploy/mlstack.yaml", WRONG)
        .file("deploy/sub/x", "");
    let said = sandbox.run_in("deploy/sub", "plan --offline --format github");
    assert!(
        said.contains("\n::error file=deploy/mlstack.yaml,line=6,col=5,title=mlstack%3A%3Aunknown-field::"),
        "{said}"
    );
    assert!(said.starts_with("exit: 3"), "{said}");
}

#[test]
fn what_a_stack_file_says_commands_no_runner() {
    for text in injections().iter().filter(|text| text.len() < 300) {
        let quoted = serde_json::to_string(text).unwrap();
        let stack = STACK.replace("hello", &quoted).replace("nginx:1.29", &quoted);
        let sandbox = Sandbox::new().stack(&stack);
        let out = sandbox
            .command("plan --offline -e dev --format github")
            .output()
            .unwrap();
        let (out, err) = (
            String::from_utf8(out.stdout).unwrap(),
            String::from_utf8(out.stderr).unwrap(),
        );
        let ours = [
            "::error file=mlstack.yaml,line=",
            "::warning file=mlstack.yaml,line=",
            "::notice file=mlstack.yaml,line=",
        ];
        let token = out
            .lines()
            .find_map(|line| line.strip_prefix("::stop-commands::"))
            .unwrap_or("none")
            .to_owned();
        for line in out
            .lines()
            .chain(err.lines())
            .filter(|line| line.trim_start().starts_with("::"))
        {
            let own = line == format!("::{token}::") || line == format!("::stop-commands::{token}");
            assert!(
                own || ours.iter().any(|start| line.starts_with(start))
                    || line.starts_with("::error title=mlstack%3A%3Ano-plan::"),
                "{text:?}: {line}"
            );
        }
        assert!(!out.contains("##[") && !err.contains("##["), "{text:?}\n{out}{err}");
    }
}
