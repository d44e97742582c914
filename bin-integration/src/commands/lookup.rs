//! `lookup`: what is known about values.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ioc_extract::Kind;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

use super::source::Source;
use super::{go_on, paper};
use crate::cli::{Format, Lookup};
use crate::config::{Config, Places};
use crate::exit::{Exit, Failure};
use crate::input::Inputs;
use crate::sink::stdout::Stdout;
use crate::text;
use crate::warning_lists;
use answer::{Answer, Asking, Verdict};

mod answer;
mod table;
mod value;
mod why;

/// After so many values in a row that OpenCTI could not be asked about, the rest is not tried.
const GIVE_UP_AFTER: u32 = 3;

/// Longest value that is read, in bytes; no kind is as long.
const LONGEST: usize = 64 << 10;

pub(crate) fn run(arguments: &Lookup, file: Option<&Path>) -> Result<(), Failure> {
    let home = crate::home::locate();
    let usage = |error: &dyn std::error::Error| Failure::from_error(Exit::Usage, error);
    let places = Places { file, environment: std::env::vars_os().collect(), ..Places::of(&home) };
    let config = Config::load(places).map_err(|error| usage(&error))?;
    let kind =
        arguments.kind.as_deref().map(str::parse::<Kind>).transpose().map_err(|error| usage(&error))?;
    let lists = warning_lists::read(warning_lists::folder(&config.policy, &home))?;
    let at_a_time = if arguments.intel.is_some() { 1 } else { config.opencti.max_connections };
    let Source { lookup, name: source } = Source::of(arguments.intel.as_deref(), &config, &home)?;
    let asking =
        Asking { lookup, source, policy: config.policy, lists, at: arguments.at, why: arguments.why };
    let values = values(arguments.values.clone(), at_a_time);
    crate::runtime::block_on(all(Arc::new(asking), kind, arguments.format, at_a_time, values))
        .map_err(|error| Failure::from_error(Exit::Defect, &error))??
        .end()
}

/// The values of the arguments; those of standard input are read on a thread of its own, so that waiting for one does
/// not keep back an answer. `Err` is an input that cannot be read.
fn values(arguments: Vec<String>, ahead: usize) -> Receiver<Result<String, String>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(ahead.max(1));
    std::thread::spawn(move || {
        for argument in arguments {
            if argument != "-" {
                if sender.blocking_send(Ok(argument)).is_err() {
                    return;
                }
                continue;
            }
            for line in Inputs::from_arguments(&[PathBuf::from("-")]) {
                let value = match line {
                    Ok(line) if line.text.trim_ascii().is_empty() => continue,
                    Ok(line) if line.text.len() > LONGEST => {
                        Err(format!("{}: longer than {LONGEST} bytes: passed over", line.place))
                    }
                    Ok(line) => Ok(String::from_utf8_lossy(line.text.trim_ascii()).into_owned()),
                    Err(unread) => Err(unread.to_string()),
                };
                if sender.blocking_send(value).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}

/// What came of the values.
#[derive(Debug, Default)]
struct Tally {
    values: u64,
    unusable: u64,
    incomplete: u64,
    not_asked: u64,
    in_a_row: u32,
    gave_up: bool,
    last_problem: String,
}

/// Asks about every value, several at a time, and writes the answers in the order of the values.
async fn all(
    asking: Arc<Asking>,
    kind: Option<Kind>,
    format: Format,
    at_a_time: usize,
    mut values: Receiver<Result<String, String>>,
) -> Result<Tally, Failure> {
    let mut out = Stdout::new();
    let mut tally = Tally::default();
    let mut tasks: VecDeque<JoinHandle<Answer>> = VecDeque::new();
    let (colours, width) = (paper::colours(), paper::width());
    loop {
        while tasks.len() < at_a_time.max(1) && !tally.gave_up {
            // Standard input may stay open: it is waited for only when nothing else is to be done.
            let next = if tasks.is_empty() { values.recv().await } else { values.try_recv().ok() };
            match next {
                None => break,
                Some(Err(unread)) => tally.count_unread(&unread),
                Some(Ok(value)) => {
                    let asking = Arc::clone(&asking);
                    tasks.push_back(tokio::spawn(async move {
                        match value::read(&value, kind, &asking.policy) {
                            Ok(iocs) => asking.about(value, iocs).await,
                            Err(problem) => asking.unusable(value, problem),
                        }
                    }));
                }
            }
        }
        let Some(task) = tasks.pop_front() else { break };
        let answer = task.await.map_err(|error| Failure::from_error(Exit::Defect, &error))?;
        let written = match format {
            Format::Text => {
                // A blank line between answers.
                let blank = if tally.values > 0 { "\n" } else { "" };
                let page = table::write(&answer, colours, width);
                format!("{blank}{}", page.strip_suffix('\n').unwrap_or(&page))
            }
            Format::Json => {
                let line = serde_json::to_string(&answer)
                    .map_err(|error| Failure::from_error(Exit::Defect, &error))?;
                text::json(line)
            }
        };
        tally.count(&answer);
        if !go_on(out.line(&written))? {
            return Ok(tally);
        }
        // With nothing more to wait for, what is there is shown.
        if tasks.is_empty() && !go_on(out.flush())? {
            return Ok(tally);
        }
    }
    go_on(out.flush())?;
    Ok(tally)
}

impl Tally {
    fn count_unread(&mut self, unread: &str) {
        tracing::warn!("{unread}");
        self.unusable += 1;
        unread.clone_into(&mut self.last_problem);
    }

    fn count(&mut self, answer: &Answer) {
        self.values += 1;
        match answer.verdict {
            Verdict::NotAsked => {
                self.not_asked += 1;
                self.in_a_row += 1;
                self.gave_up |= self.in_a_row >= GIVE_UP_AFTER;
                self.last_problem.clone_from(&answer.meaning);
                return;
            }
            Verdict::Unusable => {
                self.unusable += 1;
                // What could not be asked is graver, and its sentence stays.
                if self.not_asked == 0 {
                    self.last_problem.clone_from(&answer.meaning);
                }
                return;
            }
            _ => {}
        }
        self.in_a_row = 0;
        if let Some(problem) = answer.incomplete.first() {
            self.incomplete += 1;
            if self.not_asked + self.unusable == 0 {
                self.last_problem = format!("answered only in part: {problem}");
            }
        }
    }

    /// The end of the command; the gravest wins.
    fn end(self) -> Result<(), Failure> {
        let said = |number: u64, what: &str| match (number, self.values) {
            (1, 1) => self.last_problem.clone(),
            (1, _) => format!("1 value {what}: {}", self.last_problem),
            (number, _) => format!("{number} values {what}, the last: {}", self.last_problem),
        };
        if self.not_asked > 0 {
            let what = match self.gave_up {
                true => "could not be asked about, and the rest was not tried",
                false => "could not be asked about",
            };
            Err(Failure::new(Exit::Unreachable, said(self.not_asked, what)))
        } else if self.unusable > 0 {
            Err(Failure::new(Exit::Alert, said(self.unusable, "cannot be asked about")))
        } else if self.incomplete > 0 {
            Err(Failure::new(Exit::Partial, said(self.incomplete, "have no whole answer")))
        } else {
            Ok(())
        }
    }
}
