//! The escapes of JSON strings, and those that Wazuh leaves in the values of Windows events.

use crate::scan;

/// Decodes the escape at the start of `rest`, whose first byte is a backslash.
///
/// Gives the character and how many bytes the escape takes, or `None` for what is no escape of JSON. Half a
/// surrogate pair becomes U+FFFD: the sender's mistake must not cost the whole alert.
pub(crate) fn decode(rest: &[u8]) -> Option<(char, usize)> {
    let char = match rest.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return decode_unicode(rest),
        _ => return None,
    };
    Some((char, 2))
}

fn decode_unicode(rest: &[u8]) -> Option<(char, usize)> {
    let unit = code_unit(rest)?;
    if let Some(char) = char::from_u32(unit) {
        return Some((char, 6));
    }
    if (0xD800..0xDC00).contains(&unit)
        && let Some(low) = rest.get(6..).and_then(code_unit)
        && (0xDC00..0xE000).contains(&low)
        && let Some(char) = char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
    {
        return Some((char, 12));
    }
    Some((char::REPLACEMENT_CHARACTER, 6))
}

/// The value of `\uXXXX` at the start of `rest`.
fn code_unit(rest: &[u8]) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = rest else { return None };
    digits.get(..4)?.iter().try_fold(0, |unit, &digit| Some(unit * 16 + char::from(digit).to_digit(16)?))
}

/// Whether an escape at the start of `rest` would be valid if more bytes followed.
pub(crate) fn is_cut_off(rest: &[u8]) -> bool {
    match rest {
        [b'\\'] => true,
        [b'\\', b'u', digits @ ..] => digits.len() < 4 && digits.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

/// Appends the plain text of a value below `data.win.` to `out`.
///
/// The event channel decoder cuts the event's XML out of the agent's JSON message without decoding either, so a
/// value has JSON's escapes and, inside them, XML's entities. One level of each is undone: `taskContent`, XML
/// inside that XML, comes out as the XML it was.
pub(crate) fn undo_windows(value: &str, out: &mut String) {
    let escaped = is_json_escaped(value);
    let bytes = value.as_bytes();
    let mut plain = 0;
    let mut at = scan::find(bytes, 0, [b'\\', b'&']);
    while let Some(rest @ [first, ..]) = bytes.get(at..) {
        let decoded = match first {
            b'\\' if escaped => decode(rest),
            b'&' => decode_entity(rest),
            _ => None,
        };
        if let Some((char, len)) = decoded {
            out.push_str(value.get(plain..at).unwrap_or_default());
            out.push(char);
            plain = at + len;
            at = plain;
        } else {
            at += 1;
        }
        at = scan::find(bytes, at, [b'\\', b'&']);
    }
    out.push_str(value.get(plain..).unwrap_or_default());
}

/// Whether the backslashes of a value are escapes, as the event channel decoder leaves them.
///
/// Windows values that come another way (a JSON log with a key `win`, say) are escaped once only and arrive
/// plain. They show by a backslash that begins no escape (`C:\Windows`), or by a letter escape right behind a
/// drive's colon where nothing else tells (`C:\temp`).
fn is_json_escaped(value: &str) -> bool {
    let bytes = value.as_bytes();
    let mut doubled = false;
    let mut drive = false;
    let mut at = scan::find(bytes, 0, [b'\\']);
    while let Some(rest @ [_, ..]) = bytes.get(at..) {
        let Some((char, len)) = decode(rest) else { return false };
        doubled |= matches!(char, '\\' | '"');
        drive |= at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b':');
        at = scan::find(bytes, at + len, [b'\\']);
    }
    doubled || !drive
}

/// Decodes the XML entity at the start of `rest`, whose first byte is `&`: the five names and numbers.
fn decode_entity(rest: &[u8]) -> Option<(char, usize)> {
    // `&#x10FFFF;` and `&#1114111;` are the longest.
    let end = rest.iter().take(10).position(|&byte| byte == b';')?;
    let name = rest.get(1..end)?;
    let char = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => numeric(digits, 16)?,
        [b'#', digits @ ..] => numeric(digits, 10)?,
        _ => return None,
    };
    Some((char, end + 1))
}

fn numeric(digits: &[u8], radix: u32) -> Option<char> {
    if digits.is_empty() {
        return None;
    }
    let code = digits.iter().try_fold(0_u32, |code, &digit| {
        code.checked_mul(radix)?.checked_add(char::from(digit).to_digit(radix)?)
    })?;
    // XML has no NUL.
    char::from_u32(code).filter(|&char| char != '\0')
}

#[cfg(test)]
mod tests {
    use super::{decode, is_cut_off, undo_windows};

    fn plain(value: &str) -> String {
        let mut out = String::from("before|");
        undo_windows(value, &mut out);
        out.split_off("before|".len())
    }

    #[test]
    fn escapes_of_json() {
        for (escape, char) in [
            (r#"\""#, '"'),
            (r"\\", '\\'),
            (r"\/", '/'),
            (r"\b", '\u{8}'),
            (r"\f", '\u{c}'),
            (r"\n", '\n'),
            (r"\r", '\r'),
            (r"\t", '\t'),
            (r"\u00e9", 'é'),
            (r"\uD83D\uDE00", '😀'),
        ] {
            assert_eq!(decode(format!("{escape}rest").as_bytes()), Some((char, escape.len())), "{escape}");
        }
        for lone in [r"\ud800", r"\ud800\n", r"\ud800\u0041", r"\udc00\ud800"] {
            assert_eq!(decode(lone.as_bytes()), Some(('\u{FFFD}', 6)), "{lone}");
        }
        for wrong in [r"\", r"\x41", r"\W", r"\u12", r"\u12g4", r"\u+123"] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong}");
        }
        assert!(is_cut_off(br"\u12") && is_cut_off(br"\") && !is_cut_off(br"\x") && !is_cut_off(br"\u1g"));
    }

    #[test]
    fn windows_values_escaped_twice_read_plain() {
        assert_eq!(plain(r"C:\\Windows\\new\\temp"), r"C:\Windows\new\temp");
        assert_eq!(plain(r"\\\\server\\share\\"), r"\\server\share\");
        assert_eq!(plain(r"\\??\\C:\\Users"), r"\??\C:\Users");
        assert_eq!(plain(r"HKLM\\System\\CurrentControlSet"), r"HKLM\System\CurrentControlSet");
        assert_eq!(plain(r#"\"C:\\a b.exe\" /c \"x\""#), r#""C:\a b.exe" /c "x""#);
        assert_eq!(plain(r"a &amp;&amp; b &gt; c 2&gt;&amp;1"), "a && b > c 2>&1");
        assert_eq!(plain(r"&lt;unknown process&gt;"), "<unknown process>");
        // A tab of a script, and a backslash before a t.
        assert_eq!(plain(r#"if\t(\"\\t\")"#), "if\t(\"\\t\")");
        assert_eq!(plain(r"one\ttwo"), "one\ttwo");
    }

    #[test]
    fn windows_values_escaped_once_stay() {
        for value in
            [r"C:\Windows", r"\\server\share", r"C:\temp", r"C:\temp\new", r"CORP\jane", r"ends in \"]
        {
            assert_eq!(plain(value), value);
        }
    }

    #[test]
    fn entities_by_name_and_number() {
        assert_eq!(
            plain("&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#X1F600;&#x10FFFF;&#1114111;"),
            "<>&\"'AB😀\u{10FFFF}\u{10FFFF}"
        );
        // One level only: what is XML inside the XML stays XML.
        assert_eq!(plain("&amp;lt;a&amp;gt;"), "&lt;a&gt;");
        for value in [
            "&",
            "&;",
            "&#;",
            "&#0;",
            "&#x;",
            "&#xD800;",
            "&#99999999999;",
            "&copy;",
            "&amp",
            "a&b=1;",
            "&ampersand;",
            "& amp;",
        ] {
            assert_eq!(plain(value), value);
        }
    }
}
