//! Every kind that can be found is found in running text, in its canonical form and nothing else with it.
//!
//! The addresses were made for these tests from a hash of a sentence, with their real checksums; they are nobody's.

use ioc_extract::{Extractor, Ioc, Item, Kind, Profile, Rejected};

/// Kind, text, value.
const SENTENCES: &[(Kind, &str, &str)] = &[
    (Kind::Ipv4Addr, "refused 91.198.174.192:8080 twice", "91.198.174.192"),
    (Kind::Ipv6Addr, "peer [2001:470:1:18::119]:443 is up", "2001:470:1:18::119"),
    (Kind::Cidr, "route 91.198.174.0/24 withdrawn", "91.198.174.0/24"),
    (Kind::DomainName, "query: Bad-Host.net IN A", "bad-host.net"),
    (
        Kind::OnionService,
        "hidden 4kgzhlym4yhmse7lz6vktwavipbapzohlmohjdjwio2p2gcwj2gugqad there",
        "4kgzhlym4yhmse7lz6vktwavipbapzohlmohjdjwio2p2gcwj2gugqad.onion",
    ),
    (Kind::Url, "GET https://bad-host.net/a?b=c done", "https://bad-host.net/a?b=c"),
    (Kind::EmailAddr, "from=<Someone@Bad-Host.net>", "someone@bad-host.net"),
    (Kind::Xmpp, "write to someone@jabber.bad-host.net please", "someone@jabber.bad-host.net"),
    (Kind::PhoneNumber, "call +61 491 570 006 now", "+61491570006"),
    (Kind::Md5, "md5 DF0936CF908AC69474B7B99B22551901 seen", "df0936cf908ac69474b7b99b22551901"),
    (Kind::Sha1, "is d7bf8f4471745e1ce5615566c8a8f0439101a689,", "d7bf8f4471745e1ce5615566c8a8f0439101a689"),
    (
        Kind::Sha224,
        "is 3d40415f82cd3a7e8870d36eac0ce70c7cea9fca0c7945383ebaba61",
        "3d40415f82cd3a7e8870d36eac0ce70c7cea9fca0c7945383ebaba61",
    ),
    (
        Kind::Sha256,
        "SHA256=52A696BAAA7F75946CED9AEC0D5A2F74D27764F498D1761FFCE690887933EE32",
        "52a696baaa7f75946ced9aec0d5a2f74d27764f498d1761ffce690887933ee32",
    ),
    (
        Kind::Sha384,
        "a22edeefbc51f0a0a97f66197e1303ca261970a4a4f9d1a16f13a1265723a67a312c650cdf168c17bb2480a784862d75",
        "a22edeefbc51f0a0a97f66197e1303ca261970a4a4f9d1a16f13a1265723a67a312c650cdf168c17bb2480a784862d75",
    ),
    (
        Kind::Sha512,
        "(376664761f72fee59cc7ccd45e7d5440036d1ffe1535014b838b412450f980f1158b5dd10a396708fd9b7efb487cb21a2171a7c1d14ea15bac9cbbef67a2bc4b)",
        "376664761f72fee59cc7ccd45e7d5440036d1ffe1535014b838b412450f980f1158b5dd10a396708fd9b7efb487cb21a2171a7c1d14ea15bac9cbbef67a2bc4b",
    ),
    (
        Kind::Sha3_256,
        "SHA3-256: 684b793bed415d44aba8100a0c1ac38c23e83c5bb0e4abde9e994be11d45db32",
        "684b793bed415d44aba8100a0c1ac38c23e83c5bb0e4abde9e994be11d45db32",
    ),
    (
        Kind::Sha3_512,
        "sha3-512=b6898b574ab483dbdfce5dfd8270fab6594361a292e6d28fcbfce6b4490c021dfd0111d0b7d333767930268812d49fa589a08e290e8c4e6995d8bda831592e00",
        "b6898b574ab483dbdfce5dfd8270fab6594361a292e6d28fcbfce6b4490c021dfd0111d0b7d333767930268812d49fa589a08e290e8c4e6995d8bda831592e00",
    ),
    (Kind::Imphash, "IMPHASH=DF0936CF908AC69474B7B99B22551901", "df0936cf908ac69474b7b99b22551901"),
    (
        Kind::Authentihash,
        "Authentihash 52a696baaa7f75946ced9aec0d5a2f74d27764f498d1761ffce690887933ee32",
        "52a696baaa7f75946ced9aec0d5a2f74d27764f498d1761ffce690887933ee32",
    ),
    (
        Kind::Ssdeep,
        "ssdeep 96:s4Ud1Lj96tHHlZDrwciQmA+4uy1I0G4HYuL8N3TzS8QsO/wqWXLcMSx:sF1LjEtHHlZDrJzrhuyZvHYm8tKp/RWO is close",
        "96:s4Ud1Lj96tHHlZDrwciQmA+4uy1I0G4HYuL8N3TzS8QsO/wqWXLcMSx:sF1LjEtHHlZDrJzrhuyZvHYm8tKp/RWO",
    ),
    (
        Kind::Tlsh,
        "tlsh T1a22edeefbc51f0a0a97f66197e1303ca261970a4a4f9d1a16f13a1265723a67a312c65 near",
        "T1A22EDEEFBC51F0A0A97F66197E1303CA261970A4A4F9D1A16F13A1265723A67A312C65",
    ),
    (Kind::FileName, "it drops invoice_7.exe and leaves", "invoice_7.exe"),
    (Kind::FilePath, r"started C:\Users\Public\loader from", r"C:\Users\Public\loader"),
    (Kind::RegistryKey, r"set HKCU\Software\Bad\Run", r"HKEY_CURRENT_USER\Software\Bad\Run"),
    (Kind::NamedPipe, r"opened \\.\pipe\badpipe7 once", r"\\.\pipe\badpipe7"),
    (Kind::MacAddr, "from 00-1A-2B-3C-4D-5E on", "00:1a:2b:3c:4d:5e"),
    (Kind::Asn, "announced by AS64500 today", "AS64500"),
    (Kind::Cve, "exploits cve-2021-44228.", "CVE-2021-44228"),
    (Kind::AttackTechnique, "uses T1059.001 a lot", "T1059.001"),
    (Kind::AttackTactic, "is TA0011 by", "TA0011"),
    (Kind::AttackMitigation, "mitigated by M1042 only", "M1042"),
    (Kind::Ja3, "ja3=df0936cf908ac69474b7b99b22551901", "df0936cf908ac69474b7b99b22551901"),
    (Kind::Ja3s, "ja3s: df0936cf908ac69474b7b99b22551901", "df0936cf908ac69474b7b99b22551901"),
    (Kind::Ja4, "with t13d1516h2_8daaf6152771_b186095e22b6 as", "t13d1516h2_8daaf6152771_b186095e22b6"),
    (
        Kind::CertSha1,
        "thumbprint: D7BF8F4471745E1CE5615566C8A8F0439101A689",
        "d7bf8f4471745e1ce5615566c8a8f0439101a689",
    ),
    (
        Kind::CertSha256,
        "fingerprint=52a696baaa7f75946ced9aec0d5a2f74d27764f498d1761ffce690887933ee32",
        "52a696baaa7f75946ced9aec0d5a2f74d27764f498d1761ffce690887933ee32",
    ),
    (Kind::Bitcoin, "pay 1MeuKHjHUs7UUpuoMMADm5XopyeECJgBZ3 now", "1MeuKHjHUs7UUpuoMMADm5XopyeECJgBZ3"),
    (Kind::Bitcoin, "pay 3NLvEqDj2mRrZzcEUSppBhtjyVvwmA59t5 now", "3NLvEqDj2mRrZzcEUSppBhtjyVvwmA59t5"),
    (
        Kind::Bitcoin,
        "pay bc1qu2xe8tcvuc8vjylte742nkq4g0pq0ew8602pdl now",
        "bc1qu2xe8tcvuc8vjylte742nkq4g0pq0ew8602pdl",
    ),
    (
        Kind::Bitcoin,
        "pay bc1pu2xe8tcvuc8vjylte742nkq4g0pq0ew8tvw8frfkgw606xzkf6xsn02xyk now",
        "bc1pu2xe8tcvuc8vjylte742nkq4g0pq0ew8tvw8frfkgw606xzkf6xsn02xyk",
    ),
    (
        Kind::BitcoinCash,
        "pay bitcoincash:qr3gmya0pnnqajgna08642wcz4puypl9cuphv4tnqa now",
        "qr3gmya0pnnqajgna08642wcz4puypl9cuphv4tnqa",
    ),
    (Kind::Litecoin, "pay LfsraW37ZXMXjdbxXV9X36ba3C1WJ1fi11 now", "LfsraW37ZXMXjdbxXV9X36ba3C1WJ1fi11"),
    (
        Kind::Litecoin,
        "pay ltc1qu2xe8tcvuc8vjylte742nkq4g0pq0ew87ns940 now",
        "ltc1qu2xe8tcvuc8vjylte742nkq4g0pq0ew87ns940",
    ),
    (Kind::Dogecoin, "pay DRnzrYfvnH1m1q6Q5w9nJqhQi7NXTGBk4T now", "DRnzrYfvnH1m1q6Q5w9nJqhQi7NXTGBk4T"),
    (Kind::Dash, "pay XwLk9YPBSaL4dmWPDEUSccDbfKDv9hicrB now", "XwLk9YPBSaL4dmWPDEUSccDbfKDv9hicrB"),
    (
        Kind::Ethereum,
        "pay 0xE28d93aF0CE60eC913eBcfaaA9D81543C207E5C7 now",
        "0xe28d93af0ce60ec913ebcfaaa9d81543c207e5c7",
    ),
    (
        Kind::Monero,
        "pay 4AD4MJ4AbVwadhzMZS5z2gCLLY62k9C83Qcw7dMLFdV7QhUshuu46MTE2xNSd1NoNs56DQUivUnGmjjBkiemH8bySuB8uSp now",
        "4AD4MJ4AbVwadhzMZS5z2gCLLY62k9C83Qcw7dMLFdV7QhUshuu46MTE2xNSd1NoNs56DQUivUnGmjjBkiemH8bySuB8uSp",
    ),
    (Kind::Tron, "pay TWd7KM71dbERdzyRwcowHEDwjmPYPcwTvn now", "TWd7KM71dbERdzyRwcowHEDwjmPYPcwTvn"),
    (Kind::Ripple, "pay rMeuKHjH71f77FuoMMwDmnXoFyeNUJgBZs now", "rMeuKHjH71f77FuoMMwDmnXoFyeNUJgBZs"),
    (Kind::Tezos, "pay tz1gHw1QbW7SrknEbvrsDmoBZSiyxRnxwBPY now", "tz1gHw1QbW7SrknEbvrsDmoBZSiyxRnxwBPY"),
    (
        Kind::Cardano,
        "pay addr1v83gmya0pnnqajgna08642wcz4puypl9cad3caydxepmflgzyxnur now",
        "addr1v83gmya0pnnqajgna08642wcz4puypl9cad3caydxepmflgzyxnur",
    ),
    (
        Kind::Solana,
        "pay GFNMMosH9Hfeei79G6N3z4zxS6HvpL916vULN3S7hxMA now",
        "GFNMMosH9Hfeei79G6N3z4zxS6HvpL916vULN3S7hxMA",
    ),
    (Kind::Arn, "on arn:aws:iam::123456789012:role/Admin by", "arn:aws:iam::123456789012:role/Admin"),
    (Kind::AnalyticsId, "with UA-12345678-9 in it", "UA-12345678-9"),
    (Kind::AdsenseId, "with pub-1234567890123456 in it", "pub-1234567890123456"),
    (Kind::TlpMarking, "This is TLP:Amber, so", "TLP:AMBER"),
];

/// Kinds that come along since they stand in the value.
const fn comes_along(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Cidr => Some(Kind::Ipv4Addr),
        Kind::Url => Some(Kind::DomainName),
        _ => None,
    }
}

#[test]
fn each_kind_is_found_in_a_sentence() {
    let extractor = Extractor::builder().profile(Profile::Report).build();
    for (kind, text, value) in SENTENCES {
        let found: Vec<_> = extractor.scan(text).filter(|f| comes_along(*kind) != Some(f.kind)).collect();
        let seen: Vec<_> = found.iter().map(|f| (f.kind, &*f.value)).collect();
        assert_eq!(seen, [(*kind, *value)], "{text}");
        assert_eq!(
            Ioc::parse(*kind, &text[found[0].span.clone()]).as_ref().map(Ioc::value),
            Ok(*value),
            "{text}"
        );
    }
}

#[test]
fn no_kind_is_forgotten() {
    let missing: Vec<_> =
        Kind::all().filter(|kind| SENTENCES.iter().all(|(known, ..)| known != kind)).collect();
    // These are read from fields only: nothing in a text tells them from other words.
    let fields_only =
        [Kind::Mutex, Kind::UserAgent, Kind::Account, Kind::AccountId, Kind::CommandLine, Kind::CertSerial];
    assert_eq!(missing, fields_only);
}

#[test]
fn one_wrong_character_fails_every_checksum() {
    let extractor = Extractor::builder().profile(Profile::Report).build();
    let mut tried = 0;
    for (kind, text, value) in SENTENCES {
        let wallet = kind.as_str().len() <= 4 && text.starts_with("pay ") && *kind != Kind::Solana;
        if !wallet && *kind != Kind::OnionService {
            continue;
        }
        // Another character of all these alphabets in the middle.
        let written = text.find(&value[..8]).or_else(|| text.find("0xE28d93"));
        let middle = written.unwrap_or_default() + 20;
        let other = if text.as_bytes()[middle] == b'a' { "c" } else { "a" };
        let wrong = format!("{}{other}{}", &text[..middle], &text[middle + 1..]);
        assert!(extractor.scan(&wrong).all(|found| found.kind != *kind), "{wrong}");
        if wallet {
            let left_out = extractor.scan_all(wrong.as_bytes()).any(
                |item| matches!(item, Item::LeftOut(left) if left.kind == *kind && left.reason == Rejected::Checksum),
            );
            assert!(left_out, "{wrong}");
        }
        tried += 1;
    }
    assert_eq!(tried, 16);
}
