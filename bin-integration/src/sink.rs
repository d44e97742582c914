//! Where events go: Wazuh's queue, or standard output.

pub(crate) mod stdout;
pub(crate) mod wazuh_queue;
