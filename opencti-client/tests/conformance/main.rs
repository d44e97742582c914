//! The operations against complete schemas, and the client against recordings of OpenCTI and a stand-in for it.
//!
//! The data is not part of this repository: `CONFORMANCE_DATA` says where it is. Without it these tests say so and
//! pass; with it, a missing file is a failure.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail like tests"
)]

mod export;
mod stream;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use apollo_compiler::ast::OperationType;
use apollo_compiler::{ExecutableDocument, Schema};
use opencti_client::{Answer, Client, Endpoint, Error, HashAlgorithm, Request, Terms, Token, pattern};
use serde_json::{Value, json};

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("CONFORMANCE_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: CONFORMANCE_DATA is not set");
    }
    folder
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no *.{extension} in {}", folder.display());
    files
}

fn read_json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A look-up that asks both sides.
fn two_sides() -> Terms {
    let mut terms = Terms::new();
    terms.value("192.0.2.7").pattern("[ipv4-addr:value = '192.0.2.7']");
    terms
}

/// Every operation by name, as it is sent.
fn operations() -> BTreeMap<&'static str, String> {
    fn entry<T>(request: &Request<T>) -> (&'static str, String) {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        (request.operation(), body["query"].as_str().unwrap().to_owned())
    }
    let ids = ["1".to_owned(), "2".to_owned()];
    let client = client("http://192.0.2.1", "token");
    let since = Some(SystemTime::UNIX_EPOCH);
    BTreeMap::from([
        entry(&client.export_indicators(since).request().unwrap()),
        entry(&client.export_observables(since).request().unwrap()),
        entry(&client.export_relations(since).request().unwrap()),
        entry(&client.export_reports(since).request().unwrap()),
        entry(&client.export_report_objects().request().unwrap()),
        entry(&client.export_indicator_ids().request().unwrap()),
        entry(&client.export_observable_ids().request().unwrap()),
        entry(&client.export_relation_ids().request().unwrap()),
        entry(&Request::stream_collections().unwrap()),
        entry(&Request::look_up(&two_sides()).unwrap()[0]),
        entry(&Request::observable_context(&ids).unwrap()[0]),
        entry(&Request::based_on(&ids).unwrap()[0]),
        entry(&Request::threat_context(&ids).unwrap()[0]),
        entry(&Request::self_check().unwrap()),
    ])
}

#[test]
fn every_operation_is_valid_in_every_version() {
    let Some(data) = data() else { return };
    let operations = operations();
    assert_eq!(operations.len(), 14);
    let mut versions = 0;
    for file in files(&data.join("opencti/schema"), "graphql") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("opencti-5.") {
            continue;
        }
        let schema = Schema::parse_and_validate(fs::read_to_string(&file).unwrap(), &file)
            .unwrap_or_else(|error| panic!("{name}: {}", error.errors));
        for (operation, query) in &operations {
            if let Err(error) = ExecutableDocument::parse_and_validate(&schema, query, *operation) {
                panic!("{operation} is not valid in {name}:\n{}", error.errors);
            }
        }
        // The check itself: what is wrong must be found.
        let wrong = operations["SelfCheck"].replace("version", "no_such_field");
        assert!(ExecutableDocument::parse_and_validate(&schema, wrong, "wrong").is_err());
        versions += 1;
    }
    assert!(versions >= 10, "only {versions} versions");
}

#[test]
fn no_document_uses_a_root_field_more_than_twice() {
    let Some(data) = data() else { return };
    let path = data.join("opencti/schema/opencti-6.7.11.graphql");
    let schema = Schema::parse_and_validate(fs::read_to_string(&path).unwrap(), &path).unwrap();
    for (operation, query) in operations() {
        let document = ExecutableDocument::parse_and_validate(&schema, query, operation).unwrap();
        assert_eq!(document.operations.len(), 1, "{operation}");
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for found in document.operations.iter() {
            assert_eq!(found.operation_type, OperationType::Query);
            for field in found.root_fields(&document) {
                *uses.entry(field.name.as_str()).or_default() += 1;
                let paged = field.definition.argument_by_name("first").is_some();
                assert_eq!(
                    paged,
                    field.specified_argument_by_name("first").is_some(),
                    "{operation}: {}",
                    field.name
                );
            }
        }
        assert!(uses.values().all(|count| *count <= 2), "{operation}: {uses:?}");
    }
}

/// Ids of the nodes of a connection in a raw answer.
fn node_ids(connection: &Value, of: impl Fn(&Value) -> &Value) -> Vec<&str> {
    let edges = connection["edges"].as_array().map_or(&[][..], Vec::as_slice);
    edges.iter().filter_map(|edge| of(&edge["node"]).as_str()).collect()
}

/// The code a raw answer fails with, if all of it fails.
fn codes(body: &Value) -> BTreeSet<&str> {
    body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| error["extensions"]["code"].as_str())
        .collect()
}

#[test]
fn recorded_answers_are_read_in_full() {
    let Some(data) = data() else { return };
    let look_up = &Request::look_up(&two_sides()).unwrap()[0];
    let based_on = &Request::based_on(&["1".to_owned()]).unwrap()[0];
    let threat_context = &Request::threat_context(&["1".to_owned()]).unwrap()[0];
    let mut read = BTreeMap::<String, usize>::new();
    for file in files(&data.join("opencti/recordings/lookups"), "json") {
        let recording = read_json(&file);
        let name = file.display();
        let text = recording["response"]["body"].as_str().unwrap();
        let Some(document) = recording["request"]["document"].as_str() else { continue };
        let raw: Value = serde_json::from_str(text).unwrap();
        if raw.get("errors").is_some() {
            continue;
        }
        let raw = &raw["data"];
        match document {
            "ioc_lookup" => {
                let Answer { value, problems } = look_up.decode(text.as_bytes()).unwrap();
                assert_eq!(problems, [], "{name}");
                let ids: Vec<_> = value.observables.iter().map(|observable| observable.id.as_str()).collect();
                assert_eq!(ids, node_ids(&raw["stixCyberObservables"], |node| &node["id"]), "{name}");
                let values: Vec<_> =
                    value.observables.iter().filter_map(|found| found.value.as_deref()).collect();
                assert_eq!(
                    values,
                    node_ids(&raw["stixCyberObservables"], |node| &node["observable_value"]),
                    "{name}"
                );
                let patterns: Vec<_> =
                    value.indicators.iter().filter_map(|found| found.pattern.as_deref()).collect();
                assert_eq!(patterns, node_ids(&raw["indicators"], |node| &node["pattern"]), "{name}");
                for (found, edge) in
                    value.indicators.iter().zip(raw["indicators"]["edges"].as_array().unwrap())
                {
                    let node = &edge["node"];
                    assert_eq!(json!(found.x_opencti_score), node["x_opencti_score"], "{name}");
                    assert_eq!(json!(found.revoked), node["revoked"], "{name}");
                    assert_eq!(json!(found.valid_until), node["valid_until"], "{name}");
                    assert_eq!(
                        found.labels.len(),
                        node["objectLabel"].as_array().map_or(0, Vec::len),
                        "{name}"
                    );
                    assert_eq!(
                        found.markings.len(),
                        node["objectMarking"].as_array().map_or(0, Vec::len),
                        "{name}"
                    );
                    let author = found.created_by.as_ref().map(|author| author.name.clone());
                    assert_eq!(json!(author), node["createdBy"]["name"], "{name}");
                }
            }
            "based_on" => {
                let Answer { value, .. } = based_on.decode(text.as_bytes()).unwrap();
                let ids: Vec<_> = value.based_on.iter().map(|found| found.indicator.id.as_str()).collect();
                assert_eq!(
                    ids,
                    node_ids(&raw["stixCoreRelationships"], |node| &node["from"]["id"]),
                    "{name}"
                );
            }
            "threat_context" => {
                let Answer { value, .. } = threat_context.decode(text.as_bytes()).unwrap();
                let ids: Vec<_> = value.indicates.iter().map(|found| found.target.id.as_str()).collect();
                assert_eq!(ids, node_ids(&raw["stixCoreRelationships"], |node| &node["to"]["id"]), "{name}");
                let ids: Vec<_> = value.reports.iter().map(|report| report.id.as_str()).collect();
                assert_eq!(ids, node_ids(&raw["reports"], |node| &node["id"]), "{name}");
            }
            "self_check" => {
                let value = Request::self_check().unwrap().decode(text.as_bytes()).unwrap().value;
                assert_eq!(json!(value.version), raw["about"]["version"]);
                let user = value.user.unwrap();
                assert_eq!(user.capabilities.len(), raw["me"]["capabilities"].as_array().unwrap().len());
                assert_eq!(
                    user.allowed_markings.len(),
                    raw["me"]["allowed_marking"].as_array().unwrap().len()
                );
            }
            _ => continue,
        }
        *read.entry(document.to_owned()).or_default() += 1;
    }
    for (document, least) in [("ioc_lookup", 50), ("based_on", 30), ("threat_context", 30), ("self_check", 1)]
    {
        assert!(read.get(document).is_some_and(|count| *count >= least), "{document}: {read:?}");
    }
}

/// Answers of recordings, played back over HTTP.
#[tokio::test]
async fn recorded_failures_are_errors_of_their_kind() {
    let Some(data) = data() else { return };
    let mut failures = 0;
    let folder = data.join("opencti/recordings");
    for file in files(&folder.join("lookups"), "json").into_iter().chain(files(&folder.join("api"), "json")) {
        let recording = read_json(&file);
        let name = file.display();
        let response = &recording["response"];
        let text = match (&response["body"], &response["json"], &response["text"]) {
            (Value::String(body), ..) | (_, Value::Null, Value::String(body)) => body.clone(),
            (_, json, _) => json.to_string(),
        };
        let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
        let raw: Value = serde_json::from_str(&text).unwrap_or_default();
        let codes = codes(&raw);
        let is_post = recording["request"]["method"].as_str().is_none_or(|method| method == "POST");
        if !is_post || (status == 200 && codes.is_empty()) {
            continue;
        }
        failures += 1;

        let server = wiremock::MockServer::start().await;
        wiremock::Mock::given(wiremock::matchers::method("POST"))
            .respond_with(
                wiremock::ResponseTemplate::new(status).set_body_raw(text, "application/json; charset=utf-8"),
            )
            .mount(&server)
            .await;
        let client = client(&server.uri(), "token");
        let result = client.look_up(&two_sides()).await;
        let filled = |field: &str| raw["data"][field].is_object();
        match result {
            Ok(answer) => {
                assert!(filled("stixCyberObservables") != filled("indicators"), "{name}: {answer:?}");
                let found: BTreeSet<String> =
                    answer.problems.iter().map(|problem| problem.code.to_string()).collect();
                assert_eq!(found, codes.iter().map(ToString::to_string).collect(), "{name}");
            }
            Err(Error::Status { status: found, code, .. }) => {
                assert_eq!(found, status, "{name}");
                assert_eq!(code.map(|code| code.to_string()).as_deref(), codes.first().copied(), "{name}");
            }
            Err(Error::GraphQl { code, .. }) => {
                assert_eq!(Some(code.to_string().as_str()), codes.first().copied(), "{name}");
                assert_eq!(
                    code.is_auth(),
                    codes.contains("AUTH_REQUIRED") || codes.contains("FORBIDDEN_ACCESS"),
                    "{name}"
                );
            }
            Err(error) => panic!("{name}: {error:?}"),
        }
    }
    assert!(failures >= 20, "only {failures} failures were recorded");
}

fn client(url: &str, token: &str) -> Client {
    Client::builder(Endpoint::parse(url).unwrap(), Token::new(token).unwrap())
        .backoff(Duration::from_millis(1))
        .build()
        .unwrap()
}

/// The stand-in, stopped when dropped.
struct StandIn {
    process: Child,
    url: String,
}

impl StandIn {
    const TOKEN: &str = "11111111-2222-4333-8444-555555555555";

    /// `None` where Python or its package is missing.
    fn start(data: &Path) -> Option<Self> {
        let check = Command::new("python3").args(["-c", "import graphql"]).stderr(Stdio::null()).status();
        if !check.is_ok_and(|status| status.success()) {
            eprintln!("skipped: python3 with graphql-core is not installed, so there is no stand-in");
            return None;
        }
        let script = data.join("standin/opencti.py");
        assert!(script.is_file(), "{} is missing", script.display());
        let mut process = Command::new("python3")
            .arg(script)
            .args(["--port", "0", "--token", Self::TOKEN])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Some(Self { process, url: format!("http://127.0.0.1:{}", port.trim()) })
    }

    fn client(&self) -> Client {
        client(&self.url, Self::TOKEN)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn the_stand_in_is_asked() {
    let Some(data) = data() else { return };
    let Some(server) = StandIn::start(&data) else { return };
    let client = server.client();
    let platform = read_json(&data.join("standin/data.json"));
    let objects = |table: &str| platform[table].as_array().unwrap().clone();
    let text = |object: &Value, field: &str| object[field].as_str().unwrap_or_default().to_owned();

    let check = client.self_check().await.unwrap();
    assert_eq!(check.value.version.as_deref(), platform["version"].as_str().or(Some("6.7.11")));

    // Every observable by its value, every file by its hashes and name, every indicator by its pattern.
    let mut terms = Terms::new();
    let mut observables = BTreeSet::new();
    for observable in objects("observables") {
        if let Some(value) = observable["value"].as_str() {
            terms.value(value);
            observables.insert(text(&observable, "id"));
        }
        for hash in observable["hashes"].as_array().into_iter().flatten() {
            let algorithm = match hash["algorithm"].as_str() {
                Some("MD5") => HashAlgorithm::Md5,
                Some("SHA-1") => HashAlgorithm::Sha1,
                Some("SHA-256") => HashAlgorithm::Sha256,
                Some("SHA-512") => HashAlgorithm::Sha512,
                _ => continue,
            };
            terms.hash(algorithm, hash["hash"].as_str().unwrap());
            observables.insert(text(&observable, "id"));
        }
        if observable["entity_type"] == "StixFile" && observable["name"].is_string() {
            terms.file_name(&text(&observable, "name"));
            observables.insert(text(&observable, "id"));
        }
    }
    let stix: Vec<Value> =
        objects("indicators").into_iter().filter(|indicator| indicator["pattern_type"] == "stix").collect();
    for indicator in &stix {
        terms.pattern(indicator["pattern"].as_str().unwrap());
    }
    let found = client.look_up(&terms).await.unwrap();
    assert_eq!(found.problems, []);
    assert!(!found.value.truncated);
    let ids: BTreeSet<_> = found.value.observables.iter().map(|observable| observable.id.clone()).collect();
    assert_eq!(ids, observables);
    let ids: BTreeSet<_> = found.value.indicators.iter().map(|indicator| indicator.id.clone()).collect();
    assert_eq!(ids, stix.iter().map(|indicator| text(indicator, "id")).collect());

    // What surrounds them.
    let relationships = objects("relationships");
    let observables: Vec<String> = observables.into_iter().collect();
    let expected = |kind: &str| -> BTreeSet<(String, String)> {
        relationships
            .iter()
            .filter(|relation| relation["relationship_type"] == kind)
            .filter(|relation| kind == "indicates" || observables.contains(&text(relation, "toId")))
            .map(|relation| (text(relation, "fromId"), text(relation, "toId")))
            .collect()
    };
    let context = client.observable_context(&observables).await.unwrap();
    let based_on = |list: &[opencti_client::BasedOn]| -> BTreeSet<(String, String)> {
        list.iter().map(|found| (found.indicator.id.clone(), found.observable_id.clone())).collect()
    };
    assert_eq!(based_on(&context.value.based_on), expected("based-on"));
    assert!(!context.value.based_on.is_empty());
    let related: BTreeSet<_> = context
        .value
        .related
        .iter()
        .filter(|related| related.relationship_type == "resolves-to")
        .map(|related| (related.from_id.clone(), related.to_id.clone()))
        .collect();
    assert_eq!(related, expected("resolves-to"));
    assert!(!related.is_empty());
    assert!(context.value.related.iter().all(|related| related.other.value.is_some()));
    assert_eq!(based_on(&client.based_on(&observables).await.unwrap().value), expected("based-on"));

    let indicators: Vec<String> =
        objects("indicators").iter().map(|indicator| text(indicator, "id")).collect();
    let threats = client.threat_context(&indicators).await.unwrap().value;
    let indicates: BTreeSet<_> =
        threats.indicates.iter().map(|found| (found.indicator_id.clone(), found.target.id.clone())).collect();
    assert_eq!(indicates, expected("indicates"));
    let one = objects("reports").into_iter().find(|report| report["object_ids"].is_array()).unwrap();
    let indicator = one["object_ids"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .find(|id| indicators.iter().any(|indicator| indicator == id))
        .unwrap();
    let reports = client.threat_context(&[indicator.to_owned()]).await.unwrap().value.reports;
    assert!(reports.iter().any(|report| report.id == text(&one, "id")));
    assert!(reports.iter().all(|report| report.object_ids == [indicator]));

    // What is not there, and words that are commands.
    let mut nothing = Terms::new();
    nothing
        .value("EXISTS")
        .value("nothing.invalid")
        .file_name("EXISTS")
        .pattern(&pattern::comparison("url:value", "'"));
    let found = client.look_up(&nothing).await.unwrap();
    assert!(found.value.observables.is_empty() && found.value.indicators.is_empty(), "{found:?}");
}

#[tokio::test]
async fn the_stand_in_fails_on_demand() {
    let Some(data) = data() else { return };
    let Some(server) = StandIn::start(&data) else { return };
    let switch = post(&server.url);
    for (kind, times, label) in [
        ("http500", 9, Some("http_status")),
        ("http502", 1, None),
        ("html", 9, Some("html")),
        ("garbage", 9, Some("not_json")),
        ("close", 9, Some("send")),
        ("errors", 9, Some("database")),
        ("errors", 2, None),
    ] {
        switch("/_control/fault", &json!({"kind": kind, "times": times})).await;
        let result = server.client().look_up(&two_sides()).await;
        assert_eq!(result.as_ref().err().map(Error::label), label, "{kind}: {result:?}");
        switch("/_control/fault", &json!({"kind": "none"})).await;
    }
    switch("/_control/fault", &json!({"kind": "partial", "times": 9})).await;
    let answer = server.client().look_up(&two_sides()).await.unwrap();
    assert_eq!(answer.problems[0].field.as_deref(), Some("stixCyberObservables"));
    switch("/_control/reset", &json!({})).await;
    let error = client(&server.url, "wrong").look_up(&two_sides()).await.unwrap_err();
    assert!(error.is_auth(), "{error:?}");
}

/// Posts JSON to the stand-in's switches.
fn post(url: &str) -> impl AsyncFn(&str, &Value) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = url.trim_start_matches("http://").to_owned();
    async move |path: &str, body: &Value| {
        let body = body.to_string();
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
