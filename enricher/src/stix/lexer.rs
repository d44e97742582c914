//! Tokens of a pattern, made one at a time and without copying.

use super::error::PatternError;

/// A token's kind. Literals keep their text; the parser turns it into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    LeftBracket,
    RightBracket,
    LeftParen,
    RightParen,
    Colon,
    Dot,
    Comma,
    Star,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// A name without hyphens.
    Name,
    /// A name with hyphens: an object type, never a property.
    HyphenName,
    And,
    Or,
    Not,
    FollowedBy,
    Like,
    Matches,
    IsSuperset,
    IsSubset,
    Exists,
    Last,
    In,
    Start,
    Stop,
    Seconds,
    Within,
    Repeats,
    Times,
    True,
    False,
    Integer,
    Float,
    String,
    Hex,
    Binary,
    Timestamp,
    End,
}

/// A piece of the text: `text[start..end]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    position: usize,
    /// Accept what feeds write outside of the grammar: keywords in lower case, single backslashes in strings.
    lenient: bool,
    /// Whether a lone backslash was taken as itself, which only a lenient lexer does.
    pub(super) lone_backslash: bool,
    /// Whether a keyword was not in upper case, which only a lenient lexer lets pass.
    pub(super) keyword_case: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, lenient: bool) -> Self {
        Self { text, position: 0, lenient, lone_backslash: false, keyword_case: false }
    }

    /// The next token; [`Kind::End`] for ever once the text is used up.
    pub(super) fn next(&mut self) -> Result<Token, PatternError> {
        self.skip_blanks()?;
        let bytes = self.text.as_bytes();
        let start = self.position;
        let Some(&byte) = bytes.get(start) else {
            return Ok(Token { kind: Kind::End, start, end: start });
        };
        let following = bytes.get(start + 1).copied();
        let (kind, len) = match (byte, following) {
            (b'[', _) => (Kind::LeftBracket, 1),
            (b']', _) => (Kind::RightBracket, 1),
            (b'(', _) => (Kind::LeftParen, 1),
            (b')', _) => (Kind::RightParen, 1),
            (b':', _) => (Kind::Colon, 1),
            (b',', _) => (Kind::Comma, 1),
            (b'*', _) => (Kind::Star, 1),
            (b'=', Some(b'=')) => (Kind::Equal, 2),
            (b'=', _) => (Kind::Equal, 1),
            (b'!', Some(b'=')) | (b'<', Some(b'>')) => (Kind::NotEqual, 2),
            (b'<', Some(b'=')) => (Kind::LessOrEqual, 2),
            (b'<', _) => (Kind::Less, 1),
            (b'>', Some(b'=')) => (Kind::GreaterOrEqual, 2),
            (b'>', _) => (Kind::Greater, 1),
            (b'.', Some(b'0'..=b'9')) | (b'0'..=b'9' | b'+' | b'-', _) => return self.number(start),
            (b'.', _) => (Kind::Dot, 1),
            (b'\'', _) => return self.string(start, start + 1, Kind::String),
            (b't', Some(b'\'')) => return self.string(start, start + 2, Kind::Timestamp),
            (b'h', Some(b'\'')) => return self.string(start, start + 2, Kind::Hex),
            (b'b', Some(b'\'')) => return self.string(start, start + 2, Kind::Binary),
            (b'a'..=b'z' | b'A'..=b'Z' | b'_', _) => return Ok(self.word(start)),
            _ => return Err(self.unexpected(start, "a token of the pattern language")),
        };
        self.position = start + len;
        Ok(Token { kind, start, end: self.position })
    }

    /// Goes back to a token already read, for the places where a lenient parser needs to look again.
    pub(super) fn rewind(&mut self, token: Token) {
        self.position = token.start;
    }

    /// Reads on behind a property name as long as it goes on as a name with hyphens would.
    pub(super) fn extend_hyphenated(&mut self, token: Token) -> Token {
        let bytes = self.text.as_bytes();
        let rest = bytes[token.start..].iter().take_while(|b| is_name_byte(**b) || **b == b'-').count();
        self.position = token.start + rest;
        Token { kind: Kind::HyphenName, start: token.start, end: self.position }
    }

    fn skip_blanks(&mut self) -> Result<(), PatternError> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.position) {
                Some(b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c) => self.position += 1,
                Some(b'/') => match bytes.get(self.position + 1) {
                    Some(b'*') => match self.text[self.position + 2..].find("*/") {
                        Some(len) => self.position += len + 4,
                        None => return Err(PatternError::UnclosedComment { position: self.position }),
                    },
                    Some(b'/') => {
                        let rest = &self.text[self.position..];
                        self.position += rest.find(['\r', '\n']).unwrap_or(rest.len());
                    }
                    _ => return Ok(()),
                },
                Some(0x80..) => match self.text[self.position..].chars().next() {
                    Some(blank) if is_wide_blank(blank) => self.position += blank.len_utf8(),
                    _ => return Ok(()),
                },
                _ => return Ok(()),
            }
        }
    }

    fn word(&mut self, start: usize) -> Token {
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        let mut hyphen = false;
        while let Some(&byte) = bytes.get(end) {
            match byte {
                b'-' => hyphen = true,
                _ if is_name_byte(byte) => {}
                _ => break,
            }
            end += 1;
        }
        self.position = end;
        let word = &self.text[start..end];
        let kind = if hyphen { Kind::HyphenName } else { self.keyword(word).unwrap_or(Kind::Name) };
        Token { kind, start, end }
    }

    fn keyword(&mut self, word: &str) -> Option<Kind> {
        if let Some(kind) = keyword(word) {
            return Some(kind);
        }
        if !self.lenient || word.len() > "FOLLOWEDBY".len() {
            return None;
        }
        // A property may be called `start`, so lower case makes a keyword only where no name can follow.
        let kind = keyword(&word.to_ascii_uppercase()).or_else(|| keyword(&word.to_ascii_lowercase()))?;
        let before = self.text[..self.position - word.len()].trim_end().as_bytes().last().copied();
        let after = self.text[self.position..].trim_start().as_bytes().first().copied();
        if matches!(before, Some(b':' | b'.')) || matches!(after, Some(b':' | b'.')) {
            return None;
        }
        self.keyword_case = true;
        Some(kind)
    }

    fn number(&mut self, start: usize) -> Result<Token, PatternError> {
        let bytes = self.text.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let whole = start + usize::from(matches!(bytes[start], b'+' | b'-'));
        let point = whole + digits(whole);
        let fraction = if bytes.get(point) == Some(&b'.') { digits(point + 1) } else { 0 };
        let (kind, end) =
            if fraction > 0 { (Kind::Float, point + 1 + fraction) } else { (Kind::Integer, point) };
        if end == whole {
            return Err(self.unexpected(start, "a number behind the sign"));
        }
        // A leading zero would be a number of its own to the grammar, and no two numbers may stand together.
        if kind == Kind::Integer && point - whole > 1 && bytes[whole] == b'0' {
            return Err(self.unexpected(start, "a whole number without leading zeros"));
        }
        self.position = end;
        Ok(Token { kind, start, end })
    }

    /// Reads to the closing quote. `content` is the position behind the opening one.
    fn string(&mut self, start: usize, content: usize, kind: Kind) -> Result<Token, PatternError> {
        let bytes = self.text.as_bytes();
        let mut at = content;
        loop {
            match bytes.get(at) {
                Some(b'\'') => break,
                Some(b'\\') => match bytes.get(at + 1) {
                    Some(b'\'' | b'\\') => at += 2,
                    _ if self.lenient && kind == Kind::String => {
                        self.lone_backslash = true;
                        at += 1;
                    }
                    _ => return Err(PatternError::BadEscape { position: at }),
                },
                Some(_) => at += 1,
                None => return Err(PatternError::UnclosedString { position: start }),
            }
        }
        self.position = at + 1;
        let token = Token { kind, start, end: at + 1 };
        let body = &self.text[content..at];
        let (fits, expected) = match kind {
            Kind::Timestamp => (
                super::value::has_timestamp_form(body),
                "a timestamp of the form t'2024-01-31T23:59:59.123Z'",
            ),
            Kind::Hex => (
                body.len().is_multiple_of(2) && body.bytes().all(|b| b.is_ascii_hexdigit()),
                "hexadecimal h'…' with two digits for each byte",
            ),
            Kind::Binary => (has_base64_form(body), "base64 b'…' with its padding, and not empty"),
            _ => (true, ""),
        };
        if fits {
            return Ok(token);
        }
        Err(PatternError::BadLiteral { position: start, found: shorten(&self.text[start..=at]), expected })
    }

    fn unexpected(&self, position: usize, expected: &'static str) -> PatternError {
        let rest = &self.text[position..];
        let len = rest.chars().next().map_or(0, char::len_utf8);
        let token = rest.bytes().take_while(|b| is_name_byte(*b) || matches!(b, b'+' | b'-' | b'.')).count();
        PatternError::Syntax { position, found: shorten(&rest[..len.max(token)]), expected }
    }
}

/// The token as an error message shows it.
pub(super) fn describe(text: &str, token: Token) -> Box<str> {
    if token.kind == Kind::End { "the end".into() } else { shorten(&text[token.start..token.end]) }
}

fn shorten(text: &str) -> Box<str> {
    const LEN: usize = 40;
    let mut shown = String::new();
    for c in text.chars().take(LEN) {
        match c {
            '\'' | '"' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(LEN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`").into()
}

fn keyword(word: &str) -> Option<Kind> {
    Some(match word {
        "AND" => Kind::And,
        "OR" => Kind::Or,
        "NOT" => Kind::Not,
        "FOLLOWEDBY" => Kind::FollowedBy,
        "LIKE" => Kind::Like,
        "MATCHES" => Kind::Matches,
        "ISSUPERSET" => Kind::IsSuperset,
        "ISSUBSET" => Kind::IsSubset,
        "EXISTS" => Kind::Exists,
        "LAST" => Kind::Last,
        "IN" => Kind::In,
        "START" => Kind::Start,
        "STOP" => Kind::Stop,
        "SECONDS" => Kind::Seconds,
        "WITHIN" => Kind::Within,
        "REPEATS" => Kind::Repeats,
        "TIMES" => Kind::Times,
        "true" => Kind::True,
        "false" => Kind::False,
        _ => return None,
    })
}

/// Whether a property name can be written without quotes.
pub(super) fn is_plain_key(key: &str) -> bool {
    key.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && key.bytes().all(is_name_byte)
        && keyword(key).is_none()
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_wide_blank(blank: char) -> bool {
    matches!(
        blank,
        '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// One group of four or more, the last of which may be padded. An empty literal is not in the grammar.
fn has_base64_form(body: &str) -> bool {
    let content = body.strip_suffix("==").or_else(|| body.strip_suffix('=')).unwrap_or(body);
    !content.is_empty()
        && body.len().is_multiple_of(4)
        && content.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}
