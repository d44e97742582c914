//! Reading files that others name: the alert, the options, the configuration.
//!
//! Each is opened without following a link in its last component, without blocking on a FIFO, must be a regular
//! file, and is read up to a limit.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Largest alert file in bytes. Wazuh's own limit is 64 KiB; this is for alerts that come another way.
pub(crate) const ALERT_LIMIT: u64 = 16 << 20;

/// Largest configuration or options file in bytes.
pub(crate) const SETTINGS_LIMIT: u64 = 1 << 20;

/// What a file is to us; the errors call it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Alert,
    Options,
    Configuration,
    Pending,
    Bundle,
}

impl Role {
    fn limit(self) -> u64 {
        match self {
            Self::Alert | Self::Pending => ALERT_LIMIT,
            Self::Options | Self::Configuration => SETTINGS_LIMIT,
            // A person names it, and a bundle of 100,000 indicators is this long.
            Self::Bundle => 1 << 30,
        }
    }

    /// Links are followed only for what a person names on the command line.
    fn follows_links(self) -> bool {
        matches!(self, Self::Bundle)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Alert => "alert file",
            Self::Options => "options file",
            Self::Configuration => "configuration file",
            Self::Pending => "kept entry",
            Self::Bundle => "bundle",
        })
    }
}

/// A file that could not be read, with the mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FileError {
    #[error("{role} {} does not exist: check the path", path.display())]
    Missing { role: Role, path: PathBuf },
    #[error("{role} {} is a symbolic link, which is not followed: name the file itself", path.display())]
    Link { role: Role, path: PathBuf },
    #[error("{role} {} is {kind}, not a regular file: name a file", path.display())]
    NotAFile { role: Role, path: PathBuf, kind: &'static str },
    #[error("{role} {} is larger than {limit} bytes: check that it is the right file", path.display())]
    TooLarge { role: Role, path: PathBuf, limit: u64 },
    #[error("no permission to read {role} {}: let the user wazuh read it (owner root:wazuh, mode 0640)", path.display())]
    Denied { role: Role, path: PathBuf },
    #[error("{role} {} could not be read", path.display())]
    Io {
        role: Role,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl FileError {
    /// Whether there is no such file: for a file that need not be there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// Reads a whole file under the rules of its role.
pub(crate) fn read(role: Role, path: &Path) -> Result<Vec<u8>, FileError> {
    let io_error = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing { role, path: path.into() },
        io::ErrorKind::PermissionDenied => FileError::Denied { role, path: path.into() },
        _ => FileError::Io { role, path: path.into(), source },
    };
    let not_a_file = |kind| FileError::NotAFile { role, path: path.into(), kind };

    let file = match open(path, role.follows_links()) {
        // What open(2) answers to O_NOFOLLOW on a link.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(FileError::Link { role, path: path.into() });
        }
        // What it answers to a socket.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            return Err(not_a_file("a socket"));
        }
        opened => opened.map_err(io_error)?,
    };
    let metadata = file.metadata().map_err(io_error)?;
    if !metadata.is_file() {
        return Err(not_a_file(kind_of(metadata.file_type())));
    }
    let limit = role.limit();
    let too_large = || FileError::TooLarge { role, path: path.into(), limit };
    if metadata.len() > limit {
        return Err(too_large());
    }
    // The length is a hint: files below /proc say 0, and a file can grow while it is read.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(limit + 1).read_to_end(&mut bytes).map_err(io_error)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

fn open(path: &Path, follow: bool) -> io::Result<File> {
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn kind_of(kind: std::fs::FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn refused(role: Role, folder: &Path, name: &str) -> String {
        let error = read(role, &folder.join(name)).unwrap_err();
        error.to_string().replace(&*folder.to_string_lossy(), "DIR")
    }

    #[test]
    fn a_plain_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.alert");
        std::fs::write(&path, b"{\"x\":\"\xe9\"}\n").unwrap();
        assert_eq!(read(Role::Alert, &path).unwrap(), b"{\"x\":\"\xe9\"}\n");
    }

    #[test]
    fn what_is_refused_and_how() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("real"), "x").unwrap();
        symlink(at("real"), at("link")).unwrap();
        std::fs::create_dir(at("dir")).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let _socket = std::os::unix::net::UnixDatagram::bind(at("socket")).unwrap();
        File::create(at("huge")).unwrap().set_len(ALERT_LIMIT + 1).unwrap();
        let mut said = Vec::new();
        for name in ["none", "link", "dir", "fifo", "socket", "huge"] {
            said.push(refused(Role::Alert, folder.path(), name));
        }
        said.push(read(Role::Alert, Path::new("/dev/null")).unwrap_err().to_string());
        said.push(refused(Role::Options, folder.path(), "huge"));
        insta::assert_snapshot!(said.join("\n"), @"
        alert file DIR/none does not exist: check the path
        alert file DIR/link is a symbolic link, which is not followed: name the file itself
        alert file DIR/dir is a folder, not a regular file: name a file
        alert file DIR/fifo is a FIFO, not a regular file: name a file
        alert file DIR/socket is a socket, not a regular file: name a file
        alert file DIR/huge is larger than 16777216 bytes: check that it is the right file
        alert file /dev/null is a device, not a regular file: name a file
        options file DIR/huge is larger than 1048576 bytes: check that it is the right file
        ");
    }

    #[test]
    fn links_are_followed_where_a_person_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("real"), "x").unwrap();
        symlink("real", folder.path().join("link")).unwrap();
        assert_eq!(read(Role::Bundle, &folder.path().join("link")).unwrap(), b"x");
        assert!(!read(Role::Options, &folder.path().join("link")).unwrap_err().is_missing());
    }

    #[test]
    fn no_permission() {
        if rustix::process::geteuid().is_root() {
            eprintln!("skipped: root may read everything");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        assert!(matches!(read(Role::Options, &path), Err(FileError::Denied { .. })));
    }
}
