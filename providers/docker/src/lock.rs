//! A lock on the engine itself, for an engine that several machines share.
//!
//! Making a container by name is the only thing an engine does for one of many who try at once. So the lock is a
//! container that is never started, of an image without content (an engine may have no other), whose labels say who
//! holds it. It lacks Compose's labels, so `docker compose` leaves it alone. Labels cannot change: the time of the last
//! renewal, by the engine's clock, is a file in it.

use std::time::Duration;

use bollard::models::{ContainerCreateBody, ContainerInspectResponse};
use bollard::query_parameters::CreateImageOptionsBuilder;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use mlstack_provider::{ErrorKind, Fence, ProviderError, Secret};

use crate::connect::Connection;
use crate::secrets::{Owner, pack, unpack_text};
use crate::write::{Created, Write};

const HOLDER: &str = "io.mlstack.lock.holder";
const LASTS: &str = "io.mlstack.lock.seconds";
/// The image without content; the engine's own, made where it is missing.
const IMAGE: &str = "localhost/mlstack/lock:1";
const RENEWED: &str = "renewed";
/// How often it is tried while others come and go, and by how much each pause is longer.
const ROUNDS: u32 = 16;
const PAUSE: Duration = Duration::from_millis(25);

/// A lock that is ours.
#[derive(Debug)]
pub struct EngineLock {
    connection: Connection,
    id: String,
}

/// What came of trying to take a lock.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    Ours(EngineLock),
    /// Somebody else has it; what he wrote of himself.
    Held(String),
}

/// A lock as it is seen from outside.
#[derive(Clone, Debug)]
pub struct HeldLock {
    /// What its holder wrote of himself.
    pub holder: String,
    /// Whether nobody renewed it in its time.
    pub is_over: bool,
    id: String,
}

impl HeldLock {
    /// A project's lock, if there is one. Changes nothing.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn find(connection: &Connection, project: &str) -> Result<Option<Self>, ProviderError> {
        let (look, name) = (connection.look().await?, lock_name(project));
        let mut round = 0;
        loop {
            let Some(found) = look.container(&name).await? else {
                return Ok(None);
            };
            match is_over(connection, &found).await {
                // One that is being removed can be seen for a moment, and not be read.
                Err(error) if error.kind == ErrorKind::Failed && round < ROUNDS => round += 1,
                answer => {
                    return Ok(Some(Self {
                        holder: label(&found, HOLDER),
                        is_over: answer?,
                        id: found.id.unwrap_or_default(),
                    }));
                }
            }
            tokio::time::sleep(PAUSE * round).await;
        }
    }

    /// Frees it: this very one, not one that took its place meanwhile.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    pub async fn free(&self, connection: &Connection) -> Result<(), ProviderError> {
        remove(connection, &self.id).await
    }
}

/// The name of a project's lock.
pub fn lock_name(project: &str) -> String {
    format!("{project}.mlstack-lock")
}

impl EngineLock {
    /// Takes a project's lock, which lasts for `time` after each renewal. `holder` is any text without a secret; one
    /// that `is_free` knows as a holder that is no more, or as our own, is taken over at once.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    pub async fn take(
        connection: Connection,
        project: &str,
        holder: &str,
        time: Duration,
        is_free: impl Fn(&str) -> bool + Send + Sync,
    ) -> Result<Taken, ProviderError> {
        let name = lock_name(project);
        let write = Write::new(connection.client().await?, connection.patience(), &Fence::OPEN);
        for round in 0..ROUNDS {
            match write.create_container(&name, body(holder, time)).await? {
                Created::Id(id) => {
                    let lock = Self { connection, id };
                    lock.renew().await?;
                    return Ok(Taken::Ours(lock));
                }
                Created::NoImage => make_image(&connection).await?,
                Created::NameTaken => {
                    // A name is taken a moment before its container can be seen.
                    let Some(found) = HeldLock::find(&connection, project).await? else {
                        tokio::time::sleep(PAUSE * round).await;
                        continue;
                    };
                    if !found.is_over && !is_free(&found.holder) {
                        return Ok(Taken::Held(found.holder));
                    }
                    // By id: of several who come to take it over, none removes another's new one.
                    write.remove_container(&found.id).await?;
                }
            }
        }
        Err(
            ProviderError::new(ErrorKind::Failed, "cannot lock the stack on the engine")
                .because(format!("the container {name} comes and goes")),
        )
    }

    /// Makes it last for another whole time; `false` when it is not ours any more.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn renew(&self) -> Result<bool, ProviderError> {
        let look = self.connection.look().await?;
        if look.container(&self.id).await?.is_none() {
            return Ok(false);
        }
        let now = Secret::new(look.info().await?.system_time.unwrap_or_default());
        let owner = Owner::default();
        let archive = pack(owner, [(RENEWED, &now)])
            .map_err(|error| ProviderError::new(ErrorKind::Failed, "cannot renew the lock").because(error))?;
        let write = Write::new(
            self.connection.client().await?,
            self.connection.patience(),
            &Fence::OPEN,
        );
        write.upload(&self.id, "/", archive).await?;
        Ok(true)
    }

    /// Gives it back, with the image when no other lock needs it.
    ///
    /// # Errors
    /// When the engine does not answer; it ends by itself then.
    pub async fn release(&self) -> Result<(), ProviderError> {
        remove(&self.connection, &self.id).await
    }
}

/// Removes one lock, and the image when no other needs it.
async fn remove(connection: &Connection, id: &str) -> Result<(), ProviderError> {
    let write = Write::new(connection.client().await?, connection.patience(), &Fence::OPEN);
    write.remove_container(id).await?;
    write.remove_image(IMAGE).await
}

fn body(holder: &str, time: Duration) -> ContainerCreateBody {
    let labels = [(HOLDER, holder.to_owned()), (LASTS, time.as_secs_f64().to_string())];
    ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        cmd: Some(vec!["never-started".to_owned()]),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()),
        network_disabled: Some(true),
        ..ContainerCreateBody::default()
    }
}

/// An archive that ends at once: two blocks of zeros.
async fn make_image(connection: &Connection) -> Result<(), ProviderError> {
    let (repository, tag) = IMAGE.rsplit_once(':').unwrap_or((IMAGE, "1"));
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(repository)
        .tag(tag)
        .build();
    let docker = connection.client().await?;
    let call = || {
        let empty = bollard::body_full(Bytes::from_static(&[0; 1024]));
        let answer = docker.create_image(Some(options.clone()), Some(empty), None);
        answer.try_collect::<Vec<_>>()
    };
    connection
        .patience()
        .repeat("cannot make the lock's image", call)
        .await
        .map(drop)
}

fn label(found: &ContainerInspectResponse, key: &str) -> String {
    let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
    labels.and_then(|labels| labels.get(key)).cloned().unwrap_or_default()
}

/// Whether nobody renewed it in its time, all told by the engine's clock. One without a renewal counts from when it was
/// made. The time is asked before the renewal, so that a renewal in between makes it younger and never older.
async fn is_over(connection: &Connection, found: &ContainerInspectResponse) -> Result<bool, ProviderError> {
    let look = connection.look().await?;
    let now = look.info().await?.system_time;
    let id = found.id.as_deref().unwrap_or_default();
    let renewed = look.download(id, &format!("/{RENEWED}")).await?;
    let renewed = renewed
        .map(|archive| unpack_text(&archive))
        .or_else(|| found.created.clone());
    let age = renewed.zip(now).and_then(|(then, now)| age(&then, &now));
    let lasts = label(found, LASTS).parse::<f64>().unwrap_or(0.0);
    Ok(age.is_none_or(|age| age > lasts))
}

/// How many seconds lie between two moments of RFC 3339.
fn age(then: &str, now: &str) -> Option<f64> {
    let moment = |text: &str| text.trim().parse::<Timestamp>().ok();
    Some(moment(now)?.duration_since(moment(then)?).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_minds_zones() {
        let now = "2026-11-23T08:45:14.25+01:00";
        for (then, expected) in [
            ("2026-11-23T07:45:14Z", Some(0.25)),
            ("2026-11-23T06:45:14-01:00\n", Some(0.25)),
            ("2026-11-23T08:45:15+01:00", Some(-0.75)),
            ("0001-01-01T00:00:00Z", Some(63_931_016_714.25)),
            ("yesterday", None),
            ("2026-11-23", None),
            ("2026-11-23T08:45:14", None),
        ] {
            assert_eq!(age(then, now), expected, "{then}");
        }
        assert_eq!(age(now, ""), None);
    }
}
