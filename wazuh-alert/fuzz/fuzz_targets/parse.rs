//! Any bytes: no panic, what `serde_json` accepts is accepted, and what is kept reads the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wazuh_alert::{Alert, Sender, queue_line};

fuzz_target!(|bytes: &[u8]| {
    match Alert::parse(bytes) {
        Ok(alert) => {
            let again = Alert::parse(alert.raw().as_bytes()).expect("what was accepted is accepted again");
            assert!(alert.leaves().eq(again.leaves()));
            for leaf in alert.leaves() {
                assert!(alert.text(leaf.path).is_some());
            }
            if let Ok(line) = queue_line(Sender::of(&alert), "opencti", alert.raw()) {
                assert!(!line.contains(['\n', '\r', '\0']));
            }
        }
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control));
            let refused_on_purpose =
                matches!(error.label(), "not_an_alert" | "long_paths" | "array" | "not_an_object");
            if !refused_on_purpose {
                assert!(serde_json::from_slice::<serde_json::Value>(bytes).is_err(), "{error}");
            }
        }
    }
});
