//! What a person can ask for, one module to a subcommand.

use std::io;

use crate::cli::{Cli, Command, Pattern};
use crate::exit::{Exit, Failure};
use crate::sink::stdout::Written;

mod alerts;
mod demo;
mod enrich;
mod explain;
mod extract;
mod lookup;
mod paper;
mod pattern;
mod setup;
mod source;

/// Does what was asked for.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    crate::logging::start_command(cli.verbose);
    let config = cli.config.as_deref();
    match cli.command {
        Command::Enrich(arguments) => enrich::run(&arguments, config),
        Command::Demo(_) => demo::run(),
        Command::Extract(arguments) => extract::run(&arguments, config),
        Command::Explain(arguments) => explain::run(&arguments, config),
        Command::Lookup(arguments) => lookup::run(&arguments, config),
        Command::Pattern(Pattern::Check(lines)) => pattern::check(&lines.files),
        Command::Pattern(Pattern::Match(lines)) => pattern::matches(&lines.files),
        Command::Setup(arguments) => setup::run(arguments.part),
        Command::Completions(arguments) => {
            let mut script = Vec::new();
            crate::cli::complete(arguments.shell, &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    }
}

/// Writes a whole text to standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = crate::sink::stdout::Stdout::new();
    let written = out.line(text.strip_suffix('\n').unwrap_or(text)).and_then(|_| out.flush());
    written.map(|_| ()).map_err(|error| no_output(&error))
}

/// Whether to go on after a write; an error other than a reader that has gone ends the command.
fn go_on(written: io::Result<Written>) -> Result<bool, Failure> {
    written.map(|written| written == Written::Yes).map_err(|error| no_output(&error))
}

fn no_output(error: &io::Error) -> Failure {
    Failure::new(Exit::Delivery, format!("standard output cannot be written: {error}"))
}
