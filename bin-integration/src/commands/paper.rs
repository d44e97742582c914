//! What commands write for people: lines, headings, sentences and named facts, in colour where that is wanted.
//!
//! Everything that comes from outside goes through [`Page::put`], which lets no control character through.

use std::ffi::OsStr;
use std::io::IsTerminal as _;

use crate::text::one_line;

/// Where sentences are broken, in characters.
pub(super) const WIDTH: usize = 100;

/// How much of one text from outside is shown, in characters.
pub(super) const LONGEST: usize = 400;

/// How many items of one list are shown; JSON has all.
const MAX_ITEMS: usize = 40;

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Doubtful,
    Bad,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Doubtful => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

/// Whether to colour: only for a terminal, and not when `NO_COLOR` is set (no-color.org).
pub(super) fn colours() -> bool {
    let unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    std::io::stdout().is_terminal()
        && unset("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|term| term != OsStr::new("dumb"))
}

/// The width of the terminal that standard output is, in characters; `None` when it is none.
pub(super) fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    // Some terminals that are not on a screen say that they have no width.
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// "1 indicator", "2 indicators".
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A text that grows.
pub(super) struct Page {
    pub(super) text: String,
    colours: bool,
    width: usize,
}

impl Page {
    /// An empty page, with sentences broken at `width` characters.
    pub(super) fn new(colours: bool, width: usize) -> Self {
        Self { text: String::new(), colours, width: width.max(20) }
    }

    /// Writes a piece of text, without control characters and of bounded length.
    pub(super) fn put(&mut self, style: Style, text: &str) {
        self.put_safe(style, &one_line(text, LONGEST));
    }

    /// As [`put`](Self::put), for text that has gone through [`one_line`] already.
    pub(super) fn put_safe(&mut self, style: Style, text: &str) {
        let code = if self.colours && !text.is_empty() { style.code() } else { "" };
        self.text.push_str(code);
        self.text.push_str(text);
        if !code.is_empty() {
            self.text.push_str("\x1b[0m");
        }
    }

    pub(super) fn line(&mut self, indent: usize, pieces: &[(Style, &str)]) {
        self.indent(indent);
        for (style, text) in pieces {
            self.put(*style, text);
        }
        self.text.push('\n');
    }

    pub(super) fn indent(&mut self, indent: usize) {
        self.text.push_str(&"  ".repeat(indent));
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.text.push('\n');
        self.line(0, &[(Style::Strong, text)]);
    }

    /// Sentences, broken between words.
    pub(super) fn prose(&mut self, indent: usize, style: Style, text: &str) {
        let text = one_line(text, 4 * LONGEST);
        let mut line = String::new();
        let room = self.width.saturating_sub(2 * indent);
        for word in text.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                self.line(indent, &[(style, &line)]);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(indent, &[(style, &line)]);
    }

    /// A named fact; nothing when it is empty.
    pub(super) fn fact(&mut self, indent: usize, name: &str, text: &str) {
        if !text.is_empty() {
            self.line(indent, &[(Style::Faint, &format!("{name:<11}")), (Style::Plain, text)]);
        }
    }

    /// The first items of a list, below a line that says how many more there are.
    pub(super) fn some<'a, T>(&mut self, items: &'a [T], indent: usize) -> &'a [T] {
        if items.len() > MAX_ITEMS {
            let rest = items.len() - MAX_ITEMS;
            self.line(
                indent,
                &[(Style::Faint, &format!("({rest} more are left out here; --format json has all)"))],
            );
        }
        &items[..items.len().min(MAX_ITEMS)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(colours: bool) -> String {
        let mut page = Page::new(colours, WIDTH);
        page.heading("a\x1b]0;title\x07");
        page.prose(1, Style::Good, &"word \u{202e}\x1b[2J ".repeat(60));
        page.fact(1, "n\r", "v\u{9b}\n");
        page.fact(1, "empty", "");
        page.text
    }

    #[test]
    fn colours_are_the_only_control_codes() {
        let plain = page(false);
        assert!(!plain.contains(|c: char| crate::text::is_unsafe(c) && c != '\n'), "{plain:?}");
        assert!(plain.lines().all(|line| line.chars().count() <= WIDTH), "{plain}");
        let mut coloured = page(true);
        assert_ne!(coloured, plain);
        for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
            coloured = coloured.replace(code, "");
        }
        assert_eq!(coloured, plain);
    }
}
