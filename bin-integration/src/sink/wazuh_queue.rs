//! The queue of wazuh-analysisd: a Unix datagram socket, one event to a datagram.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Most bytes of one datagram that analysisd reads (`OS_MAXSTR` less one); the rest is cut off without a word.
const DATAGRAM_LIMIT: usize = 65_535;

/// Send buffer in bytes: one whole datagram and the kernel's bookkeeping. The default is smaller on some systems.
const SEND_BUFFER: usize = 4 * DATAGRAM_LIMIT;

/// Shortest wait for a full queue, so that an exhausted deadline still tries once.
const LEAST_WAIT: Duration = Duration::from_millis(50);

/// An event that could not be delivered, with the mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum QueueError {
    #[error("Wazuh's queue {} does not exist: check that wazuh-manager runs and [output] queue is right", path.display())]
    Missing { path: PathBuf },
    #[error("nobody listens at Wazuh's queue {}: check that wazuh-analysisd runs", path.display())]
    NobodyListens { path: PathBuf },
    #[error("no permission for Wazuh's queue {}: run as the user wazuh, or as root", path.display())]
    Denied { path: PathBuf },
    #[error("Wazuh's queue {} stayed full for {} ms: analysisd does not keep up", path.display(), waited.as_millis())]
    Full { path: PathBuf, waited: Duration },
    #[error("an event of {length} bytes does not fit Wazuh's queue, which takes {DATAGRAM_LIMIT}")]
    TooLong { length: usize },
    #[error("Wazuh's queue {} could not be used", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl QueueError {
    /// Whether sending the same line later can help.
    pub(crate) fn is_transient(&self) -> bool {
        !matches!(self, Self::TooLong { .. })
    }
}

/// The connected queue.
#[derive(Debug)]
pub(crate) struct WazuhQueue {
    socket: UnixDatagram,
    path: PathBuf,
}

impl WazuhQueue {
    /// Connects, which fails at once when nobody listens.
    pub(crate) fn connect(path: &Path) -> Result<Self, QueueError> {
        let error = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => QueueError::Missing { path: path.into() },
            io::ErrorKind::ConnectionRefused => QueueError::NobodyListens { path: path.into() },
            io::ErrorKind::PermissionDenied => QueueError::Denied { path: path.into() },
            _ => QueueError::Io { path: path.into(), source },
        };
        let socket = UnixDatagram::unbound().map_err(error)?;
        // A smaller buffer than asked for is enough for all but the longest events, which then fail by themselves.
        let _ = SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER);
        socket.connect(path).map_err(error)?;
        Ok(Self { socket, path: path.into() })
    }

    /// Sends one line as one datagram. A full queue is waited for, at most until `deadline`.
    pub(crate) fn send(&self, line: &[u8], deadline: Instant) -> Result<(), QueueError> {
        if line.len() > DATAGRAM_LIMIT {
            return Err(QueueError::TooLong { length: line.len() });
        }
        let begun = Instant::now();
        let wait = deadline.saturating_duration_since(begun).max(LEAST_WAIT);
        let io = |source| QueueError::Io { path: self.path.clone(), source };
        self.socket.set_write_timeout(Some(wait)).map_err(io)?;
        let result = loop {
            match self.socket.send(line) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        match result {
            // A datagram is sent whole or not at all.
            Ok(_) => Ok(()),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    QueueError::Full { path: self.path.clone(), waited: begun.elapsed() }
                }
                io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::NotConnected => QueueError::NobodyListens { path: self.path.clone() },
                _ if error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) => {
                    QueueError::TooLong { length: line.len() }
                }
                _ => io(error),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    fn said(error: &QueueError, folder: &Path) -> String {
        error.to_string().replace(&*folder.to_string_lossy(), "DIR")
    }

    #[test]
    fn one_line_is_one_datagram() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue");
        let server = UnixDatagram::bind(&path).unwrap();
        let queue = WazuhQueue::connect(&path).unwrap();
        let longest = vec![b'x'; DATAGRAM_LIMIT];
        queue.send(b"1:opencti:{}", soon()).unwrap();
        queue.send(&longest, soon()).unwrap();
        let mut buffer = vec![0; 1 << 17];
        assert_eq!(server.recv(&mut buffer).unwrap(), 12);
        assert_eq!(&buffer[..12], b"1:opencti:{}");
        assert_eq!(server.recv(&mut buffer).unwrap(), DATAGRAM_LIMIT);
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue");
        let mut lines = vec![said(&WazuhQueue::connect(&path).unwrap_err(), folder.path())];

        drop(UnixDatagram::bind(&path).unwrap());
        lines.push(said(&WazuhQueue::connect(&path).unwrap_err(), folder.path()));

        std::fs::remove_file(&path).unwrap();
        let server = UnixDatagram::bind(&path).unwrap();
        let queue = WazuhQueue::connect(&path).unwrap();
        let too_long = queue.send(&vec![b'x'; DATAGRAM_LIMIT + 1], soon()).unwrap_err();
        assert!(!too_long.is_transient());
        lines.push(said(&too_long, folder.path()));

        drop(server);
        let gone = queue.send(b"1:opencti:{}", soon()).unwrap_err();
        assert!(gone.is_transient());
        lines.push(said(&gone, folder.path()));
        lines.push(said(&QueueError::Denied { path }, folder.path()));
        insta::assert_snapshot!(lines.join("\n"), @"
        Wazuh's queue DIR/queue does not exist: check that wazuh-manager runs and [output] queue is right
        nobody listens at Wazuh's queue DIR/queue: check that wazuh-analysisd runs
        an event of 65536 bytes does not fit Wazuh's queue, which takes 65535
        nobody listens at Wazuh's queue DIR/queue: check that wazuh-analysisd runs
        no permission for Wazuh's queue DIR/queue: run as the user wazuh, or as root
        ");
    }

    #[test]
    fn a_full_queue_is_waited_for_and_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue");
        let server = UnixDatagram::bind(&path).unwrap();
        let queue = WazuhQueue::connect(&path).unwrap();
        let begun = Instant::now();
        let error = loop {
            match queue.send(b"1:opencti:{}", soon()) {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(error, QueueError::Full { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5));
        // Room again: the same line goes through.
        server.recv(&mut [0; 64]).unwrap();
        queue.send(b"1:opencti:{}", soon()).unwrap();
    }
}
