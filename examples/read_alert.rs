//! Reads a Wazuh alert with `wazuh-alert` alone, and writes the line that an integration sends to its queue.
#![expect(clippy::print_stdout, reason = "an example that prints")]

use wazuh_alert::{Alert, Sender, queue_line};

const SAMPLE: &str = r#"{"timestamp":"2026-04-02T08:01:10.123+0000","rule":{"level":5,"id":"5710","description":"sshd: unknown user",
    "groups":["syslog"," sshd"]},"agent":{"id":"012","name":"web-1","ip":"2001:db8::9"},"id":"1775117001.10137",
    "decoder":{"name":"sshd"},"data":{"srcip":"203.0.113.66","srcuser":"oracle"},"location":"/var/log/auth.log"}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let alert = Alert::parse(SAMPLE.as_bytes())?;
    println!("rule {} of {}", alert.rule_id(), alert.rule_groups().collect::<Vec<_>>().join(", "));
    for leaf in alert.leaves().filter(|leaf| leaf.path.starts_with("data.")) {
        println!("{} = {}", leaf.path, leaf.text);
    }
    // What goes back to Wazuh bears the sender's agent; the colons of its address are escaped.
    println!(
        "{}",
        queue_line(Sender::of(&alert), "my-tool", r#"{"integration":"my-tool","verdict":"known"}"#)?
    );
    Ok(())
}
