//! The real Docker Compose as judge: what we made is its own, what it made is ours.

use std::collections::BTreeMap;
use std::process::Command;

use mlstack_compose::{
    Condition, Dependency, Extension, Healthcheck, Mount, Network, Project, Secret, Service, ServiceSecret, Volume,
    network_name, volume_name,
};
use mlstack_provider::Resource;

use crate::stage::{Stage, compose, on_stage, output, shell, sleeper, write};

fn project(stage: &Stage) -> Project {
    let check = Healthcheck {
        test: vec!["CMD".to_owned(), "true".to_owned()],
        interval: Some(mlstack_compose::Duration::seconds(1)),
        timeout: None,
        retries: None,
        start_period: None,
    };
    let on_default = || BTreeMap::from([("default".to_owned(), None)]);
    let db = Service {
        healthcheck: Some(check),
        volumes: vec![Mount::volume("data", "/data", false)],
        networks: on_default(),
        ..shell("echo started; exec sleep 600")
    };
    let depends_on = [(
        "db".to_owned(),
        Dependency {
            condition: Condition::Healthy,
            restart: false,
            required: true,
        },
    )]
    .into();
    let web = Service {
        environment: [("PRICE".to_owned(), "5<6&7".to_owned())].into(),
        read_only: true,
        networks: on_default(),
        secrets: vec![ServiceSecret::named("key")],
        extension: Extension {
            secrets: [("key".to_owned(), Some("d".to_owned()))].into(),
            ..Extension::default()
        },
        depends_on,
        ..sleeper()
    };
    let secret = Secret {
        file: stage.folder.path().join("key").display().to_string(),
    };
    Project {
        name: stage.project.clone(),
        services: [("db".to_owned(), db), ("web".to_owned(), web)].into_iter().collect(),
        networks: [(
            "default".to_owned(),
            Network {
                name: network_name(&stage.project, "default"),
                ..Network::default()
            },
        )]
        .into(),
        volumes: [(
            "data".to_owned(),
            Volume {
                name: volume_name(&stage.project, "data"),
                ..Volume::default()
            },
        )]
        .into(),
        secrets: [("key".to_owned(), secret)].into(),
    }
}

fn resources(stage: &Stage, project: &Project) -> Vec<Resource> {
    let mut all = vec![stage.network("default", false), stage.volume("data")];
    all.extend(
        project
            .services
            .iter()
            .map(|(name, service)| stage.service(name, service)),
    );
    all
}

/// Compose on the rendered file of the stage.
fn judge(stage: &Stage, arguments: &[&str]) -> Option<String> {
    let mut command: Command = compose()?;
    command
        .current_dir(stage.folder.path())
        .args(["-f", "compose.json", "--ansi", "never"])
        .args(arguments);
    Some(output(&mut command))
}

fn render(stage: &Stage, project: &Project) {
    write(stage.folder.path(), "key", "s3cret-value");
    write(
        stage.folder.path(),
        "compose.json",
        &serde_json::to_string_pretty(project).expect("JSON"),
    );
}

fn ids(stage: &Stage) -> String {
    let filter = format!("label=com.docker.compose.project={}", stage.project);
    stage.cli(&["ps", "-aq", "--no-trunc", "--filter", &filter])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_made_is_composes_own() {
    on_stage(async |stage| {
        let project = project(&stage);
        render(&stage, &project);
        let bystander = format!("{}-bystander", stage.project);
        let theirs = format!("com.docker.compose.project={bystander}");
        for resource in resources(&stage, &project) {
            assert_eq!(stage.create(&resource).await.spec, resource.spec);
        }
        let Some(listed) = judge(&stage, &["ls", "--all"]) else {
            return;
        };
        assert!(
            listed.contains(&stage.project) && listed.contains("compose.json"),
            "{listed}"
        );
        stage.cli(&[
            "run",
            "-d",
            "--init",
            "--name",
            &bystander,
            "--label",
            &theirs,
            "-v",
            &format!("{bystander}:/d"),
            "busybox:1",
            "sleep",
            "600",
        ]);

        let before = ids(&stage);
        let shown = judge(&stage, &["ps", "--format", "json"]).expect("judge");
        assert!(
            shown.contains(&stage.name("web")) && shown.contains("\"Health\":\"healthy\""),
            "{shown}"
        );
        assert!(judge(&stage, &["logs", "db"]).expect("judge").contains("started"));
        judge(&stage, &["up", "-d"]);
        assert_eq!(ids(&stage), before, "up -d changes nothing");

        judge(&stage, &["down", "-v"]);
        assert_eq!(ids(&stage), "");
        let filter = format!("label=com.docker.compose.project={}", stage.project);
        assert_eq!(stage.cli(&["volume", "ls", "-q", "--filter", &filter]), "");
        assert_eq!(stage.cli(&["network", "ls", "-q", "--filter", &filter]), "");
        let secrets = format!("label=io.mlstack.secrets-of={}/web", stage.project);
        assert_eq!(stage.cli(&["volume", "ls", "-q", "--filter", &secrets]), "");
        assert_eq!(
            stage.cli(&["inspect", "-f", "{{.State.Running}}", &bystander]).trim(),
            "true"
        );
        stage.cli(&["rm", "-f", &bystander]);
        stage.cli(&["volume", "rm", &bystander]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_compose_made_is_ours() {
    on_stage(async |stage| {
        let project = project(&stage);
        render(&stage, &project);
        if judge(&stage, &["up", "-d"]).is_none() {
            return;
        }
        let desired = resources(&stage, &project);
        let seen = stage.observe(&desired).await;
        assert_eq!(seen.len(), desired.len());
        for resource in &desired {
            let seen = seen.iter().find(|seen| seen.address == resource.address).expect("seen");
            assert_eq!(
                (&seen.spec, &seen.problem),
                (&resource.spec, &None),
                "{}",
                resource.address
            );
        }
        let web = seen.iter().find(|seen| seen.address.name == "web").expect("web");
        assert_eq!(
            web.depends_on.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["network/default", "service/db"]
        );
        judge(&stage, &["down", "-v", "-t", "1"]);
    })
    .await;
}
