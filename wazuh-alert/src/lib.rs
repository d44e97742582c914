//! Read the alerts that Wazuh's analysisd writes, whatever is in them, and write the line that its queue reads.
//!
//! An [`Alert`] is parsed from bytes in one pass, never strictly: missing keys, other types than usual, bytes
//! that are not UTF-8 and Windows values that are escaped twice are all dealt with here, so that callers see
//! plain text. It is asked for single fields ([`Alert::text`], [`Alert::rule_groups`], …) or walked as a list
//! of [`Leaf`]s. What is no alert gives an [`AlertError`] that says why.
//!
//! An event goes back to analysisd with [`queue_line`], in the name of the [`Sender`] that the alert is about.
//!
//! ```
//! use wazuh_alert::{Alert, Sender, queue_line};
//!
//! let alert = Alert::parse(
//!     br#"{"timestamp":"2024-05-01T10:34:33.222+0000","id":"1714559673.1042",
//!          "rule":{"level":5,"id":"5710","groups":["syslog"," sshd"]},
//!          "agent":{"id":"001","name":"web-01","ip":"192.0.2.7"},
//!          "data":{"srcip":"203.0.113.9"},"location":"/var/log/auth.log"}"#,
//! )?;
//! assert_eq!(alert.text("data.srcip"), Some("203.0.113.9"));
//! assert!(alert.rule_groups().eq(["syslog", "sshd"]));
//!
//! let line = queue_line(Sender::of(&alert), "opencti", r#"{"integration":"opencti"}"#)?;
//! assert_eq!(line, r#"1:[001] (web-01) 192.0.2.7->opencti:{"integration":"opencti"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alert;
mod error;
mod escape;
mod json;
mod queue;
mod scan;

pub use alert::{Alert, Leaf, MAX_INPUT_BYTES};
pub use error::{AlertError, EXCERPT_CHARS};
pub use json::ScalarKind;
pub use queue::{MAX_LINE_BYTES, QueueError, Sender, location_overhead, queue_line};
