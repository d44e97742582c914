//! Enriches one alert with `enricher` and a STIX bundle: no server, no Wazuh.
//!
//! ```text
//! cargo run --example enrich_one
//! cargo run --example enrich_one -- bundle.json alert.json
//! ```
#![expect(clippy::print_stdout, reason = "an example that prints")]

use enricher::{Bundle, Enricher, Policy};
use jiff::Timestamp;
use wazuh_alert::Alert;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args().skip(1);
    let (bundle, alert) = match (paths.next(), paths.next()) {
        (Some(bundle), Some(alert)) => (std::fs::read(bundle)?, std::fs::read(alert)?),
        _ => {
            let alerts = include_str!("demo/alerts.jsonl");
            let first = alerts.lines().next().unwrap_or_default();
            (include_bytes!("demo/intel.json").to_vec(), first.as_bytes().to_vec())
        }
    };
    // The sample's addresses are from the documentation ranges, which are not looked up otherwise.
    let policy = Policy { lookup_private_addresses: true, ..Policy::default() };
    let enricher = Enricher::new(Bundle::from_slice(&bundle)?, policy);
    let enriched = enricher.enrich(&Alert::parse(&alert)?, Timestamp::now()).await?;
    for event in &enriched.events {
        println!("{}", event.to_json());
    }
    for set_aside in &enriched.set_aside {
        println!("{}: {}", set_aside.id, set_aside.reason.as_str());
    }
    Ok(())
}
