//! The client: what callers ask, in requests that are sent and merged.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::try_join_all;
use tokio::sync::Semaphore;

use crate::answer::{Answer, ErrorCode, Problem};
use crate::endpoint::Endpoint;
use crate::error::{ConfigError, Error};
use crate::export::{ObjectId, Pages, Relation, ReportObject, StreamCollection};
use crate::model::{
    BasedOn, Indicator, Lookup, Observable, ObservableContext, Report, SelfCheck, ThreatContext,
};
use crate::request::Request;
use crate::send::Sender;
use crate::stream::{CollectionId, StreamBuilder};
use crate::terms::Terms;
use crate::tls;
use crate::token::Token;

/// Objects to a page of an export, unless the caller says otherwise.
const PAGE: usize = 1000;
/// Ids to a page, unless the caller says otherwise: the most OpenCTI sends.
const ID_PAGE: usize = 5000;

/// Asks OpenCTI. Cheap to clone; clones share connections.
///
/// Runs on any tokio runtime with I/O and time enabled, a current-thread one included. A host name is resolved by the
/// system on tokio's blocking pool, which cannot be interrupted: a program that must end by its deadline should end the
/// runtime with `shutdown_background`.
///
/// ```no_run
/// use std::time::{Duration, Instant, SystemTime};
///
/// use opencti_client::{Client, Endpoint, Terms, Token};
///
/// # async fn example() -> Result<(), opencti_client::Error> {
/// let endpoint = Endpoint::parse("https://opencti.example.org")?;
/// let client = Client::builder(endpoint, Token::from_env("OPENCTI_TOKEN")?).build()?;
///
/// let mut terms = Terms::new();
/// terms.value("evil.example.org");
/// let answer = client.until(Instant::now() + Duration::from_secs(5)).look_up(&terms).await?;
/// for observable in &answer.value.observables {
///     let value = observable.value.as_deref().unwrap_or_default();
///     println!("{value}: {}", client.endpoint().observable_link(&observable.id));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    sender: Arc<Sender>,
    deadline: Option<Instant>,
}

impl Client {
    /// Starts to set up a client.
    pub fn builder(endpoint: Endpoint, token: Token) -> ClientBuilder {
        ClientBuilder::new(endpoint, token)
    }

    /// A clone whose every call, retries and pauses included, ends by `deadline`, or by an earlier one that this client
    /// has.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        let deadline = self.deadline.map_or(deadline, |earlier| earlier.min(deadline));
        Self { sender: Arc::clone(&self.sender), deadline: Some(deadline) }
    }

    /// The platform.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.sender.endpoint()
    }

    /// Looks up observables and indicators. Without terms nothing is asked and nothing found.
    ///
    /// # Errors
    ///
    /// When one of the requests fails; a partial answer comes with [`problems`](Answer::problems) instead.
    pub async fn look_up(&self, terms: &Terms) -> Result<Answer<Lookup>, Error> {
        let mut answer = self.send_all(&Request::look_up(terms)?, merge_lookups).await?;
        // One object may be found by terms of several requests, and in one answer by several terms only once.
        let mut seen = HashSet::new();
        answer.value.observables.retain(|observable| seen.insert(observable.id.clone()));
        seen.clear();
        answer.value.indicators.retain(|indicator| seen.insert(indicator.id.clone()));
        Ok(answer)
    }

    /// Fetches what surrounds observables: indicators based on them, and related observables.
    ///
    /// # Errors
    ///
    /// As for [`look_up`](Self::look_up).
    pub async fn observable_context(
        &self,
        observable_ids: &[String],
    ) -> Result<Answer<ObservableContext>, Error> {
        let requests = Request::observable_context(observable_ids)?;
        let mut answer = self.send_all(&requests, merge_observable_contexts).await?;
        // A relation between observables of two requests is in both answers, each time with the other end as `other`.
        let mut seen = HashSet::new();
        answer.value.related.retain(|related| {
            seen.insert((related.from_id.clone(), related.to_id.clone(), related.relationship_type.clone()))
        });
        Ok(answer)
    }

    /// Fetches just the indicators based on observables. More than 1,000 for 100 observables are cut, with a
    /// [`Problem`] of the code `TRUNCATED`.
    ///
    /// # Errors
    ///
    /// As for [`look_up`](Self::look_up).
    pub async fn based_on(&self, observable_ids: &[String]) -> Result<Answer<Vec<BasedOn>>, Error> {
        let requests = Request::based_on(observable_ids)?;
        let Answer { value, mut problems } = self.send_all(&requests, merge_observable_contexts).await?;
        if value.truncated {
            problems.push(Problem {
                code: ErrorCode::Other("TRUNCATED".to_owned()),
                message: "there are more indicators than were asked for".to_owned(),
                field: Some("stixCoreRelationships".to_owned()),
            });
        }
        Ok(Answer { value: value.based_on, problems })
    }

    /// Fetches what stands behind indicators: malware, groups, campaigns, techniques, tools, and reports.
    ///
    /// # Errors
    ///
    /// As for [`look_up`](Self::look_up).
    pub async fn threat_context(&self, indicator_ids: &[String]) -> Result<Answer<ThreatContext>, Error> {
        let mut answer =
            self.send_all(&Request::threat_context(indicator_ids)?, merge_threat_contexts).await?;
        merge_reports(&mut answer.value);
        Ok(answer)
    }

    /// Asks for the platform's version and the token's user.
    ///
    /// # Errors
    ///
    /// As for [`look_up`](Self::look_up).
    pub async fn self_check(&self) -> Result<Answer<SelfCheck>, Error> {
        self.send(&Request::self_check()?).await
    }

    /// Lists the live streams of the platform, up to 1,000.
    ///
    /// # Errors
    ///
    /// As for [`look_up`](Self::look_up).
    pub async fn stream_collections(&self) -> Result<Answer<Vec<StreamCollection>>, Error> {
        self.send(&Request::stream_collections()?).await
    }

    /// Reads all indicators, or those that changed at or after a time by the platform's clock. Give a time a minute
    /// before the last reading, so that clocks that differ lose nothing.
    ///
    /// What changes an indicator: its attributes, labels and markings; not a new relation of it, and not its deletion,
    /// which shows only in [`export_indicator_ids`](Self::export_indicator_ids).
    #[must_use]
    pub fn export_indicators(&self, since: Option<SystemTime>) -> Pages<Indicator> {
        Pages::new(self.clone(), Request::<crate::Page<Indicator>>::export, since, PAGE)
    }

    /// As [`export_indicators`](Self::export_indicators), all observables.
    #[must_use]
    pub fn export_observables(&self, since: Option<SystemTime>) -> Pages<Observable> {
        Pages::new(self.clone(), Request::<crate::Page<Observable>>::export, since, PAGE)
    }

    /// As [`export_indicators`](Self::export_indicators), the relations that look-ups ask for: from indicators to the
    /// observables they are based on and the threats they indicate, and from observables to others. Of the same types
    /// are some that lead elsewhere, which [`Relation::to_type`] tells.
    #[must_use]
    pub fn export_relations(&self, since: Option<SystemTime>) -> Pages<Relation> {
        Pages::new(self.clone(), Request::<crate::Page<Relation>>::export, since, PAGE)
    }

    /// As [`export_indicators`](Self::export_indicators), all reports, without external references and contents, which
    /// cost searches of their own for each report: see [`export_report_objects`](Self::export_report_objects).
    #[must_use]
    pub fn export_reports(&self, since: Option<SystemTime>) -> Pages<Report> {
        Pages::new(self.clone(), Request::<crate::Page<Report>>::export, since, PAGE)
    }

    /// Reads which reports contain which indicators, the oldest containment first.
    #[must_use]
    pub fn export_report_objects(&self) -> Pages<ReportObject> {
        Pages::new(self.clone(), Request::<crate::Page<ReportObject>>::export, None, PAGE)
    }

    /// Reads the ids of all indicators: those that a copy has beside them are gone.
    #[must_use]
    pub fn export_indicator_ids(&self) -> Pages<ObjectId> {
        Pages::new(self.clone(), Request::indicator_ids, None, ID_PAGE)
    }

    /// As [`export_indicator_ids`](Self::export_indicator_ids), of observables.
    #[must_use]
    pub fn export_observable_ids(&self) -> Pages<ObjectId> {
        Pages::new(self.clone(), Request::observable_ids, None, ID_PAGE)
    }

    /// As [`export_indicator_ids`](Self::export_indicator_ids), of the relations that
    /// [`export_relations`](Self::export_relations) reads.
    #[must_use]
    pub fn export_relation_ids(&self) -> Pages<ObjectId> {
        Pages::new(self.clone(), Request::relation_ids, None, ID_PAGE)
    }

    /// Reads a live stream of the platform: set up by what this gives.
    pub fn stream(&self, collection: &CollectionId) -> StreamBuilder {
        StreamBuilder::new(Arc::clone(&self.sender), collection.clone())
    }

    /// Sends one request, and again as far as retries and deadline allow.
    ///
    /// # Errors
    ///
    /// When OpenCTI cannot be asked or does not answer any part of the request.
    pub async fn send<T>(&self, request: &Request<T>) -> Result<Answer<T>, Error> {
        self.sender.send(request, self.deadline).await
    }

    /// Sends requests side by side, as many at once as there may be connections, and merges their answers in order.
    async fn send_all<T: Default>(
        &self,
        requests: &[Request<T>],
        merge: fn(&mut T, T),
    ) -> Result<Answer<T>, Error> {
        let answers = try_join_all(requests.iter().map(|request| self.send(request))).await?;
        let mut merged = Answer { value: T::default(), problems: Vec::new() };
        for answer in answers {
            merge(&mut merged.value, answer.value);
            for problem in answer.problems {
                if !merged.problems.contains(&problem) {
                    merged.problems.push(problem);
                }
            }
        }
        Ok(merged)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", self.endpoint()).finish_non_exhaustive()
    }
}

fn merge_lookups(into: &mut Lookup, from: Lookup) {
    into.observables.extend(from.observables);
    into.indicators.extend(from.indicators);
    into.truncated |= from.truncated;
}

fn merge_observable_contexts(into: &mut ObservableContext, from: ObservableContext) {
    into.based_on.extend(from.based_on);
    into.related.extend(from.related);
    into.truncated |= from.truncated;
}

fn merge_threat_contexts(into: &mut ThreatContext, from: ThreatContext) {
    into.indicates.extend(from.indicates);
    into.reports.extend(from.reports);
    into.truncated |= from.truncated;
}

/// A report may contain indicators of several requests: it is kept once, with all of them.
fn merge_reports(context: &mut ThreatContext) {
    let mut merged: Vec<Report> = Vec::with_capacity(context.reports.len());
    let mut places = HashMap::new();
    for report in context.reports.drain(..) {
        match places.get(&report.id) {
            Some(&place) => {
                let known: &mut Report = &mut merged[place];
                for id in report.object_ids {
                    if !known.object_ids.contains(&id) {
                        known.object_ids.push(id);
                    }
                }
            }
            None => {
                places.insert(report.id.clone(), merged.len());
                merged.push(report);
            }
        }
    }
    merged.sort_by(|a, b| b.published.cmp(&a.published));
    context.reports = merged;
}

/// Sets up a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    endpoint: Endpoint,
    token: Token,
    connect_timeout: Duration,
    timeout: Duration,
    retries: u32,
    backoff: Duration,
    max_connections: usize,
    ca_file: Option<PathBuf>,
    /// Certificate chain and key.
    identity: Option<(PathBuf, PathBuf)>,
    proxy: Option<String>,
    no_proxy: Vec<String>,
    system_proxy: bool,
    user_agent: String,
    deadline: Option<Instant>,
}

impl ClientBuilder {
    /// With the defaults that each method names.
    pub fn new(endpoint: Endpoint, token: Token) -> Self {
        Self {
            endpoint,
            token,
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(8),
            retries: 2,
            backoff: Duration::from_millis(150),
            max_connections: 10,
            ca_file: None,
            identity: None,
            proxy: None,
            no_proxy: Vec::new(),
            system_proxy: false,
            user_agent: concat!("opencti-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            deadline: None,
        }
    }

    /// Time to connect, TLS included. 2 s unless set.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Time for one attempt, from connecting to the end of the answer. 8 s unless set.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How often a request that failed is sent again, at most. 2 unless set. Only failures that may pass are retried.
    pub fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Pause before the first retry, give or take half of it; doubles each time. 150 ms unless set.
    pub fn backoff(self, backoff: Duration) -> Self {
        Self { backoff, ..self }
    }

    /// Requests under way at once, at most, over all clones. 10 unless set; 0 is taken for 1.
    pub fn max_connections(self, max_connections: usize) -> Self {
        Self { max_connections, ..self }
    }

    /// PEM file with the certificate authorities to trust instead of the system's.
    pub fn ca_file(self, path: impl Into<PathBuf>) -> Self {
        Self { ca_file: Some(path.into()), ..self }
    }

    /// PEM files with the client's certificate chain and its key.
    pub fn client_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { identity: Some((certificate.into(), key.into())), ..self }
    }

    /// URL of the HTTP proxy to go through. None unless set; the environment is not asked.
    pub fn proxy(self, url: impl Into<String>) -> Self {
        Self { proxy: Some(url.into()), ..self }
    }

    /// Hosts to reach without the proxy: names with their subdomains, addresses, networks in CIDR form, `*`.
    pub fn no_proxy(self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { no_proxy: hosts.into_iter().map(Into::into).collect(), ..self }
    }

    /// Whether to take the proxy from the environment (`HTTPS_PROXY`, `NO_PROXY`, …) when none is set here. `false`
    /// unless set.
    pub fn system_proxy(self, system_proxy: bool) -> Self {
        Self { system_proxy, ..self }
    }

    /// The `User-Agent` to send. `opencti-client/VERSION` unless set.
    pub fn user_agent(self, user_agent: impl Into<String>) -> Self {
        Self { user_agent: user_agent.into(), ..self }
    }

    /// As [`Client::until`], for the client itself.
    pub fn deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Sets the client up. Nothing is sent. For `http://` no certificate is read; for `https://` the system's
    /// authorities are read at the first connection, and files named here at once.
    ///
    /// # Errors
    ///
    /// When a file cannot be used, or proxy or user agent are malformed.
    pub fn build(self) -> Result<Client, Error> {
        let header = self.token.header()?;
        let files = tls::Files {
            ca: self.ca_file.as_deref(),
            identity: self.identity.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path())),
        };
        let proxied_by_tls = self.system_proxy || self.proxy.as_deref().is_some_and(is_https);
        let config = tls::config(files, self.endpoint.is_https() || proxied_by_tls)?;
        let connections = self.max_connections.max(1);
        let user_agent =
            reqwest::header::HeaderValue::from_str(&self.user_agent).map_err(|_| ConfigError::UserAgent)?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .http1_only()
            .connect_timeout(self.connect_timeout)
            // OpenCTI closes idle connections after 5 s; one that is being closed must not be used again.
            .pool_idle_timeout(Duration::from_secs(4))
            .pool_max_idle_per_host(connections)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(user_agent);
        // reqwest takes `*` for all names, but not for addresses.
        let excepted = self.no_proxy.iter().any(|host| host.trim() == "*");
        match &self.proxy {
            Some(url) => {
                let proxy = reqwest::Proxy::all(url.as_str()).map_err(ConfigError::Proxy)?;
                let proxy = proxy.no_proxy(reqwest::NoProxy::from_string(&self.no_proxy.join(",")));
                http = if excepted { http.no_proxy() } else { http.proxy(proxy) };
            }
            None if self.system_proxy => {}
            None => http = http.no_proxy(),
        }
        let http = http.build().map_err(ConfigError::Http)?;
        let sender = Sender {
            http,
            endpoint: self.endpoint,
            token: self.token,
            header,
            permits: Semaphore::new(connections.min(Semaphore::MAX_PERMITS)),
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            retries: self.retries,
            backoff: self.backoff,
        };
        Ok(Client { sender: Arc::new(sender), deadline: self.deadline })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address of a proxy may hold a password.
        f.debug_struct("ClientBuilder").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

fn is_https(url: &str) -> bool {
    url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}
