//! How integratord calls the program, and how that is told apart from a person's call.
//!
//! integratord starts `integrations/custom-opencti` with positional arguments and nothing else; there is no
//! shell, no quoting, and `argv[0]` is the word `integrations`:
//!
//! | position | argument |
//! |---|---|
//! | 1 | alert file; empty when integratord could not write it |
//! | 2 | `<api_key>` or empty |
//! | 3 | `<hook_url>` or empty |
//! | 4 | `debug` or empty |
//! | 5 | options file or empty |
//! | 6, 7 | `<timeout>` in seconds, `<retries>` |
//! | 8 | the literal text `> /dev/null 2>&1` unless integratord itself runs with debug |

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Call {
    /// One alert, called by integratord.
    Integration(Box<Integration>),
    /// A subcommand, an option, or wrong use: for clap to read or to refuse.
    Tool,
}

/// integratord's arguments, read by position. Text that is not UTF-8 is kept as far as it goes.
pub(crate) struct Integration {
    /// The file that holds the alert; empty when integratord could not write one.
    pub(crate) alert_file: PathBuf,
    /// `<api_key>`: a token, or `file:PATH`, `env:NAME`, `credential:NAME`; empty for the configuration's.
    pub(crate) api_key: String,
    /// `<hook_url>`; empty for the configuration's.
    pub(crate) hook_url: String,
    /// Whether the log goes down to debug.
    pub(crate) debug: bool,
    /// The file that holds `<options>`; `None` when there are none.
    pub(crate) options_file: Option<PathBuf>,
    /// `<timeout>`; `None` when absent, zero or not a number.
    pub(crate) timeout: Option<Duration>,
    /// `<retries>`; `None` when absent or not a number.
    pub(crate) retries: Option<u32>,
    /// Whether an argument stands where it cannot belong: a blank in `<api_key>` or `<hook_url>` moves all
    /// later ones by a place.
    pub(crate) shifted: bool,
}

// The token must not reach a log through a `{:?}`.
impl fmt::Debug for Integration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Integration")
            .field("alert_file", &self.alert_file)
            .field("debug", &self.debug)
            .field("options_file", &self.options_file)
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("shifted", &self.shifted)
            .finish_non_exhaustive()
    }
}

/// Tells integratord's call from a person's. `args` is without `argv[0]`, which means nothing.
///
/// 1. No argument, a first argument that begins with `-`, or one that is the name of a subcommand: a person's.
/// 2. Otherwise, with at least two more arguments: integratord's. Its first argument is a path below `/tmp`, or empty.
/// 3. Otherwise wrong use, which clap words.
///
/// An alert file that bears the name of a subcommand must be given with a folder: `./demo`.
pub(crate) fn call(args: &[OsString], is_subcommand: impl Fn(&OsStr) -> bool) -> Call {
    match args {
        [] => Call::Tool,
        [first, ..] if first.as_bytes().starts_with(b"-") || is_subcommand(first) => Call::Tool,
        [_, _, _, ..] => Call::Integration(Box::new(Integration::read(args))),
        _ => Call::Tool,
    }
}

impl Integration {
    fn read(args: &[OsString]) -> Self {
        let at = |position: usize| args.get(position - 1).filter(|arg| !arg.is_empty());
        let text = |position| at(position).map_or_else(String::new, |arg| arg.to_string_lossy().into_owned());
        let debug = text(4);
        let timeout = number(&text(6));
        let retries = number(&text(7));
        Self {
            alert_file: at(1).map_or_else(PathBuf::new, PathBuf::from),
            api_key: text(2),
            hook_url: text(3),
            debug: debug == "debug",
            options_file: at(5).map(PathBuf::from),
            timeout: timeout
                .ok()
                .flatten()
                .filter(|&seconds| seconds > 0)
                .map(|s| Duration::from_secs(s.into())),
            retries: retries.ok().flatten(),
            shifted: !matches!(&*debug, "" | "debug") || timeout.is_err() || retries.is_err(),
        }
    }
}

/// `Ok(None)` for nothing, `Err` for text that is not a number.
fn number(text: &str) -> Result<Option<u32>, ()> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| ()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Call {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        call(&args, |name| ["enrich", "demo", "setup"].iter().any(|known| name == *known))
    }

    fn integration(args: &[&str]) -> Box<Integration> {
        match parse(args) {
            Call::Integration(integration) => integration,
            Call::Tool => panic!("{args:?} was not taken for integratord's call"),
        }
    }

    #[test]
    fn a_person_calls() {
        for args in [
            &[][..],
            &["--version"],
            &["-x", "a", "b"],
            &["enrich"],
            &["demo", "a", "b", "c"],
            &["setup"],
            &["/tmp/a.alert"],
            &["/tmp/a.alert", "token"],
            &["enrch", "file"],
        ] {
            assert!(matches!(parse(args), Call::Tool), "{args:?}");
        }
    }

    #[test]
    fn integratord_calls() {
        let quiet =
            integration(&["/tmp/a.alert", "token", "http://h", "", "", "10", "3", "> /dev/null 2>&1"]);
        assert_eq!(quiet.alert_file, PathBuf::from("/tmp/a.alert"));
        assert_eq!((&*quiet.api_key, &*quiet.hook_url), ("token", "http://h"));
        assert_eq!((quiet.debug, quiet.shifted), (false, false));
        assert_eq!(quiet.options_file, None);
        assert_eq!((quiet.timeout, quiet.retries), (Some(Duration::from_secs(10)), Some(3)));

        let debug = integration(&["/tmp/a.alert", "", "", "debug", "/tmp/a.options", "10", "0"]);
        assert_eq!((&*debug.api_key, &*debug.hook_url), ("", ""));
        assert!(debug.debug && !debug.shifted);
        assert_eq!(debug.options_file, Some(PathBuf::from("/tmp/a.options")));
        assert_eq!(debug.retries, Some(0));
    }

    #[test]
    fn the_least_and_the_most() {
        let least = integration(&["a.alert", "token", "http://h"]);
        assert_eq!((least.timeout, least.retries, least.shifted), (None, None, false));
        // An alert file could not be written: integratord runs the program all the same.
        assert_eq!(integration(&["", "token", "http://h", "", "", "10", "3"]).alert_file, PathBuf::new());
        assert_eq!(integration(&["a", "b", "c", "", "", "0", "3", "x", "y", "z"]).timeout, None);
    }

    #[test]
    fn a_blank_in_an_earlier_argument_is_noticed() {
        assert!(integration(&["a", "to", "ken", "http://h", "", "", "10", "3"]).shifted);
        assert!(integration(&["a", "token", "http://h", "", "", "", "ten"]).shifted);
    }

    #[test]
    fn the_token_is_not_in_debug() {
        let shown = format!("{:?}", integration(&["a", "s3cret", "http://user:s3cret@h"]));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
