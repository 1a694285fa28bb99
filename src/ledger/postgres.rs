//! The ledger in PostgreSQL.
//!
//! The lock is an advisory lock on a connection of its own, so that it ends with its process; beside it stands who
//! has it and when that was last renewed, by the server's clock, for a connection that died without the server
//! knowing. Whoever is late all the same cannot write: every write names the serial it replaces.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::tls::{self, Wire};
use super::{Holder, Lease, Leased, LedgerError, Lock, Store, Version};

/// What names a database and how to reach it.
#[derive(Clone)]
pub(super) struct Database {
    /// How to reach it; the password is in here.
    pub(super) config: Config,
    /// In plain text or not.
    pub(super) wire: Wire,
    /// The stack.
    pub(super) stack: String,
    /// How long the lock lasts without a renewal.
    pub(super) lease: Duration,
}

/// The ledger of one stack in a database.
pub(super) struct Postgres {
    database: Database,
    client: Mutex<Option<Client>>,
}

/// Made in one transaction behind a lock: `IF NOT EXISTS` alone lets two who are first at once fail.
const TABLES: &str = "
BEGIN;
SELECT pg_advisory_xact_lock(7811890341001);
CREATE TABLE IF NOT EXISTS mlstack_ledger (stack text PRIMARY KEY, serial bigint NOT NULL, ledger text NOT NULL);
CREATE TABLE IF NOT EXISTS mlstack_lock (stack text PRIMARY KEY, holder text NOT NULL, backend integer NOT NULL,
    renewed timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS mlstack_journal (stack text, place bigserial, line text NOT NULL, PRIMARY KEY (stack, place));
COMMIT;";

const LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended('mlstack ' || $1, 0))";

/// Who has the lock, and whether its connection still stands and was heard of in time (`$2`, in milliseconds).
const WHO: &str = "SELECT holder, backend, renewed < clock_timestamp() - $2 * interval '1 millisecond' AS over,
    EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = backend AND granted
        AND (classid::bigint << 32 | objid::bigint) = hashtextextended('mlstack ' || $1, 0)) AS stands
    FROM mlstack_lock WHERE stack = $1";

const SIGN: &str = "INSERT INTO mlstack_lock VALUES ($1, $2, pg_backend_pid(), clock_timestamp())
    ON CONFLICT (stack) DO UPDATE SET holder = $2, backend = pg_backend_pid(), renewed = clock_timestamp()";

const RENEW: &str = "UPDATE mlstack_lock SET renewed = clock_timestamp()
    WHERE stack = $1 AND backend = pg_backend_pid()";

/// Ends a connection that was not heard of, on the server's side, which frees its locks.
const END: &str = "SELECT pg_terminate_backend($1)";

/// A server that cannot tell that its peer is gone would keep the lock for hours.
const KEEPALIVE: &str = "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

/// One holder, as the server knows it.
struct Row {
    holder: Holder,
    backend: i32,
    /// Nothing was heard of it for its whole time.
    over: bool,
    /// Its connection holds the lock.
    stands: bool,
}

impl Database {
    fn shown(&self) -> String {
        let host = self
            .config
            .get_hosts()
            .first()
            .map_or("?".to_owned(), |host| match host {
                tokio_postgres::config::Host::Tcp(name) => name.clone(),
                tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
            });
        let name = self.config.get_dbname().or(self.config.get_user()).unwrap_or("?");
        format!("postgres://{host}/{name}")
    }

    fn failed(&self, action: &'static str) -> impl Fn(Error) -> LedgerError + use<> {
        let place = self.shown();
        move |cause| {
            let place = place.clone();
            let cause = Box::new(cause);
            LedgerError::Remote { action, place, cause }
        }
    }

    /// A new connection, served by the runtime it is made in.
    async fn connect(&self) -> Result<Client, LedgerError> {
        let failed = |cause: Error| LedgerError::Remote {
            action: "reach",
            place: self.shown(),
            cause: tls::explained(cause),
        };
        let mut config = self.config.clone();
        config
            .connect_timeout(Duration::from_secs(10))
            .application_name("mlstack");
        match &self.wire {
            Wire::Plain => {
                config.ssl_mode(SslMode::Disable);
                let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(client)
            }
            Wire::Checked(roots) => {
                config.ssl_mode(SslMode::Require);
                let connector = tls::connector(roots.as_deref())?;
                let (client, connection) = config.connect(connector).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }

    async fn row(&self, client: &Client) -> Result<Option<Row>, LedgerError> {
        let lasts = f64::from(u32::try_from(self.lease.as_millis()).unwrap_or(u32::MAX));
        let row = match client.query_opt(WHO, &[&self.stack, &lasts]).await {
            Ok(row) => row,
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(self.failed("read")(error)),
        };
        let Some(row) = row else { return Ok(None) };
        let damaged = |error| LedgerError::Refused(format!("the lock in {} is damaged: {error}", self.shown()));
        Ok(Some(Row {
            holder: serde_json::from_str(row.get("holder")).map_err(damaged)?,
            backend: row.get("backend"),
            over: row.get("over"),
            stands: row.get("stands"),
        }))
    }

    /// Takes the lock on this connection.
    async fn take(&self, client: &Client, holder: &Holder) -> Result<(), LedgerError> {
        let failed = self.failed("lock");
        client.batch_execute(TABLES).await.map_err(&failed)?;
        client.batch_execute(KEEPALIVE).await.map_err(&failed)?;
        for round in 0..10_u64 {
            let got = client.query_one(LOCK, &[&self.stack]).await.map_err(&failed)?;
            if got.get(0) {
                let text = serde_json::to_string(holder).map_err(|e| LedgerError::Refused(e.to_string()))?;
                return client
                    .execute(SIGN, &[&self.stack, &text])
                    .await
                    .map(drop)
                    .map_err(failed);
            }
            match self.row(client).await? {
                Some(row) if row.stands && (row.over || row.is_ours_or_gone(holder)) => {
                    client.query_one(END, &[&row.backend]).await.map_err(&failed)?;
                }
                Some(row) if row.stands => return Err(LedgerError::Held(Some(Box::new(row.holder)))),
                // Somebody took it and has not signed yet.
                _ if round == 9 => return Err(LedgerError::Held(None)),
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(20 * (round + 1))).await;
        }
        Err(LedgerError::Held(None))
    }
}

impl Row {
    fn is_ours_or_gone(&self, own: &Holder) -> bool {
        self.holder.id == own.id || self.holder.process.is_gone()
    }
}

fn is_missing(error: &Error) -> bool {
    error.code() == Some(&SqlState::UNDEFINED_TABLE)
}

/// The lock while it is ours: its connection.
struct Held {
    client: Client,
    database: Database,
}

#[async_trait]
impl Leased for Held {
    /// The lock goes with its connection: one that is gone cannot be had again unseen.
    async fn renew(&mut self) -> Result<bool, LedgerError> {
        if self.client.is_closed() {
            return Ok(false);
        }
        let renewed = self.client.execute(RENEW, &[&self.database.stack]).await;
        renewed
            .map(|rows| rows == 1)
            .map_err(self.database.failed("renew the lock in"))
    }

    async fn release(&mut self) -> Result<(), LedgerError> {
        let stack = &self.database.stack;
        let failed = self.database.failed("free the lock in");
        let forget = "DELETE FROM mlstack_lock WHERE stack = $1 AND backend = pg_backend_pid()";
        self.client.execute(forget, &[stack]).await.map_err(&failed)?;
        let free = "SELECT pg_advisory_unlock(hashtextextended('mlstack ' || $1, 0))";
        self.client.query_one(free, &[stack]).await.map(drop).map_err(failed)
    }
}

impl Postgres {
    /// Opens nothing yet.
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            client: Mutex::new(None),
        }
    }

    /// The connection for everything but the lock; a new one where the last is gone.
    async fn client(&self) -> Result<tokio::sync::MappedMutexGuard<'_, Client>, LedgerError> {
        let mut client = self.client.lock().await;
        if client.as_ref().is_none_or(Client::is_closed) {
            *client = Some(self.database.connect().await?);
        }
        tokio::sync::MutexGuard::try_map(client, Option::as_mut)
            .map_err(|_| LedgerError::Refused("a connection was lost".into()))
    }

    fn overtaken(&self) -> LedgerError {
        LedgerError::Overtaken { place: self.shown() }
    }
}

const INSERT: &str = "INSERT INTO mlstack_ledger VALUES ($1, 1, $2) ON CONFLICT DO NOTHING RETURNING serial";
const UPDATE: &str = "UPDATE mlstack_ledger SET serial = serial + 1, ledger = $2
    WHERE stack = $1 AND serial = $3 RETURNING serial";

#[async_trait]
impl Store for Postgres {
    fn shown(&self) -> String {
        self.database.shown()
    }

    async fn read(&self) -> Result<Option<(String, Version)>, LedgerError> {
        let ask = "SELECT ledger, serial FROM mlstack_ledger WHERE stack = $1";
        let client = self.client().await?;
        match client.query_opt(ask, &[&self.database.stack]).await {
            Ok(row) => Ok(row.map(|row| (row.get(0), Version(row.get::<_, i64>(1).to_string())))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.database.failed("read")(error)),
        }
    }

    async fn write(&self, text: &str, over: Option<&Version>) -> Result<Version, LedgerError> {
        let over = over.map(|Version(serial)| serial.parse::<i64>());
        let over = over.transpose().map_err(|_| self.overtaken())?;
        let tried = {
            let client = self.client().await?;
            client
                .batch_execute(TABLES)
                .await
                .map_err(self.database.failed("write"))?;
            match over {
                None => client.query_opt(INSERT, &[&self.database.stack, &text]).await,
                Some(serial) => client.query_opt(UPDATE, &[&self.database.stack, &text, &serial]).await,
            }
        };
        match tried {
            Ok(Some(row)) => Ok(Version(row.get::<_, i64>(0).to_string())),
            Ok(None) => self.already(text).await?.ok_or_else(|| self.overtaken()),
            Err(error) => self
                .already(text)
                .await?
                .ok_or_else(|| self.database.failed("write")(error)),
        }
    }

    async fn lock(&self, holder: &Holder) -> Result<Lock, LedgerError> {
        let (database, own) = (self.database.clone(), holder.clone());
        let take = move || async move {
            let client = database.connect().await?;
            database.take(&client, &own).await?;
            Ok(Box::new(Held { client, database }) as Box<dyn Leased>)
        };
        let lease = Lease::keep(self.database.lease, take).await?;
        Ok(Lock::new(holder.clone(), lease))
    }

    async fn holder(&self) -> Result<Option<Holder>, LedgerError> {
        let client = self.client().await?;
        let row = self.database.row(&client).await?;
        Ok(row.filter(|row| row.stands).map(|row| row.holder))
    }

    async fn unlock(&self, id: &str) -> Result<(), LedgerError> {
        let client = self.client().await?;
        let Some(row) = self.database.row(&client).await?.filter(|row| row.stands) else {
            return Ok(());
        };
        if row.holder.id != id {
            let (asked, found) = (id.to_owned(), row.holder.id);
            return Err(LedgerError::OtherId { asked, found });
        }
        if !row.over && !row.holder.process.is_gone() {
            return Err(LedgerError::Alive(Box::new(row.holder)));
        }
        let ended = client.query_one(END, &[&row.backend]).await;
        ended.map(drop).map_err(self.database.failed("unlock"))
    }

    async fn journal(&self) -> Result<String, LedgerError> {
        let ask = "SELECT line FROM mlstack_journal WHERE stack = $1 ORDER BY place";
        let client = self.client().await?;
        match client.query(ask, &[&self.database.stack]).await {
            Ok(rows) => Ok(rows.iter().map(|row| row.get::<_, &str>(0)).collect()),
            Err(error) if is_missing(&error) => Ok(String::new()),
            Err(error) => Err(self.database.failed("read")(error)),
        }
    }

    async fn append(&self, line: &str) -> Result<(), LedgerError> {
        let add = "INSERT INTO mlstack_journal (stack, line) VALUES ($1, $2)";
        let client = self.client().await?;
        let failed = self.database.failed("write");
        match client.execute(add, &[&self.database.stack, &line]).await {
            Err(error) if is_missing(&error) => {
                client.batch_execute(TABLES).await.map_err(&failed)?;
                client.execute(add, &[&self.database.stack, &line]).await
            }
            tried => tried,
        }
        .map(drop)
        .map_err(failed)
    }

    async fn clear(&self) -> Result<(), LedgerError> {
        let client = self.client().await?;
        let empty = "DELETE FROM mlstack_journal WHERE stack = $1";
        match client.execute(empty, &[&self.database.stack]).await {
            Err(error) if is_missing(&error) => Ok(()),
            tried => tried.map(drop).map_err(self.database.failed("write")),
        }
    }
}

impl Postgres {
    /// The version, when what stands there is this very text: the write happened and its answer was lost.
    async fn already(&self, text: &str) -> Result<Option<Version>, LedgerError> {
        Ok(self
            .read()
            .await?
            .filter(|(found, _)| found == text)
            .map(|(_, version)| version))
    }
}
