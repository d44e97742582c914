//! The line that analysisd reads from its queue socket.

use std::fmt::Write as _;

use thiserror::Error;

use crate::alert::Alert;
use crate::scan;

/// The most bytes of one datagram that analysisd reads. It cuts what is longer without a word, and half a JSON
/// object decodes to nothing.
pub const MAX_LINE_BYTES: usize = 65_535;

/// What analysisd calls the queue of log messages (`LOCALFILE_MQ`).
const QUEUE: &str = "1:";
/// Longest agent name that Wazuh registers. analysisd refuses a message whose location is longer than 8 KiB.
const MAX_NAME_CHARS: usize = 128;
/// Agent ids are numbers of three digits or more.
const MAX_ID_CHARS: usize = 16;
/// The longest IPv6 address has 45 characters, a zone behind it 16.
const MAX_IP_CHARS: usize = 64;

/// The agent in whose name an event is sent, so that the alert about it bears that agent, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sender<'a> {
    /// The agent's id. Blank or `000` means the manager itself.
    pub id: &'a str,
    /// The agent's name.
    pub name: &'a str,
    /// The agent's address. `None` is sent as `any`.
    pub ip: Option<&'a str>,
}

impl<'a> Sender<'a> {
    /// The agent that an alert is about. `None` for agentless events and for the manager itself (agent 000),
    /// whose events are sent without a sender. An agent without a name is named by its id.
    #[must_use]
    pub fn of(alert: &'a Alert) -> Option<Self> {
        let id = alert.agent_id()?;
        let sender = Self { id, name: alert.agent_name().unwrap_or(id), ip: alert.agent_ip() };
        (!sender.is_manager()).then_some(sender)
    }

    fn is_manager(&self) -> bool {
        self.id.trim().bytes().all(|byte| byte == b'0')
    }
}

/// Why an event cannot be sent.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum QueueError {
    /// The line is longer than analysisd reads.
    #[error(
        "cannot send the event: the line would have {bytes} bytes, and analysisd reads no more than \
         {MAX_LINE_BYTES}; leave fields of the event out"
    )]
    TooLong {
        /// Length of the whole line in bytes.
        bytes: usize,
    },

    /// analysisd's JSON decoder only takes text that begins with `{"`.
    #[error(
        "cannot send the event: it is not a JSON object with at least one key, so analysisd would not decode it"
    )]
    NotAnObject,

    /// A NUL would end the message for analysisd. JSON has none.
    #[error(
        "cannot send the event: it has a NUL byte at offset {offset}, which no JSON has; escape it as \\u0000"
    )]
    Nul {
        /// Where in the event it is, in bytes.
        offset: usize,
    },
}

/// The line to send to analysisd's queue socket, as one datagram.
///
/// `1:opencti:{…}` without a sender or for the manager itself, else `1:[001] (web-01) 192.0.2.7->opencti:{…}`.
/// Before the colon that ends the location, `|` is written `||` and `:` is written `|:`. What would break the
/// framing is made harmless: `_` stands for control characters, for `]` and `>` in the id and for `)` and `>` in
/// the name; what does not look like an address is sent as `any`; overlong ids and names are cut. In the event,
/// line ends (blanks between JSON's tokens) become blanks.
///
/// # Errors
///
/// [`QueueError::TooLong`] when the line has more than [`MAX_LINE_BYTES`] bytes; see [`location_overhead`] for
/// how much there is for the event. [`QueueError::NotAnObject`] and [`QueueError::Nul`] when analysisd would not
/// decode the event.
///
/// # Examples
///
/// ```
/// use wazuh_alert::{Sender, queue_line};
///
/// let sender = Sender { id: "001", name: "web-01", ip: Some("2001:db8::7") };
/// let line = queue_line(Some(sender), "opencti", r#"{"integration":"opencti"}"#)?;
/// assert_eq!(line, r#"1:[001] (web-01) 2001|:db8|:|:7->opencti:{"integration":"opencti"}"#);
/// # Ok::<(), wazuh_alert::QueueError>(())
/// ```
pub fn queue_line(
    sender: Option<Sender<'_>>,
    integration: &str,
    event_json: &str,
) -> Result<String, QueueError> {
    let inner = event_json.strip_prefix('{').map(str::trim_ascii_start);
    if !inner.is_some_and(|inner| inner.starts_with('"')) {
        return Err(QueueError::NotAnObject);
    }
    let mut line = prefix(sender, integration);
    let bytes = line.len() + event_json.len();
    if bytes > MAX_LINE_BYTES {
        return Err(QueueError::TooLong { bytes });
    }
    line.reserve_exact(event_json.len());
    let bytes = event_json.as_bytes();
    let mut start = 0;
    loop {
        let end = scan::find(bytes, start, [b'\n', b'\r', 0]);
        line.push_str(event_json.get(start..end).unwrap_or_default());
        match bytes.get(end) {
            Some(0) => return Err(QueueError::Nul { offset: end }),
            Some(_) => line.push(' '),
            None => return Ok(line),
        }
        start = end + 1;
    }
}

/// How many bytes of the line are not the event: [`MAX_LINE_BYTES`] less this is what an event may have.
#[must_use]
pub fn location_overhead(sender: Option<Sender<'_>>, integration: &str) -> usize {
    prefix(sender, integration).len()
}

/// The line up to the event.
fn prefix(sender: Option<Sender<'_>>, integration: &str) -> String {
    let mut location = String::new();
    if let Some(sender) = sender.filter(|sender| !sender.is_manager()) {
        let id = harmless(sender.id, &[']', '>'], MAX_ID_CHARS);
        let name = harmless(sender.name, &[')', '>'], MAX_NAME_CHARS);
        let ip = sender.ip.filter(|ip| is_like_address(ip)).unwrap_or("any");
        // Writing to a String cannot fail.
        let _ = write!(location, "[{id}] ({name}) {ip}->");
    }
    location.push_str(&harmless(integration, &[], MAX_NAME_CHARS));

    let mut line = String::with_capacity(QUEUE.len() + location.len() + 16);
    line.push_str(QUEUE);
    for char in location.chars() {
        if matches!(char, '|' | ':') {
            line.push('|');
        }
        line.push(char);
    }
    line.push(':');
    line
}

/// `text` with `_` for control characters and for what would end the field, cut to `max` characters.
fn harmless(text: &str, delimiters: &[char], max: usize) -> String {
    let is_harmful = |char: char| char.is_control() || delimiters.contains(&char);
    text.chars().take(max).map(|char| if is_harmful(char) { '_' } else { char }).collect()
}

/// Whether analysisd would read it back as it is: it takes the address to end at the first `-`.
fn is_like_address(ip: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".:%/_".contains(&byte);
    ip.contains(['.', ':']) && ip.len() <= MAX_IP_CHARS && ip.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::{Sender, location_overhead, queue_line};
    use crate::Alert;

    const EVENT: &str = r#"{"integration":"opencti"}"#;

    fn location(id: &str, name: &str, ip: Option<&str>) -> String {
        let line = queue_line(Some(Sender { id, name, ip }), "opencti", EVENT).unwrap();
        line.strip_suffix(EVENT).unwrap().to_owned()
    }

    #[test]
    fn the_manager_has_no_sender() {
        assert_eq!(queue_line(None, "opencti", EVENT).unwrap(), format!("1:opencti:{EVENT}"));
        for id in ["000", "0", "", " "] {
            assert_eq!(location(id, "manager", None), "1:opencti:");
        }
        assert_eq!(location_overhead(None, "opencti"), "1:opencti:".len());
    }

    #[test]
    fn an_agent_is_named_before_the_arrow() {
        assert_eq!(location("001", "web-01", Some("192.0.2.7")), "1:[001] (web-01) 192.0.2.7->opencti:");
        assert_eq!(location("001", "web-01", None), "1:[001] (web-01) any->opencti:");
        assert_eq!(
            location("12", "a|b:c", Some("fe80::1%eth0")),
            "1:[12] (a||b|:c) fe80|:|:1%eth0->opencti:"
        );
    }

    #[test]
    fn what_would_break_the_framing_is_harmless() {
        assert_eq!(location("0]1>\n", "a)b>c\0d\re\u{85}", None), "1:[0_1__] (a_b_c_d_e_) any->opencti:");
        for ip in ["10.0.0.1-x", "1.2.3.4->x", "a b", "", "\n", "[::1]", "false", &"1".repeat(65)] {
            assert_eq!(location("001", "a", Some(ip)), "1:[001] (a) any->opencti:", "{ip:?}");
        }
        assert_eq!(
            location("001", &"é".repeat(500), None),
            format!("1:[001] ({}) any->opencti:", "é".repeat(128))
        );
        assert_eq!(queue_line(None, "a:b\n", EVENT).unwrap(), format!("1:a|:b_:{EVENT}"));
    }

    #[test]
    fn an_event_of_several_lines_becomes_one() {
        let event = "{\r\n  \"a\": \"b\\n\"\n}\n";
        assert_eq!(queue_line(None, "opencti", event).unwrap(), "1:opencti:{    \"a\": \"b\\n\" } ");
    }

    #[test]
    fn messages() {
        let refused = |event: &str| queue_line(None, "opencti", event).unwrap_err().to_string();
        insta::assert_snapshot!(refused(&format!("{{\"a\":\"{}\"}}", "x".repeat(65_535))), @"cannot send the event: the line would have 65553 bytes, and analysisd reads no more than 65535; leave fields of the event out");
        insta::assert_snapshot!(refused("{}"), @"cannot send the event: it is not a JSON object with at least one key, so analysisd would not decode it");
        insta::assert_snapshot!(refused("[{\"a\":1}]"), @"cannot send the event: it is not a JSON object with at least one key, so analysisd would not decode it");
        insta::assert_snapshot!(refused(" {\"a\":1}"), @"cannot send the event: it is not a JSON object with at least one key, so analysisd would not decode it");
        insta::assert_snapshot!(refused("{\"a\":\"\0\"}"), @r"cannot send the event: it has a NUL byte at offset 6, which no JSON has; escape it as \u0000");
    }

    #[test]
    fn the_sender_is_the_alerts_agent() {
        let sender = |agent: &str| {
            let alert = Alert::parse(format!(r#"{{"rule":{{}}{agent}}}"#).as_bytes()).unwrap();
            Sender::of(&alert)
                .map(|sender| (sender.id.to_owned(), sender.name.to_owned(), sender.ip.map(str::to_owned)))
        };
        let of = |id: &str, name: &str, ip: Option<&str>| {
            Some((id.to_owned(), name.to_owned(), ip.map(str::to_owned)))
        };
        assert_eq!(
            sender(r#","agent":{"id":"001","name":"web-01","ip":"192.0.2.7"}"#),
            of("001", "web-01", Some("192.0.2.7"))
        );
        assert_eq!(sender(r#","agent":{"id":"001","name":"web-01"}"#), of("001", "web-01", None));
        assert_eq!(sender(r#","agent":{"id":"001"}"#), of("001", "001", None));
        assert_eq!(sender(r#","agent":{"id":"000","name":"manager"}"#), None);
        assert_eq!(sender(r#","agent":{"name":"web-01"}"#), None);
        assert_eq!(sender(""), None);
    }
}
