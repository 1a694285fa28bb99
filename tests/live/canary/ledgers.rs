//! A ledger elsewhere: its credentials are said nowhere, also when they are wrong, and no secret of the stack gets there.

use std::collections::BTreeMap;

use super::search::Search;
use crate::stage::Stage;

#[path = "../../it/stores/servers.rs"]
mod servers;

use servers::Server;

const CANARY: &str = "Ld-5'g$y\"n/t+w=c u%a&i?q4";
/// Opens nothing.
const WRONG: &str = "Wr-6'b$k\"v/z+s=f t%p&o?e3";

const STACK: &str = "\
version: 1
name: STACK
secrets: { key: { env: CANARY } }
components:
  talker:
    type: service
    image: busybox:1
    command: [sh, -c, \"cat /run/secrets/key; trap exit TERM; sleep 3600 & wait\"]
    resources: { memory: 32Mi }
    env: { KEY: \"${secrets.key.file}\" }
";

#[test]
fn no_credential_of_a_ledger_in_an_object_store_is_said() {
    if let Some(server) = Server::seaweedfs() {
        search(&server, true);
    }
}

#[test]
fn no_credential_of_a_ledger_in_a_lenient_object_store_is_said() {
    if let Some(server) = Server::moto() {
        search(&server, false);
    }
}

#[test]
fn no_credential_of_a_ledger_in_a_database_is_said() {
    if let Some(server) = Server::postgres(false) {
        search(&server, true);
    }
}

fn search(server: &Server, refuses: bool) {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    let mut stage = stage.env("CANARY", CANARY).env("MLSTACK_LEDGER", &server.url);
    let (secret, value) = server.variables.last().unwrap().clone();
    for (name, value) in &server.variables {
        stage.set(name, value);
    }
    let mut search = Search::default();
    runs(&mut search, &stage);
    if secret == "PGPASSWORD" {
        in_the_url(&mut search, &mut stage, server, &value);
    }
    stage.set(&secret, WRONG);
    let code = if refuses { 1 } else { 0 };
    for arguments in ["history", "unlock", "apply -y -v"] {
        search.run(&stage, code, arguments);
    }
    stage.set(&secret, &value);
    search.add_objects(&stage);
    search.run(&stage, 0, "destroy -y");
    search.add_files(stage.path(), |path| {
        !path.starts_with(stage.path().join(".mlstack/secrets"))
    });
    let mut secrets = BTreeMap::from([
        ("credential".to_owned(), value.into_bytes()),
        ("wrong credential".to_owned(), WRONG.into()),
        ("secret of the stack".to_owned(), CANARY.into()),
    ]);
    search.finds_none_of(&secrets);
    // What is stored there: nothing of the stack's. (The store itself knows its own password.)
    secrets.remove("credential");
    let data = server.folder.path().join("data");
    if data.exists() {
        assert!(search.add_files(&data, |path| path.is_file()) > 0);
        search.finds_none_of(&secrets);
    }
}

fn runs(search: &mut Search, stage: &Stage) {
    search.run(stage, 0, "plan --out first.mlplan");
    search.run(stage, 0, "apply first.mlplan -y -v --events events.ndjson");
    stage.edit("memory: 32Mi", "memory: 40Mi");
    search.run(stage, 0, "apply -y -v");
    search.run(stage, 0, "rollback -y -v");
    for arguments in ["history", "history --format json", "unlock", "drift", "logs"] {
        search.run(stage, 0, arguments);
    }
}

/// The password where people put it, right and wrong.
fn in_the_url(search: &mut Search, stage: &mut Stage, server: &Server, password: &str) {
    for (password, code) in [(password, 0), (WRONG, 1)] {
        let escaped: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        stage.set(
            "MLSTACK_LEDGER",
            &server.url.replacen("ml@", &format!("ml:{escaped}@"), 1),
        );
        search.run(stage, code, "history");
        search.run(stage, code, "unlock");
    }
    stage.set("MLSTACK_LEDGER", &server.url);
}
