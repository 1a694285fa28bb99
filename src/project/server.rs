//! Where the server executable for bundled images comes from: a flag, beside mlstack, or cargo.
//!
//! Never hands the secrets of whoever runs mlstack to cargo: what it builds runs programs of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::image::{BinaryError, check_server};

/// The platform of bundled images; a target of its own keeps cargo from linking build scripts statically too.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Why there is no usable server executable.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The one that was named cannot be read.
    #[error("cannot read the server executable {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The one that was named cannot run without a base image.
    #[error("{path} cannot be put in an image")]
    Unusable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: BinaryError,
    },
    /// The sources are not here.
    #[error("there is no mlstack-server beside mlstack, and its sources are not here to build it")]
    NoSources,
    /// cargo cannot be run.
    #[error("cannot run cargo to build mlstack-server")]
    NoCargo(#[source] std::io::Error),
    /// cargo failed; it said why on stderr.
    #[error("cargo could not build mlstack-server")]
    BuildFailed,
}

/// Finds an executable without building one; `None` when it has to be built first.
///
/// # Errors
/// When the one named by `flag` cannot be used. One found beside mlstack that cannot be used is passed over.
pub fn locate(flag: Option<&Path>, mlstack: &Path) -> Result<Option<PathBuf>, ServerError> {
    if let Some(path) = flag {
        usable(path)?;
        return Ok(Some(path.to_owned()));
    }
    Ok(candidates(mlstack).into_iter().find(|path| usable(path).is_ok()))
}

/// Beside mlstack, or where cargo puts it when it builds both from one checkout.
fn candidates(mlstack: &Path) -> Vec<PathBuf> {
    let Some(folder) = mlstack.parent() else {
        return Vec::new();
    };
    let sibling = folder.join("..").join(PLATFORM).join("release/mlstack-server");
    vec![folder.join("mlstack-server"), sibling]
}

fn usable(path: &Path) -> Result<(), ServerError> {
    let shown = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| ServerError::Unreadable { path: shown(), source })?;
    check_server(&bytes).map_err(|source| ServerError::Unusable { path: shown(), source })
}

/// Builds it from the sources beside mlstack's own, statically, and says where it lies.
///
/// # Errors
/// When the sources or cargo are missing, or the build fails.
pub fn build() -> Result<PathBuf, ServerError> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !sources.join("server/Cargo.toml").is_file() {
        return Err(ServerError::NoSources);
    }
    let output = cargo(sources)
        .stderr(Stdio::inherit())
        .stdin(Stdio::null())
        .output()
        .map_err(ServerError::NoCargo)?;
    if !output.status.success() {
        return Err(ServerError::BuildFailed);
    }
    executable(&String::from_utf8_lossy(&output.stdout)).ok_or(ServerError::BuildFailed)
}

/// Paths of this machine are mapped away, so that the same sources give the same bytes elsewhere.
fn cargo(sources: &Path) -> Command {
    let home = std::env::home_dir().unwrap_or_default();
    let flags = [
        "-Ctarget-feature=+crt-static".to_owned(),
        format!("--remap-path-prefix={}=/cargo", home.join(".cargo").display()),
        format!("--remap-path-prefix={}=/mlstack", sources.display()),
    ];
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(sources)
        .env_clear()
        .envs(std::env::vars_os().filter(is_for_cargo))
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            "mlstack-server",
            "--bin",
            "mlstack-server",
        ])
        .args(["--target", PLATFORM, "--message-format", "json-render-diagnostics"]);
    cargo
}

/// What cargo, the compilers it starts and their downloads need of our surroundings, by name.
const FOR_CARGO: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "TERM",
    "LANG",
    "LC_ALL",
    "RUSTC",
    "RUSTC_WRAPPER",
    "LD_LIBRARY_PATH",
    "CC",
    "AR",
    "CFLAGS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Those, in small letters too, and what cargo and rustup name after themselves, but no token: every crate here is public.
fn is_for_cargo((name, _): &(OsString, OsString)) -> bool {
    let Some(name) = name.to_str().map(str::to_uppercase) else {
        return false;
    };
    let named_after = ["CARGO_", "RUSTUP_"].iter().any(|start| name.starts_with(start));
    FOR_CARGO.contains(&name.as_str()) || (named_after && !name.contains("TOKEN"))
}

/// The path that cargo's messages name.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "mlstack-server")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_the_executable_among_its_messages() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"bytes\"},\"executable\":null}\n",
            "noise\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"mlstack-server\"},\"executable\":\"/t/mlstack-server\"}\n",
        );
        assert_eq!(executable(messages), Some(PathBuf::from("/t/mlstack-server")));
        assert_eq!(executable(""), None);
    }

    #[test]
    fn cargo_gets_what_it_needs_and_no_secret() {
        let passes = |name: &str| is_for_cargo(&(name.into(), "x".into()));
        for needed in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "CARGO_HTTP_CAINFO",
            "RUSTUP_TOOLCHAIN",
            "https_proxy",
            "TMPDIR",
        ] {
            assert!(passes(needed), "{needed}");
        }
        for kept in [
            "API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "SOPS_AGE_KEY",
            "PGPASSWORD",
            "CARGO_REGISTRY_TOKEN",
            "GITHUB_TOKEN",
        ] {
            assert!(!passes(kept), "{kept}");
        }
    }

    #[test]
    fn a_dynamic_executable_is_refused_when_named_and_passed_over_when_found() {
        let folder = tempfile::tempdir().unwrap();
        let found = folder.path().join("mlstack-server");
        std::fs::copy(std::env::current_exe().unwrap(), &found).unwrap();
        let error = locate(Some(&found), Path::new("/nowhere/mlstack")).unwrap_err();
        assert!(matches!(
            error,
            ServerError::Unusable {
                source: BinaryError::Dynamic,
                ..
            }
        ));
        assert_eq!(locate(None, &folder.path().join("mlstack")).unwrap(), None);
    }

    #[test]
    fn a_missing_executable_is_named() {
        let error = locate(Some(Path::new("/nowhere/x")), Path::new("/nowhere/mlstack")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the server executable /nowhere/x");
    }
}
