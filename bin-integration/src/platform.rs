//! OpenCTI as a run asks it: set up from the configuration, and not before there is something to ask.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use enricher::{Context, Findings, Intel, Lookup, LookupError, Near, OpenCti};
use ioc_extract::Ioc;
use opencti_client::{Client, ClientBuilder, ConfigError, Endpoint};

use crate::config::Config;
use crate::token;

/// The configuration does not say enough to ask OpenCTI.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PlatformError {
    #[error(
        "no address of OpenCTI: give <hook_url> in ossec.conf, or url in [opencti] of etc/custom-opencti.toml"
    )]
    NoAddress,
    #[error(
        "no API token: give <api_key> in ossec.conf (file:PATH keeps it out of sight), or token_file in [opencti] of etc/custom-opencti.toml"
    )]
    NoToken,
    #[error("<hook_url> of ossec.conf or url in [opencti] is wrong")]
    Address(#[source] ConfigError),
    #[error("<api_key> of ossec.conf or the token in [opencti] is wrong")]
    Token(#[source] ConfigError),
}

/// OpenCTI's API. Most alerts have nothing to look up, so the HTTP client is set up at the first question.
pub(crate) struct Platform {
    endpoint: Endpoint,
    builder: ClientBuilder,
    client: OnceLock<OpenCti>,
}

impl Platform {
    /// Reads address and token. Every request ends by `deadline`.
    pub(crate) fn new(
        api_key: &str,
        config: &Config,
        home: &Path,
        deadline: Option<Instant>,
    ) -> Result<Self, PlatformError> {
        let settings = &config.opencti;
        let address = settings.url.as_deref().ok_or(PlatformError::NoAddress)?;
        let endpoint = Endpoint::parse(address).map_err(PlatformError::Address)?;
        let token = token::find(api_key, settings, home).map_err(|error| match error {
            ConfigError::TokenEnv { name } if name == token::DEFAULT_VARIABLE => PlatformError::NoToken,
            error => PlatformError::Token(error),
        })?;
        if token.is_world_readable() {
            tracing::warn!("token file can be read by every user of this machine: chmod 0640");
        }
        let left =
            deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        let mut builder = Client::builder(endpoint.clone(), token)
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms).min(left))
            .timeout(Duration::from_millis(settings.timeout_ms).min(left))
            .retries(settings.retries)
            .max_connections(settings.max_connections)
            .no_proxy(&settings.no_proxy)
            .user_agent(concat!("custom-opencti/", env!("CARGO_PKG_VERSION")));
        if let Some(deadline) = deadline {
            builder = builder.deadline(deadline);
        }
        if let Some(path) = &settings.ca_file {
            builder = builder.ca_file(home.join(path));
        }
        if let (Some(certificate), Some(key)) = (&settings.client_cert_file, &settings.client_key_file) {
            builder = builder.client_certificate(home.join(certificate), home.join(key));
        }
        if let Some(proxy) = &settings.proxy {
            builder = builder.proxy(proxy.0.as_str());
        }
        Ok(Self { endpoint, builder, client: OnceLock::new() })
    }

    fn client(&self) -> Result<&OpenCti, LookupError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = OpenCti::new(self.builder.clone().build()?);
        Ok(self.client.get_or_init(|| client))
    }
}

#[async_trait]
impl Lookup for Platform {
    async fn find(&self, iocs: &[Ioc]) -> Result<Findings, LookupError> {
        self.client()?.find(iocs).await
    }

    async fn context(&self, indicator_ids: &[String]) -> Result<Context, LookupError> {
        self.client()?.context(indicator_ids).await
    }

    async fn near(&self, near: &Near) -> Result<Findings, LookupError> {
        self.client()?.near(near).await
    }

    fn intel(&self) -> Intel {
        Intel { from: "api", age_s: None }
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.endpoint)
    }
}

/// Why OpenCTI could not be asked, and what to do about it, in one sentence. The causes below are for the log.
pub(crate) fn sentence(error: &LookupError) -> String {
    let LookupError::OpenCti(cause) = error else { return error.to_string() };
    format!("{error}: {cause}; {}", cause.hint())
}

/// Whether it may pass by itself.
pub(crate) fn is_passing(error: &LookupError) -> bool {
    match error {
        LookupError::OpenCti(opencti_client::Error::Deadline { .. }) => true,
        LookupError::OpenCti(error) => error.is_retryable(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::chain;

    fn refused(api_key: &str, url: &str, home: &Path) -> String {
        let mut config = Config::default();
        config.opencti.url = (!url.is_empty()).then(|| url.to_owned());
        let error = Platform::new(api_key, &config, home, None).err().map(|error| chain(&error));
        error.expect("it should be refused").replace(&*home.to_string_lossy(), "HOME")
    }

    #[test]
    fn what_is_missing_is_named_with_its_place() {
        let home = tempfile::tempdir().unwrap();
        let at = |api_key, url| refused(api_key, url, home.path());
        let said = [
            at("t", ""),
            at("t", "opencti.test/graphql token"),
            at("", "http://opencti.test"),
            at("two words", "http://opencti.test"),
            at("file:etc/none", "http://opencti.test"),
            at("env:CUSTOM_OPENCTI_TEST_UNSET", "http://opencti.test"),
            at("credential:../x", "http://opencti.test"),
        ];
        insta::assert_snapshot!(said.join("\n"), @r#"
        no address of OpenCTI: give <hook_url> in ossec.conf, or url in [opencti] of etc/custom-opencti.toml
        <hook_url> of ossec.conf or url in [opencti] is wrong: the address of OpenCTI cannot be used: the scheme is missing, write https://… or http://…
        no API token: give <api_key> in ossec.conf (file:PATH keeps it out of sight), or token_file in [opencti] of etc/custom-opencti.toml
        <api_key> of ossec.conf or the token in [opencti] is wrong: the token given as text holds no usable API token: it holds spaces, control characters or characters beyond ASCII
        <api_key> of ossec.conf or the token in [opencti] is wrong: cannot read the API token from HOME/etc/none: No such file or directory (os error 2)
        <api_key> of ossec.conf or the token in [opencti] is wrong: the environment variable CUSTOM_OPENCTI_TEST_UNSET, which should hold the API token, is not set
        <api_key> of ossec.conf or the token in [opencti] is wrong: cannot take the API token from the service credential "../x": it is not a plain file name
        "#);
        assert!(!said.concat().contains("two words"));
    }
}
