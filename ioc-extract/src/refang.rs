//! Undoing what people do to indicators so that nobody follows them: `hxxp://evil[.]com`, `bob (at) evil dot com`.
//!
//! Works on one region of the text, the rest stays untouched: characters are copied from where the region begins, and
//! each mark is replaced by what it stands for, until something stands there that continues no indicator. A map says
//! where each character came from, so that what is found in the result has its place in the text.

mod scheme;

pub(crate) use scheme::scheme;

use crate::{extractor::Decoding, kind::url, rewrite::Rewritten};

/// The longest region that is looked at.
const MAX_REGION: usize = 4096;
/// The most bytes that one mark can have.
const MAX_MARK: usize = 24;

const fn opens(b: u8) -> bool {
    matches!(b, b'[' | b'(' | b'{' | b'<')
}

const fn closes(b: u8) -> bool {
    matches!(b, b']' | b')' | b'}' | b'>')
}

const fn in_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_') || b >= 0x80
}

const fn blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

fn at(bytes: &[u8], i: usize) -> u8 {
    bytes.get(i).copied().unwrap_or(0)
}

/// Words between brackets, and what they stand for.
const NAMED: &[(&[u8], &str)] = &[
    (b"dot", "."),
    (b"d0t", "."),
    (b"punto", "."),
    (b"punkt", "."),
    (b"point", "."),
    (b"at", "@"),
    (b"et", "@"),
    (b"arroba", "@"),
    (b"://", "://"),
    (b".", "."),
    (b",", "."),
    (b"@", "@"),
    (b"::", "::"),
    (b":", ":"),
    (b"/", "/"),
    (b"-", "-"),
    (b"_", "_"),
    ("。".as_bytes(), "."),
];

/// A bracketed mark at `start`: its length and what it stands for.
///
/// `[.]`, `(dot)`, `{at}`, `[:]`, and in reports also with blanks and brackets to spare: `[ . ]`, `[[[.]]`.
fn bracketed(bytes: &[u8], start: usize, report: bool) -> Option<(usize, &'static str)> {
    let limit = bytes.len().min(start + MAX_MARK);
    let mut i = start;
    while i < limit && (opens(bytes[i]) || (report && i > start && blank(bytes[i]))) {
        i += 1;
    }
    let opened = i > start;
    // Nearly all brackets hold something else.
    let first = at(bytes, i).to_ascii_lowercase();
    if !matches!(first, b'.' | b',' | b'd' | b'p' | b'a' | b'e' | b':' | b'@' | b'/' | b'-' | b'_' | 0xe3) {
        return None;
    }
    let (name, stands) = NAMED.iter().find(|(name, _)| {
        name[0] == first && bytes.get(i..i + name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name))
    })?;
    let named = i + name.len();
    let mut j = named;
    while j < limit && report && blank(bytes[j]) {
        j += 1;
    }
    let mut closed = false;
    while j < limit
        && (closes(bytes[j])
            || (report && closed && blank(bytes[j]) && (closes(at(bytes, j + 1)) || blank(at(bytes, j + 1)))))
    {
        closed |= closes(bytes[j]);
        j += 1;
    }
    let letters = name[0].is_ascii_alphabetic();
    match (opened, closed) {
        (true, true) => Some((j - start, stands)),
        // `evil[.com`, `evil.]com`: only the dot is written with half its brackets.
        (true, false) if *stands == "." && !letters && name[0] != b',' && in_word(at(bytes, named)) => {
            Some((named - start, stands))
        }
        (false, true) if name == b"." && in_word(at(bytes, j)) => Some((j - start, stands)),
        _ => None,
    }
}

/// A mark at `p`, right after a character of the indicator: its length and what it stands for.
pub(crate) fn mark(bytes: &[u8], p: usize, report: bool) -> Option<(usize, &'static str)> {
    match at(bytes, p) {
        b'[' | b'(' | b'{' | b'<' => {
            if let Some((len, stands)) = bracketed(bytes, p, report) {
                let after = at(bytes, p + len);
                let blanks = if report {
                    bytes[p + len..].iter().take(4).take_while(|b| blank(**b)).count()
                } else {
                    0
                };
                let on = in_word(at(bytes, p + len + blanks)) || opens(after) || stands.ends_with([':', '/']);
                return on.then_some((len + blanks, stands));
            }
            // `evil[.com]`, `fpw.[com]`: the brackets are round a label.
            if report && at(bytes, p) == b'[' {
                let label = bytes[p + 1..]
                    .iter()
                    .take(16)
                    .take_while(|b| b.is_ascii_alphanumeric() || **b == b'.')
                    .count();
                if label > 1
                    && at(bytes, p + 1 + label) == b']'
                    && p > 0
                    && (bytes[p - 1] == b'.' || bytes[p + 1] == b'.')
                {
                    return Some((1, ""));
                }
            }
            None
        }
        b'.' => {
            if closes(at(bytes, p + 1)) {
                return bracketed(bytes, p, false);
            }
            // `10.10\\.10`
            let slashes = bytes[p + 1..].iter().take(8).take_while(|b| **b == b'\\').count();
            (slashes > 0 && at(bytes, p + 1 + slashes) == b'.').then_some((1 + slashes, ""))
        }
        b'\\' => {
            let slashes = bytes[p..].iter().take(8).take_while(|b| **b == b'\\').count();
            (at(bytes, p + slashes) == b'.' && in_word(at(bytes, p + slashes + 1)))
                .then_some((slashes + 1, "."))
        }
        b'^' => (at(bytes, p + 1) == b'.' && in_word(at(bytes, p + 2))).then_some((2, ".")),
        b']' if report && p > 0 && p + 1 < bytes.len() => {
            // The end of a bracket round a label.
            let label = bytes[..p]
                .iter()
                .rev()
                .take(16)
                .take_while(|b| b.is_ascii_alphanumeric() || **b == b'.')
                .count();
            let open = p.checked_sub(label + 1)?;
            let round = at(bytes, open) == b'[' && label > 1;
            (round && (at(bytes, open.wrapping_sub(1)) == b'.' || at(bytes, open + 1) == b'.'))
                .then_some((1, ""))
        }
        b'@' if report && blank(at(bytes, p + 1)) => {
            let blanks = bytes[p + 1..].iter().take(4).take_while(|b| blank(**b)).count();
            in_word(at(bytes, p + 1 + blanks)).then_some((1 + blanks, "@"))
        }
        b' ' | b'\t' if report => spaced(bytes, p),
        b'/' if report => {
            let name = |word: &[u8]| {
                bytes.get(p + 1..p + 1 + word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word))
                    && at(bytes, p + 1 + word.len()) == b'/'
            };
            if name(b"dot") {
                Some((5, "."))
            } else if name(b"at") {
                Some((4, "@"))
            } else {
                None
            }
        }
        0xe3 if bytes.get(p..p + 3) == Some("。".as_bytes()) => Some((3, ".")),
        0xef if matches!(bytes.get(p..p + 3), Some([0xef, 0xbc, 0x8e] | [0xef, 0xbd, 0xa1])) => {
            Some((3, "."))
        }
        0xef if bytes.get(p..p + 3) == Some("＠".as_bytes()) => Some((3, "@")),
        _ => None,
    }
}

/// Marks with blanks round them, which only occur in reports: `evil [.] com`, `evil dot com`, `evil .com`, `bob @ evil`.
fn spaced(bytes: &[u8], p: usize) -> Option<(usize, &'static str)> {
    let blanks =
        |from: usize| bytes.get(from..).unwrap_or_default().iter().take(8).take_while(|b| blank(**b)).count();
    let lead = blanks(p);
    let q = p + lead;
    if opens(at(bytes, q)) {
        let (len, stands) = bracketed(bytes, q, true)?;
        let trail = blanks(q + len);
        let on = matches!(stands, "." | "@") && in_word(at(bytes, q + len + trail));
        return on.then_some((lead + len + trail, stands));
    }
    match at(bytes, q) {
        b'.' if lead == 1 && at(bytes, q + 1).is_ascii_lowercase() => {
            // `evil .com`: the next label must be a top-level domain and end the name.
            let label = bytes[q + 1..].iter().take(24).take_while(|b| in_word(**b)).count();
            crate::kind::domain::is_tld(&bytes[q + 1..q + 1 + label]).then_some((lead + 1, "."))
        }
        b'.' if closes(at(bytes, q + 1)) => None,
        b'@' => {
            let trail = blanks(q + 1);
            in_word(at(bytes, q + 1 + trail)).then_some((lead + 1 + trail, "@"))
        }
        b'd' | b'D' => named(bytes, p, q, b"dot", "."),
        b'a' | b'A' => named(bytes, p, q, b"at", "@"),
        _ => None,
    }
}

fn named(
    bytes: &[u8],
    p: usize,
    q: usize,
    name: &[u8],
    stands: &'static str,
) -> Option<(usize, &'static str)> {
    let end = q + name.len();
    let trail = bytes.get(end..)?.iter().take(8).take_while(|b| blank(**b)).count();
    let matches = bytes[q..end].eq_ignore_ascii_case(name) && trail > 0 && in_word(at(bytes, end + trail));
    matches.then_some((end + trail - p, stands))
}

/// An invisible character at `p`: its length.
pub(crate) fn invisible(bytes: &[u8], p: usize) -> Option<usize> {
    match bytes.get(p..)? {
        [0xc2, 0xad, ..] => Some(2),
        [0xe2, 0x80, 0x8b..=0x8f, ..] | [0xe2, 0x81, 0xa0..=0xa4, ..] | [0xef, 0xbb, 0xbf, ..] => Some(3),
        _ => None,
    }
}

/// A letter, digit or mark outside ASCII at `p`: its length, else 0.
fn letter(bytes: &[u8], p: usize) -> usize {
    let chunk = bytes[p..bytes.len().min(p + 4)].utf8_chunks().next();
    let c = chunk.and_then(|chunk| chunk.valid().chars().next());
    c.filter(|c| is_name_char(*c)).map_or(0, char::len_utf8)
}

/// Whether a character outside ASCII can be in a name: letters, digits, and the marks and joiners within many scripts.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{200c}' | '\u{200d}' | '\u{30fb}' | '\u{b7}')
}

/// A slash with backslashes before it, as JSON may write it: its length.
fn escaped_slash(bytes: &[u8], p: usize) -> Option<usize> {
    let slashes = bytes[p..].iter().take(4).take_while(|b| **b == b'\\').count();
    (slashes > 0 && at(bytes, p + slashes) == b'/').then_some(slashes + 1)
}

/// Undoes the marks in the region that begins at `start`.
pub(crate) fn refang(bytes: &[u8], start: usize, report: bool) -> Rewritten {
    let quote = start.checked_sub(1).map(|i| bytes[i]);
    let mut out = Rewritten::new(start);
    let limit = bytes.len().min(start + MAX_REGION);
    let mut p = start;
    if let Some((len, scheme, changed)) = scheme(bytes, start, report) {
        if let Some(how) = changed {
            out.undo(how);
        }
        for b in scheme.bytes().chain(*b"://") {
            out.push(b, start);
        }
        p += len;
        out.is_url = true;
        if at(bytes, p) == b'[' && mark(bytes, p, report).is_none() {
            // An IPv6 address in its own brackets.
            while p < limit
                && bytes[p] != b']'
                && (bytes[p].is_ascii_hexdigit() || matches!(bytes[p], b'[' | b':' | b'.' | b'%'))
            {
                out.push(bytes[p], p);
                p += 1;
            }
        }
    }
    let authority = out.text.len();
    let mut names = 0;
    while p < limit {
        let b = bytes[p];
        if let Some(len) = invisible(bytes, p) {
            out.undo(Decoding::Invisible);
            p += len;
            continue;
        }
        if out.text.len() > authority
            && let Some((len, stands)) = mark(bytes, p, report)
        {
            let bare = blank(b) && !opens(at(bytes, p + 1));
            // `look at evil.com`: a bare "at" is a mark only where the name after it is defanged too.
            let word = bare && bytes[p..p + len].iter().any(|b| matches!(b, b't' | b'T'));
            let doubtful = word
                && (!defanged_name(bytes, p + len) && bytes[p..p + len].contains(&b't')
                    || is_function_word(&out.text));
            if stands == "@" && (names > 0 || doubtful) {
                break;
            }
            names += usize::from(stands == "@");
            out.replace(stands, p);
            p += len;
            continue;
        }
        if b >= 0x80 {
            let len = letter(bytes, p);
            for _ in 0..len {
                out.push(bytes[p], p);
                p += 1;
            }
            if len == 0 {
                break;
            }
            continue;
        }
        if b == b'\\'
            && out.is_url
            && let Some(len) = escaped_slash(bytes, p)
        {
            out.undo(Decoding::Escape);
            p = path(bytes, p + len - 1, limit, quote, &mut out);
            break;
        }
        let more = match b {
            b'.' => true,
            b if in_word(b) => true,
            b'@' | b'+' => true,
            b':' => {
                at(bytes, p + 1).is_ascii_hexdigit()
                    || at(bytes, p + 1) == b':'
                    || mark(bytes, p + 1, false).is_some()
                    || at(bytes, p + 1) == b'/'
            }
            b'%' => at(bytes, p + 1).is_ascii_hexdigit(),
            b']' => out.is_url && out.text[authority..].first() == Some(&b'['),
            _ => false,
        };
        if more {
            out.push(b, p);
            p += 1;
            continue;
        }
        if matches!(b, b'/' | b'?' | b'#') && out.text.len() > authority {
            p = path(bytes, p, limit, quote, &mut out);
        } else if report && b == b' ' && at(bytes, p + 1) == b'/' && out.is_url && in_word(at(bytes, p + 2)) {
            // `http://evil.com /path`
            out.undo(Decoding::Defang);
            p = path(bytes, p + 1, limit, quote, &mut out);
        }
        break;
    }
    out.end = p;
    out
}

/// Copies the path, query and fragment of a URL; only bracketed marks and escaped slashes are undone in them.
fn path(bytes: &[u8], from: usize, limit: usize, quote: Option<u8>, out: &mut Rewritten) -> usize {
    let mut p = from;
    loop {
        let quote = quote.filter(|b| matches!(b, b'\'' | b'(' | b'[' | b'{'));
        let end = url::end(bytes, p, quote).min(limit).max((p + 1).min(limit));
        while p < end {
            let kept = matches!(bytes.get(p..p + 3), Some(b"(.)"));
            if opens(bytes[p])
                && !kept
                && let Some((len, stands)) = bracketed(bytes, p, false)
            {
                out.replace(stands, p);
                p += len;
            } else if let Some(len) = invisible(bytes, p) {
                out.undo(Decoding::Invisible);
                p += len;
            } else {
                out.push(bytes[p], p);
                p += 1;
            }
        }
        match escaped_slash(bytes, p) {
            Some(len) if p + len <= limit => {
                out.undo(Decoding::Escape);
                p += len - 1;
            }
            _ => return p,
        }
    }
}

/// Words before "at" in running text, which are nobody's mailbox.
fn is_function_word(word: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"me",
        b"us",
        b"you",
        b"him",
        b"her",
        b"it",
        b"them",
        b"is",
        b"are",
        b"was",
        b"were",
        b"be",
        b"been",
        b"look",
        b"looked",
        b"looking",
        b"looks",
        b"meet",
        b"here",
        b"there",
        b"hosted",
        b"located",
        b"found",
        b"seen",
        b"available",
        b"site",
        b"server",
        b"domain",
        b"host",
        b"page",
        b"c2",
        b"not",
        b"and",
        b"or",
        b"up",
        b"down",
        b"arrived",
        b"aimed",
        b"only",
    ];
    WORDS.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// Whether the name that begins at `p` is defanged itself.
fn defanged_name(bytes: &[u8], p: usize) -> bool {
    let label = bytes[p..].iter().take(64).take_while(|b| in_word(**b)).count();
    let dot = p + label;
    label > 0 && at(bytes, dot) != b'.' && mark(bytes, dot, true).is_some_and(|(_, stands)| stands == ".")
}
