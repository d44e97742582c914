//! The API token.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::ConfigError;

/// Largest token file read, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// An API token, opaque text.
///
/// It is wiped from memory when dropped, has no `Display`, and its `Debug` shows stars.
///
/// ```
/// use opencti_client::Token;
///
/// let token = Token::new("11111111-2222-4333-8444-555555555555")?;
/// assert_eq!(format!("{token:?}"), "Token(***)");
/// assert!(Token::new("two\nlines").is_err());
/// # Ok::<(), opencti_client::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Token {
    secret: SecretString,
    world_readable: bool,
}

impl Token {
    /// Takes a token as text. White space around it is not part of it.
    ///
    /// # Errors
    ///
    /// When it is empty or holds anything but visible ASCII characters, which no HTTP header could carry safely.
    pub fn new(text: impl Into<String>) -> Result<Self, ConfigError> {
        Self::checked(&Zeroizing::new(text.into()), "the token given as text")
    }

    /// Reads a token from a file: a regular one of at most 64 KiB that is not a symbolic link. White space around the
    /// token, such as the end of the line, is not part of it.
    ///
    /// That others may read the file is no error; [`is_world_readable`](Self::is_world_readable) tells.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or read, is not such a file, or holds no token.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let unreadable = |source| ConfigError::TokenFile { path: path.to_owned(), source };
        // Without O_NONBLOCK, opening a FIFO would wait for a writer.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = options.open(path).map_err(|error| {
            if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
                unreadable(io::Error::other("it is a symbolic link"))
            } else {
                unreadable(error)
            }
        })?;
        let (text, mode) = read_regular(&file).map_err(unreadable)?;
        let mut token = Self::checked(&text, &format!("the token file {}", path.display()))?;
        token.world_readable = mode & 0o004 != 0;
        Ok(token)
    }

    /// Takes the token from an environment variable.
    ///
    /// # Errors
    ///
    /// When the variable is not set, is not UTF-8, or holds no token.
    pub fn from_env(name: &str) -> Result<Self, ConfigError> {
        match std::env::var(name) {
            Ok(text) => Self::checked(&Zeroizing::new(text), &format!("the environment variable {name}")),
            Err(std::env::VarError::NotPresent) => Err(ConfigError::TokenEnv { name: name.to_owned() }),
            // The error would print the value.
            Err(std::env::VarError::NotUnicode(value)) => {
                drop(Zeroizing::new(value.into_encoded_bytes()));
                Err(ConfigError::Token { what: format!("the environment variable {name}"), reason: ILLEGAL })
            }
        }
    }

    /// Reads the service credential `name` that systemd (`LoadCredential=`) put below `$CREDENTIALS_DIRECTORY`.
    ///
    /// # Errors
    ///
    /// When there is no such directory or credential, `name` is not a plain file name, or the file holds no token.
    pub fn from_credential(name: &str) -> Result<Self, ConfigError> {
        if name.is_empty() || name == "." || name == ".." || name.contains('/') {
            return Err(ConfigError::Credential {
                name: name.to_owned(),
                reason: "it is not a plain file name",
            });
        }
        let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty())
        else {
            return Err(ConfigError::Credential {
                name: name.to_owned(),
                reason: "CREDENTIALS_DIRECTORY is not set, so systemd passed no credentials",
            });
        };
        Self::from_file(PathBuf::from(folder).join(name))
    }

    /// Whether the file it came from may be read by every user of the machine. `false` for other sources.
    #[must_use]
    pub fn is_world_readable(&self) -> bool {
        self.world_readable
    }

    /// The header `Authorization: Bearer …`, marked as sensitive and wiped with its last copy.
    pub(crate) fn header(&self) -> Result<HeaderValue, ConfigError> {
        let text = Zeroizing::new(format!("Bearer {}", self.secret.expose_secret()).into_bytes());
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text))
            .map_err(|_| ConfigError::Token { what: "the token".to_owned(), reason: ILLEGAL })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// `text` with stars wherever it repeats the token: a proxy's error page may echo the request. So it does where
    /// `text` was cut, marked by `…`, in the middle of the token.
    pub(crate) fn redact(&self, text: &str) -> String {
        let token = self.secret.expose_secret();
        let mut text = text.replace(token, "***");
        if let Some(start) = text.strip_suffix('…') {
            // Three characters may stand there by chance, and tell nothing.
            let tail = (4..token.len()).rev().find(|length| start.ends_with(&token[..*length]));
            if let Some(length) = tail {
                text.truncate(start.len() - length);
                text.push_str("***…");
            }
        }
        text
    }

    fn checked(text: &str, what: &str) -> Result<Self, ConfigError> {
        let refuse = |reason| Err(ConfigError::Token { what: what.to_owned(), reason });
        let text = text.trim();
        if text.is_empty() {
            return refuse("it is empty");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse(ILLEGAL);
        }
        Ok(Self { secret: SecretString::from(text), world_readable: false })
    }
}

const ILLEGAL: &str = "it holds spaces, control characters or characters beyond ASCII";

/// The text of a regular file, and its mode.
fn read_regular(file: &File) -> io::Result<(Zeroizing<String>, u32)> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    // The room is taken at once: growing would leave copies behind.
    let room = usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or_default() + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is larger than 64 KiB"));
    }
    Ok((text, metadata.permissions().mode()))
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CANARY: &str = "c4n4ry-t0ken";

    #[test]
    fn line_ends_are_not_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, format!("{CANARY}\r\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let token = Token::from_file(&path).unwrap();
        assert_eq!(token.header().unwrap().as_bytes(), format!("Bearer {CANARY}").as_bytes());
        assert!(!token.is_world_readable());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Token::from_file(&path).unwrap().is_world_readable());
    }

    #[test]
    fn only_a_plain_small_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("real"), CANARY).unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        fs::write(at("large"), "x".repeat(64 * 1024 + 1)).unwrap();
        fs::write(at("empty"), "\n").unwrap();
        fs::write(at("binary"), [0xff, 0xfe]).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        for (name, part) in [
            ("link", "symbolic link"),
            ("large", "larger than 64 KiB"),
            ("empty", "it is empty"),
            ("binary", "valid UTF-8"),
            ("fifo", "not a regular file"),
            ("missing", "No such file"),
            (".", "not a regular file"),
        ] {
            let error = Token::from_file(at(name)).unwrap_err();
            let text = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
            assert!(text.contains(part), "{name}: {text}");
            assert!(text.contains(name), "{name}: {text}");
        }
    }

    #[test]
    fn nothing_shows_it() {
        let token = Token::new(CANARY).unwrap();
        assert_eq!(format!("{token:?} {:?}", token.header().unwrap()), "Token(***) Sensitive");
        for bad in
            [format!("{CANARY}\n{CANARY}"), format!("{CANARY}\u{0}"), format!("{CANARY} é"), "  ".to_owned()]
        {
            let error = Token::new(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
        }
        assert_eq!(token.redact("Authorization: Bearer c4n4ry-t0ken."), "Authorization: Bearer ***.");
        assert_eq!(token.redact("Bearer c4n4ry-t0ke…"), "Bearer ***…");
        assert_eq!(token.redact("Bearer c4n4…"), "Bearer ***…");
        assert_eq!(token.redact("Bearer c4n…"), "Bearer c4n…");
        assert_eq!(token.redact("c4n4ry…é…"), "c4n4ry…é…");
    }

    #[test]
    fn environment_and_credentials_are_named_in_errors() {
        let error = Token::from_env("OPENCTI_CLIENT_TEST_UNSET").unwrap_err().to_string();
        assert!(error.contains("OPENCTI_CLIENT_TEST_UNSET"), "{error}");
        assert_eq!(
            Token::from_env("PATH").is_ok(),
            std::env::var("PATH").unwrap().bytes().all(|b| b.is_ascii_graphic())
        );
        for name in ["", "..", "a/b"] {
            assert!(matches!(Token::from_credential(name), Err(ConfigError::Credential { .. })), "{name}");
        }
    }
}
