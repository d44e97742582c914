//! Where the API token comes from.

use std::path::{Path, PathBuf};

use opencti_client::{ConfigError, Token};

use crate::config::OpenCti;

/// The variable that is read when nothing says where the token is.
pub(crate) const DEFAULT_VARIABLE: &str = "OPENCTI_TOKEN";

/// A place for the token, or the token itself.
#[derive(Debug, PartialEq, Eq)]
enum Source<'a> {
    Literal(&'a str),
    File(PathBuf),
    Variable(&'a str),
    Credential(&'a str),
}

/// Finds the token: `<api_key>` unless it is empty, else what `[opencti]` says, else `OPENCTI_TOKEN`.
pub(crate) fn find(api_key: &str, settings: &OpenCti, home: &Path) -> Result<Token, ConfigError> {
    match source(api_key, settings, home) {
        Source::Literal(text) => Token::new(text),
        Source::File(path) => Token::from_file(path),
        Source::Variable(name) => Token::from_env(name),
        Source::Credential(name) => Token::from_credential(name),
    }
}

fn source<'a>(api_key: &'a str, settings: &'a OpenCti, home: &Path) -> Source<'a> {
    let api_key = api_key.trim();
    if let Some(path) = api_key.strip_prefix("file:") {
        return Source::File(home.join(path));
    }
    if let Some(name) = api_key.strip_prefix("env:") {
        return Source::Variable(name);
    }
    if let Some(name) = api_key.strip_prefix("credential:") {
        return Source::Credential(name);
    }
    if !api_key.is_empty() {
        return Source::Literal(api_key);
    }
    match settings {
        OpenCti { token_file: Some(path), .. } => Source::File(home.join(path)),
        OpenCti { token_credential: Some(name), .. } => Source::Credential(name),
        OpenCti { token_env: Some(name), .. } => Source::Variable(name),
        _ => Source::Variable(DEFAULT_VARIABLE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_wins_unless_it_is_empty() {
        let home = Path::new("/home");
        let from_file = OpenCti { token_file: Some("etc/t".into()), ..OpenCti::default() };
        let from = |api_key, settings| source(api_key, settings, home);
        assert_eq!(from("file:etc/x", &from_file), Source::File("/home/etc/x".into()));
        assert_eq!(from("file:/run/x", &from_file), Source::File("/run/x".into()));
        assert_eq!(from("env:NAME", &from_file), Source::Variable("NAME"));
        assert_eq!(from("credential:c", &from_file), Source::Credential("c"));
        assert_eq!(from("11-22", &from_file), Source::Literal("11-22"));
        assert_eq!(from("", &from_file), Source::File("/home/etc/t".into()));
        assert_eq!(from(" ", &OpenCti::default()), Source::Variable("OPENCTI_TOKEN"));
    }

    #[test]
    fn a_file_is_read_and_its_line_end_is_not_the_token() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("t"), "token-1\n").unwrap();
        assert!(find("file:t", &OpenCti::default(), home.path()).is_ok());
        assert!(find("file:none", &OpenCti::default(), home.path()).is_err());
    }
}
