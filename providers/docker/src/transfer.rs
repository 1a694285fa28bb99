//! Moves images into the engine: pulled from a registry, loaded from an archive, or built from a context.
//!
//! Owns the streams and their progress lines; never decides which image is wanted.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{BuildInfo, CreateImageInfo, ProgressDetail};
use bollard::query_parameters::{BuildImageOptionsBuilder, CreateImageOptionsBuilder, ImportImageOptionsBuilder};
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt as _, unfold};
use mlstack_provider::{ErrorKind, Progress, ProviderError};
use tokio::sync::mpsc;

use crate::fault;
use crate::registry::{self, Reference};

/// How long a transfer may stand still.
const STALL: Duration = Duration::from_secs(300);
/// Bytes sent at once.
const CHUNK: usize = 256 * 1024;
/// Build output kept for the error message, in lines.
const KEPT_LINES: usize = 20;

/// Something that yields the bytes of a tar archive.
pub type Archive = Box<dyn Read + Send>;

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

/// Pulls `reference`, with the credentials `docker login` left in `config`.
pub(crate) async fn pull(
    docker: &Docker,
    config: Option<&Path>,
    reference: &str,
    progress: Progress<'_>,
) -> Result<(), ProviderError> {
    let parsed = Reference::parse(reference);
    let credentials = registry::credentials(config, &parsed).await;
    let known = credentials.is_some();
    let options = CreateImageOptionsBuilder::default()
        .from_image(parsed.name)
        .tag(parsed.version)
        .build();
    let mut layers = Layers::default();
    let events = docker.create_image(Some(options), None, credentials);
    let watched = watch(events, |event: CreateImageInfo| {
        let percent = layers.percent(event.id, event.status.as_deref(), event.progress_detail);
        progress(&format!(
            "pulling {reference}{}",
            percent.map(|n| format!(": {n} %")).unwrap_or_default()
        ));
    });
    watched
        .await
        .map_err(|error| not_pulled(reference, &parsed, known, error))
}

/// Loads an archive.
pub(crate) async fn load(
    docker: &Docker,
    reference: &str,
    archive: Archive,
    progress: Progress<'_>,
) -> Result<(), ProviderError> {
    progress(&format!("loading {reference}"));
    let events = docker.import_image_stream(
        ImportImageOptionsBuilder::default().quiet(true).build(),
        read(archive),
        None,
    );
    watch(events, |_: BuildInfo| ())
        .await
        .map_err(|error| error.or(format!("cannot load {reference}")))
}

/// Builds an image with the engine's classic builder.
pub(crate) async fn build(
    docker: &Docker,
    request: BuildRequest<'_>,
    context: Archive,
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
    let mut output = Vec::new();
    let body = bollard::body_try_stream(read(context));
    let watched = watch(docker.build_image(options, None, Some(body)), |event: BuildInfo| {
        for line in event
            .stream
            .iter()
            .flat_map(|text| text.lines())
            .filter(|line| !line.trim().is_empty())
        {
            progress(&format!("building: {}", line.trim()));
            output.push(line.to_owned());
        }
    })
    .await;
    watched.map_err(|error| {
        error
            .or(format!("cannot build {}", request.reference))
            .hint(last(&output))
    })
}

fn last(output: &[String]) -> String {
    let from = output.len().saturating_sub(KEPT_LINES);
    format!("the builder's last lines:\n{}", output[from..].join("\n"))
}

/// Why a stream of events broke off.
enum Broken {
    Engine(Error),
    Stalled,
}

impl Broken {
    fn or(self, action: impl Into<String>) -> ProviderError {
        match self {
            Self::Engine(error) => fault::refused(&action.into(), &error),
            Self::Stalled => fault::slow(&action.into(), STALL),
        }
    }
}

/// Runs a stream of events to its end.
async fn watch<T>(events: impl Stream<Item = Result<T, Error>>, mut seen: impl FnMut(T)) -> Result<(), Broken> {
    let mut events = std::pin::pin!(events);
    while let Some(event) = tokio::time::timeout(STALL, events.next())
        .await
        .map_err(|_| Broken::Stalled)?
    {
        seen(event.map_err(Broken::Engine)?);
    }
    Ok(())
}

fn not_pulled(reference: &str, parsed: &Reference<'_>, known: bool, error: Broken) -> ProviderError {
    let registry = parsed.registry().unwrap_or("Docker Hub");
    let error = error.or(format!("cannot pull {reference}"));
    let words = error
        .cause
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
        .to_lowercase();
    let denied = ["denied", "unauthorized", "authentication required", "no basic auth"];
    let absent = ["not found", "manifest unknown"];
    if denied.iter().any(|word| words.contains(word)) {
        let hint = match known {
            true => format!("{registry} does not take the credentials in Docker's config.json for it"),
            false => format!(
                "check the name, or log in: docker login {}",
                parsed.registry().unwrap_or_default()
            ),
        };
        return ProviderError {
            kind: ErrorKind::Denied,
            ..error
        }
        .hint(hint.trim_end());
    }
    if absent.iter().any(|word| words.contains(word)) {
        return error.hint(format!("{registry} has no such image: check name and tag"));
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
