//! Asks OpenCTI about one value with `opencti-client` alone.
//!
//! ```text
//! OPENCTI_TOKEN=… cargo run --example lookup_one -- https://opencti.example.org 203.0.113.66
//! cargo run --example lookup_one                # asks a stand-in inside this program
//! ```
#![expect(clippy::print_stdout, reason = "an example that prints")]

use opencti_client::{Client, Endpoint, Terms, Token, pattern};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let stand_in = stand_in().await;
    let (url, token) = match arguments.next() {
        Some(url) => (url, Token::from_env("OPENCTI_TOKEN")?),
        None => (stand_in.uri(), Token::new("stand-in")?),
    };
    let value = arguments.next().unwrap_or_else(|| "203.0.113.66".to_owned());

    let client = Client::builder(Endpoint::parse(&url)?, token).build()?;
    let mut terms = Terms::new();
    terms.value(&value).pattern(&pattern::comparison("ipv4-addr:value", &value));
    match client.look_up(&terms).await {
        Ok(answer) => {
            for indicator in &answer.value.indicators {
                let name = indicator.name.as_deref().unwrap_or("unnamed");
                println!("{name}: {}", client.endpoint().indicator_link(&indicator.id));
            }
            println!("{} observables", answer.value.observables.len());
            for problem in &answer.problems {
                println!("not answered: {problem}");
            }
        }
        Err(error) => println!("{error}: {}", error.hint()),
    }
    Ok(())
}

/// A server that knows one indicator.
async fn stand_in() -> MockServer {
    let server = MockServer::start().await;
    let body = serde_json::json!({"data": {
        "stixCyberObservables": {"edges": []},
        "indicators": {"edges": [{"node": {
            "id": "8c5b1f0e-2f5d-4d0e-9d0a-1f0b3c5d7e9f", "name": "PaperCrane command server", "revoked": false,
        }}]},
    }});
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&server)
        .await;
    server
}
