//! Any bytes as the answer to any operation: no panic, and no answer that is not JSON with data.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use opencti_client::{Lookup, ObservableContext, Request, SelfCheck, Terms, ThreatContext};

struct Requests {
    look_up: Vec<Request<Lookup>>,
    contexts: Vec<Request<ObservableContext>>,
    threats: Vec<Request<ThreatContext>>,
    self_check: Request<SelfCheck>,
}

static REQUESTS: LazyLock<Requests> = LazyLock::new(|| {
    let mut terms = Terms::new();
    terms.value("192.0.2.7").pattern("[ipv4-addr:value = '192.0.2.7']");
    let ids = ["1".to_owned(), "2".to_owned()];
    let mut contexts = Request::observable_context(&ids).expect("ids can be written");
    contexts.extend(Request::based_on(&ids).expect("ids can be written"));
    Requests {
        look_up: Request::look_up(&terms).expect("terms can be written"),
        contexts,
        threats: Request::threat_context(&ids).expect("ids can be written"),
        self_check: Request::self_check().expect("nothing has to be written"),
    }
});

fn check<T>(request: &Request<T>, body: &[u8]) {
    match request.decode(body) {
        Ok(_) => {
            let raw: serde_json::Value = serde_json::from_slice(body).expect("only JSON is an answer");
            assert!(!raw["data"].is_null() || raw.is_array(), "no data is no answer");
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
    }
}

fuzz_target!(|body: &[u8]| {
    let requests = &*REQUESTS;
    requests.look_up.iter().for_each(|request| check(request, body));
    requests.contexts.iter().for_each(|request| check(request, body));
    requests.threats.iter().for_each(|request| check(request, body));
    check(&requests.self_check, body);
});
