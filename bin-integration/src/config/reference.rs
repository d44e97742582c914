//! Writes `docs/configuration.md` out of the tables. Run with `UPDATE_DOCS=1` to rewrite the file.

use std::fmt::Write as _;

use serde_json::Value;

use super::keys::{self, SECTIONS};
use super::{Config, layers::Layers};

const HEAD: &str = "\
# Configuration

<!-- Made from the tables in bin-integration/src/config/ by `UPDATE_DOCS=1 cargo test -p bin-integration reference`. -->

Nothing has to be configured when `<api_key>` and `<hook_url>` stand in ossec.conf. What is set comes from five places,
of which the later wins:

1. the defaults below;
2. the file `etc/custom-opencti.toml` below Wazuh's home, or the one that `--config FILE` or `CUSTOM_OPENCTI_CONFIG` names;
3. the environment: `CUSTOM_OPENCTI_SECTION__KEY`, such as `CUSTOM_OPENCTI_POLICY__MIN_SCORE=50`; lists separated by commas;
4. `<options>` of ossec.conf: JSON of the same shape, on one line, such as `{\"policy\":{\"min_score\":50}}`;
5. integratord's arguments (`<hook_url>`, `<timeout>`, `<retries>`, debug) and flags.

Wazuh's home is `WAZUH_HOME`, else the folder above that of the binary (`integrations/`, `bin/`, `active-response/bin/`,
`wodles/`), else `/var/ossec`. Relative paths are below it. An unknown key or a value of the wrong kind ends the run with
exit code 2 and a sentence that names the key, the place where it stands and the nearest known key.

## The token

`<api_key>` in ossec.conf holds the token, or says where it is:

| `<api_key>` | the token is |
|---|---|
| `file:etc/opencti.token` | in this file; only the user wazuh needs to read it (owner root:wazuh, mode 0640) |
| `env:NAME` | in this environment variable |
| `credential:NAME` | in this systemd service credential (`LoadCredential=` of the manager's unit) |
| anything else | this text; everyone on the host can read it in the list of processes |
| empty | where `[opencti]` says |

Files are opened without following a symbolic link in the last part of their path.
";

fn render() -> String {
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let mut text = HEAD.to_owned();
    for section in SECTIONS {
        let _ = write!(text, "\n## `[{}]`\n\n{}\n\n", section.name, section.about);
        text.push_str("| key | takes | default | meaning |\n|---|---|---|---|\n");
        for key in section.keys {
            let default = match &defaults[section.name][key.name] {
                Value::Null => "none".to_owned(),
                value => format!("`{value}`"),
            };
            let _ = writeln!(text, "| `{}` | {} | {default} | {} |", key.name, key.kind, key.meaning);
        }
        let _ = write!(text, "\n```toml\n[{}]\n", section.name);
        let mut environment = String::new();
        let mut shown_token = false;
        for key in section.keys {
            let token = section.name == "opencti" && super::opencti::TOKEN_SOURCES.contains(&key.name);
            let instead = if token && std::mem::replace(&mut shown_token, true) { "# or: " } else { "" };
            let _ = writeln!(text, "{instead}{} = {}", key.name, key.example);
            let _ = writeln!(environment, "{}", keys::variable(section.name, key.name));
        }
        let _ = write!(text, "```\n\nIn the environment:\n\n```text\n{environment}```\n");
    }
    text
}

#[test]
fn the_committed_reference_is_the_one_that_the_tables_make() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let made = render();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/configuration.md is out of date: run UPDATE_DOCS=1 cargo test -p bin-integration reference"
    );
}

#[test]
fn the_tables_have_exactly_the_fields_of_the_structs() {
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let names = |value: &Value| {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let mut sections: Vec<String> = SECTIONS.iter().map(|section| section.name.to_owned()).collect();
    sections.sort();
    assert_eq!(sections, names(&defaults));
    for section in SECTIONS {
        let mut keys: Vec<String> = section.keys.iter().map(|key| key.name.to_owned()).collect();
        keys.sort();
        assert_eq!(keys, names(&defaults[section.name]), "[{}]", section.name);
    }
}

#[test]
fn defaults_and_examples_are_of_their_kind() {
    let defaults = serde_json::to_value(Config::default()).unwrap();
    for (section, key) in keys::all() {
        let default = &defaults[section.name][key.name];
        assert!(default.is_null() || key.kind.accepts(default), "{}.{}: {default}", section.name, key.name);
        let text = format!("[{}]\n{} = {}\n", section.name, key.name, key.example);
        Layers::default()
            .add_file("example".as_ref(), &text)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}
