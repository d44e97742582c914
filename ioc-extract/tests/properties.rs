//! What holds for every text.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use ioc_extract::{DecodeLimits, Extractor, Ioc, Item, Kind, Profile};
use proptest::prelude::*;

fn extractors() -> [Extractor; 3] {
    [
        Extractor::new(),
        Extractor::builder().profile(Profile::Report).build(),
        Extractor::builder().profile(Profile::Report).decode(DecodeLimits::NONE).reserved(false).build(),
    ]
}

/// Spans lie within the text and come in order; values are canonical; what borrows stands there.
fn check(bytes: &[u8]) {
    for extractor in extractors() {
        let mut last = 0;
        for item in extractor.scan_all(bytes) {
            let (span, found) = match item {
                Item::Found(found) => (found.span.clone(), Some(found)),
                Item::LeftOut(left) => (left.span, None),
            };
            assert!(span.start <= span.end && span.end <= bytes.len(), "{span:?} of {}", bytes.len());
            assert!(last <= span.start, "{span:?} after {last}");
            last = span.start;
            let Some(found) = found else { continue };
            let ioc = found.ioc();
            // An IPv4-mapped address in its IPv6 spelling is the one value that parses to another kind.
            let mapped = found.kind == Kind::Ipv6Addr
                && ioc.ip().is_some_and(
                    |ip| matches!(ip, std::net::IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some()),
                );
            if !mapped {
                assert_eq!(Ioc::parse(found.kind, &found.value).as_ref(), Ok(&ioc), "{found:?}");
            }
            assert_eq!(
                ioc.is_global().is_some(),
                matches!(found.kind, Kind::Ipv4Addr | Kind::Ipv6Addr | Kind::Cidr)
            );
        }
    }
}

/// Pieces of indicators and of what hides them, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "http",
        "hxxps",
        "://",
        "[:]//",
        "[.]",
        "(dot)",
        " dot ",
        "[at]",
        "@",
        ".",
        "..",
        "evil",
        "evil-c2",
        "com",
        "co.uk",
        "рф",
        "example.com",
        "1.2.3.4",
        "45",
        ",",
        "::",
        ":",
        "2001:db8",
        "ffff",
        "/24",
        "HKLM",
        "\\",
        "\\\\",
        "C:",
        "%2F",
        "%25",
        "&#x41;",
        "&amp;",
        "\\x41",
        "\\u0041",
        "^",
        "`",
        "'+'",
        "\" & \"",
        "'",
        "\"",
        " ",
        "\n",
        "\t",
        "\0",
        "aHR0cDovL2V2aWwuY29t",
        "H4sIAAAAAAAA",
        "687474703a2f2f6576696c2e636f6d",
        "=",
        "(104,116,116,112,58,47)",
        ".Replace('a','b')",
        "d41d8cd98f00b204e9800998ecf8427e",
        "CVE-2021-44228",
        "T1059",
        "AS",
        "1234",
        "+61",
        "<",
        ">",
        "href=\"",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "é",
        "\u{200b}",
        "\u{ad}",
        "。",
        "arn:aws:s3:::",
        "t13d1516h2_8daaf6152771_b186095e22b6",
        "-",
        "_",
        "//:ptth",
        "moc.live",
        "*",
        "|",
        "/",
        "?",
        "#",
        "~",
        "tcp",
        "__",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A string glued together whose first piece was left out already, and something after it that was found before.
#[test]
fn a_region_that_reaches_back_keeps_the_order() {
    check(b".Replace('a','b')::%2Fco.uk{'+'HKLMco.uk");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check(text.as_bytes());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        check(&bytes);
    }

    #[test]
    fn any_pieces(text in pieces()) {
        check(text.as_bytes());
    }

    /// The text is read in blocks; where they begin and end must not show.
    #[test]
    fn place_in_a_block_does_not_matter(text in pieces(), shift in 2usize..140) {
        for extractor in extractors() {
            let items = |blanks: usize| {
                let text = format!("{}{text}", " ".repeat(blanks));
                let place = |span: &std::ops::Range<usize>| (span.start.max(blanks) - blanks, span.end.max(blanks) - blanks);
                let item = |item: Item<'_>| match item {
                    Item::Found(f) => format!("{} {} {:?} {}", f.kind, f.value, place(&f.span), f.via),
                    Item::LeftOut(l) => format!("- {} {:?} {}", l.kind, place(&l.span), l.reason.as_str()),
                };
                extractor.scan_all(text.as_bytes()).map(item).collect::<Vec<_>>()
            };
            prop_assert_eq!(items(1), items(shift));
        }
    }

    #[test]
    fn canonical_form_is_stable(text in pieces(), index in 0..Kind::all().len()) {
        let kind = Kind::all().nth(index).unwrap();
        if let Ok(ioc) = Ioc::parse(kind, &text) {
            prop_assert_eq!(Ioc::parse(ioc.kind(), ioc.value()), Ok(ioc));
        }
    }

    /// What was refanged is found plainly in its canonical form.
    #[test]
    fn refanging_is_idempotent(label in "[a-z][a-z0-9]{2,8}", mark in prop::sample::select(vec!["[.]", "(.)", "{.}", "[dot]", "(dot)", "\\."])) {
        let expected = format!("evil-{label}.com");
        let defanged = expected.replace('.', mark);
        for text in [&defanged, &expected] {
            let found: Vec<_> = Extractor::new().scan(text).collect();
            prop_assert_eq!(found.len(), 1, "{:?} in {}", found, text);
            prop_assert_eq!(&*found[0].value, &*expected);
            prop_assert_eq!(found[0].via.is_empty(), text == &expected);
            prop_assert_eq!(found[0].span.clone(), 0..text.len());
        }
    }

    /// An address survives any of the ways in which one is hidden.
    #[cfg(feature = "decode")]
    #[test]
    fn encodings_are_undone(host in "[a-z]{4,10}", path in "[a-z]{1,8}") {
        let url = format!("http://{host}-c2.com/{path}");
        let base64 = encode_base64(url.as_bytes());
        let wide: Vec<u8> = url.bytes().flat_map(|b| [b, 0]).collect();
        let hidden = [
            base64.clone(),
            encode_base64(&wide),
            encode_base64(base64.as_bytes()),
            url.bytes().map(|b| format!("{b:02x}")).collect(),
            url.bytes().map(|b| format!("\\x{b:02x}")).collect(),
            url.bytes().map(|b| format!("&#{b};")).collect(),
            url.bytes().map(|b| format!("%{b:02x}")).collect(),
            format!("({})", url.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(",")),
            url.bytes().map(|b| format!("'{}'", char::from(b))).collect::<Vec<_>>().join("+"),
            String::from_utf8(wide).unwrap(),
            url.chars().rev().collect(),
        ];
        for text in hidden {
            let text = format!("run {text} now");
            let found: Vec<_> = Extractor::new().scan(&text).filter(|f| f.kind == Kind::Url).collect();
            prop_assert!(found.iter().any(|f| *f.value == url && !f.via.is_empty()), "{:?} in {}", found, text);
        }
    }
}

#[cfg(feature = "decode")]
fn encode_base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = u32::from(chunk[0]) << 16
            | u32::from(*chunk.get(1).unwrap_or(&0)) << 8
            | u32::from(*chunk.get(2).unwrap_or(&0));
        for i in 0..4 {
            out.push(if i <= chunk.len() {
                char::from(ALPHABET[(bits >> (18 - 6 * i)) as usize & 63])
            } else {
                '='
            });
        }
    }
    out
}
