//! Standard output, for people and pipes.

use std::io::{self, BufWriter, StdoutLock, Write as _};

/// Buffered standard output that knows when nobody reads any more.
pub(crate) struct Stdout {
    writer: BufWriter<StdoutLock<'static>>,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Written {
    /// Written.
    Yes,
    /// The reader has gone (`… | head`): there is nothing more to do, and nothing is wrong.
    NobodyReads,
}

impl Stdout {
    pub(crate) fn new() -> Self {
        Self { writer: BufWriter::with_capacity(1 << 16, io::stdout().lock()) }
    }

    /// Writes one line; the line end is added.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<Written> {
        quiet(self.writer.write_all(line.as_bytes()).and_then(|()| self.writer.write_all(b"\n")))
    }

    /// Hands everything on. To be called at the end: dropping would hide an error such as a full disk.
    pub(crate) fn flush(&mut self) -> io::Result<Written> {
        quiet(self.writer.flush())
    }
}

fn quiet(result: io::Result<()>) -> io::Result<Written> {
    match result {
        Ok(()) => Ok(Written::Yes),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Written::NobodyReads),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_error() {
        assert_eq!(quiet(Err(io::ErrorKind::BrokenPipe.into())).unwrap(), Written::NobodyReads);
        assert_eq!(quiet(Ok(())).unwrap(), Written::Yes);
        assert!(quiet(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
