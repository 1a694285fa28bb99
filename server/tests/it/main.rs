//! The server with the real things around it: processes, sockets, PostgreSQL, a browser.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what is wrong by failing"
)]

mod browser;
mod client;
mod fake;
mod frontend;
mod http;
mod log;
mod oip;
mod page;
mod postgres;
mod process;
