//! What stands in a text in its canonical form is handed out without an allocation.

use ioc_extract::Extractor;

/// Hits in a text, and allocations made while they were found.
fn allocations(text: &str) -> (usize, u64) {
    let extractor = Extractor::new();
    let mut found = 0;
    let made = allocation_counter::measure(|| found = extractor.scan(text).count());
    (found, made.count_total)
}

#[test]
fn plain_hits_need_no_allocation() {
    let lines = [
        ("Nov 24 10:11:12 web01 sshd[4711]: Failed password for root from 91.198.174.192 port 51515 ssh2", 1),
        (
            "10.1.2.3 - - [24/Nov/2026:10:11:12 +0000] \"GET https://bad-host.net/a.php?x=1 HTTP/1.1\" 200 17",
            3,
        ),
        ("queries: client 91.198.174.192#1234 (a.bad-host.net): query: a.bad-host.net IN A + (10.0.0.53)", 4),
        ("from=<someone@bad-host.net> mac=00:1a:2b:3c:4d:5e CVE-2021-44228 T1059 AS64500", 5),
        (r"Image: C:\Users\Public\loader.exe Hashes: df0936cf908ac69474b7b99b22551901 opened perl.pl", 2),
        ("peer 2001:470:1:18::119 via 2001:470::/32 and 91.198.174.0/24", 5),
        ("a line with nothing in it but words, numbers like 4711 and a name like os.name", 0),
    ];
    for (line, hits) in lines {
        assert_eq!(allocations(line), (hits, 0), "{line}");
    }
}

#[test]
fn what_is_rewritten_is_allocated() {
    let (found, allocations) = allocations("hxxp://Bad-Host[.]net/");
    assert!(found == 2 && allocations > 0);
}
