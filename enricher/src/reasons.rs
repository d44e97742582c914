//! The words that say why, explained: what each means, and which setting changes it.
//!
//! `docs/reasons.md` is made from these tables.

use serde::Serialize;

use crate::policy::SetAside;
use crate::select::LeftOutReason;
use crate::strength::Reason;

/// A fixed word that stands in events, logs and explanations, explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The word.
    pub reason: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// The key below `[policy]` that changes it; `None` when none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<&'static str>,
    /// What to do with that key, or why there is none; a sentence that begins in lower case when there is one.
    pub change: &'static str,
}

impl Explanation {
    /// The explanation of a word that no setting changes.
    #[must_use]
    pub const fn fixed(reason: &'static str, meaning: &'static str) -> Self {
        Self { reason, meaning, setting: None, change: "No setting changes this." }
    }

    /// The explanation of a word that a key below `[policy]` changes.
    #[must_use]
    pub const fn set(
        reason: &'static str,
        meaning: &'static str,
        setting: &'static str,
        change: &'static str,
    ) -> Self {
        Self { reason, meaning, setting: Some(setting), change }
    }

    /// What to do about it, with the section that the setting is in.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self.setting {
            Some(_) => format!("In [policy]: {}", self.change),
            None => self.change.to_owned(),
        }
    }

    /// Of a word that is in no table, which a test keeps from being.
    const UNKNOWN: Self = Self::fixed("unknown", "This reason has no explanation yet.");

    fn of(table: &[Self], word: &str) -> Self {
        table.iter().find(|known| known.reason == word).copied().unwrap_or(Self::UNKNOWN)
    }
}

impl LeftOutReason {
    /// Every word of [`LeftOutReason::as_str`], explained.
    pub const EXPLANATIONS: &[Explanation] = LEFT_OUT;

    /// What it means, and which setting changes it.
    ///
    /// ```
    /// use enricher::select::LeftOutReason;
    ///
    /// assert_eq!(LeftOutReason::NotGlobal.explanation().setting, Some("lookup_private_addresses"));
    /// ```
    #[must_use]
    pub fn explanation(&self) -> Explanation {
        Explanation::of(LEFT_OUT, self.as_str())
    }
}

impl SetAside {
    /// Every word of [`SetAside::as_str`], explained, in the order of [`SetAside::ALL`].
    pub const EXPLANATIONS: &[Explanation] = SET_ASIDE;

    /// What it means, and which setting changes it.
    #[must_use]
    pub fn explanation(self) -> Explanation {
        Explanation::of(SET_ASIDE, self.as_str())
    }

    /// The key below `[policy]` that changes it; `None` when none does.
    #[must_use]
    pub fn setting(self) -> Option<&'static str> {
        self.explanation().setting
    }
}

impl Reason {
    /// Every word of [`Reason::as_str`], explained, in the order of [`Reason::ALL`].
    pub const EXPLANATIONS: &[Explanation] = REASONS;

    /// What it means, and which setting changes it.
    #[must_use]
    pub fn explanation(self) -> Explanation {
        Explanation::of(REASONS, self.as_str())
    }

    /// The key below `[policy]` that changes it; `None` when none does.
    #[must_use]
    pub fn setting(self) -> Option<&'static str> {
        self.explanation().setting
    }
}

/// Why a value of an alert is not looked up.
const LEFT_OUT: &[Explanation] = &[
    Explanation::fixed("empty", "There is nothing but white space."),
    Explanation::fixed("malformed", "It does not have the form of its kind."),
    Explanation::fixed("too-long", "It is longer than its kind can be."),
    Explanation::fixed(
        "no-public-suffix",
        "The name does not end in a top-level domain of the public DNS: it is a name inside a network.",
    ),
    Explanation::fixed(
        "public-suffix",
        "Others register their names below this one (as below co.uk): it is nobody's own.",
    ),
    Explanation::set(
        "reserved-name",
        "The name is set aside for documentation or tests (RFC 2606, RFC 6761).",
        "lookup_private_addresses",
        "set `lookup_private_addresses = true` to look such names up.",
    ),
    Explanation::fixed(
        "empty-file-hash",
        "It is the hash of the empty file, which says nothing about any file.",
    ),
    Explanation::fixed("placeholder-hash", "All its digits are the same: it stands for a hash and is none."),
    Explanation::fixed("checksum", "The checksum inside the value does not hold."),
    Explanation::fixed(
        "looks-like-file-name",
        "Its ending is one of file names, and nothing says that it is a host.",
    ),
    Explanation::fixed(
        "looks-like-version",
        "What stands around it says that it is a version or another dotted number.",
    ),
    Explanation::fixed(
        "looks-like-code",
        "What stands around it says that it is program code: a class, a package, a property.",
    ),
    Explanation::fixed("part-of-path", "It is a part of a path or an account name."),
    Explanation::fixed(
        "session-id",
        "It is as long as a hash, and its label says that it identifies a session or a request.",
    ),
    Explanation::fixed("system-account", "It is the account of a machine, or one that every system has."),
    Explanation::fixed(
        "boilerplate",
        "It is an XML namespace, a schema or a link to a product's documentation.",
    ),
    Explanation::set(
        "not-global",
        "The address is not globally routable: private, loopback, link-local or for documentation.",
        "lookup_private_addresses",
        "set `lookup_private_addresses = true` to look such addresses up.",
    ),
    Explanation::fixed(
        "unlabelled-hash",
        "It is as long as a hash, but nothing says that it is one of a file.",
    ),
    Explanation::fixed("superseded-hash", "It is the hash of what the file held before it was modified."),
    Explanation::fixed(
        "not-a-file",
        "It is a hash of something that is no file, such as a value in the registry.",
    ),
    Explanation::fixed(
        "only-mentioned",
        "It is a registry key that a text mentions, in an event that is not about the registry.",
    ),
    Explanation::fixed("own-host", "It is the name or the address of the machine that reported."),
    Explanation::set(
        "kind-off",
        "Values of this kind are not looked up.",
        "kinds",
        "add the kind to `kinds` to look them up.",
    ),
    Explanation::set(
        "excluded",
        "An entry of `exclude` covers it.",
        "exclude",
        "take the entry out of `exclude` to look it up.",
    ),
    Explanation::set(
        "warning-list",
        "A warning list has it: it is known to be harmless or shared by too many.",
        "warning_lists",
        "take the list out of the folder that `warning_lists` names to look it up.",
    ),
    Explanation::fixed(
        "too-many",
        "The alert has more different values than are looked up for one; the first ones were.",
    ),
];

/// Why an indicator that came back is not reported.
const SET_ASIDE: &[Explanation] = &[
    Explanation::set(
        "revoked",
        "The indicator is revoked.",
        "ignore_revoked",
        "set `ignore_revoked = false` to report revoked indicators.",
    ),
    Explanation::set(
        "expired",
        "The indicator's `valid_until` has passed.",
        "ignore_expired",
        "set `ignore_expired = false` to report indicators outside their validity.",
    ),
    Explanation::set(
        "not-yet-valid",
        "The indicator's `valid_from` has not come yet.",
        "ignore_expired",
        "set `ignore_expired = false` to report indicators outside their validity.",
    ),
    Explanation::set(
        "detection-off",
        "The indicator is not meant for detection: its `x_opencti_detection` is off.",
        "require_detection",
        "set `require_detection = false` to report it all the same, or turn detection on in OpenCTI.",
    ),
    Explanation::set(
        "below-min-score",
        "The indicator's score is lower than the policy asks for; one without a score counts as 0.",
        "min_score",
        "lower `min_score` to report it.",
    ),
    Explanation::set(
        "below-min-confidence",
        "The indicator's confidence is lower than the policy asks for; one without counts as 0.",
        "min_confidence",
        "lower `min_confidence` to report it.",
    ),
    Explanation::set(
        "above-max-tlp",
        "The indicator has a stricter TLP marking than may be shown to everyone who reads Wazuh's alerts.",
        "max_tlp",
        "raise `max_tlp` to report it.",
    ),
    Explanation::set(
        "ignored-label",
        "The indicator bears a label that the policy ignores.",
        "ignore_labels",
        "take the label out of `ignore_labels` to report it.",
    ),
    Explanation::fixed(
        "not-a-stix-pattern",
        "Its pattern is in another language than STIX and cannot be held against an alert.",
    ),
    Explanation::fixed(
        "pattern-does-not-parse",
        "Its pattern cannot be read: it has to be mended in OpenCTI.",
    ),
    Explanation::fixed(
        "pattern-not-true",
        "Nothing that its pattern asks for is true of what the alert saw.",
    ),
    Explanation::fixed(
        "pattern-only-negative",
        "Its pattern only says what must not be seen, which is no evidence.",
    ),
    Explanation::set(
        "kind-off",
        "Its pattern is true only of values that are not looked up, such as a file name.",
        "kinds",
        "add the kind to `kinds` (for a private address, set `lookup_private_addresses = true`) to report it.",
    ),
    Explanation::set(
        "too-broad",
        "All that is true of it names too much: a very large network, a whole private range, a public suffix.",
        "ignore_broad",
        "set `ignore_broad = false` to report it all the same.",
    ),
    Explanation::set(
        "muted",
        "It has been reported as often as it may be in this hour.",
        "max_hits_per_hour",
        "raise `max_hits_per_hour`, or set it to 0 for no limit.",
    ),
];

/// What bears on the strength of a match.
const REASONS: &[Explanation] = &[
    Explanation::fixed(
        "partial",
        "Only a part of the pattern is true, or it is true of something wider than what was seen.",
    ),
    Explanation::fixed(
        "parent-domain",
        "The pattern names a parent of the domain that was seen; always with `partial`.",
    ),
    Explanation::fixed(
        "parent-url",
        "The pattern names the beginning of the URL that was seen; always with `partial`.",
    ),
    Explanation::fixed(
        "related",
        "The indicator is based on an observable that is related to what was seen, not on what was seen.",
    ),
    Explanation::fixed("blocked", "The device kept the traffic or the file out, as far as it says."),
    Explanation::fixed(
        "inbound-scan",
        "An address from outside came in, and nothing says that it got further: what matched is the address itself, and \
         the alert's rule is not in the group `authentication_success`.",
    ),
    Explanation::fixed("allowed-outbound", "One of ours went there, and the device let it."),
    Explanation::set(
        "revoked",
        "The indicator is revoked.",
        "ignore_revoked",
        "set `ignore_revoked = true` to leave such indicators out.",
    ),
    Explanation::set(
        "expired",
        "The indicator's `valid_until` has passed.",
        "ignore_expired",
        "set `ignore_expired = true` to leave such indicators out.",
    ),
    Explanation::set(
        "not-yet-valid",
        "The indicator's `valid_from` has not come yet.",
        "ignore_expired",
        "set `ignore_expired = true` to leave such indicators out.",
    ),
    Explanation::set(
        "not-for-detection",
        "The indicator's `x_opencti_detection` is off, which is what OpenCTI sets where nobody decides.",
        "require_detection",
        "set `require_detection = true` to leave such indicators out.",
    ),
    Explanation::set(
        "score-decayed",
        "Less than half of the stored score is left at this moment, by the indicator's decay rule.",
        "score",
        "set `score = \"live\"` to have thresholds and order go by what is left.",
    ),
    Explanation::set(
        "muted",
        "The indicator has been reported as often as it may be in an hour: this is the last event until `muted_until`.",
        "max_hits_per_hour",
        "raise `max_hits_per_hour`, or set it to 0 for no limit.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    /// The words that the `as_str` function of a source file gives.
    fn words(path: &str, from: &str) -> Vec<String> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let body = text.split_once(from).unwrap_or_else(|| panic!("{from} is not in {}", path.display())).1;
        let body = body.split_once("fn as_str").unwrap().1;
        let body = body.split_once("\n    }\n").unwrap().0;
        let word = |line: &str| Some(line.split_once("=> \"")?.1.split_once('"')?.0.to_owned());
        body.lines().filter_map(word).collect()
    }

    fn explained(table: &[Explanation]) -> Vec<&'static str> {
        table.iter().map(|explanation| explanation.reason).collect()
    }

    #[test]
    fn every_word_is_explained_once() {
        let mut left_out = words("../ioc-extract/src/error.rs", "impl Rejected");
        assert!(left_out.len() >= 15, "{left_out:?}");
        left_out.extend(words("src/select.rs", "impl LeftOutReason"));
        let mut known: Vec<_> = explained(LEFT_OUT).into_iter().map(str::to_owned).collect();
        left_out.sort();
        known.sort();
        assert_eq!(known, left_out);
        assert_eq!(explained(SET_ASIDE), words("src/policy.rs", "impl SetAside"));
        assert_eq!(explained(REASONS), words("src/strength.rs", "impl Reason"));
        // And the lists of variants lack none.
        assert_eq!(SetAside::ALL.map(SetAside::as_str).to_vec(), explained(SET_ASIDE));
        assert_eq!(Reason::ALL.map(Reason::as_str).to_vec(), explained(REASONS));
    }

    #[test]
    fn a_reason_finds_its_explanation() {
        assert_eq!(SetAside::TooBroad.setting(), Some("ignore_broad"));
        assert_eq!(SetAside::NotTrue.setting(), None);
        assert_eq!(Reason::Muted.setting(), Some("max_hits_per_hour"));
        assert_eq!(Reason::Blocked.explanation().remedy(), "No setting changes this.");
        assert_eq!(
            LeftOutReason::Excluded("corp.test".into()).explanation().remedy(),
            "In [policy]: take the entry out of `exclude` to look it up."
        );
    }

    #[test]
    fn settings_are_the_policys() {
        let policy = serde_json::to_value(Policy::default()).unwrap();
        for explanation in [LEFT_OUT, SET_ASIDE, REASONS].concat() {
            assert!(
                explanation.meaning.ends_with('.') && explanation.change.ends_with('.'),
                "{explanation:?}"
            );
            let Some(setting) = explanation.setting else { continue };
            assert!(policy.get(setting).is_some(), "{setting} is no key of [policy]");
            assert!(explanation.change.contains(setting), "{explanation:?}");
        }
    }
}
