//! The client against servers: good ones, failing ones, and ones that lie.

mod answers;
mod failures;
mod proxy;
mod secrecy;
mod server;
mod tls;
