use std::collections::BTreeMap;

use crate::observe::Found;

#[test]
fn a_running_container_is_shown_whole() {
    let recorded = include_str!("../../tests/recorded/composed-container.json");
    let (component, found) = Found::read(serde_json::from_str(recorded).expect("inspection")).expect("a copy");
    let status = super::of(BTreeMap::from([(component, vec![found])]));
    insta::assert_debug_snapshot!(status, @r#"
    [
        CopyStatus {
            component: "web",
            copy: 1,
            name: "rich-web-1",
            id: "2c28ceb3235fb2c59fb78a9be3b45945b4a86254a0fd5bd5edbef474df80f626",
            image: "busybox:1",
            state: "running",
            health: Some(
                "starting",
            ),
            since: Some(
                "2026-11-23T07:18:20.005311947Z",
            ),
            exit_code: None,
            ports: [
                "127.0.0.1:18099->8080/tcp",
            ],
            node: None,
            restarts: 0,
            problem: None,
        },
    ]
    "#);
}
