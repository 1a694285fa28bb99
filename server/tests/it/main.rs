//! The server with the real things around it: processes, sockets, PostgreSQL, a browser.

mod log;
mod postgres;
