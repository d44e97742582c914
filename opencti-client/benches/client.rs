//! What a process that asks once pays: setting up the client, writing a request, reading an answer.
//!
//! `cargo bench -p opencti-client`

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use divan::Bencher;
use opencti_client::{Client, Endpoint, Request, Terms, Token, pattern};
use serde_json::json;

fn main() {
    divan::main();
}

#[divan::bench(args = ["http://opencti.example.org", "https://opencti.example.org"])]
fn build(bencher: Bencher<'_, '_>, url: &str) {
    let endpoint = Endpoint::parse(url).unwrap();
    let token = Token::new("11111111-2222-4333-8444-555555555555").unwrap();
    bencher.bench(|| Client::builder(endpoint.clone(), token.clone()).build().unwrap());
}

/// What the first connection with `https://` pays once, unless a CA file is given.
#[divan::bench]
fn load_the_systems_authorities() -> usize {
    rustls_native_certs::load_native_certs().certs.len()
}

#[divan::bench(args = [1, 10, 1000])]
fn write_look_up(bencher: Bencher<'_, '_>, values: usize) {
    bencher.bench(|| {
        let mut terms = Terms::new();
        for number in 0..values {
            let value = format!("host-{number}.example.org");
            terms.value(&value).pattern(&pattern::comparison("domain-name:value", &value));
        }
        Request::look_up(&terms).unwrap()
    });
}

#[divan::bench(args = [0, 1, 100])]
fn read_answer(bencher: Bencher<'_, '_>, hits: usize) {
    let mut terms = Terms::new();
    terms.value("192.0.2.7").pattern("[ipv4-addr:value = '192.0.2.7']");
    let request = &Request::look_up(&terms).unwrap()[0];
    let author = json!({"__typename": "Organization", "id": "a1", "standard_id": "identity--1", "identity_class": "organization", "name": "ACME"});
    let indicator = json!({"node": {
        "id": "76a8ca85-4ca6-481a-86c5-64b84f10d79e", "standard_id": "indicator--6502cf09-9fcb-5f35-b298-8c1e58a1a154",
        "entity_type": "Indicator", "name": "192.0.2.7", "description": "Seen as a command and control server.",
        "pattern": "[ipv4-addr:value = '192.0.2.7']", "pattern_type": "stix",
        "valid_from": "2025-01-01T00:00:00.000Z", "valid_until": "2026-01-01T00:00:00.000Z", "revoked": false,
        "confidence": 75, "x_opencti_score": 90, "x_opencti_detection": true,
        "x_opencti_main_observable_type": "IPv4-Addr", "x_mitre_platforms": ["windows"],
        "indicator_types": ["malicious-activity"], "created_at": "2025-01-01T00:00:00.000Z",
        "updated_at": "2025-01-02T00:00:00.000Z", "createdBy": author,
        "objectMarking": [{"id": "m1", "standard_id": "marking-definition--1", "definition_type": "TLP", "definition": "TLP:AMBER", "x_opencti_order": 3}],
        "objectLabel": [{"value": "c2"}],
        "killChainPhases": [{"kill_chain_name": "mitre-attack", "phase_name": "command-and-control"}],
    }});
    let observable = json!({"node": {
        "__typename": "IPv4Addr", "id": "98ab86c1-511d-41a9-a1f9-36ece582a042", "standard_id": "ipv4-addr--1",
        "entity_type": "IPv4-Addr", "observable_value": "192.0.2.7", "x_opencti_score": 90,
        "x_opencti_description": null, "created_at": "2025-01-01T00:00:00.000Z",
        "updated_at": "2025-01-01T00:00:00.000Z", "createdBy": author, "objectMarking": [], "objectLabel": [],
    }});
    let body = json!({"data": {
        "stixCyberObservables": {"edges": vec![observable; hits]},
        "indicators": {"edges": vec![indicator; hits]},
    }})
    .to_string();
    bencher
        .counter(divan::counter::BytesCount::new(body.len()))
        .bench(|| request.decode(body.as_bytes()).unwrap());
}
