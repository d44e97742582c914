//! What each reason word means, and which setting changes it.

use serde::Serialize;

/// A word that stands in logs and events, explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in crate::commands) struct Word {
    /// The word.
    pub(in crate::commands) reason: &'static str,
    /// What it means, in one sentence.
    pub(in crate::commands) meaning: &'static str,
    /// The key below `[policy]` that changes it; `None` when none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) setting: Option<&'static str>,
    /// What to do with it, or why there is none.
    pub(in crate::commands) change: &'static str,
}

impl Word {
    const fn fixed(reason: &'static str, meaning: &'static str) -> Self {
        Self { reason, meaning, setting: None, change: "No setting changes this." }
    }

    /// What to do about it, with the section that the setting is in.
    pub(in crate::commands) fn remedy(&self) -> String {
        match self.setting {
            Some(_) => format!("In [policy]: {}", self.change),
            None => self.change.to_owned(),
        }
    }

    const fn set(
        reason: &'static str,
        meaning: &'static str,
        setting: &'static str,
        change: &'static str,
    ) -> Self {
        Self { reason, meaning, setting: Some(setting), change }
    }
}

/// Why an alert or a value of it is not looked up.
pub(in crate::commands) fn reason(word: &str) -> Word {
    explained(&[ALERTS, LEFT_OUT], word)
}

/// Why an indicator that came back is not reported.
pub(in crate::commands) fn set_aside(word: &str) -> Word {
    explained(&[SET_ASIDE], word)
}

fn explained(lists: &[&[Word]], word: &str) -> Word {
    const UNKNOWN: Word = Word::fixed("unknown", "This reason has no explanation yet.");
    lists.iter().copied().flatten().find(|known| known.reason == word).copied().unwrap_or(UNKNOWN)
}

/// Why a whole alert is not looked at.
const ALERTS: &[Word] = &[
    Word::fixed(
        "own-event",
        "The alert is about an event that this program wrote itself; looking it up would go on for ever.",
    ),
    Word::set(
        "excluded-alert",
        "The policy excludes every alert of this rule or of one of its groups.",
        "exclude",
        "take the entry out of `exclude` to have such alerts looked up.",
    ),
];

/// Why a value of an alert is not looked up.
const LEFT_OUT: &[Word] = &[
    Word::fixed("empty", "There is nothing but white space."),
    Word::fixed("malformed", "It does not have the form of its kind."),
    Word::fixed("too-long", "It is longer than its kind can be."),
    Word::fixed(
        "no-public-suffix",
        "The name does not end in a top-level domain of the public DNS: it is a name inside a network.",
    ),
    Word::fixed(
        "public-suffix",
        "Others register their names below this one (as below co.uk): it is nobody's own.",
    ),
    Word::set(
        "reserved-name",
        "The name is set aside for documentation or tests (RFC 2606, RFC 6761).",
        "lookup_private_addresses",
        "set `lookup_private_addresses = true` to look such names up.",
    ),
    Word::fixed("empty-file-hash", "It is the hash of the empty file, which says nothing about any file."),
    Word::fixed("placeholder-hash", "All its digits are the same: it stands for a hash and is none."),
    Word::fixed("checksum", "The checksum inside the value does not hold."),
    Word::fixed(
        "looks-like-file-name",
        "Its ending is one of file names, and nothing says that it is a host.",
    ),
    Word::fixed(
        "looks-like-version",
        "What stands around it says that it is a version or another dotted number.",
    ),
    Word::fixed(
        "looks-like-code",
        "What stands around it says that it is program code: a class, a package, a property.",
    ),
    Word::fixed("part-of-path", "It is a part of a path or an account name."),
    Word::fixed(
        "session-id",
        "It is as long as a hash, and its label says that it identifies a session or a request.",
    ),
    Word::fixed("system-account", "It is the account of a machine, or one that every system has."),
    Word::fixed("boilerplate", "It is an XML namespace, a schema or a link to a product's documentation."),
    Word::set(
        "not-global",
        "The address is not globally routable: private, loopback, link-local or for documentation.",
        "lookup_private_addresses",
        "set `lookup_private_addresses = true` to look such addresses up.",
    ),
    Word::fixed("unlabelled-hash", "It is as long as a hash, but nothing says that it is one of a file."),
    Word::fixed("superseded-hash", "It is the hash of what the file held before it was modified."),
    Word::fixed("not-a-file", "It is a hash of something that is no file, such as a value in the registry."),
    Word::fixed(
        "only-mentioned",
        "It is a registry key that a text mentions, in an event that is not about the registry.",
    ),
    Word::fixed("own-host", "It is the name or the address of the machine that reported."),
    Word::set(
        "kind-off",
        "Values of this kind are not looked up.",
        "kinds",
        "add the kind to `kinds` to look them up.",
    ),
    Word::set(
        "excluded",
        "An entry of `exclude` covers it.",
        "exclude",
        "take the entry out of `exclude` to look it up.",
    ),
    Word::set(
        "warning-list",
        "A warning list has it: it is known to be harmless or shared by too many.",
        "warning_lists",
        "take the list out of the folder that `warning_lists` names to look it up.",
    ),
    Word::fixed(
        "too-many",
        "The alert has more different values than are looked up for one; the first ones were.",
    ),
];

/// Why an indicator that came back is not reported.
const SET_ASIDE: &[Word] = &[
    Word::set(
        "revoked",
        "The indicator is revoked.",
        "ignore_revoked",
        "set `ignore_revoked = false` to report revoked indicators.",
    ),
    Word::set(
        "expired",
        "The indicator's `valid_until` has passed.",
        "ignore_expired",
        "set `ignore_expired = false` to report indicators outside their validity.",
    ),
    Word::set(
        "not-yet-valid",
        "The indicator's `valid_from` has not come yet.",
        "ignore_expired",
        "set `ignore_expired = false` to report indicators outside their validity.",
    ),
    Word::set(
        "detection-off",
        "The indicator is not meant for detection: its `x_opencti_detection` is off.",
        "require_detection",
        "set `require_detection = false` to report it all the same, or turn detection on in OpenCTI.",
    ),
    Word::set(
        "below-min-score",
        "The indicator's score is lower than the policy asks for; one without a score counts as 0.",
        "min_score",
        "lower `min_score` to report it.",
    ),
    Word::set(
        "below-min-confidence",
        "The indicator's confidence is lower than the policy asks for; one without counts as 0.",
        "min_confidence",
        "lower `min_confidence` to report it.",
    ),
    Word::set(
        "above-max-tlp",
        "The indicator has a stricter TLP marking than may be shown to everyone who reads Wazuh's alerts.",
        "max_tlp",
        "raise `max_tlp` to report it.",
    ),
    Word::set(
        "ignored-label",
        "The indicator bears a label that the policy ignores.",
        "ignore_labels",
        "take the label out of `ignore_labels` to report it.",
    ),
    Word::fixed(
        "not-a-stix-pattern",
        "Its pattern is in another language than STIX and cannot be held against an alert.",
    ),
    Word::fixed("pattern-does-not-parse", "Its pattern cannot be read: it has to be mended in OpenCTI."),
    Word::fixed("pattern-not-true", "Nothing that its pattern asks for is true of what the alert saw."),
    Word::fixed(
        "pattern-only-negative",
        "Its pattern only says what must not be seen, which is no evidence.",
    ),
    Word::set(
        "too-broad",
        "All that is true of it names too much: a very large network, a whole private range, a public suffix.",
        "ignore_broad",
        "set `ignore_broad = false` to report it all the same.",
    ),
    Word::set(
        "muted",
        "It has been reported as often as it may be in this hour.",
        "max_hits_per_hour",
        "raise `max_hits_per_hour`, or set it to 0 for no limit.",
    ),
    Word::set(
        "kind-off",
        "Its pattern is true only of values that are not looked up, such as a file name.",
        "kinds",
        "add the kind to `kinds` (for a private address, set `lookup_private_addresses = true`) to report it.",
    ),
];

/// What had to be looked past for a comparison to be true.
pub(super) fn how(word: &str) -> &'static str {
    match word {
        "exact" => "the same, character for character",
        "case_folded" => "the same but for upper and lower case",
        "address_spelling" => "the same address, written otherwise",
        "cidr" => "the address lies in this network",
        "trailing_dot" => "the same domain, with a dot at its end",
        "url_host_case" => "the same URL: scheme, host, port or path written otherwise",
        "idn" => "the same internationalised name, on one side in ASCII (xn--)",
        "hash_name" => "the same hash, its algorithm named otherwise",
        "hash_bytes" => "the same hash, written as bytes instead of text",
        "hostname_as_domain" => "a host name on one side, a domain name on the other",
        "registry_hive" => "the same registry key, its hive or backslashes written otherwise",
        "number_as_text" => "the same number, on one side as text",
        "like" => "the wildcards of LIKE fit",
        "matches" => "the regular expression is found in it",
        "subset" => "it lies in this network",
        "superset" => "this lies in the network seen",
        "order" => "it is in this order",
        "exists" => "there is one",
        "parent_domain" => "it is a parent of the domain seen",
        "parent_url" => "it is the beginning of the URL seen",
        _ => "true",
    }
}

/// What of a pattern cannot be said of one alert.
pub(super) fn unsupported(word: &str) -> &'static str {
    match word {
        "several_observations" => {
            "It asks for several observations (AND or FOLLOWEDBY between brackets), and one alert is one observation."
        }
        "repeats" => "It asks for repetition (REPEATS), and one alert is one observation.",
        "time_unknown" => "It has START and STOP, and the times name no instant.",
        "regex" => "Its regular expression is invalid or needs backtracking, which is not run.",
        "address" => "It compares with a network that is none.",
        "too_complex" => "It has so many alternatives that the search among them was given up.",
        _ => "It asks for more than can be said of one alert.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that `as_str` functions of a source file give.
    fn words(path: &str, from: &str) -> Vec<String> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let body = text.split_once(from).unwrap_or_else(|| panic!("{from} is not in {}", path.display())).1;
        let body = body.split_once("fn as_str").unwrap().1;
        let body = body.split_once("\n    }\n").unwrap().0;
        let word = |line: &str| Some(line.split_once("=> \"")?.1.split_once('"')?.0.to_owned());
        body.lines().filter_map(word).collect()
    }

    #[test]
    fn every_reason_is_explained() {
        type Explanation = fn(&str) -> Word;
        let sources: [(_, _, _, Explanation); 3] = [
            ("ioc-extract/src/error.rs", "impl Rejected", 15, reason),
            ("enricher/src/select.rs", "impl LeftOutReason", 9, reason),
            ("enricher/src/policy.rs", "impl SetAside", 13, set_aside),
        ];
        for (path, from, at_least, explain) in sources {
            let words = words(path, from);
            assert!(words.len() >= at_least, "{path}: {words:?}");
            for word in words {
                assert_eq!(explain(&word).reason, word);
            }
        }
        for word in ["own-event", "excluded-alert"] {
            assert_eq!(reason(word).reason, word);
        }
    }

    #[test]
    fn every_how_is_explained() {
        for word in words("enricher/src/stix/evaluation.rs", "impl How") {
            assert_ne!(how(&word), how("?"), "{word}");
        }
        for word in words("enricher/src/stix/evaluation.rs", "impl Unsupported") {
            assert_ne!(unsupported(&word), unsupported("?"), "{word}");
        }
    }

    #[test]
    fn settings_are_the_policys() {
        let policy = serde_json::to_value(enricher::Policy::default()).unwrap();
        for word in [ALERTS, LEFT_OUT, SET_ASIDE].concat() {
            assert!(word.meaning.ends_with('.') && word.change.ends_with('.'), "{word:?}");
            let Some(setting) = word.setting else { continue };
            assert!(policy.get(setting).is_some(), "{setting} is no key of [policy]");
            assert!(word.change.contains(setting), "{word:?}");
        }
    }
}
