//! The commands on a cluster: planned, applied, looked at, changed, rolled back, destroyed, on the API server's double.

mod ground;
mod ledger;
mod walk;
