//! The client against servers: good ones, failing ones, and ones that lie.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod answers;
mod export;
mod failures;
mod proxy;
mod secrecy;
mod server;
mod stream;
mod tls;
