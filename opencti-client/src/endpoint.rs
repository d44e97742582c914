//! Where OpenCTI is.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::error::ConfigError;

/// The address of an OpenCTI platform.
///
/// It may be given with or without `/graphql`, with or without a slash at the end, and with the base path under which
/// the platform is served; all links start from the same base.
///
/// ```
/// use opencti_client::Endpoint;
///
/// let endpoint: Endpoint = "https://soc.example.org/opencti/graphql".parse()?;
/// assert_eq!(endpoint.graphql_url(), "https://soc.example.org/opencti/graphql");
/// assert_eq!(
///     endpoint.indicator_link("42"),
///     "https://soc.example.org/opencti/dashboard/observations/indicators/42"
/// );
/// # Ok::<(), opencti_client::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Without a slash at the end, without query and fragment.
    base: String,
    graphql: Url,
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// When it is not an `http` or `https` URL with a host, or holds a user name, a password, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let text = text.trim();
        let refuse = |reason| Err(ConfigError::Endpoint { reason });
        if text.is_empty() {
            return refuse("it is empty");
        }
        if !text.contains("://") {
            return refuse("the scheme is missing, write https://… or http://…");
        }
        let Ok(mut url) = Url::parse(text) else {
            return refuse("it is not a URL");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("the scheme must be https or http");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it must not hold a user name or a password, give the token instead");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("it must not have a query (?…) or a fragment (#…)");
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/graphql").unwrap_or(path).trim_end_matches('/').to_owned();
        url.set_path(&path);
        let base = url.as_str().trim_end_matches('/').to_owned();
        url.set_path(&format!("{path}/graphql"));
        Ok(Self { base, graphql: url })
    }

    /// The address of the platform, with its base path and without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// Where GraphQL requests go.
    #[must_use]
    pub fn graphql_url(&self) -> &str {
        self.graphql.as_str()
    }

    /// The page of an indicator in OpenCTI's dashboard. `id` is the internal id.
    #[must_use]
    pub fn indicator_link(&self, id: &str) -> String {
        self.link("observations/indicators", id)
    }

    /// The page of an observable in OpenCTI's dashboard. `id` is the internal id.
    #[must_use]
    pub fn observable_link(&self, id: &str) -> String {
        self.link("observations/observables", id)
    }

    /// The page of a report in OpenCTI's dashboard. `id` is the internal id.
    #[must_use]
    pub fn report_link(&self, id: &str) -> String {
        self.link("analyses/reports", id)
    }

    fn link(&self, section: &str, id: &str) -> String {
        // An id comes from the platform; whatever it holds, it stays one segment of the path.
        let mut link = format!("{}/dashboard/{section}/", self.base);
        link.extend(url::form_urlencoded::byte_serialize(id.as_bytes()));
        link
    }

    /// Where a live stream is. `collection` is plain text, see `CollectionId`.
    pub(crate) fn stream_url(&self, collection: &str) -> Url {
        let mut url = self.graphql.clone();
        let path = self.graphql.path();
        let base = path.strip_suffix("/graphql").unwrap_or(path);
        url.set_path(&format!("{base}/stream/{collection}"));
        url
    }

    pub(crate) fn url(&self) -> &Url {
        &self.graphql
    }

    pub(crate) fn is_https(&self) -> bool {
        self.graphql.scheme() == "https"
    }

    /// Host and port, for messages.
    pub(crate) fn authority(&self) -> String {
        authority(&self.graphql)
    }

    /// Whether the host is this very machine, by name or by address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.graphql.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

/// Host and, where it is not the scheme's own, port.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl FromStr for Endpoint {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.base).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_it_means_the_same() {
        for (given, graphql) in [
            ("https://o.example", "https://o.example/graphql"),
            ("https://o.example/", "https://o.example/graphql"),
            ("https://o.example/graphql", "https://o.example/graphql"),
            ("https://o.example/graphql/", "https://o.example/graphql"),
            (" https://o.example:8443//\n", "https://o.example:8443/graphql"),
            ("http://[::1]:4000/a/b/", "http://[::1]:4000/a/b/graphql"),
            ("http://[::1]:4000/a/b/graphql", "http://[::1]:4000/a/b/graphql"),
            ("HTTPS://O.Example:443/cti", "https://o.example/cti/graphql"),
        ] {
            let endpoint = Endpoint::parse(given).unwrap();
            assert_eq!(endpoint.graphql_url(), graphql, "{given}");
            assert_eq!(format!("{}/graphql", endpoint.base_url()), graphql, "{given}");
            assert_eq!(endpoint.base_url().parse::<Endpoint>().unwrap(), endpoint, "{given}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_named() {
        for (given, part) in [
            ("", "empty"),
            ("o.example", "scheme is missing"),
            ("o.example:8080/graphql", "scheme is missing"),
            ("ftp://o.example", "https or http"),
            ("https://user@o.example", "user name"),
            ("https://:secret@o.example", "user name"),
            ("https://o.example/?a=b", "query"),
            ("https://o.example/#x", "fragment"),
            ("https://", "not a URL"),
            ("https://o example/", "not a URL"),
        ] {
            let message = Endpoint::parse(given).unwrap_err().to_string();
            assert!(message.contains(part), "{given}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn links_keep_foreign_ids_in_their_place() {
        let endpoint = Endpoint::parse("https://o.example/cti/").unwrap();
        assert_eq!(
            endpoint.observable_link("3f2a"),
            "https://o.example/cti/dashboard/observations/observables/3f2a"
        );
        assert_eq!(
            endpoint.report_link("../x?y#z"),
            "https://o.example/cti/dashboard/analyses/reports/..%2Fx%3Fy%23z"
        );
    }

    #[test]
    fn streams_are_beside_the_api() {
        for (given, stream) in [
            ("https://o.example/", "https://o.example/stream/x"),
            ("https://o.example/cti/graphql", "https://o.example/cti/stream/x"),
            ("https://o.example/graphql/graphql/", "https://o.example/graphql/stream/x"),
        ] {
            assert_eq!(Endpoint::parse(given).unwrap().stream_url("x").as_str(), stream, "{given}");
        }
    }

    #[test]
    fn this_machine_is_recognised() {
        for (given, here) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1", true),
            ("http://[::1]", true),
            ("http://o.example", false),
            ("http://192.0.2.1", false),
        ] {
            assert_eq!(Endpoint::parse(given).unwrap().is_loopback(), here, "{given}");
        }
    }
}
