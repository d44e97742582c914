//! Foreign text, made fit for a message.

/// `text` on one line, without control and formatting characters, cut after `limit` characters.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() || is_format(character) {
            gap = length > 0;
            continue;
        }
        if length >= limit {
            out.push('…');
            break;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
            length += 1;
        }
        out.push(character);
        length += 1;
    }
    out
}

/// Characters that are not shown but change how others are: direction marks, joiners, tags, byte order marks.
fn is_format(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// The start of a body as text. Of an HTML page the title is what tells.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let start = &body[..body.len().min(4096)];
    let text = String::from_utf8_lossy(start);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| {
        let from = at + "<title>".len();
        lower[from..].find("</title>").map(|length| &text[from..from + length])
    });
    clean(title.unwrap_or(&text), 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_clean_line_of_limited_length() {
        assert_eq!(clean(" a\r\n\t b\u{1b}[31mred\u{202e} c ", 99), "a b [31mred c");
        assert_eq!(clean("ééééé", 3), "ééé…");
        assert_eq!(clean("\u{0}\u{7f}", 9), "");
    }

    #[test]
    fn a_page_is_known_by_its_title() {
        assert_eq!(excerpt(b"<!doctype html><TITLE>\n Sign in </TITLE><body>x"), "Sign in");
        assert_eq!(excerpt(b"\xff\xfeplain <title>open"), "\u{fffd}\u{fffd}plain <title>open");
        assert_eq!(excerpt(b""), "");
    }
}
