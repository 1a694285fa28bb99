//! The tables of the prediction log, and how older ones become newer ones.
//!
//! Versions are only ever appended to [`STEPS`]. Two servers that start at once are kept apart by an advisory lock,
//! which the transaction holds.

use tokio_postgres::{Client, Error};

/// Any number that no one else takes: "mlstack" in ASCII.
const LOCK: i64 = 0x006d_6c73_7461_636b;

/// Step `n` leads from version `n` to `n + 1`.
const STEPS: [&str; 1] = ["
    CREATE TABLE predictions (
        id          uuid PRIMARY KEY,
        ts          timestamptz NOT NULL,
        model       text NOT NULL,
        version     text NOT NULL,
        features    jsonb NOT NULL,
        prediction  jsonb NOT NULL,
        probability real,
        latency_us  bigint NOT NULL,
        source      text NOT NULL,
        request_id  text NOT NULL
    );
    CREATE INDEX predictions_ts ON predictions (ts);
    CREATE INDEX predictions_request_id ON predictions (request_id);
"];

/// Brings the database to the present version; does nothing when it is there already or further.
pub(super) async fn migrate(client: &mut Client) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    transaction
        .batch_execute("CREATE TABLE IF NOT EXISTS mlstack_log_schema (version integer NOT NULL, ts timestamptz NOT NULL DEFAULT now())")
        .await?;
    let row = transaction
        .query_one("SELECT coalesce(max(version), 0) FROM mlstack_log_schema", &[])
        .await?;
    let found = usize::try_from(row.get::<_, i32>(0)).unwrap_or(0);
    for (at, step) in STEPS.iter().enumerate().skip(found) {
        transaction.batch_execute(step).await?;
        let version = i32::try_from(at + 1).expect("there are few steps");
        transaction
            .execute("INSERT INTO mlstack_log_schema (version) VALUES ($1)", &[&version])
            .await?;
        tracing::info!(version, "prediction log: schema migrated");
    }
    transaction.commit().await
}

/// One statement for any number of rows. Every parameter is an array; texts become uuid and jsonb on the server.
pub(super) const INSERT: &str = "
    INSERT INTO predictions (id, ts, model, version, features, prediction, probability, latency_us, source, request_id)
    SELECT id::uuid, to_timestamp(ts), $9, $10, features::jsonb, prediction::jsonb, probability, latency_us, source, request_id
    FROM unnest($1::text[], $2::float8[], $3::text[], $4::text[], $5::float4[], $6::int8[], $7::text[], $8::text[])
      AS row (id, ts, features, prediction, probability, latency_us, source, request_id)
    ON CONFLICT (id) DO NOTHING
";
