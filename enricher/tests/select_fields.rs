//! `docs/fields.md` is the catalogue, written for people. `UPDATE_DOCS=1` rewrites it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers, too")]

use std::fmt::Write as _;
use std::path::Path;

use enricher::catalogue::FAMILIES;

const INTRODUCTION: &str = "\
# Fields

Generated from the catalogue in `enricher/src/catalogue/fields.rs`; `UPDATE_DOCS=1 cargo test -p enricher --test
select_fields` writes it anew.

Which field of which decoder or provider holds what, and so what is looked up. The tables are read like this:

- The first entry of a field whose condition (`when`) holds counts. A condition is the decoder's name or its parent's
  (the beginning is enough), or a Windows event's provider and ids.
- `data.a.*` is everything below `data.a` that has no entry of its own; `*.a` is every field named `a` that has neither.
  The case of letters does not matter.
- The STIX path is where a pattern has the value. It is empty where that depends on what is found.
- A *file* gives its base name, a *URL* gives its host as well, an *account* counts only if it is an e-mail address.

Every other string below `data` and `syscheck` is read as text, and so are those that hold text or a command line:
defanged, encoded and obfuscated values are found in them, too. Then the message of a Windows event and `full_log` are
read, for what no field has. What Wazuh says about itself (`agent`, `manager`, `rule`, `decoder`, `predecoder`,
`cluster`, `id`, `timestamp`, `location`) is never read.

In text, a hash counts only where a label says that it is one of a file (`sha256=…`), and a registry key does not. The
names and addresses of the machine that reports are left out everywhere.
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for family in FAMILIES {
        write!(
            page,
            "\n## {}\n\n| field | when | holds | STIX path | example |\n|---|---|---|---|---|\n",
            family.title
        )
        .unwrap();
        for field in family.fields {
            writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                field.alert_path(),
                field.when,
                field.holds.title(),
                code(field.holds.stix()),
                code(field.example)
            )
            .unwrap();
        }
    }
    page
}

/// Text as code in a cell of a table.
fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", text.replace('|', r"\|")) }
}

#[test]
fn the_page_of_fields_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fields.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/fields.md is not what the catalogue says; `UPDATE_DOCS=1 cargo test -p enricher --test select_fields` writes it"
    );
}
