//! TLS: whom to trust, and who we are.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::ConfigError;

/// Files for TLS, all PEM.
#[derive(Clone, Copy, Default)]
pub(crate) struct Files<'a> {
    pub(crate) ca: Option<&'a Path>,
    /// The client's certificate chain and its key.
    pub(crate) identity: Option<(&'a Path, &'a Path)>,
}

/// The configuration for connections. A process-wide provider, should there be one, is left alone.
///
/// `used`: whether there will be TLS at all. Without it nothing is loaded.
pub(crate) fn config(files: Files<'_>, used: bool) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Tls)?;
    if !used {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let builder = match files.ca {
        Some(path) => builder.with_root_certificates(roots_in(path)?),
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(SystemRoots { provider, verifier: OnceLock::new() })),
    };
    let Some((certificate, key)) = files.identity else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates_in(certificate, "the client certificate")?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| ConfigError::Pem {
        what: "the client key",
        path: key.to_owned(),
        source: pem_error(error),
    })?;
    builder.with_client_auth_cert(chain, key).map_err(ConfigError::Tls)
}

fn roots_in(path: &Path) -> Result<RootCertStore, ConfigError> {
    const WHAT: &str = "the CA certificates";
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(path, WHAT)? {
        roots.add(certificate).map_err(|error| ConfigError::Pem {
            what: WHAT,
            path: path.to_owned(),
            source: io::Error::other(error),
        })?;
    }
    Ok(roots)
}

fn certificates_in(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let refuse = |source| ConfigError::Pem { what, path: path.to_owned(), source };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| refuse(pem_error(error)))?;
    if certificates.is_empty() {
        return Err(refuse(io::Error::other("it holds no PEM certificate")));
    }
    Ok(certificates)
}

fn pem_error(error: pem::Error) -> io::Error {
    match error {
        pem::Error::Io(error) => error,
        pem::Error::NoItemsFound => io::Error::other("it holds nothing of that kind in PEM form"),
        error => io::Error::other(error),
    }
}

/// Trusts the system's certificate authorities, which are loaded at the first connection and not before: most runs
/// of a program that keeps a mirror never connect, and reading some hundred certificates takes longer than the rest of
/// the start.
#[derive(Debug)]
struct SystemRoots {
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Result<Arc<WebPkiServerVerifier>, String>>,
}

impl SystemRoots {
    fn verifier(&self) -> Result<&WebPkiServerVerifier, rustls::Error> {
        let loaded = self.verifier.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                .build()
                .map_err(|error| match found.errors.first() {
                    Some(first) => format!("cannot load this system's CA certificates: {first}"),
                    None => format!("cannot use this system's CA certificates: {error}"),
                })
        });
        match loaded {
            Ok(verifier) => Ok(verifier),
            Err(message) => Err(rustls::Error::General(message.clone())),
        }
    }
}

impl ServerCertVerifier for SystemRoots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier()?.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // Asked for with every hello; no need to load anything for it.
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
