use super::*;

/// Kind, text, canonical value.
const GOOD: &[(Kind, &str, &str)] = &[
    (Kind::Ipv4Addr, " 45.77.12.9 ", "45.77.12.9"),
    (Kind::Ipv4Addr, "45.77.12.9:8443", "45.77.12.9"),
    (Kind::Ipv4Addr, "192.168.1.000", "192.168.1.0"),
    (Kind::Ipv4Addr, "018.12.15.14", "18.12.15.14"),
    (Kind::Ipv6Addr, "2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    (Kind::Ipv6Addr, "[fe80::1%eth0]:22", "fe80::1"),
    (Kind::Cidr, "1.2.3.4/20", "1.2.3.4/20"),
    (Kind::Cidr, "2A00:1450::/32", "2a00:1450::/32"),
    (Kind::Cidr, "::ffff:1.2.3.0/120", "1.2.3.0/24"),
    (Kind::DomainName, "Evil-C2.COM.", "evil-c2.com"),
    (Kind::DomainName, "_dmarc.evil-c2.com", "_dmarc.evil-c2.com"),
    (Kind::DomainName, "*.evil-c2.com", "evil-c2.com"),
    #[cfg(feature = "idna")]
    (Kind::DomainName, "пример.рф", "xn--e1afmkfd.xn--p1ai"),
    (Kind::DomainName, "a.b.github.io", "a.b.github.io"),
    (Kind::DomainName, "host.co.za", "host.co.za"),
    (Kind::DomainName, "evil.test", "evil.test"),
    (Kind::Url, "HTTP://Evil-C2.com/A.ps1", "http://evil-c2.com/A.ps1"),
    (Kind::Url, "ftp://bob:S3@Evil-C2.com:2121/x", "ftp://bob:S3@evil-c2.com:2121/x"),
    (Kind::Url, "http://[2001:0470:1:18::119]:8080/x", "http://[2001:470:1:18::119]:8080/x"),
    (Kind::Url, "http://0x2D3D0C09/a.hta", "http://45.61.12.9/a.hta"),
    (Kind::Url, "GitHub.com/MISP/MISP", "github.com/MISP/MISP"),
    (Kind::EmailAddr, "Bob@Evil-C2.COM", "bob@evil-c2.com"),
    (Kind::EmailAddr, "bob+x@[45.77.12.9]", "bob+x@[45.77.12.9]"),
    (Kind::Xmpp, "Bob@Jabber.org", "bob@jabber.org"),
    (Kind::PhoneNumber, "+61 491 570-006", "+61491570006"),
    (Kind::Md5, "9E107D9D372BB6826BD81D3542A419D6", "9e107d9d372bb6826bd81d3542a419d6"),
    (
        Kind::CertSha1,
        "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD",
        "aabbccddeeff00112233445566778899aabbccdd",
    ),
    (Kind::CertSerial, "00:9A:1D:3F:5B", "9a1d3f5b"),
    (
        Kind::CertSerial,
        "0x36F7D432F4AB70EAD3CE986EEA999349320AB706",
        "36f7d432f4ab70ead3ce986eea999349320ab706",
    ),
    (Kind::CertSerial, "36 f7 d4 32", "36f7d432"),
    (Kind::Account, " CORP\\Bob ", "CORP\\Bob"),
    (Kind::Account, "bob@corp.test", "bob@corp.test"),
    (Kind::Account, "J\u{f6}rg M\u{fc}ller", "J\u{f6}rg M\u{fc}ller"),
    (
        Kind::AccountId,
        "s-1-5-21-3623811015-3361044348-30300820-1013",
        "S-1-5-21-3623811015-3361044348-30300820-1013",
    ),
    (Kind::CommandLine, " cmd /c \"a\"\r\n", "cmd /c \"a\""),
    (Kind::Ssdeep, "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C"),
    (Kind::Ja4, "t13d1516h2_8daaf6152771_B186095E22B6", "t13d1516h2_8daaf6152771_b186095e22b6"),
    (Kind::FileName, "C:\\Temp\\evil.exe", "evil.exe"),
    (Kind::FilePath, "C:\\\\Windows\\\\Temp\\\\evil.exe", "C:\\Windows\\Temp\\evil.exe"),
    (Kind::FilePath, "\\\\\\\\host\\\\share\\\\x", "\\\\host\\share\\x"),
    (Kind::FilePath, "/tmp/.x", "/tmp/.x"),
    (Kind::RegistryKey, "hklm:\\Software\\\\Evil\\", "HKEY_LOCAL_MACHINE\\Software\\Evil"),
    (Kind::RegistryKey, "<HKCU>\\Software\\Evil", "HKEY_CURRENT_USER\\Software\\Evil"),
    (Kind::RegistryKey, "\\Registry\\User\\S-1-5-21\\Evil", "HKEY_USERS\\S-1-5-21\\Evil"),
    (Kind::NamedPipe, "\\\\.\\PIPE\\evil", "\\\\.\\pipe\\evil"),
    (Kind::Mutex, "Global\\Evil", "Global\\Evil"),
    (Kind::MacAddr, "AA-F2-C9-A6-B3-4F", "aa:f2:c9:a6:b3:4f"),
    (Kind::MacAddr, "aaf2.c9a6.b34f", "aa:f2:c9:a6:b3:4f"),
    (Kind::MacAddr, "aaf2c9a6b34f", "aa:f2:c9:a6:b3:4f"),
    (Kind::Asn, "ASN 13335", "AS13335"),
    (Kind::UserAgent, "curl/8.5.0", "curl/8.5.0"),
    (Kind::Cve, "cve-2021-44228", "CVE-2021-44228"),
    (Kind::AttackTechnique, "t1059.001", "T1059.001"),
    (Kind::AttackTactic, "TA0001", "TA0001"),
    (Kind::AttackMitigation, "M1013", "M1013"),
    (Kind::Arn, "arn:aws:s3:::bucket/key", "arn:aws:s3:::bucket/key"),
    (Kind::AnalyticsId, "UA-12345678-9", "UA-12345678-9"),
    (Kind::AdsenseId, "pub-1234567890123456", "pub-1234567890123456"),
    (Kind::Bitcoin, "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    (
        Kind::Bitcoin,
        "BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    ),
    (
        Kind::Ethereum,
        "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
    ),
];

/// Kind, text, reason.
const BAD: &[(Kind, &str, Rejected)] = &[
    (Kind::Ipv4Addr, " ", Rejected::Empty),
    (Kind::Ipv4Addr, "1.2.3", Rejected::Malformed),
    (Kind::Ipv4Addr, "1.2.3.256", Rejected::Malformed),
    (Kind::Ipv4Addr, "012.1.1.1", Rejected::Malformed),
    (Kind::Ipv4Addr, "2001:db8::1", Rejected::Malformed),
    (Kind::Ipv6Addr, "1::2::3", Rejected::Malformed),
    (Kind::Cidr, "1.2.3.4/33", Rejected::Malformed),
    (Kind::DomainName, "srv01.lan", Rejected::NoPublicSuffix),
    (Kind::DomainName, "localhost", Rejected::NoPublicSuffix),
    (Kind::DomainName, "co.uk", Rejected::PublicSuffix),
    (Kind::DomainName, "a..com", Rejected::Malformed),
    (Kind::DomainName, "-a.com", Rejected::Malformed),
    (Kind::DomainName, "katz_trunk.com", Rejected::Malformed),
    (Kind::Url, "http://localhost/x", Rejected::NoPublicSuffix),
    (Kind::Url, "http://user:pass@ex@mple.com/", Rejected::Malformed),
    (Kind::Url, "/index.php?id=1", Rejected::Malformed),
    (Kind::EmailAddr, "root@web01", Rejected::NoPublicSuffix),
    (Kind::EmailAddr, "a..b@evil-c2.com", Rejected::Malformed),
    (Kind::Md5, "9e107d9d", Rejected::Malformed),
    (Kind::CertSerial, "00:00", Rejected::Malformed),
    (Kind::CertSerial, "9A:1D:3", Rejected::Malformed),
    (Kind::CertSerial, "0123456789abcdef0123456789abcdef0123456789abcdef", Rejected::TooLong),
    (Kind::Account, "-", Rejected::Malformed),
    (Kind::Account, "root(uid=0)", Rejected::Malformed),
    (Kind::Account, "WIN-1$", Rejected::SystemAccount),
    (Kind::Account, "NT AUTHORITY\\SYSTEM", Rejected::SystemAccount),
    (Kind::Account, "NT-AUTORIT\u{c4}T\\SYSTEM", Rejected::SystemAccount),
    (Kind::Account, "Window Manager\\DWM-1", Rejected::SystemAccount),
    (Kind::Account, "umfd-0", Rejected::SystemAccount),
    (Kind::Account, "root", Rejected::SystemAccount),
    (Kind::AccountId, "S-1-5-18", Rejected::SystemAccount),
    (Kind::AccountId, "S-1-5-32-544", Rejected::SystemAccount),
    (Kind::AccountId, "S-1-5-21-a", Rejected::Malformed),
    (Kind::AccountId, "1000", Rejected::Malformed),
    (Kind::CommandLine, "a\0b", Rejected::Malformed),
    (Kind::CommandLine, "-", Rejected::Malformed),
    (Kind::Ssdeep, "7:abcdefgh:abc", Rejected::Malformed),
    (Kind::RegistryKey, "HKLM", Rejected::Malformed),
    (Kind::RegistryKey, "HKEY_EVIL\\x", Rejected::Malformed),
    (Kind::MacAddr, "aa:bb-cc:dd:ee:ff", Rejected::Malformed),
    (Kind::Asn, "AS0", Rejected::Malformed),
    (Kind::Cve, "CVE-1800-0000", Rejected::Malformed),
    (Kind::AttackTechnique, "T1156.0012", Rejected::Malformed),
    (Kind::Bitcoin, "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", Rejected::Checksum),
    (Kind::Ethereum, "0xc02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", Rejected::Checksum),
];

#[test]
fn canonical_forms() {
    for (kind, text, value) in GOOD {
        assert_eq!(canonical(*kind, text), Ok((*kind, Cow::Borrowed(*value))), "{kind} {text}");
        assert_eq!(canonical(*kind, value), Ok((*kind, Cow::Borrowed(*value))), "{kind} {value}");
    }
}

#[test]
fn reasons() {
    for (kind, text, reason) in BAD {
        assert_eq!(canonical(*kind, text), Err(*reason), "{kind} {text}");
    }
}

#[test]
fn integer_addresses() {
    let address = Some(std::net::Ipv4Addr::new(45, 61, 12, 9));
    for text in
        ["0x2D3D0C09", "758975497", "0x2d.0x3d.0xc.0x9", "45.61.3081", "055.075.014.011", "0x2d.0x3d0c09"]
    {
        assert_eq!(ip::v4_integer(text.as_bytes()), address, "{text}");
    }
    for text in ["45.61.12.9", "8080", "1.2.3.4.5", "0x", "4294967296", "45.61.65536", "a.b"] {
        assert_eq!(ip::v4_integer(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn ends_of_urls() {
    let cases = [
        ("http://evil-c2.com/a_(b).html)", "http://evil-c2.com/a_(b).html"),
        ("http://evil-c2.com/a, and", "http://evil-c2.com/a"),
        ("http://evil-c2.com/it's", "http://evil-c2.com/it's"),
        ("http://evil-c2.com/'.", "http://evil-c2.com/"),
        ("http://evil-c2.com&quot;>", "http://evil-c2.com"),
        ("http://evil-c2.com…", "http://evil-c2.com"),
        ("http://evil-c2.com/a?b=[1]&c#d", "http://evil-c2.com/a?b=[1]&c#d"),
    ];
    for (text, url) in cases {
        assert_eq!(&text[..url::end(text.as_bytes(), 7, None)], url);
    }
    assert_eq!(url::end(b"http://evil-c2.com/a'b", 7, Some(b'\'')), 20);
}
