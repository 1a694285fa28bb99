//! A project of its own on a real engine, taken away again whatever happens.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, Cursor};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveImageOptions, RemoveVolumeOptions,
};
use mlstack_compose::{Network, Origin, SERVICE, Service, Volume, network_name, volume_name};
use mlstack_provider::{Address, Execute as _, Observed, Provider as _, ProviderError, Resource, Secret, Step};
use mlstack_provider_docker::{Archive, Config, Connection, DockerEngine, Host, ImageSource, lock_name};

static RUNS: AtomicU32 = AtomicU32::new(0);

/// The image every test starts from: busybox, whose command is a shell.
pub(crate) const BUSYBOX: &str = "busybox:1";

/// Archives by reference and contexts by component.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<BTreeMap<String, Vec<u8>>>);

impl Shelf {
    pub(crate) fn put(&self, name: &str, archive: Vec<u8>) {
        self.0.lock().expect("shelf").insert(name.to_owned(), archive);
    }

    fn take(&self, name: &str) -> io::Result<Archive> {
        let archive = self.0.lock().expect("shelf").get(name).cloned();
        let archive = archive.ok_or_else(|| io::Error::other(format!("nothing is packed for {name}")))?;
        Ok(Box::new(Cursor::new(archive)))
    }
}

impl ImageSource for Shelf {
    fn archive(&self, reference: &str) -> io::Result<Archive> {
        self.take(reference)
    }

    fn context(&self, component: &str) -> io::Result<Archive> {
        self.take(component)
    }
}

pub(crate) struct Stage {
    pub(crate) project: String,
    pub(crate) engine: DockerEngine,
    pub(crate) docker: Docker,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) progress: Mutex<Vec<String>>,
}

/// Runs `test` on a stage; says loudly when no engine answers.
pub(crate) async fn on_stage<F, T>(test: T)
where
    T: FnOnce(Arc<Stage>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let Some(stage) = Stage::open().await else {
        return;
    };
    let stage = Arc::new(stage);
    let ended = tokio::spawn(test(Arc::clone(&stage))).await;
    if std::env::var_os("MLSTACK_TEST_KEEP").is_none() {
        sweep(&stage.docker, &stage.project).await;
    }
    ended.expect("the test itself");
}

impl Stage {
    async fn open() -> Option<Self> {
        let host = Host::parse(std::env::var("DOCKER_HOST").ok().as_deref(), None).expect("DOCKER_HOST");
        let Host::Unix(socket) = &host else {
            panic!("live tests want a unix socket");
        };
        let docker = Docker::connect_with_unix(&socket.to_string_lossy(), 60, bollard::API_DEFAULT_VERSION).ok();
        let Some(docker) = docker else {
            skip("no Docker engine answers");
            return None;
        };
        if docker.inspect_image(BUSYBOX).await.is_err() {
            skip("no engine answers, or it has no image busybox:1");
            return None;
        }
        Some(Self::with(docker, Connection::new(host)))
    }

    fn with(docker: Docker, connection: Connection) -> Self {
        let project = format!("mlt{}x{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::tempdir().expect("temporary folder");
        let shelf = Arc::new(Shelf::default());
        let config = Config {
            project: project.clone(),
            origin: Origin {
                config_file: folder.path().join("compose.json").display().to_string(),
                working_dir: folder.path().display().to_string(),
            },
            secrets: BTreeMap::from([("key".to_owned(), Secret::new("s3cret-value"))]),
            images: Arc::clone(&shelf) as Arc<dyn ImageSource>,
            keep: std::collections::BTreeSet::new(),
            docker_config: None,
        };
        let engine = DockerEngine::new(Arc::new(connection), config);
        Self {
            project,
            engine,
            docker,
            shelf,
            folder,
            progress: Mutex::default(),
        }
    }

    pub(crate) fn name(&self, service: &str) -> String {
        format!("{}-{service}-1", self.project)
    }

    pub(crate) fn service(&self, name: &str, service: &Service) -> Resource {
        let networks = service.networks.keys().map(|key| Address::new("network", key));
        resource(
            SERVICE,
            name,
            serde_json::to_value(service).expect("JSON"),
            networks.collect(),
        )
    }

    pub(crate) fn network(&self, key: &str, internal: bool) -> Resource {
        let network = Network {
            name: network_name(&self.project, key),
            internal,
            ..Network::default()
        };
        resource("network", key, serde_json::to_value(network).expect("JSON"), Vec::new())
    }

    pub(crate) fn volume(&self, key: &str) -> Resource {
        let volume = Volume {
            name: volume_name(&self.project, key),
            ..Volume::default()
        };
        resource("volume", key, serde_json::to_value(volume).expect("JSON"), Vec::new())
    }

    pub(crate) async fn run(&self, step: Step) -> Result<Option<Observed>, ProviderError> {
        let told = |line: &str| self.progress.lock().expect("progress").push(line.to_owned());
        self.engine.run(&step, &told).await
    }

    pub(crate) async fn create(&self, resource: &Resource) -> Observed {
        let created = self
            .run(Step::Create {
                resource: resource.clone(),
            })
            .await;
        created
            .unwrap_or_else(|error| panic!("{}", explain(&error)))
            .expect("it stands there")
    }

    pub(crate) async fn observe(&self, desired: &[Resource]) -> Vec<Observed> {
        self.engine
            .observe(&self.project, desired)
            .await
            .unwrap_or_else(|error| panic!("{}", explain(&error)))
    }

    pub(crate) async fn observe_one(&self, desired: &Resource) -> Option<Observed> {
        let all = self.observe(std::slice::from_ref(desired)).await;
        all.into_iter().find(|observed| observed.address == desired.address)
    }

    /// Names of the project's containers, sorted.
    pub(crate) async fn containers(&self) -> Vec<String> {
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&label("com.docker.compose.project", &self.project).into_iter().collect())
            .build();
        let listed = self.docker.list_containers(Some(options)).await.expect("list");
        let mut names: Vec<String> = listed
            .into_iter()
            .flat_map(|c| c.names.unwrap_or_default())
            .map(|name| name[1..].to_owned())
            .collect();
        names.sort();
        names
    }

    /// What `docker …` prints.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        output(Command::new("docker").args(arguments))
    }
}

/// A sleeping busybox that stops at once.
pub(crate) fn sleeper() -> Service {
    Service {
        image: BUSYBOX.to_owned(),
        command: Some(vec!["sleep".to_owned(), "600".to_owned()]),
        init: Some(true),
        stop_grace_period: Some(mlstack_compose::Duration::seconds(1)),
        ..Service::default()
    }
}

pub(crate) fn shell(script: &str) -> Service {
    Service {
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]),
        ..sleeper()
    }
}

pub(crate) fn resource(kind: &str, name: &str, spec: serde_json::Value, depends_on: Vec<Address>) -> Resource {
    Resource {
        address: Address::new(kind, name),
        spec,
        depends_on,
        source: None,
        protected: kind == "volume",
    }
}

pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().expect("the command runs");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{command:?} failed:\n{text}");
    text
}

/// An error with its causes and hints.
pub(crate) fn explain(error: &ProviderError) -> String {
    let mut text = format!("{:?}: {error}", error.kind);
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}\n  caused by: {cause}");
        source = cause.source();
    }
    error
        .hints
        .iter()
        .fold(text, |text, hint| format!("{text}\n  hint: {hint}"))
}

#[expect(clippy::print_stderr, reason = "a test that does not run says so loudly")]
pub(crate) fn skip(why: &str) {
    eprintln!("SKIPPED live Docker test: {why}");
}

/// The real Docker Compose, when there is one.
pub(crate) fn compose() -> Option<Command> {
    let named = std::env::var("MLSTACK_TEST_COMPOSE").ok();
    let program = named.unwrap_or_else(|| "docker-compose".to_owned());
    let answers = Command::new(&program)
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !answers {
        skip("no docker-compose to judge (MLSTACK_TEST_COMPOSE or PATH)");
    }
    answers.then(|| Command::new(program))
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("write");
}

fn label(key: &str, value: &str) -> std::collections::BTreeMap<String, Vec<String>> {
    BTreeMap::from([("label".to_owned(), vec![format!("{key}={value}")])])
}

/// Removes what carries the project's own label, and nothing else.
pub(crate) async fn sweep(docker: &Docker, project: &str) {
    let ours = || label("com.docker.compose.project", project).into_iter().collect();
    let containers = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&ours())
        .build();
    for container in docker.list_containers(Some(containers)).await.unwrap_or_default() {
        let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let _ = docker
            .remove_container(&container.id.unwrap_or_default(), Some(force))
            .await;
    }
    let force = RemoveContainerOptionsBuilder::default().force(true).build();
    let _ = docker.remove_container(&lock_name(project), Some(force)).await;
    let networks = ListNetworksOptionsBuilder::default().filters(&ours()).build();
    for network in docker.list_networks(Some(networks)).await.unwrap_or_default() {
        let _ = docker.remove_network(&network.id.unwrap_or_default()).await;
    }
    let volumes = ListVolumesOptionsBuilder::default().filters(&ours()).build();
    for volume in docker
        .list_volumes(Some(volumes))
        .await
        .ok()
        .and_then(|list| list.volumes)
        .unwrap_or_default()
    {
        let _ = docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await;
    }
    let stack = label("io.mlstack.stack", project).into_iter().collect();
    let images = ListImagesOptionsBuilder::default().all(false).filters(&stack).build();
    for image in docker.list_images(Some(images)).await.unwrap_or_default() {
        let _ = docker.remove_image(&image.id, None::<RemoveImageOptions>, None).await;
    }
}
