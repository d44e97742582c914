//! `[policy]`: what is looked up and what is reported. The struct is [`enricher::Policy`].

use super::keys::{Key, Kind, Section};

const PERCENT: Kind = Kind::Number { min: 0, max: 100, unit: "" };
const EVENTS: Kind = Kind::Number { min: 0, max: 100, unit: "events" };

pub(crate) const SECTION: Section = Section {
    name: "policy",
    about: "What is looked up, and which indicators are reported.",
    keys: &[
        Key {
            name: "max_indicator_alerts",
            kind: EVENTS,
            meaning: "Most events of one alert for indicators whose pattern matched; the rest is counted in \
                      `opencti.omitted`.",
            example: "3",
        },
        Key {
            name: "max_observable_alerts",
            kind: EVENTS,
            meaning: "Most events of one alert for observables that have an indicator.",
            example: "3",
        },
        Key {
            name: "min_score",
            kind: PERCENT,
            meaning: "Indicators with a lower score are not reported; one without a score counts as 0.",
            example: "50",
        },
        Key {
            name: "score",
            kind: Kind::Word(&["stored", "live"]),
            meaning: "Which score `min_score` and the order of events go by: `stored` is `x_opencti_score`, which \
                      OpenCTI lowers only at the steps of a decay rule; `live` is the score of this moment by that \
                      rule. Events have both.",
            example: r#""live""#,
        },
        Key {
            name: "min_confidence",
            kind: PERCENT,
            meaning: "Indicators with a lower confidence are not reported; one without counts as 0.",
            example: "30",
        },
        Key {
            name: "require_detection",
            kind: Kind::Flag,
            meaning: "Report only indicators whose `x_opencti_detection` is on.",
            example: "true",
        },
        Key {
            name: "ignore_revoked",
            kind: Kind::Flag,
            meaning: "Do not report revoked indicators.",
            example: "true",
        },
        Key {
            name: "ignore_expired",
            kind: Kind::Flag,
            meaning: "Do not report indicators whose validity has ended or has not begun.",
            example: "true",
        },
        Key {
            name: "max_tlp",
            kind: Kind::Text,
            meaning: "Do not report indicators with a stricter marking than this: `TLP:CLEAR`, `TLP:GREEN`, \
                      `TLP:AMBER`, `TLP:AMBER+STRICT` or `TLP:RED`. Events are read by everyone who may see Wazuh's \
                      alerts.",
            example: r#""TLP:AMBER""#,
        },
        Key {
            name: "ignore_labels",
            kind: Kind::List,
            meaning: "Do not report indicators with one of these labels, compared without case.",
            example: r#"["false-positive"]"#,
        },
        Key {
            name: "lookup_private_addresses",
            kind: Kind::Flag,
            meaning: "Look up addresses that are not globally routable too.",
            example: "true",
        },
        Key {
            name: "ignore_broad",
            kind: Kind::Flag,
            meaning: "Do not report an indicator where all that is true of what was seen names too much: a network of \
                      /8 or wider (/16 for IPv6), a whole private or special-purpose range, or a public suffix such \
                      as `co.uk` (ICANN section of the public suffix list).",
            example: "false",
        },
        Key {
            name: "max_hits_per_hour",
            kind: Kind::Number { min: 0, max: 1_000_000, unit: "events" },
            meaning: "How often one indicator is reported in an hour of the clock (UTC); 0 for no limit. The event \
                      that reaches the number has `opencti.muted_until` and the reason `muted`; until then no more \
                      is told of the indicator.",
            example: "200",
        },
        Key {
            name: "exclude",
            kind: Kind::List,
            meaning: "What is never looked up: addresses and networks, domains with all names below, hashes, alerts \
                      of a rule (`rule:5710`) or of a rule group (`group:sca`).",
            example: r#"["198.51.100.0/24", "corp.example.org", "rule:5710", "group:sca"]"#,
        },
        Key {
            name: "warning_lists",
            kind: Kind::Path,
            meaning: "A folder with lists of what is never looked up: MISP's warning lists (`*.json`, such as the \
                      `lists` of github.com/MISP/misp-warninglists), and text files (`*.txt`) with an entry of \
                      `exclude` or a URL on each line. Each run that has something to look up reads it, which takes \
                      about 25 ms for 100,000 entries; a run that cannot warns and goes on. `extract` names what in \
                      it cannot be used.",
            example: r#""etc/warning-lists""#,
        },
        Key {
            name: "kinds",
            kind: Kind::List,
            meaning: "The kinds of IoC that are looked up.",
            example: r#"["ipv4-addr", "ipv6-addr", "domain-name", "url", "file:sha256"]"#,
        },
    ],
};
