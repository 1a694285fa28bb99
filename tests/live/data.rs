//! Data outlives its component, its stack and a misspelt name; it goes when it is named.

use insta::assert_snapshot;

use crate::stage::{Stage, docker};

const STACK: &str = "\
version: 1
name: STACK
components:
  clock: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], resources: { cpu: 100m, memory: 32Mi } }
  db: { type: database, engine: postgres, version: \"17\", storage: 1Gi }
";

#[test]
fn data_is_kept_until_it_is_named() {
    let Some(stage) = Stage::with(STACK, &["busybox:1", "postgres:17"]) else {
        return;
    };
    let whole = stage.read("mlstack.yaml");
    stage.ends(0, "up");
    stage.exec(
        "db",
        &[
            "psql",
            "-U",
            "app",
            "-d",
            "app",
            "-c",
            "create table kept as select 42 as x",
        ],
    );

    let without: String = whole
        .lines()
        .filter(|line| !line.starts_with("  db:"))
        .map(|line| format!("{line}\n"))
        .collect();
    stage.write("mlstack.yaml", &without);
    assert_snapshot!(stage.ends(2, "plan --detailed-exitcode"), @"
    STACK → compose (unix:///var/run/docker.sock)

      - service/db                 no longer declared
      ! volume/db-data  protected  no longer declared: kept

    Plan: 0 to add, 0 to change, 0 to replace, 1 to destroy.
    ");
    stage.ends(0, "apply -y");
    assert_eq!(stage.containers().into_keys().collect::<Vec<_>>(), ["clock"]);
    assert_eq!(stage.volumes(), ["STACK_db-data"]);

    stage.write("mlstack.yaml", &whole);
    stage.ends(0, "apply -y");
    let read = || stage.exec("db", &["psql", "-U", "app", "-d", "app", "-tAc", "select x from kept"]);
    assert_eq!(read().trim(), "42", "the same data, and the password still opens it");

    stage.ends(0, "destroy -y");
    let plan = stage.ends(0, "plan");
    assert!(!plan.contains("Drift"), "what we took down is no drift: {plan}");
    assert!(stage.containers().is_empty());
    assert_eq!(stage.networks(), "");
    assert_eq!(stage.volumes(), ["STACK_db-data"]);
    stage.ends(0, "up");
    assert_eq!(read().trim(), "42");

    let misspelt = stage.run("destroy -y --destroy-data dbb");
    assert_ne!(misspelt.code, 0, "{}", misspelt.stdout);
    assert_snapshot!(misspelt.stderr, @"
    error: there is no data called dbb
      hint: what there is: db-data
    ");
    assert_eq!(stage.containers().len(), 2, "nothing was touched");
    stage.ends(0, "destroy -y --destroy-data db-data");
    assert!(stage.volumes().is_empty());
    stage.ends(0, "destroy -y --destroy-data db-data");
}

const NOTES: &str = "\
version: 1
name: STACK
components:
  clock: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], resources: { cpu: 100m, memory: 32Mi } }
  desk: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], volumes: [{ name: notes, path: /notes }], resources: { cpu: 100m, memory: 32Mi } }
";

/// Takes a volume's own word away that it holds data: it is made anew by hand, with every other label.
fn unlabelled(stage: &Stage, volume: &str) {
    let labels = docker(&["volume", "inspect", "-f", "{{json .Labels}}", volume]);
    let labels: std::collections::BTreeMap<String, String> = serde_json::from_str(&labels).unwrap();
    docker(&["rm", "-f", &stage.containers()["desk"]]);
    docker(&["volume", "rm", volume]);
    let mut create = vec!["volume".to_owned(), "create".to_owned()];
    for (key, value) in labels {
        let value = if key == "io.mlstack.protected" {
            "false"
        } else {
            value.as_str()
        };
        create.extend(["--label".to_owned(), format!("{key}={value}")]);
    }
    create.push(volume.to_owned());
    docker(&create.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn what_once_held_data_is_kept_even_when_it_says_so_no_more() {
    let Some(stage) = Stage::with(NOTES, &["busybox:1"]) else {
        return;
    };
    let whole = stage.read("mlstack.yaml");
    stage.ends(0, "up");
    unlabelled(&stage, &format!("{}_notes", stage.name));
    stage.ends(0, "up");
    let without: String = whole
        .lines()
        .filter(|line| !line.starts_with("  desk:"))
        .map(|line| format!("{line}\n"))
        .collect();
    stage.write("mlstack.yaml", &without);
    assert_snapshot!(stage.ends(0, "plan"), @"
    STACK → compose (unix:///var/run/docker.sock)

      - service/desk             no longer declared
      ! volume/notes  protected  no longer declared: kept

    Plan: 0 to add, 0 to change, 0 to replace, 1 to destroy.
    ");
    stage.ends(0, "apply -y");
    stage.ends(0, "destroy -y");
    assert_eq!(stage.volumes(), ["STACK_notes"]);
    stage.ends(0, "destroy -y --destroy-data notes");
    assert!(stage.volumes().is_empty());
}
