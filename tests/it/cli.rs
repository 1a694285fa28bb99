//! Commands that need no engine: all that each of them prints, and how it ends.

use crate::support::{Sandbox, repository};

const SHOP: &str = "\
version: 1
name: shop
components:
  cache: { type: cache, engine: valkey }
";

fn shop() -> Sandbox {
    Sandbox::new().stack(SHOP)
}

#[test]
fn the_page_of_commands_is_written_from_the_parser() {
    let path = repository().join("docs/cli.md");
    crate::bad_stacks::same_as(&path, &mlstack::cli::page()).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn version() {
    insta::assert_snapshot!(shop().run("version"), @"
    exit: 0
    --- stdout
    mlstack 0.1.0
    --- stderr
    ");
    let told: serde_json::Value = serde_json::from_str(&shop().stdout("version --json")).unwrap();
    assert_eq!(
        told,
        serde_json::from_str::<serde_json::Value>(&shop().stdout("version --format json")).unwrap()
    );
    assert_eq!(told["version"], "0.1.0");
    assert_eq!(told["features"], serde_json::json!(["postgres", "s3"]));
    let target = told["target"].as_str().unwrap();
    assert_eq!(target.split('-').count(), 4, "{target}");
    let rustc = told["rustc"].as_str().unwrap();
    assert_eq!(rustc.split('.').count(), 3, "{rustc}");
}

#[test]
fn validate() {
    insta::assert_snapshot!(shop().run("validate"), @"
    exit: 0
    --- stdout
    mlstack.yaml is valid: 1 component, in every environment.
    --- stderr
    ");
    insta::assert_snapshot!(shop().run("validate --format json"), @r#"
    exit: 0
    --- stdout
    {
      "valid": true,
      "diagnostics": []
    }
    --- stderr
    "#);
}

#[test]
fn a_stack_file_that_is_no_text_exits_with_3() {
    let sandbox = shop();
    std::fs::write(sandbox.path().join("mlstack.yaml"), b"version: 1\nname: shop\xff\n").unwrap();
    for command in ["validate", "plan --offline", "render", "fmt --check"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(sandbox.run(command), @"
            exit: 3
            --- stdout
            --- stderr
            error: mlstack.yaml is not UTF-8 text: byte 21 cannot be read
              hint: save it as UTF-8, without other encodings in it
            ");
        }
    }
}

#[test]
fn the_example_is_valid() {
    let sandbox = Sandbox::new().copy("examples/diabetes");
    assert_eq!(
        sandbox.stdout("validate"),
        "mlstack.yaml is valid: 4 components, in every environment.\n"
    );
}

#[test]
fn validate_what_is_wrong_exits_with_3() {
    let sandbox = Sandbox::new().stack(&SHOP.replace("valkey", "valky"));
    insta::assert_snapshot!(sandbox.run("validate"), @"
    exit: 3
    --- stdout
    mlstack::unknown-engine

      × unknown engine
       ╭─[mlstack.yaml:4:33]
     4 │   cache: { type: cache, engine: valky }
       ·                                 ──┬──
       ·                                   ╰── the cache engine `valky` is unknown
       ╰────
      help: did you mean `valkey`?

    mlstack.yaml: 1 error
    --- stderr
    ");
}

#[test]
fn what_a_target_cannot_carry_exits_with_5() {
    let api = "  api: { type: service, image: 'api:1', autoscale: { min: 1, max: 3, cpu: 70% } }";
    let sandbox = Sandbox::new().stack(&format!("{SHOP}{api}\n"));
    insta::assert_snapshot!(sandbox.run("validate"), @"
    exit: 5
    --- stdout
    mlstack::no-limits

      ⚠ no memory limit
       ╭─[mlstack.yaml:5:3]
     5 │   api: { type: service, image: 'api:1', autoscale: { min: 1, max: 3, cpu: 70% } }
       ·   ─┬─
       ·    ╰── `api` may use all memory of its machine
       ╰────
      help: add `resources: {memory: 256Mi}`, with a number that fits

    mlstack::unsupported

      × the target cannot do this
       ╭─[mlstack.yaml:5:52]
     5 │   api: { type: service, image: 'api:1', autoscale: { min: 1, max: 3, cpu: 70% } }
       ·                                                    ──────────────┬─────────────
       ·                                                                  ╰── compose: there is no autoscaler
       ╰────
      help: say how many copies: `replicas: 2`

    mlstack.yaml: 1 error, 1 warning
    --- stderr
    ");
}

#[test]
fn no_stack_file() {
    insta::assert_snapshot!(Sandbox::new().run("plan --offline"), @"
    exit: 1
    --- stdout
    --- stderr
    error: there is no mlstack.yaml in [DIR] or in a folder above it
      hint: `mlstack init` starts a stack here; `--file PATH` names one elsewhere
    ");
    insta::assert_snapshot!(Sandbox::new().run("validate -f nowhere.yaml"), @"
    exit: 1
    --- stdout
    --- stderr
    error: cannot read nowhere.yaml
      caused by: No such file or directory (os error 2)
      hint: `--file PATH` names a stack file or a folder that holds one
    ");
}

#[test]
fn plan_offline() {
    insta::assert_snapshot!(shop().run("plan --offline"), @"
    exit: 0
    --- stdout
    shop → compose (offline)

      + image/valkey-8  mlstack.yaml:4  will be created
      + network/back                    will be created
      + service/cache   mlstack.yaml:4  will be created

    Plan: 3 to add, 0 to change, 0 to replace, 0 to destroy.
    --- stderr
    ");
    insta::assert_snapshot!(shop().run("plan --offline --detailed-exitcode -q"), @"
    exit: 2
    --- stdout
    shop → compose (offline)

      + image/valkey-8  mlstack.yaml:4  will be created
      + network/back                    will be created
      + service/cache   mlstack.yaml:4  will be created

    Plan: 3 to add, 0 to change, 0 to replace, 0 to destroy.
    --- stderr
    ");
}

#[test]
fn plan_as_json_is_what_its_schema_says() {
    let plan: serde_json::Value = serde_json::from_str(&shop().stdout("plan --offline --format json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&shop().stdout("schema plan")).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&plan).unwrap();
}

#[test]
fn plan_without_an_engine_says_what_helps() {
    let sandbox = shop().env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    insta::assert_snapshot!(sandbox.run("plan"), @"
    exit: 1
    --- stdout
    --- stderr
    error: cannot reach the Docker engine at unix:///nowhere/docker.sock
      caused by: /nowhere/docker.sock does not exist
      hint: start it: sudo systemctl start docker (or: sudo dockerd &)
      hint: if it listens elsewhere, set DOCKER_HOST, such as unix:///run/user/1000/docker.sock
      hint: `mlstack plan --offline` needs neither engine nor cluster
    ");
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let colourful = |sandbox: &Sandbox, arguments: &str| sandbox.stdout(arguments).contains('\u{1b}');
    assert!(colourful(&shop(), "plan --offline --color always"));
    assert!(!colourful(&shop(), "plan --offline --color never"));
    assert!(!colourful(&shop(), "plan --offline"), "no terminal, no colours");
    let without = shop().env("NO_COLOR", "1");
    assert!(!colourful(&without, "plan --offline"));
    assert!(
        colourful(&without, "plan --offline --color always"),
        "what was typed wins"
    );
}

#[test]
fn explain() {
    insta::assert_snapshot!(shop().run("explain unknown-field"), @"
    exit: 0
    --- stdout
    mlstack::unknown-field: unknown field

    The field is not part of the language here; most often it is mistyped, or stands one level too deep. Fields that start with `x-` are
    yours: they are ignored everywhere.

    ```yaml refused
    components:
      db: {type: database, storag: 1Gi}
    ```

    This works:

    ```yaml
    components:
      db: {type: database, storage: 1Gi, x-owner: data team}
    ```
    --- stderr
    ");
    insta::assert_snapshot!(shop().run("explain unknown-feild"), @"
    exit: 64
    --- stdout
    --- stderr
    error: there is no diagnostic `unknown-feild`
      hint: did you mean `mlstack explain unknown-field`?
    ");
    assert!(shop().stdout("explain").lines().count() > 50);
}

#[test]
fn init() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.run("init --list"), @"
    exit: 0
    --- stdout
    minimal        one model server
    full           model server, database, object store and web page
    cache-broker   a service of your own with a cache and a broker
    --- stderr
    ");
    insta::assert_snapshot!(sandbox.run("init shop --from cache-broker"), @"
    exit: 0
    --- stdout
    --- stderr
    Wrote shop/mlstack.yaml (stack `shop`, from `cache-broker`). Next:

        cd shop
        mlstack plan
        mlstack up
    ");
    insta::assert_snapshot!(sandbox.run("init shop --from cache-broker"), @"
    exit: 1
    --- stdout
    --- stderr
    error: README.md is there already
      hint: `mlstack init FOLDER` writes to another folder
    ");
    insta::assert_snapshot!(sandbox.run("init --from nothing"), @"
    exit: 64
    --- stdout
    --- stderr
    error: there is no ready stack `nothing`
      hint: the ready stacks are: minimal, full, cache-broker
    ");
    insta::assert_snapshot!(sandbox.run("init --name here"), @"
    exit: 0
    --- stdout
    --- stderr
    Wrote mlstack.yaml (stack `here`, from `minimal`). Next:

        mlstack plan
        mlstack up
    ");
    insta::assert_snapshot!(sandbox.run("validate"), @"
    exit: 0
    --- stdout
    mlstack.yaml is valid: 1 component, in every environment.
    --- stderr
    ");
}

#[test]
fn fmt() {
    let sandbox = Sandbox::new().stack(&SHOP.replace("  cache", "      cache"));
    insta::assert_snapshot!(sandbox.run("fmt --check"), @"
    exit: 1
    --- stdout
    --- stderr
    error: mlstack.yaml is not formatted
      hint: `mlstack fmt` formats it
    ");
    insta::assert_snapshot!(sandbox.run("fmt"), @"
    exit: 0
    --- stdout
    --- stderr
    mlstack.yaml is formatted now.
    ");
    assert_eq!(sandbox.read("mlstack.yaml"), SHOP);
    insta::assert_snapshot!(sandbox.run("fmt --check"), @"
    exit: 0
    --- stdout
    --- stderr
    mlstack.yaml is formatted.
    ");
}

#[test]
fn a_wrong_command_line_exits_with_64() {
    insta::assert_snapshot!(shop().run("plam"), @"
    exit: 64
    --- stdout
    --- stderr
    error: unrecognized subcommand 'plam'

      tip: some similar subcommands exist: 'explain', 'plan'

    Usage: mlstack [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(shop().run("plan --offlin"), @"
    exit: 64
    --- stdout
    --- stderr
    error: unexpected argument '--offlin' found

      tip: a similar argument exists: '--offline'

    Usage: mlstack plan --offline

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(shop().run("validate -t moon"), @"
    exit: 64
    --- stdout
    --- stderr
    error: there is no target `moon`; this version can use `compose` and `k8s`
    ");
}

#[test]
fn images_are_looked_at_without_an_engine() {
    insta::assert_snapshot!(shop().run("image inspect nothing.tar"), @"
    exit: 1
    --- stdout
    --- stderr
    error: cannot read [DIR]/nothing.tar
      caused by: No such file or directory (os error 2)
      hint: `mlstack image build -o image.tar` writes one
    ");
    insta::assert_snapshot!(shop().run("image build"), @"
    exit: 1
    --- stdout
    --- stderr
    error: no component has an image of mlstack's making
      hint: model servers and frontends without `image` and `build` have one
    ");
}

#[test]
fn an_answer_that_is_lost_is_an_error() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("NOT RUN: there is no /dev/full here");
        return;
    };
    let version = std::process::Command::new(env!("CARGO_BIN_EXE_mlstack"))
        .arg("version")
        .stdout(full)
        .output();
    let output = version.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot write to stdout"), "{told}");
}
