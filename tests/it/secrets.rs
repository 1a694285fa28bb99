//! What is said about secrets, and that none of them is.

use crate::support::Sandbox;

const SHOP: &str = "\
version: 1
name: shop
secrets:
  api_key: { env: API_KEY }
components:
  web:
    type: service
    image: nginx:1.29.3
    resources: { memory: 64Mi }
    env: { API_KEY_FILE: \"${secrets.api_key.file}\" }
";

#[test]
fn a_link_that_leads_outside_is_no_folder_to_mount() {
    let mount = "    volumes: [{ host: data, path: /data }, { host: keys/new, path: /keys }]\n";
    let sandbox = Sandbox::new().stack(&format!("{SHOP}{mount}"));
    std::os::unix::fs::symlink("/etc", sandbox.path().join("data")).unwrap();
    std::os::unix::fs::symlink(".mlstack", sandbox.path().join("keys")).unwrap();
    std::fs::create_dir(sandbox.path().join(".mlstack")).unwrap();
    insta::assert_snapshot!(sandbox.run("plan --offline"), @r#"
    exit: 5
    --- stdout
    --- stderr
    mlstack::dangerous-mount

      × a folder that gives a container too much
        ╭─[mlstack.yaml:11:23]
     11 │     volumes: [{ host: data, path: /data }, { host: keys/new, path: /keys }]
        ·                       ──┬─
        ·                         ╰── a link to `/etc`, outside the stack file's folder
        ╰────
      help: mount a folder that holds nothing else, such as `host: data`; if it is
            meant, say why on the component: `allow_degraded: {dangerous-mount:
            "…"}`

    mlstack::dangerous-mount

      × a folder that gives a container too much
        ╭─[mlstack.yaml:11:52]
     11 │     volumes: [{ host: data, path: /data }, { host: keys/new, path: /keys }]
        ·                                                    ────┬───
        ·                                                        ╰── the secrets that mlstack keeps
        ╰────
      help: mount a folder that holds nothing else, such as `host: data`; if it is
            meant, say why on the component: `allow_degraded: {dangerous-mount:
            "…"}`

    mlstack.yaml: 2 errors
    "#);
    let allowed = format!("{SHOP}{mount}    allow_degraded: {{ dangerous-mount: \"it checks them\" }}\n");
    sandbox.write("mlstack.yaml", allowed);
    assert!(sandbox.run("plan --offline").starts_with("exit: 0"));
}

#[test]
fn a_file_for_others_never_holds_the_value_of_a_secret() {
    let stack = SHOP.replace("env: { API", "env: { MODE: hunter2-hunter2, API");
    let sandbox = Sandbox::new().stack(&stack).env("API_KEY", "hunter2-hunter2");
    insta::assert_snapshot!(sandbox.run("render"), @"
    exit: 5
    --- stdout
    --- stderr
    error: [DIR]/dist/compose/compose.yaml is not written: it would hold the value of a secret
      hint: the stack file says that value in the clear: refer to it as `${secrets.NAME}`, or choose another value
    ");
    assert!(!sandbox.path().join("dist/compose/compose.yaml").exists());
}

/// cargo runs build scripts of many crates: what it builds for us must not see what we were given for the stack.
#[test]
fn cargo_is_not_told_the_secrets_of_whoever_runs_mlstack() {
    let sandbox = Sandbox::new().copy("stacks/minimal");
    // A copy, beside which no model server lies.
    let mlstack = sandbox.path().join("bin/mlstack");
    std::fs::create_dir(mlstack.parent().unwrap()).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_mlstack"), &mlstack).unwrap();
    let cargo = sandbox.path().join("bin/cargo");
    std::fs::write(&cargo, "#!/bin/sh\nenv > \"$HOME/seen\"\nexit 1\n").unwrap();
    std::fs::set_permissions(&cargo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = std::process::Command::new(&mlstack)
        .args(["image", "build"])
        .current_dir(sandbox.path())
        .env_clear()
        .env("PATH", format!("{}:{path}", sandbox.path().join("bin").display()))
        .env("HOME", sandbox.path())
        .env("CARGO_HTTP_TIMEOUT", "7")
        .env("https_proxy", "http://127.0.0.1:9")
        .envs(["API_KEY", "AWS_SECRET_ACCESS_KEY", "SOPS_AGE_KEY", "PGPASSWORD"].map(|name| (name, "hunter2-hunter2")))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cargo could not build mlstack-server"), "{said}");
    let seen = sandbox.read("seen");
    assert!(!seen.contains("hunter2"), "{seen}");
    for needed in [
        "PATH=",
        "HOME=",
        "CARGO_HTTP_TIMEOUT=7",
        "https_proxy=",
        "CARGO_ENCODED_RUSTFLAGS=",
    ] {
        assert!(seen.lines().any(|line| line.starts_with(needed)), "{needed} {seen}");
    }
}
