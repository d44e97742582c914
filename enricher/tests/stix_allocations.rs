//! Evaluating a pattern on an alert allocates nothing, whether or not it is true.

use enricher::stix::{Pattern, Seen, SeenBuilder};

fn alert() -> Seen {
    let mut seen = SeenBuilder::new();
    for i in 0..3 {
        let file = seen.object("file");
        seen.set(file, "name", format!("Tool{i}.exe"), i);
        seen.set(file, "size", i64::from(i), i);
        seen.set(file, "hashes.MD5", format!("{i:032x}"), i);
        seen.set(file, "hashes.'SHA-256'", format!("{i:064x}"), i);
    }
    let traffic = seen.object("network-traffic");
    for i in 0..2 {
        let address = seen.object("ipv4-addr");
        seen.set(address, "value", format!("192.0.2.{i}"), 3 + i);
        seen.refer(traffic, "dst_ref", address);
    }
    for (name, number) in [("host0.good.example", 5), ("xn--mnze-0ra.example", 6), ("MÜNZE.example.", 7)] {
        let domain = seen.object("domain-name");
        seen.set(domain, "value", name, number);
    }
    let url = seen.object("url");
    seen.set(url, "value", "http://Host1.good.example:80/Über/index.html?x=%7e", 8);
    let process = seen.object("process");
    seen.set(process, "command_line", r"C:\Windows\System32\svchost.exe -k netsvcs", 9);
    let key = seen.object("windows-registry-key");
    seen.set(key, "key", r"HKLM\Software\Good", 10);
    seen.build()
}

/// Every operator, true and not true, and the ways in which texts are looked past.
const PATTERNS: [(&str, bool); 50] = [
    ("[ipv4-addr:value = '192.0.2.1']", true),
    ("[ipv4-addr:value = '192.0.2.7']", false),
    ("[ipv4-addr:value = '192.0.2.0/24']", true),
    ("[ipv4-addr:value = '198.51.100.0/24']", false),
    ("[ipv6-addr:value = '::ffff:192.0.2.1']", true),
    ("[ipv4-addr:value ISSUBSET '192.0.2.0/24']", true),
    ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", false),
    ("[ipv4-addr:value ISSUPERSET '192.0.2.1']", true),
    ("[ipv4-addr:value ISSUPERSET '198.51.100.1']", false),
    ("[ipv4-addr:value IN ('198.51.100.7', '192.0.2.0/31')]", true),
    ("[ipv4-addr:value IN ('198.51.100.7', '203.0.113.0/24')]", false),
    ("[ipv4-addr:value NOT IN ('198.51.100.7')]", false),
    ("[ipv4-addr:value != '198.51.100.7']", false),
    ("[network-traffic:dst_ref.value = '192.0.2.1']", true),
    ("[network-traffic:dst_ref.value = '192.0.2.7']", false),
    ("[domain-name:value = 'host0.good.example']", true),
    ("[domain-name:value = 'HOST0.good.example']", true),
    ("[domain-name:value = 'host0.good.example.']", true),
    ("[hostname:value = 'host0.good.example']", true),
    ("[domain-name:value = 'münze.example']", true),
    ("[domain-name:value = 'MÜNZE.EXAMPLE']", true),
    ("[domain-name:value = 'rogue.example']", false),
    ("[domain-name:value LIKE '%.good.example']", true),
    ("[domain-name:value LIKE 'HOST_.%.example']", true),
    ("[domain-name:value LIKE 'mün_e.%']", true),
    ("[domain-name:value LIKE '%.rogue.example']", false),
    ("[domain-name:value LIKE '%_%_%_.rogue.example']", false),
    ("[domain-name:value NOT LIKE '%.rogue.example']", false),
    ("[domain-name:value MATCHES '^host[0-9]+[.]good']", true),
    ("[domain-name:value MATCHES '^update[0-9]+[.]rogue[.]example$']", false),
    ("[url:value = 'http://host1.GOOD.example/%C3%9cber/index.html?x=~']", true),
    ("[url:value = 'http://host1.good.example/über/INDEX.html?x=~']", false),
    ("[url:value = 'http://rogue.example/']", false),
    ("[url:value LIKE 'http://%/index.html%']", true),
    ("[url:value MATCHES '^https?://[a-z0-9A-Z]+[.]good[.]example']", true),
    ("[file:hashes.MD5 = '00000000000000000000000000000001']", true),
    ("[file:hashes.md5 = '00000000000000000000000000000001']", true),
    ("[file:hashes.MD5 = h'00000000000000000000000000000001']", true),
    ("[file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661']", false),
    ("[file:hashes[*] = '00000000000000000000000000000001']", true),
    ("[file:name = 'TOOL1.EXE']", true),
    ("[file:name = 'a.exe']", false),
    ("[file:size > 1]", true),
    ("[file:size > 5]", false),
    ("[EXISTS file:name]", true),
    ("[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\\\Software\\\\Good']", true),
    ("[file:name = 'tool1.exe' AND file:hashes.MD5 = '00000000000000000000000000000001']", true),
    ("[file:name = 'tool1.exe' AND file:hashes.MD5 = '00000000000000000000000000000002']", true),
    ("[(file:name = 'a.exe' OR file:name = 'tool2.exe') AND file:size != 7]", true),
    ("[file:name = 'tool1.exe'] FOLLOWEDBY [domain-name:value = 'host0.good.example']", true),
];

#[test]
fn no_pattern_allocates() {
    let seen = alert();
    let at = "2026-04-02T08:00:00Z".parse().ok();
    for (text, hits) in PATTERNS {
        let pattern = Pattern::parse(text).expect(text);
        // An operand of MATCHES is compiled when it is first needed, and its thread's cache filled by the first text.
        if text.contains("MATCHES") {
            drop(pattern.evaluate(&seen, at));
        }
        let mut found = false;
        let made = allocation_counter::measure(|| found = !pattern.evaluate(&seen, at).hits.is_empty());
        assert_eq!(found, hits, "{text}");
        assert_eq!(made.count_total, 0, "{text}");
    }
}
