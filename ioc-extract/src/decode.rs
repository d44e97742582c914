//! Undoing encodings. Functions of bytes only; [`crate::scan`] decides where to call them and what it may cost.

use crate::{extractor::Decoding, rewrite::Rewritten};

/// The value of each byte in base64, of either alphabet; 255 for bytes outside.
static BASE64: [u8; 256] = {
    let mut table = [255; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < alphabet.len() {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

/// Decodes base64 leniently: white space is skipped, padding ends it, bits left over are dropped. At most `max` bytes.
pub(crate) fn base64(text: &[u8], max: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity((text.len() / 4 * 3 + 3).min(max));
    let (mut bits, mut count) = (0u32, 0);
    for b in text {
        let value = BASE64[usize::from(*b)];
        if value == 255 {
            if *b == b'=' {
                break;
            }
            continue;
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            if out.len() == max {
                break;
            }
        }
    }
    out
}

/// Whether the first 18 bytes of a run of base64 are worth decoding the rest.
pub(crate) fn promising(run: &[u8]) -> bool {
    let mut head = [0; 18];
    let mut len = 0;
    let (mut bits, mut count) = (0u32, 0);
    for b in run.iter().take(28) {
        let value = BASE64[usize::from(*b)];
        if value == 255 {
            continue;
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            if len == head.len() {
                break;
            }
            head[len] = (bits >> count) as u8;
            len += 1;
            // Most words that are none give a control character soon; UTF-16 has a zero before any.
            if len == 6 && !head[..6].contains(&0) && head[..6].iter().any(|b| *b < b'\t') {
                return promises(&head[..3]) && head[0] & 0x1f == 0x1f;
            }
        }
    }
    promises(&head[..len])
}

/// The first three bytes of a run of at least four base64 characters.
pub(crate) fn head(run: &[u8]) -> [u8; 3] {
    let add = |bits: u32, b: &u8| bits << 6 | u32::from(BASE64[usize::from(*b)] & 63);
    let bits = match run.first_chunk::<4>() {
        Some(four) if !four.iter().any(u8::is_ascii_whitespace) => four.iter().fold(0, add),
        _ => run.iter().filter(|b| !b.is_ascii_whitespace()).take(4).fold(0, add),
    };
    let [_, a, b, c] = bits.to_be_bytes();
    [a, b, c]
}

/// Whether a byte can be in base64, padding aside.
pub(crate) fn is_base64(b: u8) -> bool {
    BASE64[usize::from(b)] != 255
}

fn nibble(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).map(|d| d as u8)
}

/// Two hex digits as a byte.
pub(crate) fn hex_byte([high, low]: [u8; 2]) -> Option<u8> {
    Some(nibble(high)? << 4 | nibble(low)?)
}

/// Decodes pairs of hex digits; `None` where there is another character or an odd number of digits.
pub(crate) fn hex(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_chunks().0.iter().map(|pair| hex_byte(*pair)).collect()
}

/// Whether bytes read as text: nearly all of them printable.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let odd = bytes.iter().filter(|b| matches!(**b, 1..=8 | 0x0b | 0x0e..=0x1f | 0x7f)).count();
    let high = bytes.iter().filter(|b| **b >= 0x80).count();
    let nul = bytes.iter().filter(|b| **b == 0).count();
    let utf8 = high == 0 || std::str::from_utf8(bytes).map_or_else(|e| e.error_len().is_none(), |_| true);
    // Text in an older encoding, or damaged, may still hold a URL.
    let readable = utf8 || (high * 8 <= bytes.len() && memchr::memmem::find(bytes, b"://").is_some());
    bytes.len() >= 4 && odd == 0 && readable && nul * 8 <= bytes.len()
}

/// UTF-16 of either byte order as UTF-8, if nearly all of it is ASCII.
pub(crate) fn utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    let (bytes, low) = match bytes {
        [0xff, 0xfe, rest @ ..] => (rest, 0),
        [0xfe, 0xff, rest @ ..] => (rest, 1),
        _ => (bytes, usize::from(bytes.first() == Some(&0))),
    };
    let pairs = bytes.len() / 2;
    let zeros = bytes.chunks_exact(2).filter(|pair| pair[1 - low] == 0 && pair[low] != 0).count();
    if pairs < 4 || zeros * 10 < pairs * 8 {
        return None;
    }
    let units = bytes.chunks_exact(2).map(|p| u16::from(p[1 - low]) << 8 | u16::from(p[low]));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Some(text.into_bytes())
}

/// Without the feature `decode` nothing is inflated.
#[cfg(not(feature = "decode"))]
pub(crate) const fn inflate(_: &[u8], _: bool, _: usize) -> Option<Vec<u8>> {
    None
}

/// Inflates a gzip or zlib stream, or a raw deflate stream if `raw`, to at most `max` bytes. What could be read of a
/// damaged stream counts.
#[cfg(feature = "decode")]
pub(crate) fn inflate(bytes: &[u8], raw: bool, max: usize) -> Option<Vec<u8>> {
    use std::io::Read as _;

    let mut out = Vec::new();
    let max = u64::try_from(max).unwrap_or(u64::MAX);
    // An error after some output is the end of a cut stream.
    let _cut = match bytes {
        [0x1f, 0x8b, 8, ..] => flate2::read::GzDecoder::new(bytes).take(max).read_to_end(&mut out),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            flate2::read::ZlibDecoder::new(bytes).take(max).read_to_end(&mut out)
        }
        _ if raw => flate2::read::DeflateDecoder::new(bytes).take(max).read_to_end(&mut out),
        _ => return None,
    };
    (out.len() >= 8).then_some(out)
}

/// Whether a text or stream begins like this by its own format: gzip, zlib, UTF-16 with a byte order mark.
const fn is_marked(head: &[u8]) -> bool {
    matches!(
        head,
        [0x1f, 0x8b, 8, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] | [0xff, 0xfe, ..] | [0xfe, 0xff, ..]
    )
}

/// No control character but those of text.
const fn is_readable(b: &u8) -> bool {
    matches!(*b, b'\t' | b'\r' | b'\n' | b' '..=b'~' | 0x80..=0xff)
}

/// Whether the start of a decoded text is worth decoding the rest: text, UTF-16 or a compressed stream.
pub(crate) fn promises(head: &[u8]) -> bool {
    if is_marked(head) {
        return true;
    }
    if let [a, b, c] = head {
        // Called for each long word: most fail by one of three bytes.
        return *b == 0 || (*a == 0 && *c == 0) || head.iter().all(|b| *b < 0x80 && is_readable(b));
    }
    utf16(head).is_some()
        || head.iter().all(is_readable) && head.iter().filter(|b| **b >= 0x80).count() * 4 <= head.len()
}

/// How one escape at `p` reads: its length and the character.
type Escape = fn(&[u8]) -> Option<(usize, char)>;

fn number(digits: &[u8], radix: u32) -> Option<char> {
    digits
        .iter()
        .try_fold(0u32, |n, b| Some(n * radix + char::from(*b).to_digit(radix)?))
        .and_then(char::from_u32)
}

/// `%41`, `%u0041`
pub(crate) fn percent(at: &[u8]) -> Option<(usize, char)> {
    match at {
        [b'%', b'u' | b'U', rest @ ..] if rest.len() >= 4 => Some((6, number(&rest[..4], 16)?)),
        [b'%', rest @ ..] if rest.len() >= 2 => Some((3, number(&rest[..2], 16)?)),
        _ => None,
    }
}

/// `\x41`, `\u0041`, `\101`, `\/`
pub(crate) fn backslash(at: &[u8]) -> Option<(usize, char)> {
    // A string within a string doubles the backslashes.
    let slashes = at.iter().take(4).take_while(|b| **b == b'\\').count();
    match &at[slashes..] {
        _ if slashes == 0 => None,
        [b'x' | b'X', rest @ ..] if rest.len() >= 2 => Some((slashes + 3, number(&rest[..2], 16)?)),
        [b'u' | b'U', rest @ ..] if rest.len() >= 4 => Some((slashes + 5, number(&rest[..4], 16)?)),
        digits if digits.len() >= 3 && digits[0] <= b'1' => Some((slashes + 3, number(&digits[..3], 8)?)),
        [b'/', ..] => Some((slashes + 1, '/')),
        _ => None,
    }
}

/// `&#65;`, `&#x41;`, `&amp;`
pub(crate) fn entity(at: &[u8]) -> Option<(usize, char)> {
    let rest = at.strip_prefix(b"&")?;
    let len = rest.iter().take(10).position(|b| *b == b';')?;
    let c = match &rest[..len] {
        [b'#', b'x' | b'X', digits @ ..] if !digits.is_empty() => number(digits, 16)?,
        [b'#', digits @ ..] if !digits.is_empty() => number(digits, 10)?,
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        b"colon" => ':',
        b"sol" => '/',
        b"period" => '.',
        b"num" => '#',
        b"quest" => '?',
        b"equals" => '=',
        b"lowbar" => '_',
        b"commat" => '@',
        _ => return None,
    };
    Some((len + 2, c))
}

/// `http-3A__evil.com_a`: a URL as Proofpoint's URL Defense writes it into its parameter `u`.
pub(crate) fn urldefense(text: &[u8]) -> Option<Vec<u8>> {
    if !text.starts_with(b"http-3A__") && !text.starts_with(b"https-3A__") {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut p = 0;
    while p < text.len() {
        let escape = text.get(p + 1..p + 3).filter(|_| text[p] == b'-').and_then(hex);
        match (text[p], escape) {
            (_, Some(byte)) => {
                out.extend(byte);
                p += 3;
                continue;
            }
            (b'_', _) => out.push(b'/'),
            (b, _) => out.push(b),
        }
        p += 1;
    }
    Some(out)
}

/// Rewrites `bytes[start..end]` with one kind of escape undone.
pub(crate) fn unescape(bytes: &[u8], start: usize, end: usize, escape: Escape, what: Decoding) -> Rewritten {
    let mut out = Rewritten::new(start);
    let mut p = start;
    while p < end {
        match escape(&bytes[p..end]) {
            Some((len, c)) => {
                out.undo(what);
                // Escapes of single bytes make up UTF-8 together.
                let narrow = u8::try_from(u32::from(c)).ok().filter(|_| len <= 4);
                match narrow {
                    Some(b) => out.push(b, p),
                    None => {
                        let mut buffer = [0; 4];
                        for b in c.encode_utf8(&mut buffer).bytes() {
                            out.push(b, p);
                        }
                    }
                }
                p += len;
            }
            None => {
                out.push(bytes[p], p);
                p += 1;
            }
        }
    }
    out.end = end;
    out
}
