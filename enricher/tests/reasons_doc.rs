//! `docs/reasons.md` is made from the tables of reasons; this holds the two together.
//!
//! `UPDATE_DOCS=1 cargo test -p enricher --test reasons_doc` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use enricher::select::LeftOutReason;
use enricher::{Explanation, Reason, SetAside};

fn table(text: &mut String, explanations: &[Explanation]) {
    text.push_str("\n| word | means | setting |\n|---|---|---|\n");
    for Explanation { reason, meaning, setting, change } in explanations {
        let setting = setting.map_or_else(String::new, |setting| format!("`{setting}`: {change}"));
        let _ = writeln!(text, "| `{reason}` | {meaning} | {setting} |");
    }
}

fn document() -> String {
    let mut text = String::from(
        "# Reasons\n\n\
        <!-- Made from `enricher/src/reasons.rs`: UPDATE_DOCS=1 cargo test -p enricher --test reasons_doc -->\n\n\
        Fixed words say why something was done or left undone. They stand in events (`opencti.reasons`), in the log at level\n\
        `debug`, and in `custom-opencti explain` and `lookup --why`. A word keeps its meaning between versions. Settings are\n\
        keys of `[policy]`, see [configuration](configuration.md); where none is named, none changes it.\n\n\
        ## Why a value of an alert is not looked up\n",
    );
    table(&mut text, LeftOutReason::EXPLANATIONS);
    text.push_str("\n## Why an indicator that came back is not reported\n");
    table(&mut text, SetAside::EXPLANATIONS);
    text.push_str(
        "\n## What bears on the strength of a match\n\n\
        In `opencti.reasons` of the event; [the event](events.md) has how `opencti.strength` comes of them.\n",
    );
    table(&mut text, Reason::EXPLANATIONS);
    text
}

#[test]
fn the_document_is_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reasons.md");
    let made = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "docs/reasons.md is not what the tables say; run with UPDATE_DOCS=1");
}
