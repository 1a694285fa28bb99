//! How a database is reached: in plain text, or by TLS with a certificate that is checked.
//!
//! Between machines it is TLS unless `sslmode=disable` was typed: nobody falls back to plain text by himself. With TLS
//! the certificate and its name are always checked, by the authorities of this machine or those of `sslrootcert`; a
//! connection to a server that nobody knows would protect from nobody. So `require` means `verify-full` here.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::LedgerError;

/// What a connection is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// Plain text.
    Plain,
    /// TLS; the certificate is checked by the authorities in this file, else by this machine's.
    Checked(Option<PathBuf>),
}

/// Reads `postgres://…?sslmode=…&sslrootcert=…`; a relative file is below `here`.
///
/// # Errors
/// When it names no database, or a mode that does not exist.
pub(super) fn settings(typed: &str, here: &Path) -> Result<(Config, Wire), LedgerError> {
    let (address, query) = typed.split_once('?').unwrap_or((typed, ""));
    let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", "system")) => roots = None,
            Some(("sslrootcert", file)) => roots = Some(here.join(file)),
            _ => rest.push(pair),
        }
    }
    let config: Config = format!("{address}?{}", rest.join("&"))
        .parse()
        .map_err(|_| refused("a PostgreSQL ledger is `postgres://USER@HOST/DATABASE`".into()))?;
    let wire = match mode {
        Some("disable") => Wire::Plain,
        Some("require" | "verify-ca" | "verify-full") => Wire::Checked(roots),
        None | Some("prefer" | "allow") if roots.is_none() && is_here(&config) => Wire::Plain,
        None | Some("prefer" | "allow") => Wire::Checked(roots),
        Some(other) => {
            return Err(refused(format!(
                "there is no `sslmode={other}`: it is verify-full, require or disable"
            )));
        }
    };
    Ok((config, wire))
}

/// On the same machine nobody listens in, and servers there seldom have a certificate.
fn is_here(config: &Config) -> bool {
    let named = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    });
    named && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// What makes TLS connections.
///
/// # Errors
/// When the authorities cannot be read.
pub(super) fn connector(roots: Option<&Path>) -> Result<MakeRustlsConnect, LedgerError> {
    let unusable = |error: rustls::Error| refused(format!("cannot check certificates: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match roots {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None => builder.with_platform_verifier().map_err(unusable)?,
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

fn authorities(file: &Path) -> Result<RootCertStore, LedgerError> {
    let text = std::fs::read(file).map_err(|cause| LedgerError::Io {
        action: "read the certificates in",
        path: file.to_owned(),
        cause,
    })?;
    let mut roots = RootCertStore::empty();
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text).flatten().collect();
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(refused(format!(
            "{} holds no certificate (PEM, `-----BEGIN CERTIFICATE-----`)",
            file.display()
        ))),
        _ => Ok(roots),
    }
}

/// Why no connection came about and what helps, where that is the wire's doing.
#[derive(Debug, thiserror::Error)]
#[error("{told}")]
pub(super) struct Unsafe {
    told: String,
    #[source]
    cause: tokio_postgres::Error,
}

/// The same error, said for people where it is the wire's doing.
pub(super) fn explained(error: tokio_postgres::Error) -> Box<dyn Error + Send + Sync> {
    match why(&error) {
        Some(told) => Box::new(Unsafe { told, cause: error }),
        None => Box::new(error),
    }
}

fn why(error: &tokio_postgres::Error) -> Option<String> {
    let inner = error.source()?;
    if inner.to_string() == "server does not support TLS" {
        return Some("the server offers no TLS; where nobody can listen in on the way: `sslmode=disable`".into());
    }
    let wrapped = inner.downcast_ref::<io::Error>()?.get_ref()?;
    let rustls::Error::InvalidCertificate(why) = wrapped.downcast_ref()? else {
        return None;
    };
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
        UnknownIssuer,
    };
    Some(match why {
        UnknownIssuer => "nobody that this machine trusts signed the server's certificate; \
                          name the file of the authority that did: `sslrootcert=FILE`"
            .into(),
        NotValidForNameContext { presented, .. } => format!(
            "the server's certificate is for another name ({}); write that as the host",
            presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", ")
        ),
        NotValidForName => "the server's certificate is for another name; write that as the host".into(),
        Expired | ExpiredContext { .. } => "the server's certificate has expired".into(),
        NotValidYet | NotValidYetContext { .. } => "the server's certificate is not valid yet".into(),
        _ => return None,
    })
}

/// `db.example` of `DnsName("db.example")`.
fn bare(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inner.trim_matches('"')
}

fn refused(text: String) -> LedgerError {
    LedgerError::Refused(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(typed: &str) -> String {
        match settings(typed, Path::new("/here")) {
            Ok((_, Wire::Plain)) => "plain".into(),
            Ok((_, Wire::Checked(None))) => "checked".into(),
            Ok((_, Wire::Checked(Some(roots)))) => format!("checked by {}", roots.display()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn plain_text_never_leaves_the_machine_unasked() {
        let told: Vec<String> = [
            "postgres://u@localhost/d",
            "postgres://u@127.0.0.9/d?sslmode=prefer",
            "postgres://u@[::1]/d",
            "postgres://u@%2Frun%2Fpostgresql/d",
            "postgres://u@localhost/d?sslmode=require",
            "postgres://u@localhost/d?sslrootcert=ca.pem",
            "postgres://u@localhost/d?hostaddr=10.0.0.7",
            "postgres://u@localhost,db.example/d",
            "postgres://u@db.example/d",
            "postgres://u@db.example/d?sslmode=prefer",
            "postgres://u@db.example/d?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=3",
            "postgres://u@db.example/d?sslmode=verify-full&sslrootcert=system",
            "postgres://u@db.example/d?sslmode=disable",
            "postgres://u@db.example/d?sslmode=maybe",
            "postgres://u@db.example/d?what=1",
        ]
        .iter()
        .map(|typed| format!("{typed}\n    {}", wire(typed)))
        .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        postgres://u@localhost/d
            plain
        postgres://u@127.0.0.9/d?sslmode=prefer
            plain
        postgres://u@[::1]/d
            plain
        postgres://u@%2Frun%2Fpostgresql/d
            plain
        postgres://u@localhost/d?sslmode=require
            checked
        postgres://u@localhost/d?sslrootcert=ca.pem
            checked by /here/ca.pem
        postgres://u@localhost/d?hostaddr=10.0.0.7
            checked
        postgres://u@localhost,db.example/d
            checked
        postgres://u@db.example/d
            checked
        postgres://u@db.example/d?sslmode=prefer
            checked
        postgres://u@db.example/d?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=3
            checked by /etc/ca.pem
        postgres://u@db.example/d?sslmode=verify-full&sslrootcert=system
            checked
        postgres://u@db.example/d?sslmode=disable
            plain
        postgres://u@db.example/d?sslmode=maybe
            there is no `sslmode=maybe`: it is verify-full, require or disable
        postgres://u@db.example/d?what=1
            a PostgreSQL ledger is `postgres://USER@HOST/DATABASE`
        ");
    }

    #[test]
    fn a_file_without_certificates_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let error = |path: &Path| {
            let error = connector(Some(path)).err().unwrap().to_string();
            error.replace(folder.path().to_str().unwrap(), "DIR")
        };
        let missing = error(&path);
        std::fs::write(&path, "not a certificate").unwrap();
        insta::assert_snapshot!([missing, error(&path)].join("\n"), @"
        cannot read the certificates in DIR/ca.pem
        DIR/ca.pem holds no certificate (PEM, `-----BEGIN CERTIFICATE-----`)
        ");
    }
}
