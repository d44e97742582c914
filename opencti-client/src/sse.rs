//! Server-sent events, by the standard (WHATWG HTML, section 9.2), from bytes as they come.
//!
//! [`Parser`] is pure: it is given bytes in pieces of any size and gives [`Frame`]s. It takes linear time, and holds no
//! more than twice the limit of a frame.

use std::mem;

use memchr::memchr2;

/// Largest frame that is kept, in bytes, unless set otherwise: 16 MiB.
pub const MAX_FRAME: usize = 16 << 20;

/// How much of a line is kept in a frame that is being skipped: enough for an id or a name.
const MAX_SKIPPED_LINE: usize = 1024;
/// A buffer larger than this is given back after use.
const KEPT_CAPACITY: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a stream of server-sent events is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// An event.
    Event {
        /// The id the stream named last, in this frame or before. Empty when it has named none.
        id: String,
        /// Its name; `message` when the stream gives none.
        name: String,
        /// Its data, several lines joined by a line feed. What is not UTF-8 is replaced by U+FFFD.
        data: String,
    },
    /// An event over the limit, which was skipped. Those behind it are not affected.
    Oversized {
        /// As for an event, as far as it was seen.
        id: String,
        /// As for an event, as far as it was seen.
        name: String,
        /// Its size in the stream, in bytes.
        size: u64,
    },
}

/// Takes a stream of server-sent events apart.
///
/// ```
/// use opencti_client::sse::{Frame, Parser};
///
/// let mut parser = Parser::new();
/// assert!(parser.push(b"id: 17-0\nevent: crea").is_empty());
/// assert_eq!(
///     parser.push(b"te\r\ndata: {}\r\n\r\n: a comment\n\n"),
///     [Frame::Event { id: "17-0".to_owned(), name: "create".to_owned(), data: "{}".to_owned() }]
/// );
/// ```
///
/// A frame without data is none, as the standard says; one that is not ended by an empty line never comes out. The
/// field `retry` is passed over: how long to wait is for the reader to decide.
#[derive(Clone, Debug)]
pub struct Parser {
    limit: usize,
    /// Bytes of a byte order mark that have come; all of them once the start of the stream is over.
    mark: usize,
    /// The last byte was a carriage return, which a line feed may follow.
    after_return: bool,
    line: Vec<u8>,
    /// The line is longer than what was kept of it.
    line_is_cut: bool,
    id: String,
    name: String,
    /// Every line of it ended by a line feed.
    data: Vec<u8>,
    /// Bytes of the current frame.
    size: u64,
    skipping: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// At the start of a stream, with the limit [`MAX_FRAME`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(MAX_FRAME)
    }

    /// With another limit for the size of a frame, in bytes. Names of fields and the current line count, comments do
    /// not.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            mark: 0,
            after_return: false,
            line: Vec::new(),
            line_is_cut: false,
            id: String::new(),
            name: String::new(),
            data: Vec::new(),
            size: 0,
            skipping: false,
        }
    }

    /// Takes the next bytes and gives the frames that they end.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut rest = self.without_mark(bytes);
        loop {
            if self.after_return && !rest.is_empty() {
                self.after_return = false;
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            let Some(end) = memchr2(b'\n', b'\r', rest) else {
                self.extend(rest);
                return frames;
            };
            self.extend(&rest[..end]);
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            frames.extend(self.end_line());
        }
    }

    /// The bytes without a byte order mark, should they be the start of the stream.
    fn without_mark<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        while let (Some(expected), Some((byte, tail))) = (BYTE_ORDER_MARK.get(self.mark), rest.split_first())
        {
            if byte != expected {
                let came = mem::replace(&mut self.mark, BYTE_ORDER_MARK.len());
                self.extend(&BYTE_ORDER_MARK[..came]);
                break;
            }
            self.mark += 1;
            rest = tail;
        }
        rest
    }

    /// Takes a part of the current line.
    fn extend(&mut self, part: &[u8]) {
        if self.line.is_empty() && part.starts_with(b":") {
            // A comment: its first byte tells, the rest is of no use.
            self.line.push(b':');
            return;
        }
        if self.line.starts_with(b":") {
            return;
        }
        self.size += part.len() as u64;
        if !self.skipping && self.data.len() + self.line.len() + part.len() > self.limit {
            self.skipping = true;
            self.data = Vec::new();
            self.line_is_cut = self.line.len() > MAX_SKIPPED_LINE;
            self.line.truncate(MAX_SKIPPED_LINE);
        }
        if self.skipping {
            let room = MAX_SKIPPED_LINE - self.line.len();
            self.line_is_cut |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn end_line(&mut self) -> Option<Frame> {
        if self.line.is_empty() {
            return self.end_frame();
        }
        let mut line = mem::take(&mut self.line);
        if !mem::take(&mut self.line_is_cut) {
            self.field(&line);
        }
        line.clear();
        if line.capacity() <= KEPT_CAPACITY {
            self.line = line;
        }
        None
    }

    /// Takes a whole line: a field, or a comment, whose field has no name.
    fn field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" if !self.skipping => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => self.id = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
    }

    fn end_frame(&mut self) -> Option<Frame> {
        let size = mem::take(&mut self.size);
        let mut data = mem::take(&mut self.data);
        let mut name = mem::take(&mut self.name);
        if name.is_empty() {
            name.push_str("message");
        }
        if mem::take(&mut self.skipping) {
            return Some(Frame::Oversized { id: self.id.clone(), name, size });
        }
        // Every line of data has left a line feed; without any there was no data.
        data.pop()?;
        let data = String::from_utf8(data)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Some(Frame::Event { id: self.id.clone(), name, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(id: &str, name: &str, data: &str) -> Frame {
        Frame::Event { id: id.to_owned(), name: name.to_owned(), data: data.to_owned() }
    }

    fn frames(text: &str) -> Vec<Frame> {
        Parser::new().push(text.as_bytes())
    }

    #[test]
    fn examples_of_the_standard() {
        assert_eq!(frames("data: YHOO\ndata: +2\ndata: 10\n\n"), [event("", "message", "YHOO\n+2\n10")]);
        assert_eq!(
            frames(
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
            ),
            [
                event("1", "message", "first event"),
                event("", "message", "second event"),
                event("", "message", " third event")
            ]
        );
        assert_eq!(
            frames("data\n\ndata\ndata\n\ndata:"),
            [event("", "message", ""), event("", "message", "\n")]
        );
        assert_eq!(frames("data:test\n\ndata: test\n\n"), vec![event("", "message", "test"); 2]);
    }

    #[test]
    fn what_is_no_event_is_none() {
        for text in
            ["", "\n\n\n", ":\n\n", "event: x\n\n", "data: x\n", "data: x", "retry: 10\n\n", "Data: x\n\n"]
        {
            assert_eq!(frames(text), [], "{text:?}");
        }
        // A name does not outlive its frame, an id does.
        assert_eq!(frames("event: x\nid: 7\n\ndata: 1\n\n"), [event("7", "message", "1")]);
    }

    #[test]
    fn lines_end_in_three_ways() {
        let expected = [event("1", "a", "x\ny"), event("2", "message", "z")];
        for end in ["\n", "\r", "\r\n"] {
            let text = ["id:1", "event:a", "data:x", "data:y", "", "id:2", "data:z", "", ""].join(end);
            assert_eq!(frames(&text), expected, "{end:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_content() {
        let expected = [event("", "message", "x")];
        assert_eq!(frames("\u{feff}data: x\n\n"), expected);
        let mut parser = Parser::new();
        let bytes = "\u{feff}data: x\n\n".as_bytes();
        assert_eq!(bytes.iter().flat_map(|byte| parser.push(&[*byte])).collect::<Vec<_>>(), expected);
        // Half a mark is content, and so is one that comes later.
        assert_eq!(Parser::new().push(b"\xef\xbbdata: x\n\ndata: y\n\n"), [event("", "message", "y")]);
        assert_eq!(
            frames("data: x\n\n\u{feff}data: y\n\ndata: z\n\n"),
            [event("", "message", "x"), event("", "message", "z")]
        );
    }

    #[test]
    fn ids_with_nul_are_passed_over() {
        assert_eq!(frames("id: 1\nid: 2\u{0}\ndata: x\n\n"), [event("1", "message", "x")]);
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(Parser::new().push(b"data: a\xffb\n\n"), [event("", "message", "a\u{fffd}b")]);
    }

    #[test]
    fn a_frame_over_the_limit_is_skipped_and_told() {
        let long = "x".repeat(100);
        let oversized =
            |id: &str, size| Frame::Oversized { id: id.to_owned(), name: "create".to_owned(), size };
        for text in [
            format!("id: 1\nevent: create\ndata: {long}\n\ndata: y\n\n"),
            format!("data: {long}\r\nid: 1\r\nevent: create\r\n\r\ndata: y\r\n\r\n"),
        ] {
            for piece in [1, 7, 1000] {
                let mut parser = Parser::with_limit(64);
                let got: Vec<_> =
                    text.as_bytes().chunks(piece).flat_map(|piece| parser.push(piece)).collect();
                assert_eq!(got, [oversized("1", 124), event("1", "message", "y")], "{piece}");
            }
        }
        // Many short lines are as much as a long one, and an id too long to be one is not kept.
        let many = "data: x\n".repeat(40);
        let text = format!("event: create\n{many}id: {}\n\ndata: y\n\n", "7".repeat(2000));
        let got = Parser::with_limit(64).push(text.as_bytes());
        assert_eq!(got, [oversized("", 13 + 40 * 7 + 2004), event("", "message", "y")]);
    }

    #[test]
    fn comments_need_no_room() {
        let text = format!("data: x\n: {}\n{}\n", "c".repeat(1000), ":\n".repeat(1000));
        assert_eq!(Parser::with_limit(16).push(text.as_bytes()), [event("", "message", "x")]);
    }

    /// The standard word for word, for a whole stream at once, without a limit.
    fn reference(bytes: &[u8]) -> Vec<Frame> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let (mut frames, mut id, mut name, mut data) =
            (Vec::new(), String::new(), String::new(), String::new());
        // Behind the last line feed is no whole line.
        let mut lines: Vec<&str> = text.split('\n').collect();
        lines.pop();
        for line in lines {
            if line.is_empty() {
                if !data.is_empty() {
                    data.pop();
                    let name = if name.is_empty() { "message" } else { &name };
                    frames.push(event(&id, name, &data));
                }
                data.clear();
                name.clear();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "data" => data.push_str(&format!("{value}\n")),
                "event" => value.clone_into(&mut name),
                "id" if !value.contains('\0') => value.clone_into(&mut id),
                _ => {}
            }
        }
        frames
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => r"(data|id|event|retry|x)?:? ?[a-zé{}\x00]{0,6}(\r\n|\n|\r)",
            2 => r"(\r\n|\n|\r){1,3}",
            1 => "\u{feff}|:|\r|[\\PC]{0,4}",
        ]
        .prop_map(String::into_bytes);
        let piece = prop_oneof![9 => piece, 1 => proptest::collection::vec(any::<u8>(), 0..4)];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    fn in_pieces(mut parser: Parser, bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Frame> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.windows(2).flat_map(|cut| parser.push(&bytes[cut[0]..cut[1]])).collect()
    }

    proptest! {
        #[test]
        fn any_split_gives_what_the_standard_says(
            bytes in stream(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            prop_assert_eq!(in_pieces(Parser::new(), &bytes, &cuts), reference(&bytes));
        }

        #[test]
        fn any_split_skips_the_same(
            bytes in stream(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
            limit in 0_usize..24,
        ) {
            let whole = Parser::with_limit(limit).push(&bytes);
            prop_assert_eq!(&in_pieces(Parser::with_limit(limit), &bytes, &cuts), &whole);
            for frame in whole {
                if let Frame::Event { data, .. } = frame {
                    // One byte that is not UTF-8 becomes three.
                    prop_assert!(data.len() <= 3 * limit);
                }
            }
        }
    }
}
