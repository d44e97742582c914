//! Schemes as people write them so that nobody follows the URL: `hxxp://`, `[http]://`, `h**p[:]//`.

use super::{at, blank, closes, in_word, mark, opens};
use crate::extractor::Decoding;

/// Spellings of schemes, in lower case, and what they stand for. Those marked are used in reports only.
const SPELLINGS: &[(&str, &str, bool)] = &[
    ("https", "https", false),
    ("http", "http", false),
    ("hxxps", "https", false),
    ("hxxp", "http", false),
    ("htxps", "https", false),
    ("htxp", "http", false),
    ("hxtps", "https", false),
    ("hxtp", "http", false),
    ("h**ps", "https", false),
    ("h**p", "http", false),
    ("hzzps", "https", false),
    ("hzzp", "http", false),
    ("hzzzps", "https", false),
    ("hzzzp", "http", false),
    ("h00ps", "http", true),
    ("h00p", "http", true),
    ("hxxxps", "https", false),
    ("hxxxp", "http", false),
    ("h[tt]ps", "https", false),
    ("h[tt]p", "http", false),
    ("meows", "https", false),
    ("meow", "http", false),
    ("fxxp", "ftp", false),
    ("fxp", "ftp", false),
    ("ftx", "ftp", false),
    ("ftps", "ftps", false),
    ("sftp", "sftp", false),
    ("ftp", "ftp", false),
    ("xxxxs", "https", true),
    ("xxxxx", "https", true),
    ("xxxx", "http", true),
    ("tcp", "tcp", true),
    ("udp", "udp", true),
    ("telnet", "telnet", true),
    ("wss", "wss", false),
    ("ws", "ws", false),
];

/// A scheme at `start`, plain or not: the bytes it takes with what stands between it and the host, its canonical form,
/// and whether it was written otherwise.
pub(crate) fn scheme(
    bytes: &[u8],
    start: usize,
    report: bool,
) -> Option<(usize, &'static str, Option<Decoding>)> {
    let open = opens(at(bytes, start));
    let from = start + usize::from(open);
    let first = at(bytes, from).to_ascii_lowercase();
    // Most words are none of these by their first two letters.
    let second = at(bytes, from + 1).to_ascii_lowercase();
    let possible = match first {
        b'h' => matches!(second, b't' | b'x' | b'z' | b'*' | b'0' | b'['),
        b'f' => matches!(second, b't' | b'x'),
        b'm' | b't' => matches!(second, b'e' | b'c'),
        b's' => second == b'f',
        b'u' => second == b'd',
        b'w' => second == b's',
        b'x' => second == b'x',
        _ => false,
    };
    if !possible {
        return None;
    }
    let (spelling, canonical, _) = SPELLINGS.iter().find(|(spelling, _, only)| {
        let end = from + spelling.len();
        (report || !only)
            && spelling.as_bytes()[0] == first
            && bytes.get(from..end).is_some_and(|s| s.eq_ignore_ascii_case(spelling.as_bytes()))
            && !at(bytes, end).is_ascii_lowercase()
    })?;
    let mut changed = spelling != canonical;
    let mut canonical: &'static str = canonical;
    let mut p = from + spelling.len();
    if open {
        if !closes(at(bytes, p)) {
            return None;
        }
        p += 1;
        changed = true;
    } else if report
        && canonical.starts_with("http")
        && matches!(at(bytes, p), b'!' | b'@' | b'&' | b'A'..=b'Z')
        && at(bytes, p + 1) == b':'
    {
        // Seen in the wild: any one character in the place of the `s`.
        p += 1;
        canonical = "https";
        changed = true;
    }
    let separator: &[&[u8]] = &[
        b"://",
        b"[:]//",
        b"[://]",
        b"(:)//",
        b"{:}//",
        b":\\/\\/",
        b":\\\\/\\\\/",
        b":\\\\\\\\",
        b":\\\\",
        b":[//]",
        b":[/]/",
        b":[/][/]",
        b"[:][/][/]",
        b":__",
        b"__",
        b"//",
    ];
    let loose = |s: &[u8]| s.starts_with(b":__") || s.starts_with(b"__") || s == b"//";
    let mut q = p;
    while report && blank(at(bytes, q)) && q - p < 2 {
        q += 1;
    }
    let found =
        separator.iter().find(|s| bytes[q.min(bytes.len())..].starts_with(s) && (report || !loose(s)))?;
    if q > p {
        if **found != *b"://" {
            return None;
        }
        changed = true;
    }
    changed |= **found != *b"://";
    let mut end = q + found.len();
    if report {
        while at(bytes, end) == b'/' && end - q < 8 {
            end += 1;
            changed = true;
        }
        let blanks = bytes[end..].iter().take(3).take_while(|b| blank(**b)).count();
        if blanks > 0 {
            // `http:// evil.com`: what follows must look like a host.
            let host = &bytes[end + blanks..];
            let name = host.iter().take(253).take_while(|b| in_word(**b)).count();
            if name == 0
                || (!matches!(at(host, name), b'.' | b'[' | b'(' | b'{') && mark(host, name, true).is_none())
            {
                return None;
            }
            end += blanks;
            changed = true;
        }
    }
    let next = at(bytes, end);
    let escaped = found.contains(&b'\\') && found.contains(&b'/');
    let how = match (changed, escaped) {
        (_, true) => Some(Decoding::Escape),
        (true, _) => Some(Decoding::Defang),
        _ => None,
    };
    (in_word(next) || next == b'[').then_some((end - start, canonical, how))
}
