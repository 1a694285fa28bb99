//! Moves images into the engine: pulled from a registry, loaded from an archive, or built from a context.
//!
//! Owns the streams and their progress lines; never decides which image is wanted.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{BuildInfo, CreateImageInfo, ProgressDetail};
use bollard::query_parameters::{BuildImageOptionsBuilder, CreateImageOptionsBuilder, ImportImageOptionsBuilder};
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt as _, unfold};
use mlstack_provider::{ErrorKind, Fence, Progress, ProviderError};
use tokio::sync::mpsc;

use crate::fault;
use crate::login::{self, HelperError, Login};
use crate::patience::{Patience, is_passing};
use crate::registry::Reference;

/// Bytes sent at once.
const CHUNK: usize = 256 * 1024;
/// Build output kept for the error message, in lines.
const KEPT_LINES: usize = 20;

/// Something that yields the bytes of a tar archive.
pub type Archive = Box<dyn Read + Send>;

/// An archive that is packed anew for each try.
#[derive(Clone)]
pub(crate) struct Packing {
    images: Arc<dyn ImageSource>,
    name: String,
    pack: fn(&dyn ImageSource, &str) -> io::Result<Archive>,
}

impl Packing {
    pub(crate) fn new(
        images: &Arc<dyn ImageSource>,
        name: &str,
        pack: fn(&dyn ImageSource, &str) -> io::Result<Archive>,
    ) -> Self {
        Self {
            images: Arc::clone(images),
            name: name.to_owned(),
            pack,
        }
    }

    /// Packs on a thread of its own: it takes a moment, in which signals and other steps are still heard.
    async fn open(&self) -> io::Result<Archive> {
        let packing = self.clone();
        let packed = tokio::task::spawn_blocking(move || (packing.pack)(packing.images.as_ref(), &packing.name));
        packed.await.map_err(io::Error::other).flatten()
    }
}

/// Where images that no registry has come from.
pub trait ImageSource: Send + Sync {
    /// The archive that `docker load` takes, holding `reference`.
    ///
    /// # Errors
    /// When it cannot be made or read.
    fn archive(&self, reference: &str) -> io::Result<Archive>;

    /// The build context of a component, as a tar archive.
    ///
    /// # Errors
    /// When it cannot be made or read.
    fn context(&self, component: &str) -> io::Result<Archive>;
}

/// What the classic builder is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BuildRequest<'a> {
    pub(crate) reference: &'a str,
    pub(crate) dockerfile: &'a str,
    pub(crate) arguments: &'a BTreeMap<String, String>,
    pub(crate) labels: &'a BTreeMap<String, String>,
}

/// What carries a transfer; the engine takes each of them twice without harm.
#[derive(Clone, Copy)]
pub(crate) struct Carrier<'a> {
    pub(crate) docker: &'a Docker,
    pub(crate) patience: Patience,
    pub(crate) fence: &'a Fence,
}

impl Carrier<'_> {
    /// Runs a transfer, again while its stream breaks off; each try asks first whether it may be made at all.
    async fn through<F>(self, run: impl Fn() -> F) -> Result<(), Broken>
    where
        F: Future<Output = Result<(), Broken>>,
    {
        let fenced = || async {
            self.fence
                .pass()
                .map_err(|err| Broken::Engine(Error::IOError { err }))?;
            run().await
        };
        self.patience.transfer(Broken::is_passing, fenced).await
    }
}

/// Pulls `reference`, with the credentials `docker login` left in `config`.
pub(crate) async fn pull(
    carrier: Carrier<'_>,
    config: Option<&Path>,
    reference: &str,
    progress: Progress<'_>,
) -> Result<(), ProviderError> {
    let parsed = Reference::parse(reference);
    let login = login::stored_login(config, parsed.registry()).await;
    let credentials = login.as_ref().ok().and_then(Option::as_ref).map(Login::for_engine);
    let options = CreateImageOptionsBuilder::default()
        .from_image(parsed.name)
        .tag(parsed.version)
        .build();
    let run = || async {
        let mut layers = Layers::default();
        let events = carrier
            .docker
            .create_image(Some(options.clone()), None, credentials.clone());
        let watched = watch(carrier.patience.stall(), events, |event: CreateImageInfo| {
            let percent = layers.percent(event.id, event.status.as_deref(), event.progress_detail);
            progress(&format!(
                "pulling {reference}{}",
                percent.map(|n| format!(": {n} %")).unwrap_or_default()
            ));
        });
        watched.await
    };
    let pulled = carrier.through(run).await;
    pulled.map_err(|error| not_pulled(reference, &parsed, &login, error))
}

/// Loads an archive, which is opened anew for each try.
pub(crate) async fn load(
    carrier: Carrier<'_>,
    reference: &str,
    archive: &Packing,
    progress: Progress<'_>,
) -> Result<(), ProviderError> {
    progress(&format!("loading {reference}"));
    let run = || async {
        let options = ImportImageOptionsBuilder::default().quiet(true).build();
        let events = carrier
            .docker
            .import_image_stream(options, read(archive.open().await?), None);
        watch(carrier.patience.stall(), events, |_: BuildInfo| ()).await
    };
    let loaded = carrier.through(run).await;
    loaded.map_err(|error| error.or(format!("cannot load {reference}:")))
}

/// Builds an image with the engine's classic builder; the context is opened anew for each try.
pub(crate) async fn build(
    carrier: Carrier<'_>,
    request: BuildRequest<'_>,
    context: &Packing,
    progress: Progress<'_>,
) -> Result<(), ProviderError> {
    let pairs = |map: &BTreeMap<String, String>| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let options = BuildImageOptionsBuilder::default()
        .t(request.reference)
        .dockerfile(request.dockerfile)
        .buildargs(&pairs(request.arguments))
        .labels(&pairs(request.labels))
        .rm(true)
        .forcerm(true)
        .build();
    let output = Mutex::new(Vec::new());
    let run = || async {
        let body = bollard::body_try_stream(read(context.open().await?));
        let events = carrier.docker.build_image(options.clone(), None, Some(body));
        let told = |event: BuildInfo| {
            let lines = event.stream.iter().flat_map(|text| text.lines());
            for line in lines.filter(|line| !line.trim().is_empty()) {
                progress(&format!("building: {}", line.trim()));
                output
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line.to_owned());
            }
        };
        watch(carrier.patience.stall(), events, told).await
    };
    let built = carrier.through(run).await;
    built.map_err(|error| {
        let output = output.lock().unwrap_or_else(PoisonError::into_inner);
        error
            .or(format!("cannot build {}:", request.reference))
            .hint(last(&output))
    })
}

fn last(output: &[String]) -> String {
    let from = output.len().saturating_sub(KEPT_LINES);
    format!("the builder's last lines:\n{}", output[from..].join("\n"))
}

/// Why a transfer ended early.
enum Broken {
    Engine(Error),
    Stalled(Duration),
    Unreadable(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl Broken {
    fn is_passing(&self) -> bool {
        matches!(self, Self::Engine(error) if is_passing(error))
    }

    fn or(self, action: impl Into<String>) -> ProviderError {
        match self {
            Self::Engine(error) => fault::refused(&action.into(), &error),
            Self::Stalled(limit) => fault::slow(&action.into(), limit),
            Self::Unreadable(error) => ProviderError::new(ErrorKind::Failed, action.into()).because(error),
        }
    }
}

/// Runs a stream of events to its end; it may stand still for `stall`.
async fn watch<T>(
    stall: Duration,
    events: impl Stream<Item = Result<T, Error>>,
    mut seen: impl FnMut(T),
) -> Result<(), Broken> {
    let mut events = std::pin::pin!(events);
    while let Some(event) = tokio::time::timeout(stall, events.next())
        .await
        .map_err(|_| Broken::Stalled(stall))?
    {
        seen(event.map_err(Broken::Engine)?);
    }
    Ok(())
}

fn not_pulled(
    reference: &str,
    parsed: &Reference<'_>,
    login: &Result<Option<Login>, HelperError>,
    error: Broken,
) -> ProviderError {
    let registry = parsed.registry().unwrap_or("Docker Hub");
    let error = error.or(format!("cannot pull {reference}:"));
    let words = error
        .cause
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
        .to_lowercase();
    let denied = ["denied", "unauthorized", "authentication required", "no basic auth"];
    let absent = ["not found", "manifest unknown"];
    if fault::is_full(&words) {
        return error;
    }
    if denied.iter().any(|word| words.contains(word)) {
        let again = format!("docker login {}", parsed.registry().unwrap_or_default());
        let hint = match login {
            Ok(Some(_)) => {
                format!("{registry} does not take the credentials that Docker keeps for it; log in again: {again}")
            }
            Ok(None) => format!("check the name, or log in: {again}"),
            Err(trouble) => format!("Docker's credentials cannot be had: {trouble}"),
        };
        return ProviderError {
            kind: ErrorKind::Denied,
            ..error
        }
        .hint(hint.trim_end());
    }
    if absent.iter().any(|word| words.contains(word)) {
        return error.hint(format!("{registry} has no such image: check name and tag of `image`"));
    }
    error.hint(format!(
        "no registry reached? load the image by hand: docker load -i FILE (it must be named {reference})"
    ))
}

/// The progress of the layers of one pull.
#[derive(Debug, Default)]
struct Layers(BTreeMap<String, (i64, i64)>);

impl Layers {
    /// Notes an event and says how many percent are downloaded, once a size is known.
    fn percent(&mut self, id: Option<String>, status: Option<&str>, detail: Option<ProgressDetail>) -> Option<i64> {
        if let (Some(id), Some("Downloading"), Some(detail)) = (&id, status, detail) {
            self.0
                .insert(id.clone(), (detail.current.unwrap_or(0), detail.total.unwrap_or(0)));
        }
        if let (Some(id), Some("Download complete" | "Pull complete")) = (&id, status)
            && let Some((current, total)) = self.0.get_mut(id)
        {
            *current = *total;
        }
        let (current, total) = self
            .0
            .values()
            .fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
        (total > 0).then(|| current * 100 / total)
    }
}

/// Reads an archive on a thread of its own and hands it on in chunks.
fn read(mut archive: Archive) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut chunk = vec![0; CHUNK];
            let item = match archive.read(&mut chunk) {
                Ok(0) => return,
                Ok(length) => {
                    chunk.truncate(length);
                    Ok(Bytes::from(chunk))
                }
                Err(error) => Err(error),
            };
            let failed = item.is_err();
            if sender.blocking_send(item).is_err() || failed {
                return;
            }
        }
    });
    unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|item| (item, receiver))
    })
}

#[cfg(test)]
mod tests;
