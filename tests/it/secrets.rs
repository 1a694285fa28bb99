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
