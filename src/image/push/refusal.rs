//! Why a registry has not got an image: told apart, and said without addresses, which may carry what nobody should read.

use oci_client::errors::{OciDistributionError, OciErrorCode};

/// The most characters that are shown of what a registry says.
const SHOWN: usize = 300;

/// Why an image is not in a registry.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The registry wants other credentials, or its user may not write there.
    #[error("the registry refused the credentials for {repository}")]
    Denied {
        /// Where the image should go.
        repository: String,
        /// The registry's words.
        #[source]
        words: Words,
    },
    /// Nobody answers, or nobody to be trusted.
    #[error("cannot reach the registry {registry}")]
    Unreachable {
        /// Its host and port.
        registry: String,
        /// What the connection ended with.
        #[source]
        words: Words,
    },
    /// Nothing went on for too long.
    #[error("the registry {registry} took nothing and said nothing for {seconds} s")]
    Stalled {
        /// Its host and port.
        registry: String,
        /// How long that was.
        seconds: u64,
    },
    /// It took everything, and has something else.
    #[error("{repository} does not have {digest} after it was sent: the registry keeps images otherwise than they are")]
    NotKept {
        /// Where the image should be.
        repository: String,
        /// The digest of its manifest.
        digest: String,
    },
    /// Anything else.
    #[error("cannot push {repository}")]
    Failed {
        /// Where the image should go.
        repository: String,
        /// The registry's words.
        #[source]
        words: Words,
    },
}

/// What a registry, or the way to it, says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Words(String);

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Denied,
    Missing,
    Unreachable,
    /// It may go better at once.
    Passing,
    Other,
}

pub(super) fn sort(error: &OciDistributionError) -> Sort {
    match error {
        OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => Sort::Denied,
        OciDistributionError::RequestError(error) => match error.status() {
            Some(status) => of_status(status.as_u16()),
            None if error.is_connect() => Sort::Unreachable,
            None => Sort::Passing,
        },
        OciDistributionError::ServerError { code, .. } => of_status(*code),
        OciDistributionError::RegistryError { envelope, .. } => {
            let codes = envelope.errors.iter().map(|error| of_code(&error.code));
            codes.fold(Sort::Other, |all, one| if all == Sort::Other { one } else { all })
        }
        _ => Sort::Other,
    }
}

fn of_status(status: u16) -> Sort {
    match status {
        401 | 403 => Sort::Denied,
        404 => Sort::Missing,
        429 | 502..=504 => Sort::Passing,
        _ => Sort::Other,
    }
}

fn of_code(code: &OciErrorCode) -> Sort {
    match code {
        OciErrorCode::Unauthorized | OciErrorCode::Denied => Sort::Denied,
        OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound => Sort::Missing,
        OciErrorCode::Toomanyrequests => Sort::Passing,
        _ => Sort::Other,
    }
}

/// What it says, without the address that it was asked at.
pub(super) fn words(error: &OciDistributionError) -> Words {
    let said = match error {
        OciDistributionError::RequestError(error) => match error.status() {
            Some(status) => format!("status {status}"),
            None => innermost(error),
        },
        OciDistributionError::ServerError { code, message, .. } => format!("status {code}: {}", plain(message)),
        OciDistributionError::RegistryError { envelope, .. } => {
            let each = envelope.errors.iter().map(|error| error.message.as_str());
            each.collect::<Vec<_>>().join("; ")
        }
        OciDistributionError::UnauthorizedError { .. } => "not authorized".to_owned(),
        OciDistributionError::AuthenticationFailure(said) => plain(said),
        other => other.to_string(),
    };
    Words(match said.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.trim_end_matches([':', ' ']).to_owned(),
    })
}

/// What an answer says in words: the messages of its JSON, or all of it where it is none.
fn plain(answer: &str) -> String {
    let Ok(read) = serde_json::from_str::<serde_json::Value>(answer) else {
        return answer.trim().to_owned();
    };
    let errors = read["errors"].as_array().into_iter().flatten();
    let messages: Vec<&str> = errors.filter_map(|error| error["message"].as_str()).collect();
    let other = || {
        ["message", "details", "error"]
            .into_iter()
            .find_map(|key| read[key].as_str())
    };
    match messages.is_empty() {
        true => other().unwrap_or_default().to_owned(),
        false => messages.join("; "),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(deeper) = deepest.source() {
        deepest = deeper;
    }
    deepest.to_string()
}
