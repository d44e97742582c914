//! No text makes the pattern engine panic, and what it prints reads as it was.
#![no_main]

use enricher::stix::{
    ComparisonExpression, Literal, ObservationExpression, Pattern, SeenBuilder, Test, quote,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let strict = Pattern::parse(text);
    let lenient = Pattern::parse_lenient(text);
    if let Ok(strict) = &strict {
        let lenient = lenient.as_ref().expect("the grammar is part of what is read leniently");
        assert_eq!(strict.expression(), lenient.expression());
    }
    if let Ok(pattern) = lenient {
        let printed = pattern.to_string();
        let again = Pattern::parse(&printed).expect("what is printed is in the grammar");
        assert_eq!(again.expression(), pattern.expression());
        let _ = (pattern.check(), pattern.unsupported(), pattern.atoms());

        let mut seen = SeenBuilder::new();
        for object_type in ["file", "url", "domain-name", "ipv4-addr", "windows-registry-key"] {
            let object = seen.object(object_type);
            for path in ["value", "name", "key", "hashes.MD5"] {
                seen.set(object, path, text, 0);
            }
        }
        let evaluation = pattern.evaluate(&seen.build(), None);
        assert_eq!(evaluation.whole || evaluation.partial, !evaluation.hits.is_empty());
    }

    let quoted = format!("[a:b = {}]", quote(text));
    if quoted.len() <= enricher::stix::MAX_PATTERN_LEN {
        let pattern = Pattern::parse(&quoted).expect("a quoted text is a string");
        assert_eq!(pattern.to_string(), quoted);
        let ObservationExpression::Observation(ComparisonExpression::Comparison(comparison)) =
            pattern.expression()
        else {
            panic!("{quoted} is one comparison");
        };
        assert_eq!(comparison.test, Test::Equal(Literal::String(text.into())));
    }
});
