//! Texts to measure with: log lines made up from random numbers, and input that makes many scanners slow.

/// Numbers that look random and are the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn ip(&mut self) -> String {
        format!("{}.{}.{}.{}", 1 + self.next(223), self.next(256), self.next(256), self.next(256))
    }

    fn word(&mut self, len: u64) -> String {
        (0..len).map(|_| char::from(b'a' + self.next(26) as u8)).collect()
    }

    fn hex(&mut self, len: u64) -> String {
        (0..len).map(|_| char::from(b"0123456789abcdef"[self.next(16) as usize])).collect()
    }
}

/// Lines as sshd, a web server, a firewall, a name server, auditd and Sysmon write them.
pub(crate) fn log_lines(bytes: usize) -> Vec<String> {
    let mut n = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut lines = Vec::new();
    let mut size = 0;
    while size < bytes {
        let (ip, host, port) = (n.ip(), format!("{}.{}.com", n.word(6), n.word(9)), 1024 + n.next(60000));
        let line = match n.next(6) {
            0 => format!(
                "Nov 24 10:{:02}:{:02} web01 sshd[{port}]: Failed password for invalid user {} from {ip} port {port} ssh2",
                n.next(60),
                n.next(60),
                n.word(6)
            ),
            1 => format!(
                "{ip} - - [24/Nov/2026:10:{:02}:{:02} +0000] \"GET /{}/index.php?id={port} HTTP/1.1\" 200 {port} \"https://{host}/{}\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36\"",
                n.next(60),
                n.next(60),
                n.word(7),
                n.word(5)
            ),
            2 => format!(
                "date=2026-11-24 time=10:{:02}:{:02} devname=\"fw-01\" logid=\"0000000013\" type=\"traffic\" srcip={ip} srcport={port} dstip=10.1.{}.{} dstport=443 policyid={} action=\"accept\" sentbyte={port} rcvdbyte=4123",
                n.next(60),
                n.next(60),
                n.next(256),
                n.next(256),
                n.next(50)
            ),
            3 => format!(
                "24-Nov-2026 10:{:02}:{:02}.123 queries: info: client @0x7f{} {ip}#{port} ({host}): query: {host} IN A +E(0)K (10.0.0.53)",
                n.next(60),
                n.next(60),
                n.hex(10)
            ),
            4 => format!(
                "type=EXECVE msg=audit(1764{}.123:{port}): argc=3 a0=\"/usr/bin/{}\" a1=\"-c\" a2=\"ls -la /home/{}/project\" cwd=\"/root\" key=\"audit-wazuh-c\"",
                n.next(999_999),
                n.word(5),
                n.word(6)
            ),
            _ => format!(
                "{{\"win\":{{\"system\":{{\"providerName\":\"Microsoft-Windows-Sysmon\",\"eventID\":\"1\",\"computer\":\"ws-{}\"}},\"eventdata\":{{\"image\":\"C:\\\\Windows\\\\System32\\\\{}.exe\",\"hashes\":\"MD5={},SHA256={}\",\"processGuid\":\"{{{}-{}-{}-{}-{}}}\"}}}}}}",
                n.next(500),
                n.word(8),
                n.hex(32),
                n.hex(64),
                n.hex(8),
                n.hex(4),
                n.hex(4),
                n.hex(4),
                n.hex(12)
            ),
        };
        size += line.len() + 1;
        lines.push(line);
    }
    lines
}

/// Pieces that make many scanners slow when they are repeated.
pub(crate) const HOSTILE: &[(&str, &str)] = &[
    ("one-dot", "1."),
    ("capital-a", "A"),
    ("at", "a@"),
    ("bracket-dot", "a[.]"),
    ("letter-dot", "a."),
    ("base64", "QUJDREVGR0hJSktMTU5PUA"),
    ("backslash", "\\a"),
    ("colon", ":"),
    ("digits", "1"),
    ("hex-colon", "a:"),
    ("hklm", "HKLM\\a "),
    ("http", "http://"),
    ("hyphen", "a-"),
    ("address-list", "1.2.3.4,"),
    ("parenthesis", "("),
    ("percent", "%25"),
    ("slash", "/a"),
    ("spaced-dot", "a [.] "),
    ("square", "["),
    ("caret", "h^"),
    ("joint", "'a'+"),
    ("entity", "&#x41;"),
    ("escape", "\\x41"),
    ("nul", "a\0"),
    ("accent", "é."),
    ("hex-byte", "0x41"),
    ("numbers", "(1,1,"),
    ("hive", "<HKLM"),
    ("reversed", "//:ptth "),
    ("defanged", "http://a[.]b/"),
    ("email", "a@b.c"),
    ("quotes", "\" "),
    ("drive", "C:\\a "),
    ("share", "\\\\a\\b "),
    ("replace", "'.Replace('a','b')"),
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    HOSTILE.iter().map(|(name, _)| *name)
}

pub(crate) fn text_of(name: &str, size: usize) -> String {
    let piece = HOSTILE.iter().find(|(n, _)| *n == name).map_or("", |(_, piece)| piece);
    // A path has a drive.
    let start = if name == "backslash" { "C:" } else { "" };
    format!("{start}{}", piece.repeat(size / piece.len().max(1)))
}
