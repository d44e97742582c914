//! The one place that talks to the network.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use rustls::{AlertDescription, CertificateError, InvalidMessage};
use tokio::sync::Semaphore;
use url::Url;

use crate::answer::{Answer, Problem};
use crate::decode::first_problem;
use crate::endpoint::{Endpoint, authority};
use crate::error::{ConnectReason, Error, TimeoutPhase, TlsReason};
use crate::request::Request;
use crate::retry;
use crate::text;
use crate::token::Token;

/// Largest answer read, in bytes.
pub(crate) const MAX_ANSWER: usize = 32 << 20;
/// How much of the body of an HTTP error is read.
pub(crate) const MAX_ERROR_BODY: usize = 64 << 10;

/// Sends requests and retries them.
pub(crate) struct Sender {
    pub(crate) http: reqwest::Client,
    pub(crate) endpoint: Endpoint,
    pub(crate) token: Token,
    pub(crate) header: HeaderValue,
    pub(crate) permits: Semaphore,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) backoff: Duration,
}

impl Sender {
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a request until it is answered, cannot succeed, or has had its attempts.
    pub(crate) async fn send<T>(
        &self,
        request: &Request<T>,
        deadline: Option<Instant>,
    ) -> Result<Answer<T>, Error> {
        let operation = request.operation();
        // A partial answer is better than a later failure, and a failure tells more than that time is over.
        let mut before: Option<Result<Answer<T>, Error>> = None;
        let mut attempt = 1;
        loop {
            let result = self.attempt(request, attempt, deadline).await;
            let (retryable, retry_after) = match &result {
                Ok(answer) => (answer.problems.iter().any(|problem| problem.code.is_retryable()), None),
                Err(error) => (error.is_retryable(), error.retry_after()),
            };
            let pause = if retryable && attempt <= self.retries {
                retry::pause(self.backoff, attempt, retry_after).filter(|pause| {
                    deadline.is_none_or(|deadline| {
                        Instant::now().checked_add(*pause).is_some_and(|end| end < deadline)
                    })
                })
            } else {
                None
            };
            let Some(pause) = pause else {
                return match (result, before) {
                    (Err(_), Some(Ok(partial))) => Ok(partial),
                    (Err(Error::Deadline { .. }), Some(Err(error))) => Err(error),
                    (result, _) => result,
                };
            };
            if result.is_ok() || !matches!(before, Some(Ok(_))) {
                before = Some(result);
            }
            tracing::debug!(operation, attempt, pause_ms = millis(pause), "request will be repeated");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// Sends a request once.
    async fn attempt<T>(
        &self,
        request: &Request<T>,
        attempt: u32,
        deadline: Option<Instant>,
    ) -> Result<Answer<T>, Error> {
        let operation = request.operation();
        let start = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= start) {
            return Err(Error::Deadline { operation });
        }
        let permit = by(deadline, self.permits.acquire()).await.ok_or(Error::Deadline { operation })?;
        // The earlier of the two limits; which one it was makes the error.
        let start = Instant::now();
        let timeout = start.checked_add(self.timeout);
        let is_deadline = deadline.is_some_and(|deadline| timeout.is_none_or(|timeout| deadline < timeout));
        let limit = if is_deadline { deadline } else { timeout };
        let exchanged = by(limit, self.exchange(operation, request.bytes())).await;
        let (status, result) = exchanged.unwrap_or_else(|| {
            let error = if is_deadline {
                Error::Deadline { operation }
            } else {
                Error::Timeout { operation, phase: TimeoutPhase::Answer, after: self.timeout }
            };
            (None, Err(error))
        });
        drop(permit);
        let bytes = result.as_ref().map_or(0, Bytes::len);
        let result = match result.and_then(|body| request.decode(&body)) {
            Ok(mut answer) => {
                self.redact_problems(&mut answer.problems);
                Ok(answer)
            }
            Err(error) => Err(self.redact(error)),
        };
        tracing::debug!(
            operation,
            attempt,
            status = status.map(|status| status.as_u16()),
            elapsed_ms = millis(start.elapsed()),
            sent_bytes = request.body().len(),
            received_bytes = bytes,
            problems = result.as_ref().map_or(0, |answer| answer.problems.len()),
            error = result.as_ref().err().map(Error::label),
            "request done"
        );
        result
    }

    /// Sends the body and reads that of an answer with status 200.
    async fn exchange(
        &self,
        operation: &'static str,
        body: Bytes,
    ) -> (Option<StatusCode>, Result<Bytes, Error>) {
        let sent = self
            .http
            .post(self.endpoint.url().clone())
            .header(AUTHORIZATION, self.header.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .body(body)
            .send()
            .await;
        match sent {
            Ok(response) => {
                let status = response.status();
                (Some(status), self.receive(operation, response).await)
            }
            Err(error) => (None, Err(self.send_error(operation, error.without_url()))),
        }
    }

    async fn receive(&self, operation: &'static str, mut response: Response) -> Result<Bytes, Error> {
        let status = response.status();
        if status.is_redirection() {
            let target = redirect_target(self.endpoint.url(), response.headers());
            return Err(Error::Redirect { operation, status: status.as_u16(), target });
        }
        if status != StatusCode::OK {
            let retry_after = header(response.headers(), &RETRY_AFTER)
                .and_then(|value| retry::retry_after(value, SystemTime::now()));
            // The status tells enough, so a body that breaks off is used as far as it came.
            let body = read_some(&mut response, MAX_ERROR_BODY).await;
            let problem = first_problem(&body);
            return Err(Error::Status {
                operation,
                status: status.as_u16(),
                retry_after,
                excerpt: problem
                    .as_ref()
                    .map_or_else(|| text::excerpt(&body), |problem| problem.message.clone()),
                code: problem.map(|problem| problem.code),
            });
        }
        let content_type = header(response.headers(), &CONTENT_TYPE).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !matches!(media_type.as_str(), "application/json" | "application/graphql-response+json") {
            let content_type = text::clean(content_type, 60);
            let body = read_some(&mut response, MAX_ERROR_BODY).await;
            let excerpt = text::excerpt(&body);
            return Err(if matches!(media_type.as_str(), "text/html" | "application/xhtml+xml") {
                Error::Html { operation, excerpt }
            } else {
                Error::ContentType { operation, content_type, excerpt }
            });
        }
        if response.content_length().is_some_and(|length| length > MAX_ANSWER as u64) {
            return Err(Error::TooLarge { operation, limit: MAX_ANSWER });
        }
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER => {
                    return Err(Error::TooLarge { operation, limit: MAX_ANSWER });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body.freeze()),
                Err(error) => {
                    return Err(Error::CutOff {
                        operation,
                        received: body.len() as u64,
                        source: error.without_url(),
                    });
                }
            }
        }
    }

    pub(crate) fn send_error(&self, operation: &'static str, source: reqwest::Error) -> Error {
        if source.is_timeout() && source.is_connect() {
            return Error::Timeout { operation, phase: TimeoutPhase::Connect, after: self.connect_timeout };
        }
        match connect_reason(&source) {
            Some(reason) => Error::Connect { address: self.endpoint.authority(), reason, source },
            None => Error::Send { operation, source },
        }
    }

    /// Takes the token out of texts that came from the other side.
    fn redact(&self, mut error: Error) -> Error {
        match &mut error {
            Error::Status { excerpt, .. } | Error::Html { excerpt, .. } => {
                *excerpt = self.token.redact(excerpt);
            }
            Error::ContentType { content_type, excerpt, .. } => {
                *content_type = self.token.redact(content_type);
                *excerpt = self.token.redact(excerpt);
            }
            Error::Redirect { target: text, .. } | Error::Shape { reason: text, .. } => {
                *text = self.token.redact(text);
            }
            Error::GraphQl { message, problems, .. } => {
                *message = self.token.redact(message);
                self.redact_problems(problems);
            }
            _ => {}
        }
        error
    }

    fn redact_problems(&self, problems: &mut [Problem]) {
        for problem in problems {
            problem.message = self.token.redact(&problem.message);
        }
    }
}

/// What a future gives, or `None` when it takes longer than the limit.
async fn by<F: Future>(limit: Option<Instant>, future: F) -> Option<F::Output> {
    match limit {
        Some(limit) => tokio::time::timeout_at(limit.into(), future).await.ok(),
        None => Some(future.await),
    }
}

/// Scheme and host that a redirection leads to.
pub(crate) fn redirect_target(from: &Url, headers: &HeaderMap) -> String {
    header(headers, &LOCATION).and_then(|location| from.join(location).ok()).map_or_else(
        || "an unreadable address".to_owned(),
        |url| format!("{}://{}", url.scheme(), authority(&url)),
    )
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The start of a body, as far as it comes.
pub(crate) async fn read_some(response: &mut Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == limit {
            break;
        }
    }
    body
}

/// Why no connection came about; `None` when one did.
fn connect_reason(error: &reqwest::Error) -> Option<ConnectReason> {
    if let Some(error) = find::<rustls::Error>(error) {
        return Some(ConnectReason::Tls(tls_reason(error)));
    }
    if !error.is_connect() {
        return None;
    }
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = source {
        // hyper-util keeps the types of these two to itself.
        let message = error.to_string();
        if message == "dns error" {
            return Some(ConnectReason::Dns);
        }
        if message.contains("tunnel") {
            return Some(ConnectReason::Proxy);
        }
        source = error.source();
    }
    let kind = find::<io::Error>(error).map(io::Error::kind);
    Some(match kind {
        Some(io::ErrorKind::ConnectionRefused) => ConnectReason::Refused,
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
            ConnectReason::Unreachable
        }
        _ => ConnectReason::Other,
    })
}

fn tls_reason(error: &rustls::Error) -> TlsReason {
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => TlsReason::UnknownAuthority,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsReason::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsReason::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsReason::NameMismatch
            }
            CertificateError::Revoked => TlsReason::Revoked,
            // rustls keeps webpki's error in a box of an unnamed type.
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                TlsReason::MarkedAsAuthority
            }
            other => TlsReason::Other(text::clean(&other.to_string(), 200)),
        },
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::AccessDenied,
        ) => TlsReason::ClientCertificate,
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsReason::NotTls,
        other => TlsReason::Other(text::clean(&other.to_string(), 200)),
    }
}

/// The first error of a type in a chain. `io::Error` hides what it wraps from `source`.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            // An I/O error that wraps another error is only its envelope.
            let envelope = error.downcast_ref::<io::Error>().is_some_and(|error| error.get_ref().is_some());
            if !envelope {
                return Some(found);
            }
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
