//! File names, file paths, named pipes.

use std::borrow::Cow;

use crate::error::Rejected;

/// The longest path that is looked at; Windows allows 32,767 characters, Linux 4,096 bytes.
pub(crate) const MAX_PATH: usize = 4096;

/// The base name of a path, or a name without a path.
pub(crate) fn file_name(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let name = text.rsplit(['\\', '/']).next().unwrap_or(text).trim();
    if name.len() > 255 {
        return Err(Rejected::TooLong);
    }
    let forbidden = |c: char| c.is_control() || matches!(c, '<' | '>' | '"' | '|' | '*' | '?');
    if name.is_empty() || name == "." || name == ".." || name.contains(forbidden) {
        return Err(Rejected::Malformed);
    }
    Ok(Cow::Borrowed(name))
}

/// An absolute path: `C:\…`, `\\host\share\…`, `/…`, `%VAR%\…`. Backslashes doubled by a string literal are undone,
/// the two that begin a share are kept.
pub(crate) fn canonical(text: &str) -> Result<Cow<'_, str>, Rejected> {
    if text.len() > MAX_PATH {
        return Err(Rejected::TooLong);
    }
    let b = text.as_bytes();
    let windows = matches!(b, [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
        || b.starts_with(b"\\\\")
        || (b.first() == Some(&b'%') && text[1..].contains("%\\"));
    if !(windows || b.first() == Some(&b'/'))
        || text.bytes().fold(false, |any, b| any | b.is_ascii_control())
        || b.len() < 3
    {
        return Err(Rejected::Malformed);
    }
    Ok(if windows { single_backslashes(text) } else { Cow::Borrowed(text) })
}

/// `\\.\pipe\NAME`
pub(crate) fn named_pipe(text: &str) -> Result<Cow<'_, str>, Rejected> {
    const PREFIX: &str = "\\\\.\\pipe\\";
    let text = single_backslashes(text);
    let name =
        text.get(..PREFIX.len()).filter(|p| p.eq_ignore_ascii_case(PREFIX)).map(|_| &text[PREFIX.len()..]);
    match name {
        Some(name) if !name.is_empty() && name.len() <= 256 && !name.contains(char::is_control) => {
            Ok(if text.starts_with(PREFIX) { text } else { Cow::Owned(format!("{PREFIX}{name}")) })
        }
        _ => Err(Rejected::Malformed),
    }
}

/// Halves runs of backslashes; a run at the start becomes two if it was more than one.
fn single_backslashes(text: &str) -> Cow<'_, str> {
    let lead = text.bytes().take_while(|b| *b == b'\\').count();
    let rest = &text[lead..];
    let slashes = || rest.bytes().enumerate().filter(|(_, b)| *b == b'\\').map(|(i, _)| i);
    if lead <= 2 && !rest.as_bytes().windows(2).any(|pair| pair == b"\\\\") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    out.push_str(&"\\\\"[..lead.min(2)]);
    let mut from = 0;
    for slash in slashes().chain([rest.len()]) {
        if slash > from {
            if from > 0 {
                out.push('\\');
            }
            out.push_str(&rest[from..slash]);
        }
        from = slash + 1;
    }
    Cow::Owned(out)
}
