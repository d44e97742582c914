//! The subcommands, as clap reads them.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use ioc_extract::Kind;

const ABOUT: &str = "Matches Wazuh alerts against OpenCTI";

const LONG_ABOUT: &str = "\
Matches Wazuh alerts against OpenCTI.

wazuh-integratord calls it with an alert file, a token and an address; then it looks the alert up, sends what it found \
to Wazuh's queue, and ends. The subcommands are for people.";

const AFTER_HELP: &str = "\
First steps:
  custom-opencti demo                     see it work: no Wazuh, no OpenCTI, no configuration
  custom-opencti setup                    how to install it into Wazuh, step by step
  custom-opencti enrich alerts.json       what your own alerts would give
  custom-opencti explain alert.json       why one alert did or did not match
  custom-opencti lookup 192.0.2.7         what is known about a value

Called by integratord:
  custom-opencti ALERT_FILE API_KEY HOOK_URL [debug] [OPTIONS_FILE] [TIMEOUT] [RETRIES]

Exit codes:
  0  done, also when there was nothing to look up or nothing was found
  2  wrong use or configuration
  3  an alert or a value could not be read
  4  OpenCTI could not be asked
  5  the event could not be delivered
  6  finished, with a part missing
  70 a defect in this program, please report it";

const LOOKUP_EXAMPLES: &str = "\
Examples:
  custom-opencti lookup 198.51.100.7 'hxxp://evil[.]example/x'
  custom-opencti lookup --why cdn.evil.example          what came close, and what kept it out
  custom-opencti lookup --intel bundle.json evil.example    no OpenCTI needed
  custom-opencti lookup --format json - < values.txt | jq -r 'select(.known != []) | .value'";

/// What `lookup` promises to programs.
const LOOKUP_OUTPUT: &str = "\
Each line of JSON:
  value        as it was given
  asked        what was asked about, a URL with its host: [{\"kind\", \"value\"}]
  verdict      indicator_pattern_match, indicator_partial_pattern_match,
               observable_with_indicator, observable_with_related_indicator,
               not_reported, nothing_known, incomplete, could_not_be_asked, unusable
  meaning      the verdict in a sentence
  known        indicators and observables, each with \"type\", \"name\", \"verdict\", \"how\",
               \"reason\" (why it gives no event of its own), \"meaning\", \"score\",
               \"score_live\", \"confidence\", \"detection\", \"validity\", \"valid_from\", \"valid_until\", \"labels\",
               \"markings\", \"context\": [{\"type\", \"name\"}], \"reports\", \"author\", \"id\", \"link\",
               \"pattern\"; what is not known is absent, null or empty
  incomplete   what is missing from the answer
  source       who was asked
  at           the time at which indicators had to be valid
  requests     how many questions were answered for it over the network
  why          with --why:
               \"left_out\": what alerts would leave out, each with \"kind\", \"value\", \"reason\",
               \"meaning\", \"setting\", \"change\", \"by\"
               \"near\": what came close, each with \"reason\", \"meaning\", \"setting\", \"change\",
               \"name\", \"pattern\", \"pattern_says\" (its comparisons one by one), \"score\",
               \"validity\", \"id\", \"link\"

Reasons of what came close:
  same-file-other-hash      the pattern names another hash of the same file
  same-value-other-kind     the pattern names the same value, but as something else
  url-on-host               the pattern names a URL on the same host
  mail-of-domain            the pattern names an e-mail address at the same domain
  other-host-of-domain      the pattern names another host below the same registrable domain
  other-address-of-network  the pattern names another address of the same /24 (IPv6: /64)
  pattern-not-true          it came back, and nothing of its pattern is true of the value
  not-preferred             another indicator of the same observable is reported
  over-limit                it matches, and the limit for one alert is reached
  any other                 what is wrong with it, such as expired, revoked, below-min-score

Exit codes: 3 when a value is no IoC, 4 when OpenCTI could not be asked, 6 when an answer is
incomplete; of several 4 before 3 before 6. The others are those of the program.";

/// The command line of a person.
#[derive(Debug, Parser)]
#[command(
    name = "custom-opencti",
    bin_name = "custom-opencti",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Configuration file [default: etc/custom-opencti.toml below Wazuh's home]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Say on standard error what is being done
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What a person can ask for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Enrich(Enrich),
    Demo(Demo),
    Extract(Extract),
    Explain(Explain),
    Lookup(Lookup),
    #[command(subcommand)]
    Pattern(Pattern),
    Setup(Setup),
    Completions(Completions),
}

/// Look alerts up and print the events that Wazuh would get
///
/// Reads alerts as JSON lines and prints events as JSON lines: nothing is sent to Wazuh. A line that is no alert is
/// reported with its file and number, and the next goes on.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  custom-opencti enrich /var/ossec/logs/alerts/alerts.json
  zcat alerts.json.gz | custom-opencti enrich | jq .opencti.match
  custom-opencti enrich --intel bundle.json alerts.json    no OpenCTI needed")]
pub(crate) struct Enrich {
    /// Files with one alert to a line, plain or gzip; `-` or none for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// Match against this STIX 2.1 bundle instead of asking OpenCTI
    #[arg(long, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) intel: Option<PathBuf>,

    /// Judge the validity of indicators at this time, such as 2026-04-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,
}

/// See the whole way on alerts and intelligence that come with the program
///
/// Needs no Wazuh, no OpenCTI and no configuration. Events go to standard output, a summary to standard error.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  custom-opencti demo
  custom-opencti demo 2>/dev/null | jq .")]
pub(crate) struct Demo {}

/// Print what would be looked up
///
/// One line of JSON for each alert: {"alert_id","iocs":[{"kind","value","path","via","global","asked"}]}. `path` is the
/// alert's field, `via` the decodings that led to the value, `global` tells for an address whether it is globally
/// routable. What is found but of a kind that the policy does not look up, such as a file name, has `"asked":false`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  custom-opencti extract alerts.json
  custom-opencti extract alerts.json | jq -r '.iocs[] | select(.asked == null) | .value'
  echo 'see hxxp://evil[.]test/x' | custom-opencti extract --text")]
pub(crate) struct Extract {
    /// Files with one alert to a line, plain or gzip; `-` or none for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// Take the input for free text and print one line of JSON for each of its lines [default kind: report]
    #[arg(long, value_enum, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "report")]
    pub(crate) text: Option<TextKind>,

    /// Say where each value stands: "span" is its start and end in bytes of the field as read, or of the line
    ///
    /// A value that was decoded stands where its encoded form does. What has no one place, such as a command put
    /// together from its arguments, is without.
    #[arg(long)]
    pub(crate) spans: bool,
}

/// What kind of text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextKind {
    /// Written by people: every habit of defanging is undone
    Report,
    /// Written by machines: only what is unmistakable counts
    Log,
}

/// Say for one alert why it did or did not match
///
/// Every step, in words: what was found in the alert, what was left out and why, what was asked, what came back, how
/// each pattern judged the alert, what the policy set aside and which setting changes that, and the events in the end.
/// Nothing is sent to Wazuh.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  grep 1775117002.10274 /var/ossec/logs/alerts/alerts.json | custom-opencti explain -
  custom-opencti explain --intel bundle.json alert.json        no OpenCTI needed
  custom-opencti explain --format json alert.json | jq '.came_back.indicators[].policy'")]
pub(crate) struct Explain {
    /// File with one alert, on one line or several, plain or gzip; `-` for standard input
    #[arg(value_name = "ALERT_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) alert: PathBuf,

    /// Match against this STIX 2.1 bundle instead of asking OpenCTI
    #[arg(long, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) intel: Option<PathBuf>,

    /// Judge the validity of indicators at this time, such as 2026-04-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,

    /// How the explanation is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// How an explanation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people; in colour on a terminal unless NO_COLOR is set
    Text,
    /// For programs: JSON
    Json,
}

/// Say what is known about values
///
/// Values go the way that an alert with them would go, so the verdict is what such an alert would give: the type of its
/// event, "nothing known", or "not reported" for what is known and kept out. "could not be asked" is never taken for
/// "nothing known": it is exit code 4. Private and reserved values, which alerts leave out, are asked about here.
#[derive(Args, Debug)]
#[command(after_help = LOOKUP_EXAMPLES, after_long_help = format!("{LOOKUP_EXAMPLES}\n\n{LOOKUP_OUTPUT}"))]
pub(crate) struct Lookup {
    /// An address, a name, a URL, a hash, …, also defanged; `-` for one to a line of standard input
    #[arg(value_name = "VALUE", required = true)]
    pub(crate) values: Vec<String>,

    /// What the values are, such as `ja3` or `user-agent` [default: told by their form]
    ///
    /// Of what has several forms (32 hexadecimal digits: MD5, imphash, JA3, …) those are asked about that alerts look
    /// up, which `kinds` in `[policy]` says.
    #[arg(long, value_name = "KIND", value_parser = kinds(), hide_possible_values = true)]
    pub(crate) kind: Option<String>,

    /// Say what came close, what kept it out, and which setting changes that
    #[arg(long)]
    pub(crate) why: bool,

    /// Look into this STIX 2.1 bundle instead of asking OpenCTI
    #[arg(long, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) intel: Option<PathBuf>,

    /// Judge the validity of indicators at this time, such as 2026-04-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,

    /// How the answers are written: a table, or a line of JSON for each value
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// The names of kinds, for completions and for what is meant by a misspelt one.
fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(Kind::all().map(Kind::as_str))
}

/// Check STIX patterns, or match them against observed data
#[derive(Debug, Subcommand)]
pub(crate) enum Pattern {
    /// Say which STIX patterns are valid
    ///
    /// Reads a line of JSON for each pattern, {"pattern": "…"}, and prints one for each in the same order:
    /// {"valid": true} or {"valid": false, "error": "…"}. Other keys are ignored. A line that cannot be read gets its
    /// line of output, too, and exit code 3 at the end.
    #[command(after_help = "\
Examples:
  echo '{\"pattern\": \"[file:size > 5]\"}' | custom-opencti pattern check
  custom-opencti pattern check patterns.jsonl | jq -c 'select(.valid | not)'")]
    Check(Lines),

    /// Say whether STIX patterns are true of observed data
    ///
    /// Reads a line of JSON for each pattern, {"pattern": "…", "observed": […]} with STIX bundles or observed-data
    /// objects, and prints one for each in the same order: {"match": true}, {"match": false}, or {"match": null,
    /// "error": "…"} for what cannot be evaluated. Values compare as the OASIS reference matcher compares them; what
    /// an alert is held against is more lenient, see `explain`. Other keys are ignored. A line that cannot be read
    /// gets its line of output, too, and exit code 3 at the end.
    #[command(after_help = "\
Examples:
  custom-opencti pattern match cases.jsonl | jq -c .match")]
    Match(Lines),
}

/// Files of lines.
#[derive(Args, Debug)]
pub(crate) struct Lines {
    /// Files with one JSON object to a line, plain or gzip; `-` or none for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
}

/// Print what is needed to install the program into Wazuh
///
/// Without PART the steps, the block for ossec.conf and the rules; with it one file as it ships, to be redirected.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  custom-opencti setup
  custom-opencti setup rules > /var/ossec/etc/rules/opencti_rules.xml
  custom-opencti setup config > /var/ossec/etc/custom-opencti.toml")]
pub(crate) struct Setup {
    /// Which file to print
    #[arg(value_enum)]
    pub(crate) part: Option<Part>,
}

/// A file that `setup` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The `<integration>` block for ossec.conf
    Block,
    /// The rules 100210 to 100215
    Rules,
    /// A configuration file with every key and its default, commented out
    Config,
}

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  custom-opencti completions bash > /etc/bash_completion.d/custom-opencti
  custom-opencti completions zsh > \"${fpath[1]}/_custom-opencti\"")]
pub(crate) struct Completions {
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Whether a word is the name of a subcommand.
pub(crate) fn is_subcommand(word: &OsStr) -> bool {
    // Spelled out, since building clap's command costs more than the rest of an integration run's start; a test
    // holds it against clap's own list.
    ["enrich", "demo", "extract", "explain", "lookup", "pattern", "setup", "completions", "help"]
        .iter()
        .any(|name| word == *name)
}

/// Writes the completion script.
pub(crate) fn complete(shell: Shell, to: &mut dyn std::io::Write) {
    clap_complete::generate(shell, &mut Cli::command(), "custom-opencti", to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_names_of_subcommands_are_claps() {
        let mut command = Cli::command();
        command.build();
        let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert!(names.iter().all(|name| is_subcommand(OsStr::new(name))), "{names:?}");
        assert_eq!(names.len(), 9, "{names:?}");
    }

    #[test]
    fn help_texts() {
        let mut command = Cli::command().term_width(100);
        command.build();
        insta::assert_snapshot!("help", command.render_long_help());
        for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            let name = format!("help-{}", sub.get_name());
            insta::assert_snapshot!(name.as_str(), sub.render_long_help());
            for below in sub.get_subcommands_mut().filter(|below| below.get_name() != "help") {
                let name = format!("{name}-{}", below.get_name());
                insta::assert_snapshot!(name, below.render_long_help());
            }
        }
    }

    #[test]
    fn the_help_of_lookup_names_every_reason_and_verdict() {
        let mut command = Cli::command();
        let help = command.find_subcommand_mut("lookup").unwrap().render_long_help().to_string();
        let (verdicts, reasons) = help.split_once("Reasons of what came close").unwrap();
        for verdict in [
            "indicator_pattern_match",
            "indicator_partial_pattern_match",
            "observable_with_indicator",
            "observable_with_related_indicator",
        ] {
            assert!(verdicts.contains(verdict), "{verdict}");
        }
        for nearness in enricher::Nearness::ALL {
            assert!(reasons.contains(&format!("\n  {} ", nearness.as_str())), "{nearness:?}");
        }
    }

    #[test]
    fn wrong_use_names_the_nearest() {
        let said = |args: &[&str]| Cli::try_parse_from(args).unwrap_err().to_string();
        let said = [
            said(&["x", "enrch"]),
            said(&["x", "enrich", "--intell", "b"]),
            said(&["x", "enrich", "--at", "now"]),
        ];
        insta::assert_snapshot!("wrong-use", said.join("----\n"));
    }
}
