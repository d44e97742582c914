//! Reads `{"id", "text"}` lines from stdin and writes `{"id", "iocs": [{"kind", "value", "via"}]}` lines. The argument `report`
//! selects the profile for reports.

use std::io::{BufRead as _, Write as _};

use ioc_extract::{Extractor, Profile};

fn main() -> std::io::Result<()> {
    let profile = if std::env::args().any(|a| a == "report") { Profile::Report } else { Profile::Log };
    let extractor = Extractor::builder().profile(profile).build();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let case: serde_json::Value = serde_json::from_str(&line)?;
        let text = case["text"].as_str().unwrap_or_default();
        let iocs: Vec<_> = extractor
            .scan(text)
            .map(|f| serde_json::json!({"kind": f.kind.as_str(), "value": f.value, "via": f.via.to_string()}))
            .collect();
        writeln!(out, "{}", serde_json::json!({"id": case["id"], "iocs": iocs}))?;
    }
    out.flush()
}
