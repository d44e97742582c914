//! `setup`: what is needed to install the program into Wazuh.

use std::fmt::Write as _;

use serde_json::Value;

use super::print;
use crate::cli::Part;
use crate::config::Config;
use crate::config::keys::SECTIONS;
use crate::exit::{Exit, Failure};

/// The block for ossec.conf, as it ships.
pub(crate) const BLOCK: &str = include_str!("../../wazuh/ossec.integration.xml");

/// The rules, as they ship.
pub(crate) const RULES: &str = include_str!("../../wazuh/opencti_rules.xml");

const STEPS: &str = "\
How custom-opencti is installed into Wazuh 4.11. HOME is Wazuh's home, usually /var/ossec.

ON A SERVER

 1. The program. The user wazuh must be able to run it and must not be able to change it, or integratord refuses it.

      install -o root -g wazuh -m 0750 custom-opencti HOME/integrations/custom-opencti

 2. The token. A token that may read is enough; in OpenCTI: Settings, Security, Users.

      install -o root -g wazuh -m 0640 /dev/null HOME/etc/opencti.token
      editor HOME/etc/opencti.token

 3. The block, into <ossec_config> of HOME/etc/ossec.conf. Put OpenCTI's address into it.

      custom-opencti setup block

 4. The rules.

      custom-opencti setup rules > HOME/etc/rules/opencti_rules.xml
      chown wazuh:wazuh HOME/etc/rules/opencti_rules.xml
      chmod 0660 HOME/etc/rules/opencti_rules.xml

 5. A folder for what could not be looked up or delivered at once. Without it, HOME/logs/custom-opencti is used.

      install -d -o wazuh -g wazuh -m 0770 HOME/var/custom-opencti

 6. Restart, and see that it works: the log says \"alert done\" for every alert.

      systemctl restart wazuh-manager
      tail -f HOME/logs/custom-opencti.log

 Anything else is optional: custom-opencti setup config > HOME/etc/custom-opencti.toml

IN A CLUSTER

 Steps 1, 2, 3, 5 and 6 on every node that has agents: neither ossec.conf nor integrations/ is synchronised.
 Step 4 on the master only, which hands rules to the workers.

IN DOCKER (wazuh-docker, single node or multi node)

 Everything below /wazuh-config-mount is copied into HOME when the container starts, as root and without its owner, so
 the program has to be readable and executable by all: chmod 0755 custom-opencti. Mount it and the rules:

      ./custom-opencti:/wazuh-config-mount/integrations/custom-opencti:ro
      ./opencti_rules.xml:/wazuh-config-mount/etc/rules/opencti_rules.xml:ro

 The token is best a secret of the container, readable by its user wazuh (uid 999):
 <api_key>file:/run/secrets/opencti</api_key>. The block goes into the wazuh_manager.conf that is mounted already.
 HOME/logs is a volume, so what is kept there for later survives the container.
";

pub(crate) fn run(part: Option<Part>) -> Result<(), Failure> {
    match part {
        None => print(&everything()),
        Some(Part::Block) => print(BLOCK),
        Some(Part::Rules) => print(RULES),
        Some(Part::Config) => print(&config()?),
    }
}

/// The steps, and the two files that nobody can do without.
fn everything() -> String {
    format!(
        "{STEPS}\nTHE BLOCK FOR ossec.conf (custom-opencti setup block)\n\n{BLOCK}\n\
         THE RULES FOR etc/rules/opencti_rules.xml (custom-opencti setup rules)\n\n{RULES}"
    )
}

/// A configuration file with every key and its default, commented out.
fn config() -> Result<String, Failure> {
    let defaults =
        serde_json::to_value(Config::default()).map_err(|e| Failure::from_error(Exit::Defect, &e))?;
    let mut text =
        "# Configuration of custom-opencti. What is commented out has its default, or shows an example.\n"
            .to_owned();
    for section in SECTIONS {
        let _ = writeln!(text, "\n# {}\n[{}]", section.about, section.name);
        for key in section.keys {
            let default = &defaults[section.name][key.name];
            let shown = if default.is_null() { key.example.to_owned() } else { toml_of(default) };
            let note = if default.is_null() { " Default: none." } else { "" };
            text.push('\n');
            for line in wrap(&format!("{}{note} Takes {}.", key.meaning, key.kind), 110) {
                let _ = writeln!(text, "# {line}");
            }
            let _ = writeln!(text, "#{} = {shown}", key.name);
        }
    }
    Ok(text)
}

/// A default as TOML. For texts, numbers, booleans and lists of them JSON is TOML.
fn toml_of(value: &Value) -> String {
    value.to_string()
}

/// Breaks text into lines of at most `width` characters where there are blanks.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Places;

    #[test]
    fn the_printed_configuration_is_one() {
        let text = config().unwrap();
        insta::assert_snapshot!("config", text);
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("c.toml");
        let load = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Config::load(Places { file: Some(&path), ..Places::of(home.path()) })
        };
        assert_eq!(load(&text).unwrap(), Config::default());
        // With every comment taken away from the keys that have a default, it still says the defaults.
        let lines = text.lines().map(|line| {
            let is_key = line.starts_with('#') && !line.starts_with("# ");
            if is_key { &line[1..] } else { line }
        });
        let all: Vec<&str> = lines.collect();
        let error = load(&all.join("\n")).unwrap_err().to_string();
        assert!(error.contains("are both set"), "{error}");
    }

    #[test]
    fn steps() {
        insta::assert_snapshot!("steps", STEPS);
        assert!(STEPS.lines().all(|line| line.chars().count() <= 120));
    }
}
