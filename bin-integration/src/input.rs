//! Lines from files that a person names and from standard input, plain or compressed with gzip. What cannot be read
//! takes nothing else along.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

/// Longest line in bytes. A longer one is skipped and reported; memory stays bounded by it.
const LINE_LIMIT: usize = 16 << 20;

/// First bytes of a gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Where lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// Standard input, written `-`.
    Stdin,
    /// A file; may be a link, a FIFO, a device.
    File(PathBuf),
}

impl Source {
    /// What FILE arguments name; none at all is standard input.
    fn from_arguments(files: &[PathBuf]) -> Vec<Self> {
        if files.is_empty() {
            return vec![Self::Stdin];
        }
        let source =
            |path: &PathBuf| if path == Path::new("-") { Self::Stdin } else { Self::File(path.clone()) };
        files.iter().map(source).collect()
    }

    /// Opens it. Compression is told by the first bytes, not by the name.
    fn open(&self) -> io::Result<Lines> {
        match self {
            Self::Stdin => {
                if io::stdin().is_terminal() {
                    tracing::warn!("reading from the terminal: end with Ctrl-D, or see --help");
                }
                Lines::new(Box::new(BufReader::with_capacity(1 << 16, io::stdin())), LINE_LIMIT)
            }
            Self::File(path) => {
                let file = File::open(path)?;
                // Linux opens a folder and fails at the first read, with a message that names no file.
                if file.metadata()?.is_dir() {
                    return Err(io::Error::from(io::ErrorKind::IsADirectory));
                }
                Lines::new(Box::new(BufReader::with_capacity(1 << 16, file)), LINE_LIMIT)
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A line, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// `FILE:LINE`.
    pub(crate) place: String,
    /// The line's number in its file, from 1.
    pub(crate) number: u64,
    /// The line without its end.
    pub(crate) text: Vec<u8>,
}

/// A line or a file that could not be read, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// `FILE:LINE`, or `FILE`.
    pub(crate) place: String,
    pub(crate) problem: String,
    /// It is one line, and the lines after it were read.
    pub(crate) is_line: bool,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// The lines of several sources, one after another.
pub(crate) struct Inputs {
    sources: std::vec::IntoIter<Source>,
    open: Option<(Source, Lines)>,
}

impl Inputs {
    /// What FILE arguments name; none at all is standard input.
    pub(crate) fn from_arguments(files: &[PathBuf]) -> Self {
        Self { sources: Source::from_arguments(files).into_iter(), open: None }
    }
}

impl Iterator for Inputs {
    type Item = Result<Input, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((source, mut lines)) = self.open.take() else {
                let source = self.sources.next()?;
                match source.open() {
                    Ok(lines) => self.open = Some((source, lines)),
                    Err(error) => {
                        let problem = format!("cannot be opened: {error}");
                        return Some(Err(Unread { place: source.to_string(), problem, is_line: false }));
                    }
                }
                continue;
            };
            let read = lines.next().map(|line| line.map(|line| line.text().map(<[u8]>::to_vec)));
            // An error is about the line that was to come.
            let number = lines.number() + u64::from(read.is_err());
            let place = || format!("{source}:{number}");
            let item = match read {
                Ok(None) => continue,
                // A cut or broken file: what came before stands, and the other files go on.
                Err(error) => {
                    return Some(Err(Unread {
                        place: place(),
                        problem: format!("reading ended here: {error}"),
                        is_line: false,
                    }));
                }
                Ok(Some(Some(text))) => Ok(Input { place: place(), number, text }),
                Ok(Some(None)) => Err(Unread {
                    place: place(),
                    problem: format!("longer than {LINE_LIMIT} bytes: passed over"),
                    is_line: true,
                }),
            };
            self.open = Some((source, lines));
            return Some(item);
        }
    }
}

/// One line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Text(&'a [u8]),
    /// Longer than the limit: passed over.
    TooLong,
}

impl<'a> Line<'a> {
    fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Text(text) => Some(text),
            Self::TooLong => None,
        }
    }
}

/// A reader of lines with bounded memory.
struct Lines {
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    limit: usize,
    number: u64,
}

impl Lines {
    fn new(mut reader: Box<dyn BufRead + Send>, limit: usize) -> io::Result<Self> {
        let compressed = reader.fill_buf()?.starts_with(&GZIP_MAGIC);
        if compressed {
            reader = Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(reader)));
        }
        Ok(Self { reader, buffer: Vec::new(), limit, number: 0 })
    }

    /// The number of the line that `next` returned last, from 1.
    fn number(&self) -> u64 {
        self.number
    }

    /// The next line, or `None` at the end. Line ends are `\n` and `\r\n`; the last line may lack one.
    fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let limit = self.limit as u64;
        if self.reader.by_ref().take(limit + 1).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.last() != Some(&b'\n') && self.buffer.len() > self.limit {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        let line = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        Ok(Some(Line::Text(line.strip_suffix(b"\r").unwrap_or(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn all(bytes: &[u8], limit: usize) -> Vec<Option<String>> {
        let mut lines = Lines::new(Box::new(io::Cursor::new(bytes.to_vec())), limit).unwrap();
        let mut out = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            out.push(match line {
                Line::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
                Line::TooLong => None,
            });
        }
        assert_eq!(lines.number(), out.len() as u64);
        out
    }

    fn text(line: &str) -> Option<String> {
        Some(line.to_owned())
    }

    #[test]
    fn ends_of_lines() {
        assert_eq!(all(b"a\nb\r\n\nc", 10), [text("a"), text("b"), text(""), text("c")]);
        assert!(all(b"", 10).is_empty());
    }

    #[test]
    fn a_long_line_takes_no_other_along() {
        assert_eq!(all(b"12345\n123456\n1", 5), [text("12345"), None, text("1")]);
        assert_eq!(all(b"123456", 5), [None]);
    }

    #[test]
    fn gzip_is_told_by_its_first_bytes() {
        let pack = |text: &[u8]| {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(text).unwrap();
            packer.finish().unwrap()
        };
        // Rotated logs that were appended to are several members in one file.
        let bytes = [pack(b"a\nb"), pack(b"c\n")].concat();
        assert_eq!(all(&bytes, 10), [text("a"), text("bc")]);
        let mut lines = Lines::new(Box::new(io::Cursor::new(bytes[..bytes.len() - 4].to_vec())), 10).unwrap();
        let error = loop {
            match lines.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a cut file was read to its end"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn arguments_name_sources() {
        assert_eq!(Source::from_arguments(&[]), [Source::Stdin]);
        let files = ["-".into(), "a.json".into()];
        assert_eq!(Source::from_arguments(&files), [Source::Stdin, Source::File("a.json".into())]);
    }

    #[test]
    fn a_bad_file_takes_no_other_along() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), "1\n2").unwrap();
        // The beginning of a gzip file.
        std::fs::write(at("cut.gz"), [0x1f, 0x8b, 8, 0, 0, 0]).unwrap();
        let said: Vec<String> =
            Inputs::from_arguments(&[at("none"), at("a"), at("cut.gz"), folder.path().into(), at("a")])
                .map(|item| match item {
                    Ok(input) => format!("{}: {}", input.place, String::from_utf8_lossy(&input.text)),
                    Err(unread) => format!("ERROR {unread}"),
                })
                .collect();
        insta::assert_snapshot!(said.join("\n").replace(&*folder.path().to_string_lossy(), "DIR"), @"
        ERROR DIR/none: cannot be opened: No such file or directory (os error 2)
        DIR/a:1: 1
        DIR/a:2: 2
        ERROR DIR/cut.gz:1: reading ended here: unexpected end of file
        ERROR DIR: cannot be opened: is a directory
        DIR/a:1: 1
        DIR/a:2: 2
        ");
    }
}
