//! The program `custom-opencti`: matches Wazuh alerts against OpenCTI.
//!
//! This crate is the outer ring: it takes alerts in, hands them to [`enricher`], and sends the events out. What it
//! takes, how it ends and what it promises to scripts is in `custom-opencti --help`; the embedding crates are
//! `wazuh-alert`, `ioc-extract`, `opencti-client` and `enricher`.
//!
//! - A run for one alert: `args` → `once` → `outbox`, with `pending` for what has to wait and `late` to work it off.
//! - Subcommands: `cli` → `commands`.
//! - Below both: `config`, `files`, `input`, `logging`, `platform`, `sink`, `warning_lists`, `exit`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

mod args;
mod cli;
mod commands;
mod config;
mod exit;
mod files;
mod hits;
mod home;
mod input;
mod late;
mod logging;
mod once;
mod outbox;
mod pending;
mod platform;
mod runtime;
mod sink;
mod text;
mod token;
mod warning_lists;

use args::Call;
use exit::{Exit, Failure};

/// The whole program, from the process's arguments to its exit code.
#[must_use]
pub fn run() -> ExitCode {
    exit::guard(|| {
        // A core file would hold the token. On kernels that refuse, the run goes on.
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        match args::call(&arguments, cli::is_subcommand) {
            Call::Integration(call) => once::run(&call).map(|()| Exit::Done),
            Call::Tool => tool(arguments),
        }
    })
}

/// A person's call.
fn tool(arguments: Vec<OsString>) -> Result<Exit, Failure> {
    // What the process was called does not matter: integratord passes a word of its own.
    let arguments = std::iter::once(OsString::from("custom-opencti")).chain(arguments);
    match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => commands::run(cli).map(|()| Exit::Done),
        Err(error) => {
            // clap writes help and versions to standard output, and everything else to standard error.
            let _ = error.print();
            if error.use_stderr() { Err(wrong_use(&error)) } else { Ok(Exit::Done) }
        }
    }
}

/// clap's first line as the last one, since that is the only line that integratord keeps; what a first line ending in a
/// colon announces stands below it, one to a line, and comes along.
fn wrong_use(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let mut lines = text.lines().skip_while(|line| !line.starts_with("error: "));
    let mut problem = lines
        .next()
        .and_then(|line| line.strip_prefix("error: "))
        .unwrap_or("see custom-opencti --help")
        .to_owned();
    if problem.ends_with(':') {
        let named: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
        problem = format!("{problem} {}", named.join(", "));
    }
    let tip = text.lines().find_map(|line| line.trim_start().strip_prefix("tip: "));
    let tip = tip.map_or_else(String::new, |tip| format!("; {tip}"));
    Failure::new(Exit::Usage, format!("wrong use: {problem}{tip}"))
}
