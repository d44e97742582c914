//! What can go wrong, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::answer::{ErrorCode, Problem};

/// A mistake in what the client was given: address, token, certificates, proxy. Asking again does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address of the platform.
    #[error("the address of OpenCTI cannot be used: {reason}")]
    Endpoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The token, or what should have held it.
    #[error("{what} holds no usable API token: {reason}")]
    Token {
        /// Where the token came from.
        what: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file of the token.
    #[error("cannot read the API token from {}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The environment variable of the token.
    #[error("the environment variable {name}, which should hold the API token, is not set")]
    TokenEnv {
        /// The variable.
        name: String,
    },
    /// The systemd credential of the token.
    #[error("cannot take the API token from the service credential {name:?}: {reason}")]
    Credential {
        /// Name of the credential.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A file with a certificate or a key.
    #[error("cannot use {what} in {}", path.display())]
    Pem {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The proxy.
    #[error("the address of the proxy cannot be used")]
    Proxy(#[source] reqwest::Error),
    /// The id of a live stream.
    #[error(
        "the id of the live stream cannot be used: it should be the UUID that OpenCTI shows, and not an address"
    )]
    Collection,
    /// The user agent.
    #[error("the user agent holds characters that no HTTP header can carry")]
    UserAgent,
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client")]
    Http(#[source] reqwest::Error),
}

/// A text that cannot be sought as a phrase: see [`Filter::wildcard`](crate::Filter::wildcard).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a phrase may hold only A-Z a-z 0-9 . _ : - and needs a letter or digit")]
pub struct NotAPhrase;

/// Why no connection came about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectReason {
    /// The name has no address, or the name servers do not answer.
    Dns,
    /// Nothing listens there.
    Refused,
    /// There is no route there.
    Unreachable,
    /// The proxy did not connect us.
    Proxy,
    /// TLS failed.
    Tls(TlsReason),
    /// Anything else; the source says what.
    Other,
}

/// Why TLS failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsReason {
    /// The server's certificate comes from an authority that is not trusted here.
    UnknownAuthority,
    /// The server's certificate has expired.
    Expired,
    /// The server's certificate is not valid yet; perhaps the clock here is slow.
    NotYetValid,
    /// The server's certificate is for other names.
    NameMismatch,
    /// The server's certificate has been revoked.
    Revoked,
    /// The server's own certificate is marked as a certificate authority, as `openssl req -x509` does.
    MarkedAsAuthority,
    /// The server wants a client certificate, or another one.
    ClientCertificate,
    /// The server does not speak TLS; perhaps the address should start with `http://`.
    NotTls,
    /// Anything else.
    Other(String),
}

/// Which time limit was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// To connect.
    Connect,
    /// From sending the request to the end of the answer.
    Answer,
}

/// Why OpenCTI could not be asked, or did not answer. Never means that nothing was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client was given something unusable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No connection.
    #[error("cannot connect to OpenCTI at {address}: {reason}")]
    Connect {
        /// Host and port.
        address: String,
        /// Why not.
        reason: ConnectReason,
        /// The error below.
        source: reqwest::Error,
    },
    /// Too slow.
    #[error("{operation}: OpenCTI did not {phase} within {} ms", after.as_millis())]
    Timeout {
        /// The operation.
        operation: &'static str,
        /// What took too long.
        phase: TimeoutPhase,
        /// The limit.
        after: Duration,
    },
    /// The caller's deadline came first.
    #[error("{operation}: the time for this request was over before OpenCTI answered")]
    Deadline {
        /// The operation.
        operation: &'static str,
    },
    /// The connection broke before the whole answer was there.
    #[error("{operation}: the connection broke after {received} bytes of the answer")]
    CutOff {
        /// The operation.
        operation: &'static str,
        /// Bytes of the body that had come.
        received: u64,
        /// The error below.
        source: reqwest::Error,
    },
    /// The HTTP client failed in another way.
    #[error("{operation}: the request could not be sent")]
    Send {
        /// The operation.
        operation: &'static str,
        /// The error below.
        source: reqwest::Error,
    },
    /// An HTTP status other than 200.
    #[error("{operation}: HTTP status {status}{}", Excerpt(excerpt))]
    Status {
        /// The operation.
        operation: &'static str,
        /// The status.
        status: u16,
        /// Code of the GraphQL error in the body, where there is one.
        code: Option<ErrorCode>,
        /// The pause the server asked for.
        retry_after: Option<Duration>,
        /// Start of the body as text.
        excerpt: String,
    },
    /// A redirection. The token is not carried there.
    #[error("{operation}: the server redirects (HTTP {status}) to {target}, where the token is not sent")]
    Redirect {
        /// The operation.
        operation: &'static str,
        /// The status.
        status: u16,
        /// Scheme and host of the target.
        target: String,
    },
    /// HTML instead of JSON.
    #[error("{operation}: the answer is an HTML page{}", Excerpt(excerpt))]
    Html {
        /// The operation.
        operation: &'static str,
        /// Start of the page as text.
        excerpt: String,
    },
    /// Another type of content than JSON.
    #[error("{operation}: the answer is {content_type:?} instead of JSON{}", Excerpt(excerpt))]
    ContentType {
        /// The operation.
        operation: &'static str,
        /// What the server calls it.
        content_type: String,
        /// Start of the body as text.
        excerpt: String,
    },
    /// Another type of content than a stream of events.
    #[error("{operation}: the answer is {content_type:?} instead of a stream of events{}", Excerpt(excerpt))]
    NotAStream {
        /// The operation.
        operation: &'static str,
        /// What the server calls it.
        content_type: String,
        /// Start of the body as text.
        excerpt: String,
    },
    /// Called JSON, but it is not.
    #[error("{operation}: the answer is not valid JSON")]
    NotJson {
        /// The operation.
        operation: &'static str,
        /// The error below.
        source: serde_json::Error,
    },
    /// More than the client is ready to hold.
    #[error("{operation}: the answer is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// The operation.
        operation: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// OpenCTI refused the request or failed to answer it.
    #[error("{operation}: OpenCTI answers {code}: {message}")]
    GraphQl {
        /// The operation.
        operation: &'static str,
        /// Code of the gravest problem.
        code: ErrorCode,
        /// Its message.
        message: String,
        /// All problems, at least one.
        problems: Vec<Problem>,
    },
    /// Neither data nor an error.
    #[error("{operation}: the answer holds neither data nor an error for {field}")]
    NoData {
        /// The operation.
        operation: &'static str,
        /// What is missing: `data` or a root field.
        field: &'static str,
    },
    /// The request could not be written.
    #[error("{operation}: the request could not be written")]
    Encode {
        /// The operation.
        operation: &'static str,
        /// The error below.
        source: serde_json::Error,
    },
    /// Data of an unexpected shape.
    #[error("{operation}: the answer has an unexpected shape: {reason}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// What was found where something else was expected.
        reason: String,
    },
}

impl Error {
    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { reason, .. } => !matches!(reason, ConnectReason::Tls(_)),
            Self::Timeout { .. } | Self::CutOff { .. } => true,
            Self::Send { source, .. } => !source.is_builder(),
            Self::Status { status, code, .. } => {
                code.as_ref().is_none_or(ErrorCode::is_retryable) && matches!(status, 408 | 429 | 500..)
            }
            Self::GraphQl { problems, .. } => problems.iter().all(|problem| problem.code.is_retryable()),
            _ => false,
        }
    }

    /// Whether the token is to blame: missing, wrong, expired, or short of rights.
    #[must_use]
    pub fn is_auth(&self) -> bool {
        match self {
            Self::Status { status: 401 | 403, .. } => true,
            Self::Status { code: Some(code), .. } | Self::GraphQl { code, .. } => code.is_auth(),
            Self::Config(error) => matches!(
                error,
                ConfigError::Token { .. }
                    | ConfigError::TokenFile { .. }
                    | ConfigError::TokenEnv { .. }
                    | ConfigError::Credential { .. }
            ),
            _ => false,
        }
    }

    /// A short word from a fixed set, fit as the label of a metric.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Connect { reason, .. } => match reason {
                ConnectReason::Dns => "dns",
                ConnectReason::Refused => "refused",
                ConnectReason::Tls(_) => "tls",
                ConnectReason::Proxy => "proxy",
                ConnectReason::Unreachable | ConnectReason::Other => "connect",
            },
            Self::Timeout { .. } => "timeout",
            Self::Deadline { .. } => "deadline",
            Self::CutOff { .. } => "cut_off",
            Self::Send { .. } => "send",
            Self::Status { .. } => "http_status",
            Self::Redirect { .. } => "redirect",
            Self::Html { .. } => "html",
            Self::ContentType { .. } | Self::NotAStream { .. } => "content_type",
            Self::NotJson { .. } => "not_json",
            Self::TooLarge { .. } => "too_large",
            Self::GraphQl { code, .. } => code.label(),
            Self::NoData { .. } => "no_data",
            Self::Shape { .. } => "shape",
            Self::Encode { .. } => "encode",
        }
    }

    /// The pause the server asked for before the next request.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        const CHECK_URL: &str = "check the address: it should be the one of OpenCTI itself, with its base path, and not \
                                 that of a login page or another program before it";
        match self {
            Self::Config(_) => "correct the configuration",
            Self::Connect { reason, .. } => reason.hint(),
            Self::Timeout { phase: TimeoutPhase::Connect, .. } => {
                "check address, port, firewall and name servers: packets seem to get lost on the way"
            }
            Self::Timeout { .. } => {
                "OpenCTI or its search engine is slow: look at its load, or allow more time"
            }
            Self::Deadline { .. } => "allow more time for the whole run, or look at OpenCTI's load",
            Self::CutOff { .. } | Self::Send { .. } => "look at OpenCTI's log and at the proxy before it",
            Self::Status { status: 401 | 403 | 407, .. } => {
                "a proxy before OpenCTI refuses the request: check token, address and the proxy's rules"
            }
            Self::Status { status: 404 | 405, .. } => CHECK_URL,
            Self::Status { status: 413, .. } => {
                "a proxy before OpenCTI limits the size of requests: raise that limit"
            }
            Self::Status { status: 429, .. } => {
                "OpenCTI or a proxy limits the rate of requests: raise that limit"
            }
            Self::Status { status: 500.., .. } => "look at OpenCTI's log and whether its services are up",
            Self::Status { .. } => "look at OpenCTI's log and at the proxy before it",
            Self::Redirect { .. } => "give the address it redirects to, if that is OpenCTI",
            Self::Html { .. } => {
                "it looks like a login page or the user interface: check the address, with its base path"
            }
            Self::ContentType { .. } | Self::NotAStream { .. } | Self::NotJson { .. } => CHECK_URL,
            Self::TooLarge { .. } => "ask for less at once",
            Self::GraphQl { code, .. } => code.hint(),
            Self::NoData { .. } | Self::Shape { .. } | Self::Encode { .. } => {
                "this version of OpenCTI answers in an unknown way: check that it is 6.0 or later, and report it"
            }
        }
    }
}

impl ConnectReason {
    fn hint(&self) -> &'static str {
        match self {
            Self::Dns => "check the host name in the address, and this machine's name servers",
            Self::Refused => "check address and port, and whether OpenCTI is up",
            Self::Unreachable => "check address, routes and firewall",
            Self::Proxy => "check the proxy's address and rules",
            Self::Tls(TlsReason::UnknownAuthority) => {
                "give the CA certificate of OpenCTI's certificate as CA file"
            }
            Self::Tls(TlsReason::Expired) => "renew OpenCTI's certificate, and check this machine's clock",
            Self::Tls(TlsReason::NotYetValid) => "check the clocks of this machine and of OpenCTI",
            Self::Tls(TlsReason::NameMismatch) => "use the host name that OpenCTI's certificate is for",
            Self::Tls(TlsReason::MarkedAsAuthority) => {
                "make OpenCTI's certificate with basicConstraints=CA:FALSE (openssl req -x509 sets TRUE unless told)"
            }
            Self::Tls(TlsReason::Revoked) => "replace OpenCTI's certificate",
            Self::Tls(TlsReason::ClientCertificate) => {
                "give a client certificate and key that OpenCTI's proxy accepts"
            }
            Self::Tls(TlsReason::NotTls) => {
                "the server does not speak TLS on this port: check port and scheme"
            }
            Self::Tls(TlsReason::Other(_)) => {
                "check what speaks TLS before OpenCTI, and whether it offers TLS 1.2 or 1.3"
            }
            Self::Other => "check address, port and firewall, and whether OpenCTI is up",
        }
    }
}

impl fmt::Display for ConnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns => f.write_str("the name could not be resolved"),
            Self::Refused => f.write_str("connection refused"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Proxy => f.write_str("the proxy did not connect"),
            Self::Tls(reason) => write!(f, "TLS failed, {reason}"),
            Self::Other => f.write_str("the connection failed"),
        }
    }
}

impl fmt::Display for TlsReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownAuthority => "the certificate's authority is not known here",
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate is not valid yet",
            Self::NameMismatch => "the certificate is for another name",
            Self::Revoked => "the certificate has been revoked",
            Self::MarkedAsAuthority => "the server's own certificate is marked as that of an authority",
            Self::ClientCertificate => "the server refuses the client certificate or the lack of one",
            Self::NotTls => "the server does not speak TLS",
            Self::Other(text) => text,
        })
    }
}

impl fmt::Display for TimeoutPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "accept a connection",
            Self::Answer => "answer",
        })
    }
}

/// `: excerpt`, or nothing.
struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

#[cfg(test)]
mod tests;
