//! Recursive descent over the grammar of STIX 2.1 patterns.
//!
//! The lenient parser takes, beside the grammar, what feeds are seen to write and what can mean only one thing. Each
//! liberty taken is kept as a [`Note`].

use super::ast::{
    Comparison, ComparisonExpression, Literal, ObjectPath, ObservationExpression, PathStep, Qualifier,
    Seconds, Test, TimestampLiteral,
};
use super::error::PatternError;
use super::lexer::{Kind, Lexer, Token, describe};
use super::value::parse_timestamp;
use super::{MAX_DEPTH, MAX_PATTERN_LEN, MAX_TERMS};

/// A liberty that [`Pattern::parse_lenient`](super::Pattern::parse_lenient) took with the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A property name with hyphens stood without quotes: `file:hashes.SHA-256`.
    UnquotedName,
    /// `START` and `STOP` with plain strings, as STIX 2.0 had them.
    StringTimestamp,
    /// A keyword was not in upper case.
    KeywordCase,
    /// A backslash in a string was not doubled and is taken as itself.
    LoneBackslash,
    /// A quote inside the only string of the pattern was not escaped and is taken as itself.
    UnescapedQuote,
}

impl Note {
    /// A stable name for reports and counters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnquotedName => "unquoted_name",
            Self::StringTimestamp => "string_timestamp",
            Self::KeywordCase => "keyword_case",
            Self::LoneBackslash => "lone_backslash",
            Self::UnescapedQuote => "unescaped_quote",
        }
    }
}

/// What the text said beyond the expression itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Remarks {
    pub(super) notes: Vec<Note>,
    /// The first qualifier applied twice to a bare observation.
    pub(super) duplicate_qualifier: Option<&'static str>,
    pub(super) comment_first: bool,
}

pub(super) fn parse(text: &str, lenient: bool) -> Result<(ObservationExpression, Remarks), PatternError> {
    if text.len() > MAX_PATTERN_LEN {
        return Err(PatternError::TooLong { len: text.len(), max: MAX_PATTERN_LEN });
    }
    // Liberties are taken where the grammar has no reading, so that none of them can change what is in the grammar.
    match read(text, false) {
        Err(_) if lenient => read(text, true).or_else(|error| recover_unescaped_quote(text).ok_or(error)),
        outcome => outcome,
    }
}

fn read(text: &str, lenient: bool) -> Result<(ObservationExpression, Remarks), PatternError> {
    let mut parser = Parser::new(text, lenient)?;
    let expression = parser.pattern()?;
    Ok((expression, parser.into_remarks()))
}

/// `[url:value = 'http://example.org/?a='b'']`: one comparison whose value holds quotes that nobody escaped. Only where
/// nothing in the value looks like the pattern going on behind the quote.
fn recover_unescaped_quote(text: &str) -> Option<(ObservationExpression, Remarks)> {
    let mut parser = Parser::new(text, true).ok()?;
    parser.expect(Kind::LeftBracket, "").ok()?;
    let path = parser.object_path().ok()?;
    parser.lookahead.kind.eq(&Kind::Equal).then_some(())?;
    let rest = text[parser.lookahead.end..].trim_start().strip_prefix('\'')?;
    let raw = rest.trim_end().strip_suffix(']')?.trim_end().strip_suffix('\'')?;
    let mut after_quotes = raw.split('\'').skip(1).map(str::trim_start);
    let goes_on = |rest: &str| {
        let word = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        ["AND", "OR", "FOLLOWEDBY"].iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
            || rest.starts_with([']', ')'])
    };
    let note = match raw.contains('\'') {
        true => Note::UnescapedQuote,
        // What the lexer took for an escaped quote is the end of a path: 'C:\Temp\'.
        false if raw.ends_with('\\') => Note::LoneBackslash,
        false => return None,
    };
    if after_quotes.any(goes_on) {
        return None;
    }
    let comparison =
        Comparison { path, negated: false, test: Test::Equal(Literal::String(unescape(raw).into())) };
    let mut remarks = parser.into_remarks();
    remarks.notes.push(note);
    Some((ObservationExpression::Observation(ComparisonExpression::Comparison(comparison)), remarks))
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    lookahead: Token,
    lenient: bool,
    depth: usize,
    terms: usize,
    remarks: Remarks,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, lenient: bool) -> Result<Self, PatternError> {
        let mut lexer = Lexer::new(text, lenient);
        let lookahead = lexer.next()?;
        let comment_first = text[..lookahead.start].contains('/');
        let remarks = Remarks { comment_first, ..Remarks::default() };
        Ok(Self { lexer, lookahead, lenient, depth: 0, terms: 0, remarks })
    }

    fn into_remarks(mut self) -> Remarks {
        if self.lexer.keyword_case {
            self.note(Note::KeywordCase);
        }
        if self.lexer.lone_backslash {
            self.note(Note::LoneBackslash);
        }
        self.remarks
    }

    fn note(&mut self, note: Note) {
        if !self.remarks.notes.contains(&note) {
            self.remarks.notes.push(note);
        }
    }

    fn advance(&mut self) -> Result<Token, PatternError> {
        let token = self.lookahead;
        self.lookahead = self.lexer.next()?;
        Ok(token)
    }

    fn eat(&mut self, kind: Kind) -> Result<bool, PatternError> {
        let here = self.lookahead.kind == kind;
        if here {
            self.advance()?;
        }
        Ok(here)
    }

    fn expect(&mut self, kind: Kind, expected: &'static str) -> Result<Token, PatternError> {
        if self.lookahead.kind == kind { self.advance() } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &'static str) -> PatternError {
        let found = describe(self.lexer.text, self.lookahead);
        PatternError::Syntax { position: self.lookahead.start, found, expected }
    }

    fn text(&self, token: Token) -> &'a str {
        &self.lexer.text[token.start..token.end]
    }

    fn enter(&mut self) -> Result<(), PatternError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(PatternError::TooDeep { position: self.lookahead.start, max: MAX_DEPTH });
        }
        Ok(())
    }

    fn count_term(&mut self) -> Result<(), PatternError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(PatternError::TooManyTerms { position: self.lookahead.start, max: MAX_TERMS });
        }
        Ok(())
    }

    fn pattern(&mut self) -> Result<ObservationExpression, PatternError> {
        let expression = self.followed_by()?;
        match self.lookahead.kind {
            Kind::End => Ok(expression),
            _ => Err(self.unexpected("AND, OR, FOLLOWEDBY, a qualifier or the end")),
        }
    }

    /// Operands of one level, joined by one operator; a single operand stands for itself.
    fn operands<T>(
        &mut self,
        operator: Kind,
        operand: impl Fn(&mut Self) -> Result<T, PatternError>,
        joined: impl FnOnce(Box<[T]>) -> T,
    ) -> Result<T, PatternError> {
        let first = operand(self)?;
        if self.lookahead.kind != operator {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.eat(operator)? {
            operands.push(operand(self)?);
        }
        Ok(joined(operands.into()))
    }

    fn followed_by(&mut self) -> Result<ObservationExpression, PatternError> {
        self.operands(Kind::FollowedBy, Self::observation_or, ObservationExpression::FollowedBy)
    }

    fn observation_or(&mut self) -> Result<ObservationExpression, PatternError> {
        self.operands(Kind::Or, Self::observation_and, ObservationExpression::Or)
    }

    fn observation_and(&mut self) -> Result<ObservationExpression, PatternError> {
        self.operands(Kind::And, Self::observation, ObservationExpression::And)
    }

    fn observation(&mut self) -> Result<ObservationExpression, PatternError> {
        let grouped = self.lookahead.kind == Kind::LeftParen;
        let expression = if grouped {
            self.enter()?;
            self.advance()?;
            let inner = self.followed_by()?;
            self.expect(Kind::RightParen, "AND, OR, FOLLOWEDBY, a qualifier or `)`")?;
            self.depth -= 1;
            inner
        } else {
            self.expect(Kind::LeftBracket, "`[` or `(`")?;
            let comparison = self.comparison_or()?;
            self.expect(Kind::RightBracket, "AND, OR or `]`")?;
            ObservationExpression::Observation(comparison)
        };
        let mut qualifiers = Vec::new();
        while let Some(qualifier) = self.qualifier()? {
            let repeated =
                qualifiers.iter().any(|q| std::mem::discriminant(q) == std::mem::discriminant(&qualifier));
            if repeated && !grouped && self.remarks.duplicate_qualifier.is_none() {
                self.remarks.duplicate_qualifier = Some(match qualifier {
                    Qualifier::Within(_) => "WITHIN",
                    Qualifier::Repeats(_) => "REPEATS",
                    Qualifier::StartStop(..) => "START STOP",
                });
            }
            // Qualifiers nest as parentheses do.
            if qualifiers.len() >= MAX_DEPTH {
                return Err(PatternError::TooDeep { position: self.lookahead.start, max: MAX_DEPTH });
            }
            qualifiers.push(qualifier);
        }
        if qualifiers.is_empty() {
            return Ok(expression);
        }
        Ok(ObservationExpression::Qualified {
            expression: Box::new(expression),
            qualifiers: qualifiers.into(),
        })
    }

    fn qualifier(&mut self) -> Result<Option<Qualifier>, PatternError> {
        let qualifier = match self.lookahead.kind {
            Kind::Within => {
                self.advance()?;
                let number = self.lookahead;
                let text = self.text(number);
                if !matches!(number.kind, Kind::Integer | Kind::Float) || text.starts_with('-') {
                    return Err(self.unexpected("a number of seconds that is not negative"));
                }
                self.advance()?;
                self.expect(Kind::Seconds, "SECONDS")?;
                Qualifier::Within(Seconds(finite(text)))
            }
            Kind::Repeats => {
                self.advance()?;
                let number = self.lookahead;
                let text = self.text(number);
                if number.kind != Kind::Integer || text.starts_with('-') {
                    return Err(self.unexpected("a whole number that is not negative"));
                }
                self.advance()?;
                self.expect(Kind::Times, "TIMES")?;
                // More than anybody observes, but a number to the grammar.
                Qualifier::Repeats(text.parse().unwrap_or(u64::MAX))
            }
            Kind::Start => {
                self.advance()?;
                let start = self.timestamp()?;
                self.expect(Kind::Stop, "STOP")?;
                let stop = self.timestamp()?;
                Qualifier::StartStop(start, stop)
            }
            _ => return Ok(None),
        };
        Ok(Some(qualifier))
    }

    fn timestamp(&mut self) -> Result<TimestampLiteral, PatternError> {
        let token = self.lookahead;
        let text = match token.kind {
            Kind::Timestamp => body(self.text(token), 2),
            Kind::String if self.lenient && super::value::has_timestamp_form(body(self.text(token), 1)) => {
                self.note(Note::StringTimestamp);
                body(self.text(token), 1)
            }
            _ => return Err(self.unexpected("a timestamp t'…'")),
        };
        self.advance()?;
        Ok(TimestampLiteral { text: text.into(), value: parse_timestamp(text) })
    }

    fn comparison_or(&mut self) -> Result<ComparisonExpression, PatternError> {
        self.operands(Kind::Or, Self::comparison_and, ComparisonExpression::Or)
    }

    fn comparison_and(&mut self) -> Result<ComparisonExpression, PatternError> {
        self.operands(Kind::And, Self::comparison, ComparisonExpression::And)
    }

    fn comparison(&mut self) -> Result<ComparisonExpression, PatternError> {
        if self.lookahead.kind == Kind::LeftParen {
            self.enter()?;
            self.advance()?;
            let inner = self.comparison_or()?;
            self.expect(Kind::RightParen, "AND, OR or `)`")?;
            self.depth -= 1;
            return Ok(inner);
        }
        self.count_term()?;
        let negated = self.eat(Kind::Not)?;
        if negated && self.lookahead.kind != Kind::Exists {
            return Err(self.unexpected("EXISTS; before other operators NOT stands behind the object path"));
        }
        if self.eat(Kind::Exists)? {
            let path = self.object_path()?;
            return Ok(ComparisonExpression::Comparison(Comparison { path, negated, test: Test::Exists }));
        }
        let path = self.object_path()?;
        let negated = self.eat(Kind::Not)?;
        let test = self.test()?;
        Ok(ComparisonExpression::Comparison(Comparison { path, negated, test }))
    }

    fn object_path(&mut self) -> Result<ObjectPath, PatternError> {
        let token = self.lookahead;
        if !matches!(token.kind, Kind::Name | Kind::HyphenName) {
            return Err(self.unexpected("an object type"));
        }
        self.advance()?;
        self.expect(Kind::Colon, "`:` and a property")?;
        let first = self.key()?;
        // Most paths have one name, and boxing a list of the right size copies nothing.
        let more = matches!(self.lookahead.kind, Kind::Dot | Kind::LeftBracket);
        let mut steps = Vec::with_capacity(1 + usize::from(more));
        steps.push(first);
        loop {
            match self.lookahead.kind {
                Kind::Dot => {
                    self.advance()?;
                    steps.push(self.key()?);
                }
                Kind::LeftBracket => {
                    self.advance()?;
                    steps.push(self.index()?);
                    self.expect(Kind::RightBracket, "`]`")?;
                }
                _ => break,
            }
            if steps.len() > MAX_DEPTH {
                return Err(PatternError::TooDeep { position: self.lookahead.start, max: MAX_DEPTH });
            }
        }
        Ok(ObjectPath { object_type: self.text(token).into(), steps: steps.into() })
    }

    fn key(&mut self) -> Result<PathStep, PatternError> {
        let token = self.lookahead;
        match token.kind {
            Kind::Name => {
                self.advance()?;
                Ok(PathStep::Key(self.text(token).into()))
            }
            Kind::String => {
                self.advance()?;
                Ok(PathStep::Key(unescape(body(self.text(token), 1)).into()))
            }
            Kind::HyphenName if self.lenient => {
                self.lexer.rewind(token);
                let name = self.lexer.extend_hyphenated(token);
                self.lookahead = self.lexer.next()?;
                self.note(Note::UnquotedName);
                Ok(PathStep::Key(self.text(name).into()))
            }
            Kind::HyphenName => {
                Err(self.unexpected("a property name; one with hyphens is written in quotes"))
            }
            _ => Err(self.unexpected("a property name")),
        }
    }

    fn index(&mut self) -> Result<PathStep, PatternError> {
        let token = self.lookahead;
        match token.kind {
            Kind::Star => {
                self.advance()?;
                Ok(PathStep::Any)
            }
            Kind::Integer => {
                self.advance()?;
                let text = self.text(token);
                let beyond = if text.starts_with('-') { i64::MIN } else { i64::MAX };
                Ok(PathStep::Index(text.parse().unwrap_or(beyond)))
            }
            _ => Err(self.unexpected("a whole number or `*`")),
        }
    }

    fn test(&mut self) -> Result<Test, PatternError> {
        let operator = self.lookahead.kind;
        let test = match operator {
            Kind::Equal => return self.operand(true).map(Test::Equal),
            Kind::NotEqual => return self.operand(true).map(Test::NotEqual),
            Kind::Less => return self.operand(false).map(Test::Less),
            Kind::LessOrEqual => return self.operand(false).map(Test::LessOrEqual),
            Kind::Greater => return self.operand(false).map(Test::Greater),
            Kind::GreaterOrEqual => return self.operand(false).map(Test::GreaterOrEqual),
            Kind::In => return self.set().map(Test::In),
            Kind::Like => Test::Like,
            Kind::Matches => Test::Matches,
            Kind::IsSubset => Test::IsSubset,
            Kind::IsSuperset => Test::IsSuperset,
            _ => return Err(self.unexpected("an operator such as =, IN, LIKE, MATCHES or ISSUBSET")),
        };
        self.advance()?;
        let token = self.expect(Kind::String, "a string '…'")?;
        Ok(test(unescape(body(self.text(token), 1)).into()))
    }

    fn operand(&mut self, boolean: bool) -> Result<Literal, PatternError> {
        self.advance()?;
        if matches!(self.lookahead.kind, Kind::True | Kind::False) && !boolean {
            return Err(self.unexpected("a literal that has an order"));
        }
        self.literal()
    }

    fn set(&mut self) -> Result<Box<[Literal]>, PatternError> {
        self.advance()?;
        self.expect(Kind::LeftParen, "`(`")?;
        let mut members = Vec::new();
        if !self.eat(Kind::RightParen)? {
            loop {
                self.count_term()?;
                members.push(self.literal()?);
                if !self.eat(Kind::Comma)? {
                    break;
                }
            }
            self.expect(Kind::RightParen, "`,` or `)`")?;
        }
        Ok(members.into())
    }

    fn literal(&mut self) -> Result<Literal, PatternError> {
        let token = self.lookahead;
        let text = self.text(token);
        let literal = match token.kind {
            Kind::String => Literal::String(unescape(body(text, 1)).into()),
            Kind::Integer => text.parse().map_or_else(|_| Literal::Float(finite(text)), Literal::Integer),
            Kind::Float => Literal::Float(finite(text)),
            Kind::True => Literal::Boolean(true),
            Kind::False => Literal::Boolean(false),
            Kind::Hex => Literal::Hex(super::value::decode_hex(body(text, 2)).unwrap_or_default().into()),
            Kind::Binary => {
                Literal::Binary(super::value::decode_base64(body(text, 2)).unwrap_or_default().into())
            }
            Kind::Timestamp => return self.timestamp().map(Literal::Timestamp),
            _ => {
                return Err(
                    self.unexpected("a literal: a string '…', a number, true, false, t'…', h'…' or b'…'")
                );
            }
        };
        self.advance()?;
        Ok(literal)
    }
}

/// The text between the quotes; `open` is how long the opening is.
fn body(token: &str, open: usize) -> &str {
    &token[open..token.len() - 1]
}

fn unescape(body: &str) -> String {
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let escaped = matches!(rest.as_bytes().get(at + 1), Some(b'\'' | b'\\'));
        // A lone backslash gets here from the lenient lexer only.
        let from = at + usize::from(escaped);
        text.push_str(&rest[from..=from]);
        rest = &rest[from + 1..];
    }
    text.push_str(rest);
    text
}

/// The number nearest to what the digits say; what lies beyond the range of a double becomes its largest.
fn finite(text: &str) -> f64 {
    text.parse::<f64>().unwrap_or_default().clamp(f64::MIN, f64::MAX)
}
