use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::log::{Format, Level};
use super::*;

/// Loads with a file, variables, options and arguments; empty texts stand for nothing.
fn load(
    file: &str,
    variables: &[(&str, &str)],
    options: &str,
    arguments: Vec<(&str, &str, Value)>,
) -> Result<Config, String> {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("etc")).unwrap();
    if !file.is_empty() {
        fs::write(home.path().join(FILE), file).unwrap();
    }
    let path = home.path().join("a.options");
    fs::write(&path, options).unwrap();
    let places = Places {
        home: home.path(),
        file: None,
        environment: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        options: (!options.is_empty()).then_some(&path),
        arguments,
    };
    Config::load(places)
        .map_err(|error| crate::exit::chain(&error).replace(&*home.path().to_string_lossy(), "HOME"))
}

#[test]
fn without_anything_there_are_the_defaults() {
    assert_eq!(load("", &[], "", vec![]).unwrap(), Config::default());
}

#[test]
fn the_later_layer_wins() {
    let file = "[opencti]\nurl = 'http://file'\nretries = 1\n[policy]\nmin_score = 1\nmin_confidence = 1\n[log]\nlevel = 'warn'";
    let variables =
        [("CUSTOM_OPENCTI_POLICY__MIN_SCORE", "2"), ("CUSTOM_OPENCTI_OPENCTI__URL", "http://variable")];
    let options = r#"{"policy": {"min_score": 3}, "log": {"format": "json"}}"#;
    let arguments = vec![("opencti", "url", json!("http://argument"))];
    let config = load(file, &variables, options, arguments).unwrap();
    assert_eq!(config.opencti.url.as_deref(), Some("http://argument"));
    assert_eq!(config.opencti.retries, 1);
    assert_eq!((config.policy.min_score, config.policy.min_confidence), (3, 1));
    assert_eq!((config.log.level, config.log.format), (Level::Warn, Format::Json));
    let config = load(file, &variables, "", vec![]).unwrap();
    assert_eq!(config.opencti.url.as_deref(), Some("http://variable"));
    assert_eq!(config.policy.min_score, 2);
}

#[test]
fn a_later_token_key_replaces_an_earlier_one() {
    let file = "[opencti]\ntoken_file = 'etc/opencti.token'";
    let config = load(file, &[("CUSTOM_OPENCTI_OPENCTI__TOKEN_ENV", "NAME")], "", vec![]).unwrap();
    assert_eq!((config.opencti.token_file, config.opencti.token_env.as_deref()), (None, Some("NAME")));
}

#[test]
fn an_empty_text_unsets() {
    let file = "[opencti]\nproxy = 'http://u:p@proxy:3128'\nca_file = 'ca.pem'";
    let variables = [("CUSTOM_OPENCTI_OPENCTI__PROXY", ""), ("CUSTOM_OPENCTI_OPENCTI__CA_FILE", "")];
    let config = load(file, &variables, "", vec![]).unwrap();
    assert_eq!((config.opencti.proxy, config.opencti.ca_file), (None, None));
}

#[test]
fn variables_of_others_are_left_alone() {
    let variables = [
        ("CUSTOM_OPENCTI_SERVICE_HOST", "10.0.0.1"),
        ("CUSTOM_OPENCTI_PORT_443_TCP_ADDR", "x"),
        ("PATH", ""),
    ];
    assert_eq!(load("", &variables, "\n", vec![]).unwrap(), Config::default());
}

#[test]
fn the_file_that_is_named_must_be_there() {
    let home = tempfile::tempdir().unwrap();
    let places = |file, environment| Places { file, environment, ..Places::of(home.path()) };
    assert!(Config::load(places(None, vec![])).is_ok());
    assert!(Config::load(places(Some(Path::new("none.toml")), vec![])).is_err());
    let variable = ("CUSTOM_OPENCTI_CONFIG".into(), "none.toml".into());
    assert!(Config::load(places(None, vec![variable])).is_err());
    fs::write(home.path().join("named.toml"), "[policy]\nmin_score = 7").unwrap();
    let named = home.path().join("named.toml");
    let config = Config::load(places(Some(&named), vec![])).unwrap();
    assert_eq!(config.policy.min_score, 7);
    let variable = ("CUSTOM_OPENCTI_CONFIG".into(), "named.toml".into());
    assert_eq!(Config::load(places(None, vec![variable])).unwrap().policy.min_score, 7);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let file = |text| load(text, &[], "", vec![]).unwrap_err();
    let variable = |name, value| load("", &[(name, value)], "", vec![]).unwrap_err();
    let options = |text| load("", &[], text, vec![]).unwrap_err();
    let said = [
        file("[policy]\nmin_scor = 1"),
        file("[polcy]\nmin_score = 1"),
        file("min_score = 1"),
        file("[opencti]\nmin_score = 1"),
        file("policy = 3"),
        file("[policy]\nmin_score = 101"),
        file("[policy]\nmin_score = '50'"),
        file("[policy]\nignore_labels = 'x'"),
        file("[policy]\nmax_tlp = 'purple'"),
        file("[log]\nlevel = 'verbose'"),
        file("[opencti]\nurl = https://x"),
        file("[opencti]\ntoken_file = 'a'\ntoken_env = 'B'"),
        file("[opencti]\nclient_key_file = 'a'"),
        file("[opencti]\nconnect_timeout_ms = 0"),
        variable("CUSTOM_OPENCTI_POLICY__MIN_SCOER", "1"),
        variable("CUSTOM_OPENCTI_POLICY_MIN_SCORE", "1"),
        variable("CUSTOM_OPENCTI_POLICY__MIN_SCORE", "high"),
        options(r#"{"policy": {"min_scores": 1}}"#),
        options("[1]"),
        options("{'policy': 1}"),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    unknown key `policy.min_scor` in HOME/etc/custom-opencti.toml: did you mean `policy.min_score`?
    unknown key `polcy` in HOME/etc/custom-opencti.toml: did you mean `policy`?
    unknown key `min_score` in HOME/etc/custom-opencti.toml: did you mean `policy.min_score`?
    unknown key `opencti.min_score` in HOME/etc/custom-opencti.toml: did you mean `policy.min_score`?
    `policy` in HOME/etc/custom-opencti.toml must be a section with keys
    `policy.min_score` in HOME/etc/custom-opencti.toml must be a whole number from 0 to 100
    `policy.min_score` in HOME/etc/custom-opencti.toml must be a whole number from 0 to 100
    `policy.ignore_labels` in HOME/etc/custom-opencti.toml must be a list of texts
    `policy.max_tlp` in HOME/etc/custom-opencti.toml: `purple` is no TLP level: write one of TLP:CLEAR, TLP:GREEN, TLP:AMBER, TLP:AMBER+STRICT, TLP:RED
    `log.level` in HOME/etc/custom-opencti.toml must be one of off, error, warn, info, debug, trace
    HOME/etc/custom-opencti.toml, line 2: string values must be quoted, expected literal string
    `opencti.token_env` and `opencti.token_file` are both set in HOME/etc/custom-opencti.toml: keep one
    `opencti.client_key_file` in HOME/etc/custom-opencti.toml needs `opencti.client_cert_file` too
    `opencti.connect_timeout_ms` in HOME/etc/custom-opencti.toml must be a whole number from 1 to 60000 (ms)
    unknown environment variable CUSTOM_OPENCTI_POLICY__MIN_SCOER: did you mean CUSTOM_OPENCTI_POLICY__MIN_SCORE?
    unknown environment variable CUSTOM_OPENCTI_POLICY_MIN_SCORE: did you mean CUSTOM_OPENCTI_POLICY__MIN_SCORE?
    `policy.min_score` in the environment variable CUSTOM_OPENCTI_POLICY__MIN_SCORE must be a whole number from 0 to 100
    unknown key `policy.min_scores` in <options> of ossec.conf: did you mean `policy.min_score`?
    <options> of ossec.conf: expected an object such as {"policy": {"min_score": 50}}
    <options> of ossec.conf: not JSON: key must be a string at line 1 column 2
    "#);
}

#[test]
fn nothing_shows_a_proxys_password() {
    let config = load("[opencti]\nproxy = 'http://u:s3cret@proxy'", &[], "", vec![]).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    let broken = load("[opencti]\nproxy = 'http://u:s3cret@proxy", &[], "", vec![]).unwrap_err();
    assert!(!broken.contains("s3cret"), "{broken}");
}

/// Any JSON, with our own names among the keys.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 32, 6, |inner| {
        let names: Vec<&'static str> =
            keys::all().flat_map(|(section, key)| [section.name, key.name]).collect();
        let key = prop_oneof![proptest::sample::select(names).prop_map(str::to_owned), ".{0,8}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn no_options_make_it_panic_and_errors_stay_on_a_line(tree in json()) {
        let mut layers = Layers::default();
        match layers.add_options(Path::new("x"), &tree.to_string()) {
            // What every layer accepted, the whole accepts.
            Ok(()) => {
                let whole = Config::from_layers(&layers);
                let half = matches!(whole, Err(ConfigError::HalfAPair { .. }));
                prop_assert!(whole.is_ok() || half, "{whole:?}");
            }
            Err(error) => {
                let failure = crate::exit::Failure::from_error(crate::exit::Exit::Usage, &error);
                prop_assert!(!failure.to_string().contains('\n'));
            }
        }
    }
}
