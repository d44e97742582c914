//! The alert and what can be asked of it.

use std::fmt;

use crate::error::{AlertError, excerpt, position};
use crate::json::{self, Node, ScalarKind, Tree};

/// The largest input that is read as one alert, in bytes: 16 MiB.
///
/// analysisd writes at most 64 KiB; alerts that were put together by others may be larger.
pub const MAX_INPUT_BYTES: usize = 16 << 20;

/// An alert of Wazuh, as analysisd writes it to `alerts.json` and integratord to its alert file.
///
/// It owns its text; every look-up borrows from it. Nothing is required of an alert but one of the keys
/// `rule`, `data` and `syscheck`: fields that are missing, empty or of another type than usual read as the
/// documentation of each method says.
///
/// # Paths
///
/// A path is the keys from the outside in, joined by `.`; arrays are transparent, as in OpenSearch: the path of
/// `{"data":{"dns":{"query":[{"rrname":"a.example"}]}}}` is `data.dns.query.rrname`. Keys are kept as written
/// and may have blanks, dots and colons in them (`data.win.eventdata.threat Name`).
///
/// # Windows events
///
/// The event channel decoder leaves values below `data.win.` escaped twice and with XML entities. Here they
/// read plain: `C:\Windows`, `"x.exe" /c a & b`. So does `data.win.system.message`, whose only trace is a pair
/// of quotes around it.
#[derive(Clone)]
pub struct Alert {
    raw: String,
    tree: Tree,
}

/// One scalar of an alert.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Leaf<'a> {
    /// The keys that lead to it, joined by `.`; see [`Alert`] for what that means for arrays.
    pub path: &'a str,
    /// Its text: numbers as written, `true` or `false` for booleans. May be empty.
    pub text: &'a str,
    /// How it was written.
    pub kind: ScalarKind,
}

impl Alert {
    /// Reads one alert.
    ///
    /// Bytes that are not UTF-8 become U+FFFD, as logs are in any encoding and analysisd passes them through. A
    /// byte order mark and blanks around the alert do not matter. Where a key occurs twice, both values are
    /// among the [leaves](Self::leaves), and look-ups find the later one.
    ///
    /// # Errors
    ///
    /// When the input is no JSON object, is larger than [`MAX_INPUT_BYTES`], is nested deeper than 1,000
    /// levels, or has none of the keys `rule`, `data` and `syscheck`. See [`AlertError`] for each case.
    ///
    /// # Examples
    ///
    /// ```
    /// use wazuh_alert::Alert;
    ///
    /// let alert = Alert::parse(br#"{"id":"1700000000.42","rule":{"id":"5710","level":5}}"#)?;
    /// assert_eq!(alert.id(), "1700000000.42");
    /// assert_eq!(alert.rule_level(), 5);
    /// assert_eq!(alert.agent_id(), None);
    /// # Ok::<(), wazuh_alert::AlertError>(())
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, AlertError> {
        if bytes.is_empty() {
            return Err(AlertError::Empty);
        }
        if bytes.len() > MAX_INPUT_BYTES {
            return Err(AlertError::TooLarge { bytes: bytes.len() });
        }
        let trimmed = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii();
        if trimmed.first() != Some(&b'{') {
            return Err(no_object(bytes, trimmed));
        }
        // The lossy conversion alone would do, but is slower on what is UTF-8, that is, on nearly everything.
        let raw = match str::from_utf8(trimmed) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(trimmed).into_owned(),
        };
        let tree = json::read(&raw)?;
        if tree.is_alert { Ok(Self { raw, tree }) } else { Err(AlertError::NotAnAlert) }
    }

    /// `id`: seconds and a number, unique on the node that wrote it; `""` when the alert has none.
    #[must_use]
    pub fn id(&self) -> &str {
        self.exact("id").unwrap_or_default()
    }

    /// `timestamp` as written, usually `2024-05-01T10:34:33.222+0000`: the offset has no colon, so it is not
    /// RFC 3339. `""` when the alert has none.
    #[must_use]
    pub fn timestamp(&self) -> &str {
        self.exact("timestamp").unwrap_or_default()
    }

    /// `location`: the file, module or sender that the event came from; `""` when the alert has none.
    #[must_use]
    pub fn location(&self) -> &str {
        self.exact("location").unwrap_or_default()
    }

    /// `full_log`: the event as it came in. `None` when the rule or the decoder leaves it out.
    #[must_use]
    pub fn full_log(&self) -> Option<&str> {
        self.exact("full_log")
    }

    /// `rule.id`; a number is taken as its text. `""` when the alert has none.
    #[must_use]
    pub fn rule_id(&self) -> &str {
        self.exact("rule.id").unwrap_or_default()
    }

    /// `rule.level`, usually 0 to 16; a string is taken as its number. 0 when it is missing (analysisd leaves
    /// out a 0) or no number.
    #[must_use]
    pub fn rule_level(&self) -> u32 {
        self.exact("rule.level").and_then(|level| level.trim().parse().ok()).unwrap_or(0)
    }

    /// `rule.description`; `""` when the alert has none.
    #[must_use]
    pub fn rule_description(&self) -> &str {
        self.exact("rule.description").unwrap_or_default()
    }

    /// `rule.groups` without the blanks and line ends that the stock rules leave around some of them, and
    /// without blank ones. A string instead of an array is split at its commas.
    ///
    /// integratord does not trim: a group that it matched is always among these, but not the other way round.
    pub fn rule_groups(&self) -> impl Iterator<Item = &str> {
        self.texts("rule.groups")
            .flat_map(|groups| groups.split(','))
            .map(str::trim)
            .filter(|group| !group.is_empty())
    }

    /// `agent.id`; `000` is the manager itself. `None` for agentless events.
    #[must_use]
    pub fn agent_id(&self) -> Option<&str> {
        self.exact("agent.id").filter(|id| !id.is_empty())
    }

    /// `agent.name`. `None` for agentless events, and for an agent whose name is not known.
    #[must_use]
    pub fn agent_name(&self) -> Option<&str> {
        self.exact("agent.name").filter(|name| !name.is_empty())
    }

    /// `agent.ip`. `None` for the manager itself and for agents that may have any address.
    #[must_use]
    pub fn agent_ip(&self) -> Option<&str> {
        self.exact("agent.ip").filter(|ip| !ip.is_empty())
    }

    /// `manager.name`: the host name of the manager, or of the cluster's node.
    #[must_use]
    pub fn manager_name(&self) -> Option<&str> {
        self.exact("manager.name").filter(|name| !name.is_empty())
    }

    /// `decoder.name`; `""` when no decoder matched, which analysisd writes as `"decoder":{}`.
    #[must_use]
    pub fn decoder_name(&self) -> &str {
        self.exact("decoder.name").unwrap_or_default()
    }

    /// `decoder.parent`; `""` when the decoder has none.
    #[must_use]
    pub fn decoder_parent(&self) -> &str {
        self.exact("decoder.parent").unwrap_or_default()
    }

    /// `predecoder.hostname`: the host that a syslog line names. `None` for other events.
    #[must_use]
    pub fn predecoder_hostname(&self) -> Option<&str> {
        self.exact("predecoder.hostname").filter(|name| !name.is_empty())
    }

    /// The scalar at a path, the first one if an array has several, the last one if a key occurs twice.
    ///
    /// Decoders that users wrote spell some fields in another case, so if nothing is at exactly this path, the
    /// case of ASCII letters is ignored. Takes time in proportion to the alert: to look at many fields, go
    /// through the [leaves](Self::leaves) once instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use wazuh_alert::Alert;
    ///
    /// let alert = Alert::parse(br#"{"data":{"SrcIP":"192.0.2.7","answers":["198.51.100.1","198.51.100.2"]}}"#)?;
    /// assert_eq!(alert.text("data.srcip"), Some("192.0.2.7"));
    /// assert_eq!(alert.text("data.answers"), Some("198.51.100.1"));
    /// assert_eq!(alert.text("data.dstip"), None);
    /// # Ok::<(), wazuh_alert::AlertError>(())
    /// ```
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.exact(path).or_else(|| self.find(|node| self.path_of(node).eq_ignore_ascii_case(path)))
    }

    /// Every scalar at exactly this path, in document order: the elements of an array, the fields of the
    /// objects in one, and all values of a key that occurs twice.
    pub fn texts<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.tree.leaves.iter().filter(move |node| self.path_of(node) == path).map(|node| self.text_of(node))
    }

    /// Every scalar of the alert in document order. Nulls are left out, empty strings are not.
    ///
    /// # Examples
    ///
    /// ```
    /// use wazuh_alert::Alert;
    ///
    /// let alert = Alert::parse(br#"{"data":{"dns":{"query":[{"rrname":"a.example","id":7}]},"n":null}}"#)?;
    /// let leaves: Vec<_> = alert.leaves().map(|leaf| (leaf.path, leaf.text)).collect();
    /// assert_eq!(leaves, [("data.dns.query.rrname", "a.example"), ("data.dns.query.id", "7")]);
    /// # Ok::<(), wazuh_alert::AlertError>(())
    /// ```
    pub fn leaves(&self) -> impl Iterator<Item = Leaf<'_>> {
        self.tree.leaves.iter().map(|node| Leaf {
            path: self.path_of(node),
            text: self.text_of(node),
            kind: node.kind,
        })
    }

    /// Whether an integration's own event caused this alert: the guard against enriching one's own alerts for
    /// ever. True if `data.integration` or the location, with or without a sender before `->`, is this name.
    ///
    /// # Examples
    ///
    /// ```
    /// use wazuh_alert::Alert;
    ///
    /// let alert = Alert::parse(br#"{"rule":{},"location":"(web-01) any->opencti"}"#)?;
    /// assert!(alert.is_from("opencti"));
    /// assert!(!alert.is_from("virustotal"));
    /// # Ok::<(), wazuh_alert::AlertError>(())
    /// ```
    #[must_use]
    pub fn is_from(&self, integration: &str) -> bool {
        let location = self.location();
        let location = location.rsplit_once("->").map_or(location, |(_, location)| location);
        location == integration || self.exact("data.integration") == Some(integration)
    }

    /// The alert's JSON as it was read: without what stood around it, and with U+FFFD for what was not UTF-8.
    ///
    /// [`Alert::parse`] of it gives an equal alert, so this is what to keep for a later run.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    fn exact(&self, path: &str) -> Option<&str> {
        self.find(|node| node.path.len() == path.len() && self.path_of(node) == path)
    }

    /// The text of the scalar that `is_wanted`. Of several in one array it is the first; of several that are
    /// there because an object has a key twice, the last.
    ///
    /// Each container is left at most once, so this is linear in the alert's size whatever its shape.
    fn find(&self, is_wanted: impl Fn(&Node) -> bool) -> Option<&str> {
        let Tree { leaves, containers, .. } = &self.tree;
        let mut wanted = leaves.iter().enumerate().filter(|(_, node)| is_wanted(node));
        let (_, mut found) = wanted.next()?;
        // The innermost container that holds both `found` and the scalar in hand.
        let mut common = containers.get(found.parent as usize)?;
        for (index, node) in wanted {
            while common.leaf_end as usize <= index {
                common = containers.get(common.parent as usize)?;
            }
            if !common.is_array {
                found = node;
                common = containers.get(found.parent as usize)?;
            }
        }
        Some(self.text_of(found))
    }

    fn path_of(&self, node: &Node) -> &str {
        node.path.of(&self.tree.side)
    }

    fn text_of(&self, node: &Node) -> &str {
        node.text.of(if node.in_side { &self.tree.side } else { &self.raw })
    }
}

/// Says which alert it is, not what is in it: alerts hold what should not get into a log by accident.
impl fmt::Debug for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alert")
            .field("id", &self.id())
            .field("rule_id", &self.rule_id())
            .field("bytes", &self.raw.len())
            .field("leaves", &self.tree.leaves.len())
            .finish()
    }
}

/// The error for an input that does not begin with `{`. `trimmed` is the part of `bytes` without blanks.
fn no_object(bytes: &[u8], trimmed: &[u8]) -> AlertError {
    if trimmed.is_empty() {
        return AlertError::Blank;
    }
    let found = match trimmed {
        [b'[', ..] => return AlertError::Array,
        [b'"', .., b'"'] => "a string",
        b"true" => "true",
        b"false" => "false",
        b"null" => "null",
        _ if trimmed.starts_with(b"alertdate=") => return AlertError::ShellStyle,
        [b'-' | b'0'..=b'9', rest @ ..]
            if rest.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte)) =>
        {
            "a number"
        }
        _ => {
            let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes));
            let offset = text.find(|char: char| !char.is_ascii_whitespace()).unwrap_or(0);
            let (line, column) = position(&text, offset);
            // UTF-16 shows by a NUL in its first two characters, behind its byte order mark if it has one.
            if trimmed.iter().take(4).any(|&byte| byte == 0) {
                return AlertError::Nul { line, column };
            }
            return AlertError::NotJson { line, column, found: excerpt(&text, offset) };
        }
    };
    AlertError::NotAnObject { found }
}

#[cfg(test)]
mod tests {
    use super::{Alert, ScalarKind};

    fn alert(text: &str) -> Alert {
        Alert::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn it_can_be_shared_between_threads() {
        fn check<T: Send + Sync + Clone + 'static>() {}
        check::<Alert>();
    }

    #[test]
    fn nothing_but_a_known_key_is_required() {
        for text in [
            r#"{"rule":{}}"#,
            r#"{"rule":null}"#,
            r#"{"data":null}"#,
            r#"{"data":"text"}"#,
            r#"{"syscheck":[]}"#,
        ] {
            let alert = alert(text);
            assert_eq!(
                (alert.id(), alert.timestamp(), alert.location(), alert.full_log()),
                ("", "", "", None)
            );
            assert_eq!((alert.rule_id(), alert.rule_level(), alert.rule_description()), ("", 0, ""));
            assert_eq!(alert.rule_groups().count(), 0);
            assert_eq!((alert.agent_id(), alert.agent_name(), alert.agent_ip()), (None, None, None));
            assert_eq!((alert.decoder_name(), alert.decoder_parent(), alert.manager_name()), ("", "", None));
            assert!(!alert.is_from("opencti") && !alert.is_from("data"));
        }
    }

    #[test]
    fn the_level_is_a_number_however_it_is_written() {
        for (level, expected) in
            [("12", 12), ("\"12\"", 12), ("\" 7 \"", 7), ("-1", 0), ("null", 0), ("true", 0), ("[5]", 5)]
        {
            assert_eq!(
                alert(&format!(r#"{{"rule":{{"level":{level}}}}}"#)).rule_level(),
                expected,
                "{level}"
            );
        }
    }

    #[test]
    fn of_a_key_that_occurs_twice_the_last_counts_and_of_an_array_the_first() {
        let of = |data: &str| alert(&format!(r#"{{"data":{data}}}"#)).text("data.k").map(str::to_owned);
        assert_eq!(of(r#"{"k":"1","k":"2"}"#).as_deref(), Some("2"));
        assert_eq!(of(r#"{"k":["1","2"]}"#).as_deref(), Some("1"));
        assert_eq!(of(r#"{"k":["1","2"],"k":["3","4"]}"#).as_deref(), Some("3"));
        assert_eq!(of(r#"[{"k":"1"},{"k":"2","k":"3"}]"#).as_deref(), Some("1"));
        assert_eq!(of(r#"[{"k":"1","k":"2"},{"k":"3"}]"#).as_deref(), Some("2"));
        assert_eq!(of(r#"{"k":[[["1"]],"2"],"k":[[[]],["3"],"4"]}"#).as_deref(), Some("3"));
        // Two objects under one key.
        let twice = alert(r#"{"data":{"k":"1"},"data":{"k":"2"},"rule":{}}"#);
        assert_eq!(twice.text("data.k"), Some("2"));
        assert!(twice.texts("data.k").eq(["1", "2"]));
    }

    #[test]
    fn exact_paths_go_before_those_of_another_case() {
        let alert = alert(r#"{"data":{"SRCIP":"1","srcip":"2","DstIP":"3","K\u00c9":"4"}}"#);
        assert_eq!(alert.text("data.srcip"), Some("2"));
        assert_eq!(alert.text("data.SrcIp"), Some("2"));
        assert_eq!(alert.text("DATA.dstip"), Some("3"));
        assert_eq!(alert.text("data.ké"), None);
        assert_eq!(alert.texts("data.SrcIp").count(), 0);
    }

    #[test]
    fn own_alerts_are_known() {
        for text in [
            r#"{"rule":{},"location":"opencti"}"#,
            r#"{"rule":{},"location":"(web-01) 192.0.2.7->opencti"}"#,
            r#"{"rule":{},"location":"[001] (web-01) any->opencti"}"#,
            r#"{"data":{"integration":"opencti"},"location":"elsewhere"}"#,
        ] {
            assert!(alert(text).is_from("opencti"), "{text}");
        }
        for text in [
            r#"{"rule":{},"location":"/var/log/opencti"}"#,
            r#"{"rule":{},"location":"opencti->syslog"}"#,
            r#"{"data":{"integration":"opencti2"}}"#,
            r#"{"rule":{"integration":"opencti"}}"#,
        ] {
            assert!(!alert(text).is_from("opencti"), "{text}");
        }
    }

    #[test]
    fn numbers_are_as_written_and_kinds_are_told_apart() {
        let alert = alert(r#"{"data":[18446744073709551616,-0,1E5,0.10,"7",true,false,null]}"#);
        let leaves: Vec<_> = alert.leaves().map(|leaf| (leaf.text, leaf.kind)).collect();
        use ScalarKind::{Bool, Number, String};
        let expected = [
            ("18446744073709551616", Number),
            ("-0", Number),
            ("1E5", Number),
            ("0.10", Number),
            ("7", String),
            ("true", Bool),
            ("false", Bool),
        ];
        assert_eq!(leaves, expected);
    }

    #[test]
    fn debug_output_shows_no_content() {
        let alert = alert(r#"{"id":"1.2","rule":{"id":"5710"},"data":{"password":"hunter2"}}"#);
        insta::assert_snapshot!(format!("{alert:?}"), @r#"Alert { id: "1.2", rule_id: "5710", bytes: 63, leaves: 3 }"#);
    }
}
