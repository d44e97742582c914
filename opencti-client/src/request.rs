//! Requests: written and read without any network.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use graphql_client::GraphQLQuery;
use serde::Serialize;

use crate::answer::Answer;
use crate::decode::decode;
use crate::error::Error;
use crate::filter::FilterGroup;
use crate::model::{Lookup, ObservableContext, SelfCheck, ThreatContext};
use crate::operations::{self, Outcome};
use crate::terms::Terms;

/// Objects asked for in one list, at most.
const FIRST: i64 = 1000;
/// Ids in one request, at most. Each may have many relations, and all of them share one list.
const IDS: usize = 100;
/// Reports asked for, for each indicator and for one request, at most.
const REPORTS_EACH: usize = 10;
const REPORTS: usize = 50;

/// Relations between observables that carry over what is known of one to the other.
pub(crate) const RELATIONS: &[&str] = &["resolves-to", "related-to", "communicates-with", "belongs-to"];

/// The observable types whose relations are asked for, as OpenCTI spells them.
pub(crate) const OBSERVABLE_TYPES: &[&str] = &[
    "Artifact",
    "Autonomous-System",
    "Cryptocurrency-Wallet",
    "Directory",
    "Domain-Name",
    "Email-Addr",
    "Hostname",
    "IPv4-Addr",
    "IPv6-Addr",
    "Mac-Addr",
    "Mutex",
    "Network-Traffic",
    "Process",
    "Software",
    "StixFile",
    "Text",
    "Url",
    "User-Account",
    "User-Agent",
    "Windows-Registry-Key",
    "Windows-Registry-Value-Type",
    "X509-Certificate",
];

/// One request and how to read its answer, without any network.
///
/// [`Client`](crate::Client) makes, sends and merges them by itself; they are public for those who send by their own
/// means, store answers, or test.
///
/// ```
/// use opencti_client::Request;
///
/// let request = Request::self_check()?;
/// let answer = request.decode(br#"{"data": {"about": {"version": "6.7.11"}, "me": {"name": "wazuh"}}}"#)?;
/// assert_eq!(answer.value.version.as_deref(), Some("6.7.11"));
/// # Ok::<(), opencti_client::Error>(())
/// ```
pub struct Request<T> {
    operation: &'static str,
    body: Bytes,
    decode: Decode<T>,
}

type Decode<T> = Box<dyn Fn(&[u8]) -> Result<Answer<T>, Error> + Send + Sync>;

impl<T> Request<T> {
    pub(crate) fn new<Q>(
        variables: Q::Variables,
        convert: impl Fn(Q::ResponseData) -> Outcome<T> + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        Q: GraphQLQuery,
        Q::Variables: Serialize,
    {
        let query = Q::build_query(variables);
        let operation = query.operation_name;
        let body = serde_json::to_vec(&query).map_err(|source| Error::Encode { operation, source })?;
        Ok(Self {
            operation,
            body: body.into(),
            decode: Box::new(move |body| decode::<Q::ResponseData, T>(operation, body, &convert)),
        })
    }

    /// Name of the GraphQL operation.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The body to `POST` with `Content-Type: application/json`.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body to send; cheap.
    pub(crate) fn bytes(&self) -> Bytes {
        self.body.clone()
    }

    /// Reads the body of an answer with status 200.
    ///
    /// # Errors
    ///
    /// When it is not such an answer, or OpenCTI reports that it could answer no part of the request.
    pub fn decode(&self, body: &[u8]) -> Result<Answer<T>, Error> {
        (self.decode)(body)
    }
}

impl Request<Lookup> {
    /// The requests that ask for `terms`; none when there are none.
    ///
    /// # Errors
    ///
    /// When a body cannot be written, which does not happen with terms.
    pub fn look_up(terms: &Terms) -> Result<Vec<Self>, Error> {
        terms
            .batches()
            .into_iter()
            .map(|batch| {
                let (observables, indicators) = (batch.observables.is_some(), batch.indicators.is_some());
                let variables = operations::ioc_lookup::Variables {
                    // What is not included is not asked for either, should anything overlook the directive.
                    observables: batch.observables.unwrap_or_else(FilterGroup::nothing),
                    indicators: batch.indicators.unwrap_or_else(FilterGroup::nothing),
                    with_observables: observables,
                    with_indicators: indicators,
                    first: FIRST,
                };
                Self::new::<operations::IocLookup>(variables, move |data| {
                    operations::lookup(data, observables, indicators)
                })
            })
            .collect()
    }
}

impl Request<ObservableContext> {
    /// The requests for what surrounds the observables with these internal ids; none when there are none.
    ///
    /// # Errors
    ///
    /// When a body cannot be written, which does not happen with ids.
    pub fn observable_context(ids: &[String]) -> Result<Vec<Self>, Error> {
        let texts = |texts: &[&str]| Some(texts.iter().map(|text| Some((*text).to_owned())).collect());
        chunks(ids)
            .map(|ids| {
                let variables = operations::observable_context::Variables {
                    ids: optional(&ids),
                    relations: texts(RELATIONS),
                    types: texts(OBSERVABLE_TYPES),
                    first: FIRST,
                };
                let asked: BTreeSet<String> = ids.into_iter().collect();
                Self::new::<operations::ObservableContext>(variables, move |data| {
                    operations::observable_context(data, |id| asked.contains(id))
                })
            })
            .collect()
    }

    /// The requests for just the indicators based on the observables with these internal ids; none when there are
    /// none.
    ///
    /// # Errors
    ///
    /// When a body cannot be written, which does not happen with ids.
    pub fn based_on(ids: &[String]) -> Result<Vec<Self>, Error> {
        chunks(ids)
            .map(|ids| {
                let variables = operations::based_on::Variables { ids: optional(&ids), first: FIRST };
                Self::new::<operations::BasedOn>(variables, operations::based_on)
            })
            .collect()
    }
}

impl Request<ThreatContext> {
    /// The requests for what stands behind the indicators with these internal ids; none when there are none.
    ///
    /// # Errors
    ///
    /// When a body cannot be written, which does not happen with ids.
    pub fn threat_context(ids: &[String]) -> Result<Vec<Self>, Error> {
        chunks(ids)
            .map(|ids| {
                let only = match ids.as_slice() {
                    [id] => Some(id.clone()),
                    _ => None,
                };
                let reports = (ids.len() * REPORTS_EACH).min(REPORTS);
                let variables = operations::threat_context::Variables {
                    containing: FilterGroup::any_of("objects", &ids),
                    asked: FilterGroup::any_of("ids", &ids),
                    // Each report costs searches of its own for this, and with one id the answer is known.
                    several: only.is_none(),
                    ids: optional(&ids),
                    first: FIRST,
                    first_reports: i64::try_from(reports).unwrap_or(FIRST),
                };
                Self::new::<operations::ThreatContext>(variables, move |data| {
                    operations::threat_context(data, only.as_deref())
                })
            })
            .collect()
    }
}

impl Request<SelfCheck> {
    /// The request for the platform's version and the token's user.
    ///
    /// # Errors
    ///
    /// When the body cannot be written, which does not happen.
    pub fn self_check() -> Result<Self, Error> {
        Self::new::<operations::SelfCheck>(operations::self_check::Variables, operations::self_check)
    }
}

/// Ids without repetition, in parts of a size that one request takes. No part is empty: OpenCTI takes an empty list
/// of ids for no condition at all.
fn chunks(ids: &[String]) -> impl Iterator<Item = Vec<String>> {
    let ids: Vec<String> =
        ids.iter().filter(|id| !id.is_empty()).cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let chunks: Vec<Vec<String>> = ids.chunks(IDS).map(<[String]>::to_vec).collect();
    chunks.into_iter()
}

fn optional(ids: &[String]) -> Option<Vec<Option<String>>> {
    Some(ids.iter().cloned().map(Some).collect())
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("operation", &self.operation).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::terms::{HashAlgorithm, ObservableKey};

    fn variables<T>(request: &Request<T>) -> Value {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["operationName"], request.operation());
        let query = body["query"].as_str().unwrap();
        assert!(query.contains(&format!("query {}", request.operation())), "{query}");
        assert_eq!(query.matches("query ").count(), 1, "{query}");
        body["variables"].clone()
    }

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("id-{number:03}")).collect()
    }

    #[test]
    fn look_up() {
        let mut terms = Terms::new();
        terms
            .value("EXISTS")
            .value("Evil.example.org")
            .hash(HashAlgorithm::Sha256, "AB12")
            .file_name("dropper.EXE")
            .registry_key(r"HKEY_LOCAL_MACHINE\Software\Evil")
            .autonomous_system(64_500)
            .observable_key(ObservableKey::MutexName, "Global\\m")
            .pattern("[domain-name:value = 'Evil.example.org']")
            .pattern_phrase("evil.example.org")
            .unwrap();
        let requests = Request::look_up(&terms).unwrap();
        assert_eq!(requests.len(), 1);
        insta::assert_json_snapshot!(variables(&requests[0]));
    }

    #[test]
    fn a_side_without_terms_is_neither_included_nor_empty() {
        let mut terms = Terms::new();
        terms.pattern("[ipv4-addr:value = '192.0.2.7']");
        insta::assert_json_snapshot!(variables(&Request::look_up(&terms).unwrap()[0]));
        assert!(Request::look_up(&Terms::new()).unwrap().is_empty());
    }

    #[test]
    fn observable_context() {
        let requests = Request::observable_context(&ids(2)).unwrap();
        insta::assert_json_snapshot!(variables(&requests[0]));
    }

    #[test]
    fn based_on() {
        insta::assert_json_snapshot!(variables(&Request::based_on(&ids(2)).unwrap()[0]));
    }

    #[test]
    fn threat_context() {
        insta::assert_json_snapshot!(
            "threat_context_one",
            variables(&Request::threat_context(&ids(1)).unwrap()[0])
        );
        insta::assert_json_snapshot!(
            "threat_context_two",
            variables(&Request::threat_context(&ids(2)).unwrap()[0])
        );
    }

    #[test]
    fn self_check() {
        assert_eq!(variables(&Request::self_check().unwrap()), Value::Null);
    }

    #[test]
    fn ids_are_asked_once_each_in_parts_that_are_never_empty() {
        let mut twice = ids(101);
        twice.extend(ids(101));
        twice.push(String::new());
        let asked: Vec<usize> = Request::based_on(&twice)
            .unwrap()
            .iter()
            .map(|request| variables(request)["ids"].as_array().unwrap().len())
            .collect();
        assert_eq!(asked, [100, 1]);
        for none in [vec![], vec![String::new()]] {
            assert!(Request::based_on(&none).unwrap().is_empty());
            assert!(Request::observable_context(&none).unwrap().is_empty());
            assert!(Request::threat_context(&none).unwrap().is_empty());
        }
    }

    #[test]
    fn decay_is_read_and_may_be_missing() {
        let indicator = |id: &str, decay: Value| {
            let mut node = serde_json::json!({"id": id});
            node.as_object_mut().unwrap().extend(decay.as_object().unwrap().clone());
            serde_json::json!({"node": node})
        };
        let decaying = serde_json::json!({
            "decay_base_score": 75,
            "decay_base_score_date": "2026-03-01T00:00:00.000Z",
            "decay_applied_rule": {"decay_lifetime": 47, "decay_pound": 0.55},
        });
        let still = serde_json::json!({
            "decay_base_score": null, "decay_base_score_date": null, "decay_applied_rule": null,
        });
        let edges = [indicator("a", decaying), indicator("b", still), indicator("c", serde_json::json!({}))];
        let answer = serde_json::json!({"data": {"indicators": {"edges": edges}}}).to_string();
        let mut terms = Terms::new();
        terms.pattern("[ipv4-addr:value = '192.0.2.7']");
        let found = Request::look_up(&terms).unwrap()[0].decode(answer.as_bytes()).unwrap().value.indicators;
        assert_eq!(found[0].decay_base_score, Some(75));
        assert_eq!(found[0].decay_base_score_date.as_deref(), Some("2026-03-01T00:00:00.000Z"));
        let rule = crate::model::DecayRule { lifetime: 47, pound: 0.55 };
        assert_eq!(found[0].decay_applied_rule, Some(rule));
        assert_eq!([found[1].decay_applied_rule, found[2].decay_applied_rule], [None, None]);
    }

    #[test]
    fn secrets_and_costly_fields_are_not_asked_for() {
        let bodies = [
            Request::self_check().unwrap().body().to_vec(),
            Request::based_on(&ids(1)).unwrap()[0].body().to_vec(),
            Request::observable_context(&ids(1)).unwrap()[0].body().to_vec(),
            Request::threat_context(&ids(1)).unwrap()[0].body().to_vec(),
        ];
        for body in bodies {
            let body = String::from_utf8(body).unwrap();
            for field in
                ["api_token", "x_opencti_observable_values", "decayLiveDetails", "toStix", "__schema"]
            {
                assert!(!body.contains(field), "{field} in {body}");
            }
        }
    }

    proptest::proptest! {
        /// Whatever comes, it is an answer or an error; and without data it is an error.
        #[test]
        fn any_bytes_are_read(
            body in proptest::prop_oneof![
                r#"\{"(data|errors)":(null|\[\]|\{\}|7|\{"(about|me)":(null|\{\}|\[\]|"x")\}|\[\{"message":"x"\}\])(,"errors":(null|\[\]|\[\{"path":\["me"\]\}\]))?\}?"#,
                r"(?s).{0,40}",
            ]
        ) {
            if Request::self_check().unwrap().decode(body.as_bytes()).is_ok() {
                let raw: Value = serde_json::from_str(&body).unwrap();
                proptest::prop_assert!(raw["data"]["about"].is_object() || raw["data"]["me"].is_object(), "{body}");
            }
        }
    }
}
