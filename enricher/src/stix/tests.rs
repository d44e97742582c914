//! Reading and writing: errors, limits, liberties, and that what is printed reads as it was.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn error(text: &str) -> String {
    Pattern::parse(text).expect_err(text).to_string()
}

#[test]
fn errors_say_where_what_and_what_else() {
    let texts = [
        "",
        "file:size = 1",
        "[file:size = ]",
        "[file:size = 007]",
        "[file:size = 5.]",
        "[file:size > true]",
        "[file:hashes.SHA-256 = 'x']",
        "[file:name = 'x' and file:size = 1]",
        "[file:name LIKE 5]",
        "[NOT file:name = 'x']",
        "[file:name ~ 'x']",
        "[file:name = 'x'",
        "[file:name = 'x",
        r"[file:name = 'C:\x']",
        "[file:name = 'x']] ",
        "[a:b = t'2026-13-01T00:00:00Z']",
        "[a:b = h'123']",
        "[a:b = b'']",
        "[a:b = null]",
        "[a:b IN (1,)]",
        "/* [a:b = 1]",
        "[a:b = 1] WITHIN -1 SECONDS",
        "[a:b = 1] WITHIN 1 MINUTES",
        "[a:b = 1] REPEATS 1.5 TIMES",
        "[a:b = 1] START '2026-01-01T00:00:00Z' STOP '2026-01-02T00:00:00Z'",
        "[a:b = 1] \u{202e}\n",
    ];
    let table: Vec<String> = texts
        .iter()
        .map(|text| format!("{}\n    {}", text.escape_default().to_string().replace(r"\'", "'"), error(text)))
        .collect();
    assert_snapshot!(table.join("\n"));
}

#[test]
fn violations_are_worded_for_people() {
    let violation = |text: &str| Pattern::parse(text).expect(text).check().expect_err(text).to_string();
    assert_snapshot!(violation("[a:b = 1] WITHIN 1 SECONDS WITHIN 2 SECONDS"), @"the qualifier WITHIN is applied twice to the same observation; put parentheses between them");
    assert_snapshot!(violation("[file:hashes.MD5 = 'zz']"), @"`zz` is not a valid MD5 hash");
    assert_snapshot!(violation("[a:b[-1] = 1]"), @"the index -1 of `a:b[-1]` is negative; lists are counted from 0");
    assert_snapshot!(violation("/* c */ [a:b = 1]"), @"the pattern does not begin with a bracket; move the comment behind it");
}

#[test]
fn a_group_may_be_qualified_again() {
    for text in
        ["([a:b = 1]) REPEATS 2 TIMES REPEATS 2 TIMES", "([a:b = 1] WITHIN 1 SECONDS) WITHIN 2 SECONDS"]
    {
        let pattern = Pattern::parse(text).expect(text);
        assert_eq!(pattern.check(), Ok(()), "{text}");
        assert_eq!(Pattern::parse(&pattern.to_string()).expect(text).check(), Ok(()), "{text}");
    }
}

#[test]
fn members_of_a_set_of_hashes_are_checked_each() {
    let md5 = "0cc175b9c0f1b6a831c399e269772661";
    let check = |text: String| Pattern::parse(&text).expect("a pattern").check().is_ok();
    assert!(check(format!("[file:hashes.MD5 IN ('{md5}', '{md5}')]")));
    assert!(!check(format!("[file:hashes.MD5 IN ('{md5}', 'zz')]")));
    assert!(check("[file:hashes.MD5 LIKE '0cc%']".to_owned()));
}

#[test]
fn the_normal_form_is_one_spelling() {
    let printed = |text: &str| Pattern::parse(text).expect(text).to_string();
    assert_eq!(printed("[a:b=='x']"), "[a:b = 'x']");
    assert_eq!(printed("[ a : b <> + 5 /* c */ ]".replace("+ 5", "+5").as_str()), "[a:b != 5]");
    assert_eq!(printed("(([a:'b' = 1.50]))"), "[a:b = 1.5]");
    assert_eq!(printed("[a:'b-c'.'AND'[*].d = 12.0]"), "[a:'b-c'.'AND'[*].d = 12.0]");
    assert_eq!(printed("[((a:b = 1) AND (c:d = 2 OR e:f = 3))]"), "[a:b = 1 AND (c:d = 2 OR e:f = 3)]");
    assert_eq!(printed("[a:b = 99999999999999999999]"), "[a:b = 100000000000000000000.0]");
    assert_eq!(printed("[a:b IN (h'0Aff',b'AQI=')]"), "[a:b IN (h'0aff', b'AQI=')]");
    assert_eq!(
        printed("[a:b[+1]=1] REPEATS 99999999999999999999 TIMES"),
        "[a:b[1] = 1] REPEATS 18446744073709551615 TIMES"
    );
    assert_eq!(printed("[a:b=1] WITHIN .50 SECONDS"), "[a:b = 1] WITHIN 0.5 SECONDS");
}

#[test]
fn precedence_is_followedby_or_and() {
    let pattern = Pattern::parse("[a:b=1] OR [a:b=2] AND [a:b=3] FOLLOWEDBY [a:b=4]").expect("a pattern");
    let ObservationExpression::FollowedBy(operands) = pattern.expression() else { panic!("{pattern}") };
    assert!(
        matches!(&operands[0], ObservationExpression::Or(of) if matches!(of[1], ObservationExpression::And(_)))
    );
}

#[test]
fn limits_are_errors_not_crashes() {
    let long = format!("[a:b = '{}']", "x".repeat(MAX_PATTERN_LEN));
    let deep = format!("{}[a:b = 1]{}", "(".repeat(MAX_DEPTH + 1), ")".repeat(MAX_DEPTH + 1));
    let deep_inside = format!("[{}a:b = 1{}]", "(".repeat(40_000), ")".repeat(20_000));
    let qualified = format!("[a:b = 1]{}", " REPEATS 1 TIMES".repeat(MAX_DEPTH + 1));
    let path = format!("[a:b{} = 1]", "[0]".repeat(MAX_DEPTH + 1));
    let many = format!("[a:b = 1{}]", " OR a:b = 1".repeat(MAX_TERMS));
    let set = format!("[a:b IN (1{})]", ",1".repeat(MAX_TERMS));
    for (text, expected) in [
        (&long, "it has 65546 bytes, at most 65536 are read"),
        (&deep, "nested deeper than 64"),
        (&deep_inside, "nested deeper than 64"),
        (&qualified, "nested deeper than 64"),
        (&path, "nested deeper than 64"),
        (&many, "more than 4096 terms"),
        (&set, "more than 4096 terms"),
    ] {
        assert!(error(text).contains(expected), "{}", error(text));
        assert!(Pattern::parse_lenient(text).is_err(), "{expected}");
    }
    let allowed = format!("{}[a:b = 1]{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert!(Pattern::parse(&allowed).is_ok());
}

#[test]
fn liberties_are_noted() {
    let read = |text: &str| {
        assert!(Pattern::parse(text).is_err(), "{text} is in the grammar");
        let pattern = Pattern::parse_lenient(text).expect(text);
        let notes: Vec<&str> = pattern.notes().iter().map(|note| note.as_str()).collect();
        format!("{pattern} {}", notes.join(","))
    };
    assert_eq!(read("[file:hashes.SHA-256 = 'x']"), "[file:hashes.'SHA-256' = 'x'] unquoted_name");
    assert_eq!(read("[a:b = 'x' and a:c not like 'y']"), "[a:b = 'x' AND a:c NOT LIKE 'y'] keyword_case");
    assert_eq!(read("[a:b = True]"), "[a:b = true] keyword_case");
    assert_eq!(read("[a:start = 1 or a:in = 2]"), "[a:start = 1 OR a:in = 2] keyword_case");
    assert_eq!(read(r"[a:b = 'C:\x']"), r"[a:b = 'C:\\x'] lone_backslash");
    assert_eq!(read(r"[a:b = 'C:\x\']"), r"[a:b = 'C:\\x\\'] lone_backslash");
    assert_eq!(read("[a:b = 'it's']"), r"[a:b = 'it\'s'] unescaped_quote");
    assert_eq!(
        read("[a:b = 1] START '2026-01-01T00:00:00Z' STOP '2026-01-02T00:00:00Z'"),
        "[a:b = 1] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z' string_timestamp"
    );
}

/// A quote is never taken as part of the value where the pattern could go on behind it.
#[test]
fn liberties_end_where_meaning_is_open() {
    for text in [
        "[a:b = 'x' AND 'y']",
        "[a:b = 'x' or c:d = 'y'z']",
        "[a:b = 'x'] OR [c:d = 'y'z']",
        "[a:b IN ('x'y')]",
        "[a:b LIKE 'x'y']",
        "[a:b = 'x",
        "a:b = 'x'",
    ] {
        assert!(Pattern::parse_lenient(text).is_err(), "{text}");
    }
}

#[test]
fn a_strict_pattern_has_no_notes() {
    let text = "[file:hashes.'SHA-256' = 'x' AND file:name LIKE '%'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'";
    let (strict, lenient) = (Pattern::parse(text).expect(text), Pattern::parse_lenient(text).expect(text));
    assert_eq!(strict.expression(), lenient.expression());
    assert_eq!(lenient.notes(), []);
    let text = "[a:/* c */and = 1 AND or:in = 2]";
    let (strict, lenient) = (Pattern::parse(text).expect(text), Pattern::parse_lenient(text).expect(text));
    assert_eq!(strict.expression(), lenient.expression());
}

#[test]
fn what_cannot_be_said_of_one_alert_is_known_beforehand() {
    let unsupported = |text: &str| Pattern::parse(text).expect(text).unsupported();
    assert_eq!(unsupported("[a:b = 1] OR [a:b = 2] WITHIN 5 SECONDS"), None);
    assert_eq!(unsupported("[a:b = 1] AND [a:b = 2]"), Some(Unsupported::SeveralObservations));
    assert_eq!(unsupported("[a:b = 1] FOLLOWEDBY [a:b = 2]"), Some(Unsupported::SeveralObservations));
    assert_eq!(unsupported("[a:b = 1] REPEATS 2 TIMES"), Some(Unsupported::Repeats));
    assert_eq!(unsupported("[a:b MATCHES 'x(?!y)']"), Some(Unsupported::Regex));
    assert_eq!(unsupported("[a:b ISSUBSET 'x']"), Some(Unsupported::Address));
}

#[test]
fn an_alert_without_a_time_leaves_start_and_stop_open() {
    let mut seen = SeenBuilder::new();
    let object = seen.object("a");
    seen.set(object, "b", "x", 7);
    let text = "[a:b = 'x'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'";
    let evaluation = Pattern::parse(text).expect(text).evaluate(&seen.build(), None);
    assert_eq!((evaluation.whole, evaluation.partial), (false, true));
    assert_eq!(evaluation.unsupported, Some(Unsupported::TimeUnknown));
}

#[test]
fn atoms_are_what_can_make_a_pattern_true() {
    let atoms = |text: &str| {
        let atoms = Pattern::parse(text).expect(text).atoms();
        let shown: Vec<String> = atoms.atoms.iter().map(ToString::to_string).collect();
        let unindexed: Vec<String> =
            atoms.unindexed.iter().map(|u| format!("{} {}", u.path, u.operator)).collect();
        format!("{} | {}", shown.join(" "), unindexed.join(" "))
    };
    assert_eq!(atoms("[ipv4-addr:value = '198.51.100.7']"), "address:198.51.100.7 | ");
    assert_eq!(atoms("[ipv4-addr:value = '198.51.100.7/24']"), "address:198.51.100.0/24 | ");
    assert_eq!(atoms("[ipv4-addr:value ISSUBSET '198.51.100.0/24']"), "address:198.51.100.0/24 | ");
    assert_eq!(atoms("[network-traffic:dst_ref.value = 'ROGUE.example.']"), "domain:rogue.example | ");
    assert_eq!(atoms("[url:value = 'HTTP://Rogue.example']"), "url:http://rogue.example/ | ");
    assert_eq!(atoms("[file:name = 'A.exe' AND file:size > 5]"), "name:a.exe | ");
    assert_eq!(atoms("[file:name = 'A.exe' OR file:size > 5]"), "name:a.exe | file:size >");
    assert_eq!(atoms("[ipv4-addr:value != '198.51.100.7']"), " | ");
    assert_eq!(atoms("[ipv4-addr:value NOT IN ('198.51.100.7')]"), " | ");
    assert_eq!(atoms("[ipv4-addr:value NOT != '198.51.100.7']"), "address:198.51.100.7 | ");
    assert_eq!(atoms("[a:b != 'x' AND domain-name:value = 'c.example']"), "domain:c.example | ");
    assert_eq!(
        atoms("[domain-name:value IN ('a.example', 'B.example')]"),
        "domain:a.example domain:b.example | "
    );
    assert_eq!(atoms("[domain-name:value LIKE '%.example']"), " | domain-name:value LIKE");
    assert_eq!(atoms("[a:b = 'x'] AND [a:c MATCHES 'y']"), "b:x | a:c MATCHES");
    assert_eq!(atoms("[autonomous-system:number = 'AS64511']"), "number:64511 | ");
    assert_eq!(atoms("[network-traffic:dst_port = 4444]"), "dst_port:4444 | ");
    assert_eq!(atoms("[network-traffic:dst_ref.type = 'ipv4-addr']"), " | ");
}

/// A bracket with thousands of alternatives on each side is decided or given up, in bounded time.
#[test]
fn alternatives_do_not_multiply() {
    let side = |name: &str| {
        let terms: Vec<String> = (0..300).map(|i| format!("a:{name} != 'y{i}' AND a:x = 'none'")).collect();
        format!("({} OR a:{name} = 'x')", terms.join(" OR "))
    };
    let text = format!("[{} AND {} AND a:z = 'none']", side("b"), side("c"));
    let mut seen = SeenBuilder::new();
    let object = seen.object("a");
    for name in ["b", "c", "z"] {
        seen.set(object, name, "x", 0);
    }
    let evaluation = Pattern::parse(&text).expect("a pattern").evaluate(&seen.build(), None);
    assert!(evaluation.partial);

    let ways = vec!["(a:b = 'x' OR a:c = 'x')"; 40].join(" AND ");
    let mut seen = SeenBuilder::new();
    let object = seen.object("a");
    seen.set(object, "b", "x", 0);
    seen.set(object, "c", "x", 1);
    let other = seen.object("a");
    seen.set(other, "z", "x", 2);
    let text = format!("[{ways} AND a:z = 'x']");
    let evaluation = Pattern::parse(&text).expect("a pattern").evaluate(&seen.build(), None);
    assert_eq!((evaluation.whole, evaluation.unsupported), (false, Some(Unsupported::TooComplex)));
}

fn name() -> impl Strategy<Value = Box<str>> {
    "[a-zA-Z_][a-zA-Z0-9_]{0,8}"
        .prop_filter("no keyword", |name| lexer::is_plain_key(name))
        .prop_map(Into::into)
}

fn object_path() -> impl Strategy<Value = ObjectPath> {
    let object_type = "[a-zA-Z_][a-zA-Z0-9_-]{0,8}"
        .prop_filter("no keyword", |name| name.contains('-') || lexer::is_plain_key(name));
    let key = prop_oneof![3 => name(), 1 => any::<String>().prop_map(Into::into)].prop_map(PathStep::Key);
    let step =
        prop_oneof![4 => key.clone(), 1 => any::<i64>().prop_map(PathStep::Index), 1 => Just(PathStep::Any)];
    (object_type, key, prop::collection::vec(step, 0..4)).prop_map(|(object_type, first, mut steps)| {
        steps.insert(0, first);
        ObjectPath { object_type: object_type.into(), steps: steps.into() }
    })
}

fn timestamp() -> impl Strategy<Value = TimestampLiteral> {
    let text = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]{1,9})?Z";
    text.prop_map(|text| TimestampLiteral { value: value::parse_timestamp(&text), text: text.into() })
}

fn literal(boolean: bool) -> impl Strategy<Value = Literal> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..20);
    prop_oneof![
        any::<i64>().prop_map(Literal::Integer),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Literal::Float),
        any::<String>().prop_map(|text| Literal::String(text.into())),
        any::<bool>().prop_map(move |value| match boolean {
            true => Literal::Boolean(value),
            false => Literal::Integer(value.into()),
        }),
        bytes().prop_map(|bytes| Literal::Hex(bytes.into())),
        bytes().prop_map(|bytes| Literal::Binary(bytes.into())),
        timestamp().prop_map(Literal::Timestamp),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let text = || any::<String>().prop_map(Box::<str>::from);
    let test = prop_oneof![
        literal(true).prop_map(Test::Equal),
        literal(true).prop_map(Test::NotEqual),
        literal(false).prop_map(Test::Less),
        literal(false).prop_map(Test::LessOrEqual),
        literal(false).prop_map(Test::Greater),
        literal(false).prop_map(Test::GreaterOrEqual),
        prop::collection::vec(literal(true), 0..4).prop_map(|members| Test::In(members.into())),
        text().prop_map(Test::Like),
        text().prop_map(Test::Matches),
        text().prop_map(Test::IsSubset),
        text().prop_map(Test::IsSuperset),
        Just(Test::Exists),
    ];
    (object_path(), any::<bool>(), test).prop_map(|(path, negated, test)| Comparison { path, negated, test })
}

fn comparisons() -> impl Strategy<Value = ComparisonExpression> {
    comparison().prop_map(ComparisonExpression::Comparison).prop_recursive(3, 12, 3, |inner| {
        let operands = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            operands().prop_map(|operands| ComparisonExpression::And(operands.into())),
            operands().prop_map(|operands| ComparisonExpression::Or(operands.into())),
        ]
    })
}

fn observations() -> impl Strategy<Value = ObservationExpression> {
    let qualifier = || {
        prop_oneof![
            (0.0..1e12_f64).prop_map(|seconds| Qualifier::Within(Seconds(seconds))),
            any::<u64>().prop_map(Qualifier::Repeats),
            (timestamp(), timestamp()).prop_map(|(start, stop)| Qualifier::StartStop(start, stop)),
        ]
    };
    comparisons().prop_map(ObservationExpression::Observation).prop_recursive(3, 12, 3, move |inner| {
        let operands = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            operands().prop_map(|operands| ObservationExpression::And(operands.into())),
            operands().prop_map(|operands| ObservationExpression::Or(operands.into())),
            operands().prop_map(|operands| ObservationExpression::FollowedBy(operands.into())),
            (inner.clone(), prop::collection::vec(qualifier(), 1..3)).prop_map(|(expression, qualifiers)| {
                ObservationExpression::Qualified {
                    expression: Box::new(expression),
                    qualifiers: qualifiers.into(),
                }
            }),
        ]
    })
}

/// One observation in which everything that a pattern names was seen.
fn everything_named(pattern: &Pattern) -> Seen {
    let mut seen = SeenBuilder::new();
    for atom in pattern.atoms().atoms {
        if let (AtomKind::Property(name), AtomValue::Text(text)) = (&atom.kind, &atom.value) {
            let object = seen.object("file");
            seen.set(object, name, &**text, 0);
        }
    }
    seen.build()
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_it_was(expression in observations()) {
        let printed = expression.to_string();
        let pattern = Pattern::parse(&printed).map_err(|error| TestCaseError::fail(format!("{printed}: {error}")))?;
        prop_assert_eq!(pattern.expression(), &expression, "{}", printed);
        prop_assert_eq!(pattern.to_string(), printed);
    }

    #[test]
    fn a_quoted_text_reads_as_it_was(text in any::<String>()) {
        let pattern = Pattern::parse(&format!("[a:b = {}]", quote(&text))).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let expected = Comparison {
            path: ObjectPath { object_type: "a".into(), steps: [PathStep::Key("b".into())].into() },
            negated: false,
            test: Test::Equal(Literal::String(text.into())),
        };
        prop_assert_eq!(
            pattern.expression(),
            &ObservationExpression::Observation(ComparisonExpression::Comparison(expected))
        );
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        if let Ok(pattern) = Pattern::parse_lenient(&text) {
            let _ = (pattern.check(), pattern.atoms(), pattern.unsupported());
        }
    }

    /// Closer to patterns than arbitrary text: pieces of them in any order.
    #[test]
    fn no_pieces_make_it_panic(pieces in prop::collection::vec(prop::sample::select(&[
        "[", "]", "(", ")", "a", ":", "b-c", ".", "'x'", "'", "\\", "=", "!=", "<", "IN", "LIKE", "NOT", "EXISTS", "AND", "OR",
        "FOLLOWEDBY", "WITHIN", "SECONDS", "REPEATS", "TIMES", "START", "STOP", "t'2026-01-01T00:00:00Z'", "h'00'", "b'AA=='",
        "1", "-1", "0.5", "true", ",", "[*]", "/*", "*/", "//", "\n", " ", "\u{a0}", "é", "[a:b = 'x']", "a:b = 1", "hashes",
        "MATCHES '('", "ISSUBSET '1.0.0.0/8'",
    ][..]), 0..30)) {
        let text = pieces.concat();
        let spaced = pieces.join(" ");
        for text in [text, spaced] {
            let strict = Pattern::parse(&text);
            let lenient = Pattern::parse_lenient(&text);
            if let Ok(strict) = strict {
                prop_assert_eq!(lenient.as_ref().map(Pattern::expression), Ok(strict.expression()), "{}", text);
            }
            if let Ok(pattern) = lenient {
                let evaluation = pattern.evaluate(&everything_named(&pattern), None);
                prop_assert_eq!(evaluation.whole || evaluation.partial, !evaluation.hits.is_empty(), "{}", text);
                prop_assert!(Pattern::parse(&pattern.to_string()).is_ok(), "{}", text);
                let _ = pattern.matches(&[]);
            }
        }
    }

    /// Whatever an alert saw, a pattern of it is true of it, and found by its atoms.
    #[test]
    fn what_was_seen_is_found(value in any::<String>(), property in prop::sample::select(&[
        ("file", "name"), ("file", "hashes.MD5"), ("url", "value"), ("domain-name", "value"), ("email-addr", "value"),
        ("ipv4-addr", "value"), ("ipv6-addr", "value"), ("windows-registry-key", "key"), ("mutex", "name"),
        ("autonomous-system", "number"), ("cryptocurrency-wallet", "value"),
    ][..])) {
        let (object_type, path) = property;
        let mut seen = SeenBuilder::new();
        let object = seen.object(object_type);
        seen.set(object, path, value.as_str(), 3);
        let seen = seen.build();
        for written in [value.clone(), value.to_uppercase()] {
            let pattern = Pattern::parse(&format!("[{object_type}:{path} = {}]", quote(&written)));
            let pattern = pattern.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let evaluation = pattern.evaluate(&seen, None);
            if written == value {
                prop_assert!(evaluation.whole);
                prop_assert_eq!(evaluation.hits[0].ioc, 3);
            }
            if evaluation.whole {
                prop_assert!(pattern.atoms().atoms.contains(&Atom::new(object_type, path, &value)));
            }
        }
    }
}

proptest! {
    // Most cases are true of little, so it takes many to meet every operator with an outcome that depends on it.
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// The fuzz target `stix_evaluate` looks longer for a case of which this is not true.
    #[test]
    fn the_evaluation_says_what_a_slow_one_says(bytes in prop::collection::vec(any::<u8>(), 40..160)) {
        differential::check(&bytes);
    }
}
