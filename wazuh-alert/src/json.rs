//! One pass over an alert's JSON into a flat list of its scalars.
//!
//! A reader of our own, because the alert's text is kept anyway and nearly every value can stay where it is:
//! no tree of maps and strings, numbers exactly as written (analysisd keeps them native inside arrays), no
//! recursion that deep nesting could exhaust, and lenience where `serde_json` has none: half a surrogate pair
//! or a raw control character in a string must not cost an alert. A property test holds it against
//! `serde_json`: what that accepts, this accepts with the same values.

use crate::error::{AlertError, excerpt, position};
use crate::{escape, scan};

/// The deepest nesting that is read: the limit of cJSON, with which analysisd reads and writes.
pub(crate) const MAX_DEPTH: usize = 1000;

/// Paths may take this many times the alert's own size …
const PATH_FACTOR: usize = 16;
/// … or this many bytes, if that is more. Without a limit a long key over many values is quadratic.
const PATH_FLOOR: usize = 1 << 20;

/// Whether a scalar was written as a string, a number or a boolean.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ScalarKind {
    /// A string. Outside of arrays analysisd writes numbers and booleans of an event as strings, too.
    String,
    /// A number; its text is as written.
    Number,
    /// `true` or `false`.
    Bool,
}

/// A piece of one of the two texts. Both are below 4 GiB: the input by its limit, the side text because
/// `PATH_FACTOR` times that limit is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    #[expect(clippy::cast_possible_truncation, reason = "see the type's comment")]
    const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, len: (end - start) as u32 }
    }

    pub(crate) const fn len(self) -> usize {
        self.len as usize
    }

    pub(crate) fn of(self, text: &str) -> &str {
        let start = self.start as usize;
        text.get(start..start + self.len as usize).unwrap_or_default()
    }
}

/// A scalar of the alert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// Where its path lies, always in the side text.
    pub(crate) path: Span,
    pub(crate) text: Span,
    /// Whether `text` lies in the side text instead of the alert's own.
    pub(crate) in_side: bool,
    pub(crate) kind: ScalarKind,
    /// Index of the object or array it stands in.
    pub(crate) parent: u32,
}

/// An object or array of the alert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container {
    pub(crate) parent: u32,
    pub(crate) is_array: bool,
    /// Index of the first scalar behind it.
    pub(crate) leaf_end: u32,
}

/// What one pass over an alert gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// The scalars in document order, nulls left out.
    pub(crate) leaves: Vec<Node>,
    /// The objects and arrays in the order they open; the alert itself is the first.
    pub(crate) containers: Vec<Container>,
    /// Paths, and those values that are not in the alert's text as they read.
    pub(crate) side: String,
    /// Whether one of the keys that make an object an alert is there.
    pub(crate) is_alert: bool,
}

/// An object or array that is being read.
#[derive(Clone, Copy)]
struct Frame {
    container: u32,
    path: Span,
    is_array: bool,
    is_empty: bool,
    /// Whether this is `data.win` or below it.
    is_windows: bool,
}

/// Where a string's text is.
enum Text {
    /// In the input, at these offsets.
    Input(usize, usize),
    /// In the reader's scratch space: it had escapes.
    Scratch,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    tree: Tree,
    frames: Vec<Frame>,
    scratch: String,
    path_bytes: usize,
    path_limit: usize,
}

/// Reads `text`, which begins with `{`.
pub(crate) fn read(text: &str) -> Result<Tree, AlertError> {
    // Sized for a usual alert of this length, so that none of them grows.
    let tree = Tree {
        leaves: Vec::with_capacity(text.len() / 24 + 4),
        containers: Vec::with_capacity(16),
        side: String::with_capacity(text.len() * 3 / 2 + 64),
        is_alert: false,
    };
    let mut reader = Reader {
        text,
        at: 0,
        tree,
        frames: Vec::with_capacity(16),
        scratch: String::new(),
        path_bytes: 0,
        path_limit: (text.len() * PATH_FACTOR).max(PATH_FLOOR),
    };
    reader.value(Span::default(), false)?;
    reader.members()?;
    match reader.peek() {
        None => Ok(reader.tree),
        Some(0) => Err(reader.nul(reader.at)),
        Some(_) => {
            let (line, column) = position(text, reader.at);
            Err(AlertError::Trailing { line, column, found: excerpt(text, reader.at) })
        }
    }
}

impl Reader<'_> {
    /// Reads until every open object and array is closed.
    fn members(&mut self) -> Result<(), AlertError> {
        while let Some(frame) = self.frames.last_mut() {
            let is_empty = std::mem::replace(&mut frame.is_empty, false);
            let frame = Frame { is_empty, ..*frame };
            let closing = if frame.is_array { b']' } else { b'}' };
            match self.peek() {
                Some(byte) if byte == closing => {
                    self.at += 1;
                    self.close(frame);
                    continue;
                }
                _ if is_empty => {}
                Some(b',') => self.at += 1,
                _ => {
                    let expected = if frame.is_array { "`,` or `]`" } else { "`,` or `}`" };
                    return Err(self.unexpected(self.at, expected));
                }
            }
            let path = if frame.is_array { frame.path } else { self.key(frame)? };
            self.value(path, frame.is_windows)?;
        }
        Ok(())
    }

    /// Reads a key and its colon, and writes the path of what follows.
    fn key(&mut self, frame: Frame) -> Result<Span, AlertError> {
        if self.peek() != Some(b'"') {
            let expected = if frame.is_empty { "a key or `}`" } else { "a key" };
            return Err(self.unexpected(self.at, expected));
        }
        let key = self.string()?;
        let side = &mut self.tree.side;
        let start = side.len();
        // The path of the alert itself is empty, but so may a key be.
        if self.frames.len() > 1 {
            let parent = frame.path.start as usize;
            side.extend_from_within(parent..parent + frame.path.len());
            side.push('.');
        }
        side.push_str(match key {
            Text::Input(from, to) => self.text.get(from..to).unwrap_or_default(),
            Text::Scratch => &self.scratch,
        });
        let path = Span::new(start, side.len());
        self.path_bytes += path.len();
        if self.path_bytes > self.path_limit {
            return Err(AlertError::LongPaths { limit: self.path_limit });
        }
        if self.frames.len() == 1 {
            self.tree.is_alert |= matches!(path.of(&self.tree.side), "rule" | "data" | "syscheck");
        }
        if self.peek() != Some(b':') {
            return Err(self.unexpected(self.at, "`:`"));
        }
        self.at += 1;
        Ok(path)
    }

    /// Reads a scalar, or opens an object or array.
    fn value(&mut self, path: Span, is_windows: bool) -> Result<(), AlertError> {
        match self.peek() {
            Some(b'"') => self.text_value(path, is_windows),
            Some(b'{') => self.open(path, false, is_windows),
            Some(b'[') => self.open(path, true, is_windows),
            Some(b't') => self.literal(path, "true", Some(ScalarKind::Bool)),
            Some(b'f') => self.literal(path, "false", Some(ScalarKind::Bool)),
            Some(b'n') => self.literal(path, "null", None),
            Some(b'-' | b'0'..=b'9') => self.number(path),
            _ => Err(self.unexpected(self.at, "a value")),
        }
    }

    fn open(&mut self, path: Span, is_array: bool, is_windows: bool) -> Result<(), AlertError> {
        if self.frames.len() == MAX_DEPTH {
            return Err(AlertError::TooDeep);
        }
        self.at += 1;
        let container = index(self.tree.containers.len());
        let parent = self.frames.last().map_or(0, |frame| frame.container);
        // The end is known when it closes.
        self.tree.containers.push(Container { parent, is_array, leaf_end: u32::MAX });
        let is_windows = is_windows || path.of(&self.tree.side) == "data.win";
        self.frames.push(Frame { container, path, is_array, is_empty: true, is_windows });
        Ok(())
    }

    fn close(&mut self, frame: Frame) {
        let leaf_end = index(self.tree.leaves.len());
        if let Some(container) = self.tree.containers.get_mut(frame.container as usize) {
            container.leaf_end = leaf_end;
        }
        self.frames.pop();
    }

    fn text_value(&mut self, path: Span, is_windows: bool) -> Result<(), AlertError> {
        let text = self.string()?;
        let side = &mut self.tree.side;
        let side_start = side.len();
        if is_windows {
            let value = match text {
                Text::Input(from, to) => self.text.get(from..to).unwrap_or_default(),
                Text::Scratch => &self.scratch,
            };
            // The rendered message is decoded by analysisd, but for the quotes around it.
            if path.of(side) == "data.win.system.message" {
                let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                side.push_str(inner.unwrap_or(value));
                self.push_side(path, side_start);
                return Ok(());
            }
            if value.contains(['\\', '&']) {
                escape::undo_windows(value, side);
                self.push_side(path, side_start);
                return Ok(());
            }
        }
        match text {
            Text::Input(from, to) => self.push(path, Span::new(from, to), false, ScalarKind::String),
            Text::Scratch => {
                side.push_str(&self.scratch);
                self.push_side(path, side_start);
            }
        }
        Ok(())
    }

    fn literal(
        &mut self,
        path: Span,
        word: &'static str,
        kind: Option<ScalarKind>,
    ) -> Result<(), AlertError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            if word.starts_with(rest) {
                return Err(self.truncated());
            }
            return Err(self.unexpected(self.at, "a value"));
        }
        let start = self.at;
        self.at += word.len();
        if let Some(kind) = kind {
            self.push(path, Span::new(start, self.at), false, kind);
        }
        Ok(())
    }

    fn number(&mut self, path: Span) -> Result<(), AlertError> {
        let start = self.at;
        self.skip(b"-");
        if !self.skip(b"0") {
            self.digits()?;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digits()?;
        }
        self.push(path, Span::new(start, self.at), false, ScalarKind::Number);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), AlertError> {
        let start = self.at;
        while self.byte(self.at).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected(start, "a digit")) } else { Ok(()) }
    }

    /// Steps over one byte if it is one of `bytes`.
    fn skip(&mut self, bytes: &[u8]) -> bool {
        let found = self.byte(self.at).is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(found);
        found
    }

    /// Reads a string, whose opening quote is next.
    fn string(&mut self) -> Result<Text, AlertError> {
        let start = self.at + 1;
        let end = self.plain_end(start);
        if self.byte(end) == Some(b'"') {
            self.at = end + 1;
            return Ok(Text::Input(start, end));
        }
        self.scratch.clear();
        let mut plain = start;
        let mut at = end;
        loop {
            self.scratch.push_str(self.text.get(plain..at).unwrap_or_default());
            match self.byte(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Text::Scratch);
                }
                Some(b'\\') => {
                    let rest = self.text.as_bytes().get(at..).unwrap_or_default();
                    let Some((char, len)) = escape::decode(rest) else {
                        if escape::is_cut_off(rest) {
                            return Err(self.truncated());
                        }
                        return Err(self.unexpected(at, "an escape such as `\\n` or `\\u00e9`"));
                    };
                    self.scratch.push(char);
                    plain = at + len;
                    at = self.plain_end(plain);
                }
                Some(_) => return Err(self.nul(at)),
                None => return Err(self.truncated()),
            }
        }
    }

    /// Offset of the first quote, backslash or NUL from `start` on, or of the end.
    fn plain_end(&self, start: usize) -> usize {
        scan::find(self.text.as_bytes(), start, [b'"', b'\\', 0])
    }

    /// Steps over blanks and gives the byte behind them.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = self.byte(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Notes a scalar whose text is the side text from `start` on.
    fn push_side(&mut self, path: Span, start: usize) {
        let text = Span::new(start, self.tree.side.len());
        self.push(path, text, true, ScalarKind::String);
    }

    fn push(&mut self, path: Span, text: Span, in_side: bool, kind: ScalarKind) {
        let parent = self.frames.last().map_or(0, |frame| frame.container);
        self.tree.leaves.push(Node { path, text, in_side, kind, parent });
    }

    /// The error for what stands at `at`.
    fn unexpected(&self, at: usize, expected: &'static str) -> AlertError {
        match self.byte(at) {
            None => self.truncated(),
            Some(0) => self.nul(at),
            Some(_) => {
                let (line, column) = position(self.text, at);
                AlertError::Syntax { line, column, expected, found: excerpt(self.text, at) }
            }
        }
    }

    fn truncated(&self) -> AlertError {
        let (line, column) = position(self.text, self.text.len());
        AlertError::Truncated { line, column }
    }

    fn nul(&self, at: usize) -> AlertError {
        let (line, column) = position(self.text, at);
        AlertError::Nul { line, column }
    }
}

/// Indices fit: there are fewer scalars and containers than bytes in the input.
#[expect(clippy::cast_possible_truncation, reason = "the input is limited to far less than 4 GiB")]
const fn index(len: usize) -> u32 {
    len as u32
}
