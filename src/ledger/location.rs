//! From what was typed after `--ledger` to a store.
//!
//! Typed by whoever runs mlstack, never read from a stack file: a stranger's stack file must not say where credentials
//! are sent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlstack_provider::Secret;

use super::{Folder, LedgerError, Store};

/// How long a lock elsewhere lasts when nobody renews it.
pub const LEASE: Duration = Duration::from_secs(60);

/// Variables whose values no output may hold, whatever a store answers.
const CREDENTIALS: &[&str] = &["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD"];

/// Where the ledger of a stack is kept.
#[derive(Clone)]
pub struct Location<'a> {
    /// What was typed: `s3://…`, `postgres://…`, or a folder; `None` for `.mlstack` beside the stack file.
    pub typed: Option<&'a str>,
    /// The stack file's folder.
    pub root: &'a Path,
    /// The current folder.
    pub here: &'a Path,
    /// The stack's name.
    pub stack: &'a str,
    /// The surroundings' variables, for credentials.
    pub variables: &'a [(String, String)],
    /// How long a lock elsewhere lasts.
    pub lease: Duration,
}

impl Location<'_> {
    /// The store; nothing is opened yet. Its credentials are known to the printer from here on.
    ///
    /// # Errors
    /// When what was typed names no store.
    pub fn store(&self) -> Result<Arc<dyn Store>, LedgerError> {
        let Some(typed) = self.typed else {
            return Ok(Arc::new(Folder::below(self.root)));
        };
        hide_credentials(self.variables);
        match typed.split_once("://") {
            None => Ok(Arc::new(Folder::new(self.here.join(typed).join(self.stack)))),
            Some(("s3", rest)) => self.s3(rest),
            Some(("postgres" | "postgresql", _)) => self.postgres(typed),
            Some((scheme, _)) => Err(refused(format!("a ledger cannot be kept in `{scheme}://`"))),
        }
    }

    #[cfg(feature = "s3")]
    fn s3(&self, rest: &str) -> Result<Arc<dyn Store>, LedgerError> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        if bucket.is_empty() {
            return Err(refused("an S3 ledger is `s3://BUCKET/PREFIX`".into()));
        }
        let (mut endpoint, mut region) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("endpoint", value)) => endpoint = Some(value.to_owned()),
                Some(("region", value)) => region = Some(value.to_owned()),
                _ => {
                    return Err(refused(format!(
                        "an S3 ledger has `endpoint` and `region`, not `{pair}`"
                    )));
                }
            }
        }
        let variables = super::aws::variables(self.variables)?;
        hide_credentials(&variables);
        let folder = [prefix.trim_matches('/'), self.stack].join("/");
        let bucket = super::s3::Bucket {
            name: bucket.to_owned(),
            folder: folder.trim_start_matches('/').to_owned(),
            endpoint,
            region,
            variables,
            lease: self.lease,
        };
        Ok(Arc::new(super::s3::S3::new(bucket)?))
    }

    #[cfg(not(feature = "s3"))]
    fn s3(&self, _rest: &str) -> Result<Arc<dyn Store>, LedgerError> {
        Err(refused("this mlstack was built without S3 (feature `s3`)".into()))
    }

    #[cfg(feature = "postgres")]
    fn postgres(&self, typed: &str) -> Result<Arc<dyn Store>, LedgerError> {
        let (mut config, wire) = super::tls::settings(typed, self.here)?;
        let variable = |name: &str| self.variables.iter().find(|(key, _)| key == name);
        if let (None, Some((_, password))) = (config.get_password(), variable("PGPASSWORD")) {
            config.password(password);
        }
        // One that was typed into the URL as well.
        drop(config.get_password().map(Secret::new));
        let database = super::postgres::Database {
            config,
            wire,
            stack: self.stack.to_owned(),
            lease: self.lease,
        };
        Ok(Arc::new(super::postgres::Postgres::new(database)))
    }

    #[cfg(not(feature = "postgres"))]
    fn postgres(&self, _typed: &str) -> Result<Arc<dyn Store>, LedgerError> {
        Err(refused(
            "this mlstack was built without PostgreSQL (feature `postgres`)".into(),
        ))
    }
}

fn hide_credentials(variables: &[(String, String)]) {
    let values = variables
        .iter()
        .filter(|(name, _)| CREDENTIALS.contains(&name.as_str()));
    values.for_each(|(_, value)| drop(Secret::new(value.as_str())));
}

fn refused(text: String) -> LedgerError {
    LedgerError::Refused(text)
}

#[cfg(all(test, feature = "s3", feature = "postgres"))]
mod tests {
    use super::*;

    fn shown(typed: Option<&str>) -> String {
        let location = Location {
            typed,
            root: Path::new("/home/ann/prices"),
            here: Path::new("/home/ann"),
            stack: "prices",
            variables: &[("PGPASSWORD".into(), "of-no-worth".into())],
            lease: LEASE,
        };
        match location.store() {
            Ok(store) => store.shown(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn what_is_typed_names_a_store() {
        let typed = [
            "team",
            "/srv/ledgers",
            "../up",
            "s3://bucket",
            "s3://bucket/a/b/?endpoint=https://s3.example&region=eu-west-1",
            "s3:///prefix",
            "s3://bucket?color=red",
            "s3://bucket?endpoint",
            "postgres://ann:word@db.example/ledgers",
            "postgresql://ann@db.example:6432",
            "postgres://db.example/x?sslmode=sometimes",
            "postgres://ann@db.example:port/x",
            "https://example.org/ledger",
            "ssh://example.org",
        ];
        let mut told = vec![format!("nothing\n    {}", shown(None))];
        told.extend(typed.map(|typed| format!("{typed}\n    {}", shown(Some(typed)))));
        insta::assert_snapshot!(told.join("\n"), @"
        nothing
            /home/ann/prices/.mlstack
        team
            /home/ann/team/prices
        /srv/ledgers
            /srv/ledgers/prices
        ../up
            /home/ann/../up/prices
        s3://bucket
            s3://bucket/prices
        s3://bucket/a/b/?endpoint=https://s3.example&region=eu-west-1
            s3://bucket/a/b/prices
        s3:///prefix
            error: an S3 ledger is `s3://BUCKET/PREFIX`
        s3://bucket?color=red
            error: an S3 ledger has `endpoint` and `region`, not `color=red`
        s3://bucket?endpoint
            error: an S3 ledger has `endpoint` and `region`, not `endpoint`
        postgres://ann:word@db.example/ledgers
            postgres://db.example/ledgers
        postgresql://ann@db.example:6432
            postgres://db.example/ann
        postgres://db.example/x?sslmode=sometimes
            error: there is no `sslmode=sometimes`: it is verify-full, require or disable
        postgres://ann@db.example:port/x
            error: a PostgreSQL ledger is `postgres://USER@HOST/DATABASE`
        https://example.org/ledger
            error: a ledger cannot be kept in `https://`
        ssh://example.org
            error: a ledger cannot be kept in `ssh://`
        ");
    }
}
