//! A server that answers like OpenCTI: by operation, with what a case has for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::case::{Case, Fault, Server};
use super::{TOKEN, block_on};

/// The server of a case.
pub(crate) struct Platform {
    state: Arc<Mutex<State>>,
    address: Address,
}

/// Each keeps its port for as long as it lives, so that no other test's server is asked by mistake.
enum Address {
    Answers(MockServer),
    /// Listens, but nobody takes the connections that the kernel has made.
    Hangs(TcpListener),
    /// Bound, but does not listen.
    Absent(Socket),
}

/// A request, as it was asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) operation: String,
    pub(crate) variables: Value,
}

#[derive(Default)]
struct State {
    answers: BTreeMap<String, String>,
    unused: BTreeSet<String>,
    faults: Vec<Fault>,
    asked: Vec<Asked>,
    surprises: Vec<String>,
}

impl Platform {
    /// As the case describes it.
    pub(crate) fn of(case: &Case) -> Self {
        Self::start(case.settings.server, case.answers(), case.settings.faults.clone())
    }

    /// The same once it is healthy.
    pub(crate) fn healthy(case: &Case) -> Self {
        Self::start(Server::Answers, case.answers(), Vec::new())
    }

    fn start(server: Server, answers: BTreeMap<String, String>, faults: Vec<Fault>) -> Self {
        let unused = answers.keys().cloned().collect();
        let state = Arc::new(Mutex::new(State { answers, unused, faults, ..State::default() }));
        let loopback = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let address = match server {
            Server::Answers => {
                let mock = block_on(MockServer::start());
                let responder = Responder(Arc::clone(&state));
                block_on(Mock::given(any()).respond_with(responder).mount(&mock));
                Address::Answers(mock)
            }
            Server::Hangs => Address::Hangs(TcpListener::bind(loopback).unwrap()),
            Server::Absent => {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
                socket.bind(&loopback.into()).unwrap();
                Address::Absent(socket)
            }
        };
        Self { state, address }
    }

    /// Its address, without `/graphql`.
    pub(crate) fn url(&self) -> String {
        let port = match &self.address {
            Address::Answers(mock) => mock.address().port(),
            Address::Hangs(listener) => listener.local_addr().unwrap().port(),
            Address::Absent(socket) => socket.local_addr().unwrap().as_socket().unwrap().port(),
        };
        format!("http://127.0.0.1:{port}")
    }

    /// What it was asked so far, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Fails when it was asked for what it has no answer to.
    pub(crate) fn check(&self) {
        let state = self.state.lock().unwrap();
        assert!(state.surprises.is_empty(), "unexpected requests: {:#?}", state.surprises);
    }

    /// Fails, too, when it has answers that nobody asked for.
    pub(crate) fn check_all_used(&self) {
        self.check();
        let state = self.state.lock().unwrap();
        assert!(state.unused.is_empty(), "answers that nobody asked for: {:?}", state.unused);
    }
}

struct Responder(Arc<Mutex<State>>);

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        match state.answer(request) {
            Ok(template) => template,
            Err(surprise) => {
                let template = ResponseTemplate::new(418).set_body_string(&surprise);
                state.surprises.push(surprise);
                template
            }
        }
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Result<ResponseTemplate, String> {
        if request.url.path() != "/graphql" {
            return Err(format!("{} {} instead of POST /graphql", request.method, request.url.path()));
        }
        let authorization = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        if authorization != Some(&format!("Bearer {TOKEN}")) {
            return Err("the token is not in the header Authorization".to_owned());
        }
        let body: Value =
            serde_json::from_slice(&request.body).map_err(|error| format!("no JSON: {error}"))?;
        let operation = body["operationName"].as_str().unwrap_or_default().to_owned();
        self.asked.push(Asked { operation: operation.clone(), variables: body["variables"].clone() });
        if let Some(fault) = self.fault(&operation) {
            return Ok(template(fault.status, &fault.body, &fault.content_type, &fault.headers));
        }
        self.unused.remove(&operation);
        let answer = self.answers.get(&operation);
        let answer = answer.ok_or_else(|| format!("the case has no opencti/{operation}.json"))?;
        Ok(template(200, answer, "application/json; charset=utf-8", &BTreeMap::new()))
    }

    /// The first fault that still applies.
    fn fault(&mut self, operation: &str) -> Option<Fault> {
        let concerns = |fault: &&mut Fault| {
            fault.times != Some(0) && fault.operation.as_deref().is_none_or(|only| only == operation)
        };
        let fault = self.faults.iter_mut().find(concerns)?;
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.clone())
    }
}

fn template(
    status: u16,
    body: &str,
    content_type: &str,
    headers: &BTreeMap<String, String>,
) -> ResponseTemplate {
    let template = ResponseTemplate::new(status).set_body_raw(body, content_type);
    headers
        .iter()
        .fold(template, |template, (name, value)| template.insert_header(name.as_str(), value.as_str()))
}
