//! Requests: written and read without any network.

use std::collections::BTreeSet;

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
const RELATIONS: &[&str] = &[
    "resolves-to",
    "related-to",
    "communicates-with",
    "belongs-to",
    "contains",
    "downloads",
    "drops",
    "uses",
];

/// The observable types whose relations are asked for, as OpenCTI spells them.
const OBSERVABLE_TYPES: &[&str] = &[
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
    decode: Box<dyn Fn(&[u8]) -> Result<Answer<T>, Error> + Send + Sync>,
}

impl<T> Request<T> {
    fn new<Q>(
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
