//! The commands on a cluster: planned, applied, looked at, changed, rolled back, destroyed, on the API server's double.

mod examples;
mod ground;
mod killed;
mod ledger;
mod policies;
mod reach;
mod server;
mod walk;
