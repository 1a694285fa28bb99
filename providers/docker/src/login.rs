//! The credentials that Docker keeps for registries: in its own `config.json`, or with the program that it names there.
//!
//! Reads, never stores. What is found is known to the redactor from then on. The order is Docker's: the program for this
//! registry (`credHelpers`), the program for all (`credsStore`), then what stands in the file (`auths`).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bollard::auth::DockerCredentials;
use mlstack_provider::Secret;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

/// The key under which Docker keeps the credentials of Docker Hub.
const HUB: &str = "https://index.docker.io/v1/";
/// The user that a helper names when its secret is an identity token.
const TOKEN: &str = "<token>";
/// How long a helper may think: it may ask a cloud.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes that a helper's answer is read to.
const LONGEST: u64 = 64 * 1024;

/// Who we are to one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The registry, as Docker names it.
    pub server: String,
    /// The user; empty where a token stands alone.
    pub user: String,
    /// The password; `None` where a token stands alone.
    pub password: Option<Secret>,
    /// What the registry gave for a password, to be shown in its stead.
    pub identity_token: Option<Secret>,
}

impl Login {
    /// The same as the engine is told.
    pub(crate) fn for_engine(&self) -> DockerCredentials {
        let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
        DockerCredentials {
            username: Some(self.user.clone()),
            password: Some(self.password.as_ref().map(text).unwrap_or_default()),
            identitytoken: self.identity_token.as_ref().map(text),
            serveraddress: Some(self.server.clone()),
            ..Default::default()
        }
    }
}

/// Why a program that keeps credentials gave none.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// It cannot be started.
    #[error("{program}, which Docker's config.json names, cannot be run: {why}")]
    NotRun {
        /// Its name.
        program: String,
        /// The system's words.
        why: String,
    },
    /// It failed; what it printed is not repeated, as nobody knows what is in it.
    #[error("{program}, which Docker's config.json names, failed: {status}")]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: String,
    },
}

/// What `config.json` holds of interest.
#[derive(Debug, Default, Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
struct Auth {
    auth: Option<String>,
    identitytoken: Option<String>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The credentials for `registry` (`None`: Docker Hub) by the `config.json` at `path`; `None` when there are none, or the
/// file cannot be read.
///
/// # Errors
/// When a program that should know cannot be asked, and the file itself has none.
pub async fn stored_login(path: Option<&Path>, registry: Option<&str>) -> Result<Option<Login>, HelperError> {
    let Some(config) = read(path).await else {
        return Ok(None);
    };
    let server = registry.unwrap_or(HUB);
    let asked = match config.program(server) {
        Some(program) => ask(program.as_ref(), server).await,
        None => Ok(None),
    };
    match (asked, config.written(server)) {
        (Ok(Some(login)), _) | (_, Some(login)) => Ok(Some(login)),
        (asked, None) => asked,
    }
}

async fn read(path: Option<&Path>) -> Option<DockerConfig> {
    let text = tokio::fs::read(path?).await.ok()?;
    serde_json::from_slice(&text).ok()
}

impl DockerConfig {
    /// The program that keeps the credentials of `server`. A name that leads to another folder is none.
    fn program(&self, server: &str) -> Option<String> {
        let own = self.helpers.iter().find(|(key, _)| same_registry(key, server));
        let name = own.map(|(_, name)| name).or(self.store.as_ref())?;
        let plain = !name.is_empty() && !name.contains(['/', '\\']);
        plain.then(|| format!("docker-credential-{name}"))
    }

    /// What stands in the file itself.
    fn written(&self, server: &str) -> Option<Login> {
        let (key, auth) = self.auths.iter().find(|(key, _)| same_registry(key, server))?;
        let decoded = BASE64_STANDARD.decode(auth.auth.as_ref()?).ok()?;
        let pair = String::from_utf8(decoded).ok()?;
        let (user, password) = pair.trim_end_matches('\0').split_once(':')?;
        Some(Login {
            server: key.clone(),
            user: user.to_owned(),
            password: (!password.is_empty()).then(|| Secret::new(password)),
            identity_token: auth.identitytoken.as_deref().map(Secret::new),
        })
    }
}

/// Asks the helper `program` who we are to `server`; `None` when it does not know.
async fn ask(program: &OsStr, server: &str) -> Result<Option<Login>, HelperError> {
    let name = || program.to_string_lossy().into_owned();
    let answered = tokio::time::timeout(PATIENCE, answer(program, server)).await;
    let failed = |status: String| HelperError::Failed {
        program: name(),
        status,
    };
    let (succeeded, status, said) = answered
        .map_err(|_| failed(format!("no answer within {} s", PATIENCE.as_secs())))?
        .map_err(|error| HelperError::NotRun {
            program: name(),
            why: error.to_string(),
        })?;
    // So every helper says it, on stdout and with a failure.
    if !succeeded && String::from_utf8_lossy(&said).contains("credentials not found") {
        return Ok(None);
    }
    if !succeeded {
        return Err(failed(status));
    }
    let answer: Answer =
        serde_json::from_slice(&said).map_err(|_| failed("its answer is no JSON of a login".to_owned()))?;
    Ok(Some(login(server, answer)))
}

/// Whether it succeeded, how it ended, and what it said.
async fn answer(program: &OsStr, server: &str) -> std::io::Result<(bool, String, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut to) = child.stdin.take() {
        // One that does not listen has its reason, which its end tells.
        let _heard = to.write_all(server.as_bytes()).await;
    }
    let mut said = Vec::new();
    if let Some(from) = child.stdout.take() {
        from.take(LONGEST).read_to_end(&mut said).await?;
    }
    let status = child.wait().await?;
    Ok((status.success(), status.to_string(), said))
}

fn login(server: &str, answer: Answer) -> Login {
    let secret = Secret::new(answer.secret);
    let is_token = answer.username == TOKEN;
    Login {
        server: server.to_owned(),
        user: if is_token { String::new() } else { answer.username },
        password: (!is_token).then(|| secret.clone()),
        identity_token: is_token.then_some(secret),
    }
}

fn same_registry(key: &str, host: &str) -> bool {
    let bare = |text: &str| {
        let text = text.trim_start_matches("https://").trim_start_matches("http://");
        text.split('/').next().unwrap_or_default().to_owned()
    };
    bare(key) == bare(host)
}

#[cfg(test)]
mod tests;
