//! Whatever happened to a container, by hand or by a killed apply: it is seen, and one run mends it.

use std::sync::Arc;

use mlstack_compose::{Duration, Extension, Healthcheck, Port, Service, ServiceNetwork};
use mlstack_provider::{Observed, Resource, Step};

use crate::stage::{BUSYBOX, Stage, explain, on_stage, sleeper};

/// Two networks, one alias.
fn service() -> Service {
    let alias = ServiceNetwork {
        aliases: vec!["other".to_owned()],
    };
    Service {
        networks: [("default".to_owned(), Some(alias)), ("back".to_owned(), None)].into(),
        ..sleeper()
    }
}

async fn set_up(stage: &Stage) -> (Resource, Observed) {
    for key in ["default", "back"] {
        stage.create(&stage.network(key, false)).await;
    }
    let web = stage.service("web", &service());
    let created = stage.create(&web).await;
    (web, created)
}

/// Looks, mends what is found, and expects everything to be right after it.
async fn mended(stage: &Stage, web: &Resource, what: &str) -> Observed {
    let seen = stage
        .observe_one(web)
        .await
        .unwrap_or_else(|| panic!("{what}: nothing is seen"));
    let step = match (&seen.problem, seen.spec == web.spec) {
        (_, false) => Step::Replace {
            before: seen,
            after: web.clone(),
        },
        (Some(_), true) => Step::Repair {
            before: seen,
            after: web.clone(),
        },
        (None, true) => panic!("{what}: not seen"),
    };
    let after = stage
        .run(step)
        .await
        .unwrap_or_else(|error| panic!("{what}: {}", explain(&error)))
        .expect("it");
    assert_eq!((&after.spec, &after.problem), (&web.spec, &None), "{what}");
    assert_eq!(stage.containers().await, [stage.name("web")], "{what}");
    after
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_by_hand_is_seen_and_mended() {
    on_stage(async |stage: Arc<Stage>| {
        let (web, _) = set_up(&stage).await;
        let name = stage.name("web");
        let back = format!("{}_back", stage.project);
        let default = format!("{}_default", stage.project);
        let other = format!("{}-elsewhere", stage.project);
        let deeds: [(&str, Vec<Vec<&str>>); 10] = [
            ("killed", vec![vec!["kill", &name]]),
            ("stopped", vec![vec!["stop", "-t", "1", &name]]),
            ("paused", vec![vec!["pause", &name]]),
            ("disconnected", vec![vec!["network", "disconnect", &back, &name]]),
            (
                "memory",
                vec![vec!["update", "--memory", "32m", "--memory-swap", "64m", &name]],
            ),
            ("restart policy", vec![vec!["update", "--restart", "always", &name]]),
            (
                "alias lost",
                vec![
                    vec!["network", "disconnect", &default, &name],
                    vec!["network", "connect", "--alias", "web", &default, &name],
                ],
            ),
            (
                "own alias lost",
                vec![
                    vec!["network", "disconnect", &back, &name],
                    vec!["network", "connect", &back, &name],
                ],
            ),
            ("renamed", vec![vec!["rename", &name, &other]]),
            (
                "stopped and disconnected",
                vec![
                    vec!["stop", "-t", "1", &name],
                    vec!["network", "disconnect", &back, &name],
                ],
            ),
        ];
        for (what, commands) in deeds {
            for command in commands {
                stage.cli(&command);
            }
            mended(&stage, &web, what).await;
        }
    })
    .await;
}

/// What a killed update leaves: a second container of the same copy as `of`.
fn twin(stage: &Stage, of: &str, under: &str, words: &[&str]) {
    let format = "{{range $k, $v := .Config.Labels}}{{$k}}\u{1}{{$v}}\u{2}{{end}}";
    let labels = stage.cli(&["inspect", "-f", format, of]);
    let pairs: Vec<String> = labels
        .trim()
        .split('\u{2}')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.replace('\u{1}', "="))
        .collect();
    let network = format!("{}_default", stage.project);
    let mut command = vec!["create", "--name", under, "--init", "--network", &network];
    pairs.iter().for_each(|pair| command.extend(["--label", pair]));
    command.push("busybox:1");
    command.extend(words);
    stage.cli(&command);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_update_is_finished_by_the_next_run() {
    on_stage(async |stage: Arc<Stage>| {
        let (web, created) = set_up(&stage).await;
        let name = stage.name("web");
        let (new, old) = (format!("{name}.new"), format!("{name}.old"));
        let twin = |under: &str| twin(&stage, &name, under, &["sleep", "600"]);

        twin(&new);
        mended(&stage, &web, "killed after the new one was made").await;

        stage.cli(&["rename", &name, &old]);
        mended(&stage, &web, "killed after the old one was parked, the new one gone").await;

        twin(&new);
        stage.cli(&["stop", "-t", "1", &name]);
        stage.cli(&["rename", &name, &old]);
        let after = mended_or_replaced(&stage, &web, "killed between the renames").await;
        assert_ne!(after.id, created.id);

        twin(&old);
        mended(&stage, &web, "killed before the old one was removed").await;

        let canary = format!("{name}.canary");
        stage.cli(&[
            "create",
            "--name",
            &canary,
            "--label",
            &format!("com.docker.compose.project={}", stage.project),
            "--label",
            "com.docker.compose.service=web",
            "--label",
            "com.docker.compose.container-number=1",
            "--label",
            &format!("com.docker.compose.config-hash={}", "0".repeat(64)),
            "--label",
            "com.docker.compose.oneoff=True",
            "busybox:1",
            "sleep",
            "600",
        ]);
        mended(&stage, &web, "killed while the canary was tried").await;

        stage.cli(&["rm", "-f", &name]);
        assert!(stage.observe_one(&web).await.is_none());
        stage.create(&web).await;
    })
    .await;
}

/// The twin lacks what `create` gives, so what is promoted may have to be replaced in a second run.
async fn mended_or_replaced(stage: &Stage, web: &Resource, what: &str) -> Observed {
    let seen = stage.observe_one(web).await.expect("it");
    assert!(seen.problem.is_some(), "{what}");
    stage
        .run(Step::Repair {
            before: seen,
            after: web.clone(),
        })
        .await
        .unwrap_or_else(|error| panic!("{what}: {}", explain(&error)));
    match stage.observe_one(web).await.expect("it") {
        now if now.spec == web.spec && now.problem.is_none() => now,
        _ => mended(stage, web, what).await,
    }
}

/// One run of whatever step the state calls for; `None` when there is nothing to do.
async fn next_step(stage: &Stage, web: &Resource) -> Option<Step> {
    match stage.observe_one(web).await {
        None => Some(Step::Create { resource: web.clone() }),
        Some(before) if before.spec != web.spec => Some(Step::Replace {
            before,
            after: web.clone(),
        }),
        Some(before) => before.problem.is_some().then(|| Step::Repair {
            before,
            after: web.clone(),
        }),
    }
}

/// Updates `service` eight times, each time cut off a little later, and lets one more run finish it.
async fn cut_off_anywhere(stage: &Stage, service: Service) {
    let mut cut_off = 0;
    for round in 0..8_u32 {
        let environment = [("ROUND".to_owned(), round.to_string())].into();
        let web = stage.service(
            "web",
            &Service {
                environment,
                ..service.clone()
            },
        );
        let first = next_step(stage, &web).await.expect("a change");
        let limit = std::time::Duration::from_millis(u64::from(round) * 270);
        cut_off += u32::from(tokio::time::timeout(limit, stage.run(first)).await.is_err());
        if let Some(step) = next_step(stage, &web).await {
            let done = stage.run(step.clone()).await;
            done.unwrap_or_else(|error| panic!("round {round}: {step:?}\n{}", explain(&error)));
        }
        assert_eq!(
            next_step(stage, &web).await,
            None,
            "round {round}: nothing is left to do"
        );
        assert_eq!(stage.containers().await, [stage.name("web")], "round {round}");
    }
    assert!(cut_off >= 3, "only {cut_off} updates were cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_cut_off_anywhere_converges_in_one_run() {
    on_stage(async |stage: Arc<Stage>| {
        set_up(&stage).await;
        cut_off_anywhere(&stage, service()).await;
    })
    .await;
}

/// As one that mlstack packed, with a published port.
async fn handed_over(stage: &Stage) -> Service {
    let image = stage.docker.inspect_image(BUSYBOX).await.expect("busybox");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    Service {
        ports: vec![Port::tcp("127.0.0.1", port, 8000)],
        extension: Extension {
            image_id: image.id,
            ..Extension::default()
        },
        ..service()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_handed_over_is_never_left_behind() {
    on_stage(async |stage: Arc<Stage>| {
        set_up(&stage).await;
        let web = handed_over(&stage).await;
        cut_off_anywhere(&stage, web.clone()).await;

        let (name, old) = (stage.name("web"), format!("{}.old", stage.name("web")));
        let networks = ["default", "back"].map(|key| format!("{}_{key}", stage.project));
        let leave = |networks: &[String]| {
            for network in networks {
                stage.cli(&["network", "disconnect", network, &name]);
            }
        };
        let ports = || stage.cli(&["port", &name]);
        let published = ports();
        assert!(published.contains("8000/tcp -> 127.0.0.1:"), "{published}");
        for (what, left) in [("no network", 2), ("one network of two", 1)] {
            let environment = [("ROUND".to_owned(), "7".to_owned())].into();
            let web = stage.service(
                "web",
                &Service {
                    environment,
                    ..web.clone()
                },
            );
            leave(&networks[..left]);
            twin(&stage, &name, &old, &["sleep", "600"]);
            mended(&stage, &web, &format!("killed with the new one on {what}")).await;
            assert_eq!(ports(), published, "{what}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_version_cut_off_gives_way_and_is_still_an_error() {
    on_stage(async |stage: Arc<Stage>| {
        let (good, created) = set_up(&stage).await;
        let never = Healthcheck {
            test: vec!["CMD".to_owned(), "false".to_owned()],
            interval: Some(Duration::seconds(1)),
            timeout: None,
            retries: Some(100),
            start_period: None,
        };
        let extension = Extension {
            ready_within: Some(Duration::seconds(6)),
            ..Extension::default()
        };
        let broken = stage.service(
            "web",
            &Service {
                healthcheck: Some(never),
                extension,
                ..service()
            },
        );
        let first = next_step(&stage, &broken).await.expect("a change");
        let cut_off = tokio::time::timeout(std::time::Duration::from_secs(4), stage.run(first)).await;
        assert!(cut_off.is_err(), "it was still waiting");

        let second = next_step(&stage, &broken).await.expect("still a change");
        let error = stage.run(second).await.expect_err("it never becomes healthy");
        assert!(
            error
                .hints
                .iter()
                .any(|hint| hint == "the version before it was not touched, and serves"),
            "{}",
            explain(&error)
        );
        let now = stage.observe_one(&good).await.expect("it");
        assert_eq!((now.id, now.spec, now.problem), (created.id, good.spec, None));
        assert_eq!(stage.containers().await, [stage.name("web")]);
    })
    .await;
}

/// Two updates in a row, the first one killed before it proved what it put in place.
#[tokio::test(flavor = "multi_thread")]
async fn an_unproven_version_gives_way_to_the_parked_one_before_the_next_is_tried() {
    on_stage(async |stage: Arc<Stage>| {
        let (first, _) = set_up(&stage).await;
        let name = stage.name("web");
        let old = format!("{name}.old");
        // What a run leaves that was killed right after it put another version in place of the parked one.
        let in_place = || {
            stage.cli(&["rename", &name, &old]);
            twin(&stage, &old, &name, &["false"]);
            stage.cli(&["stop", "-t", "1", &old]);
        };
        let third = stage.service(
            "web",
            &Service {
                environment: [("THIRD".to_owned(), "1".to_owned())].into(),
                ..service()
            },
        );

        let parked = stage.observe_one(&first).await.expect("it").id;
        in_place();
        let before = stage.observe_one(&third).await.expect("it");
        let command = Some(vec!["false".to_owned()]);
        let bad = stage.service("web", &Service { command, ..service() });
        let error = stage
            .run(Step::Replace { before, after: bad })
            .await
            .expect_err("it ends at once");
        assert!(error.rolled_back, "{}", explain(&error));
        let now = stage.observe_one(&first).await.expect("it");
        assert_eq!((now.id, now.problem), (parked, None), "the parked one serves again");

        in_place();
        let before = stage.observe_one(&third).await.expect("it");
        assert!(before.problem.is_some());
        stage
            .run(Step::Replace {
                before,
                after: third.clone(),
            })
            .await
            .expect("the third is good");
        let now = stage.observe_one(&third).await.expect("it");
        assert_eq!((now.spec, now.problem), (third.spec, None));
        assert_eq!(stage.containers().await, [stage.name("web")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_made_anew_gets_its_containers_back() {
    on_stage(async |stage: Arc<Stage>| {
        let (web, created) = set_up(&stage).await;
        let internal = stage.network("back", true);
        let before = stage.observe_one(&internal).await.expect("network");
        assert_ne!(before.spec, internal.spec);
        let after = stage
            .run(Step::Replace {
                before: before.clone(),
                after: internal.clone(),
            })
            .await
            .expect("replace")
            .expect("it");
        assert_eq!(after.spec, internal.spec);
        assert_ne!(after.id, before.id);
        let now = stage.observe_one(&web).await.expect("service");
        assert_eq!((now.id, now.spec, now.problem), (created.id, web.spec, None));
    })
    .await;
}
