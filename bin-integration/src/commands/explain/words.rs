//! What each reason word means, and which setting changes it.

pub(in crate::commands) use enricher::Explanation as Word;
use enricher::SetAside;
use enricher::select::LeftOutReason;

/// Why an alert or a value of it is not looked up.
pub(in crate::commands) fn reason(word: &str) -> Word {
    explained(&[ALERTS, LeftOutReason::EXPLANATIONS], word)
}

/// Why an indicator that came back is not reported.
pub(in crate::commands) fn set_aside(word: &str) -> Word {
    explained(&[SetAside::EXPLANATIONS], word)
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
        for word in ["own-event", "excluded-alert", "not-global"] {
            assert_eq!(reason(word).reason, word);
        }
        for word in SetAside::ALL {
            assert_eq!(set_aside(word.as_str()).reason, word.as_str());
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
}
