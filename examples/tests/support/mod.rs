//! What the end-to-end tests share: the cases, a server that answers like OpenCTI, a Wazuh home, and how results are
//! shown in snapshots.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod case;
pub(crate) mod contract;
pub(crate) mod home;
pub(crate) mod platform;
pub(crate) mod program;
pub(crate) mod show;

/// What must not be in any output, log, event or file.
pub(crate) const TOKEN: &str = "c4n4ry-5e3b-4d0c-9a51-t0k3n0000000";

/// Runs a future on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
