//! TLS: whom the client trusts, and what it says when it does not.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use opencti_client::{ConfigError, ConnectReason, Error, TlsReason};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::server::{SELF_CHECK, builder, json, read_request, shown};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        Self::named("Authority")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    /// The CA's certificate as a file.
    fn file(&self) -> PathBuf {
        self.write("ca.pem", &self.issuer.pem())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A certificate for a name, with its key, both as PEM and DER.
    fn certificate(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }
}

struct Certificate {
    pem: String,
    key_pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// A server with this certificate, which wants client certificates from `clients` if that is given.
async fn serve(certificate: Certificate, clients: Option<&Authority>) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let config = match clients {
        None => config.unwrap().with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.issuer.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.unwrap().with_client_cert_verifier(verifier)
        }
    };
    let config = config.with_single_cert(vec![certificate.der], certificate.key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    read_request(&mut stream).await;
                    stream.write_all(&json(SELF_CHECK)).await.unwrap();
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    format!("https://localhost:{}", address.port())
}

/// Why TLS failed. A name of this machine may have two addresses; nothing else depends on it.
async fn reason(url: &str, ca: PathBuf) -> TlsReason {
    let error = builder(url).ca_file(ca).build().unwrap().self_check().await.unwrap_err();
    shown(&error);
    assert!(!error.is_retryable() && error.label() == "tls", "{error:?}");
    match error {
        Error::Connect { reason: ConnectReason::Tls(reason), .. } => reason,
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn an_own_authority_is_trusted_and_no_other_provider_is_touched() {
    let authority = Authority::new();
    let url = serve(authority.certificate("localhost", |_| {}), None).await;
    let client = builder(&url).ca_file(authority.file()).build().unwrap();
    assert_eq!(client.self_check().await.unwrap().value.version.as_deref(), Some("6.7.11"));
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_named() {
    let authority = Authority::new();
    let ca = authority.file();

    let url = serve(authority.certificate("localhost", |_| {}), None).await;
    assert_eq!(
        reason(&url, authority.write("other.pem", &Authority::named("Other").issuer.pem())).await,
        TlsReason::UnknownAuthority
    );

    let expired = authority.certificate("localhost", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    assert_eq!(reason(&serve(expired, None).await, ca.clone()).await, TlsReason::Expired);

    let early = authority.certificate("localhost", |params| params.not_before = date_time_ymd(2999, 1, 1));
    assert_eq!(reason(&serve(early, None).await, ca.clone()).await, TlsReason::NotYetValid);

    let other = authority.certificate("other.example.org", |_| {});
    assert_eq!(reason(&serve(other, None).await, ca.clone()).await, TlsReason::NameMismatch);

    let marked =
        authority.certificate("localhost", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(reason(&serve(marked, None).await, ca).await, TlsReason::MarkedAsAuthority);
}

#[tokio::test]
async fn the_systems_authorities_do_not_know_ours() {
    let authority = Authority::new();
    let url = serve(authority.certificate("localhost", |_| {}), None).await;
    let error = builder(&url).build().unwrap().self_check().await.unwrap_err();
    assert!(matches!(error, Error::Connect { reason: ConnectReason::Tls(_), .. }), "{error:?}");
}

/// The environment decides where the system's authorities are, so this asks a process of its own.
#[tokio::test]
async fn the_systems_authorities_are_trusted() {
    let authority = Authority::new();
    let url = serve(authority.certificate("localhost", |_| {}), None).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "tls::ask_with_the_systems_authorities", "--ignored"])
        .env("SSL_CERT_FILE", authority.file())
        .env("TEST_URL", url);
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[tokio::test]
#[ignore = "run by the_systems_authorities_are_trusted with its environment"]
async fn ask_with_the_systems_authorities() {
    builder(&std::env::var("TEST_URL").unwrap()).build().unwrap().self_check().await.unwrap();
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let authority = Authority::new();
    let url = serve(authority.certificate("localhost", |_| {}), Some(&authority)).await;
    assert_eq!(reason(&url, authority.file()).await, TlsReason::ClientCertificate);

    let own = authority.certificate("wazuh", |_| {});
    let (certificate, key) = (authority.write("own.pem", &own.pem), authority.write("own.key", &own.key_pem));
    let client =
        builder(&url).ca_file(authority.file()).client_certificate(certificate, key).build().unwrap();
    client.self_check().await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls_is_recognised() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    let authority = Authority::new();
    assert_eq!(reason(&format!("https://{address}"), authority.file()).await, TlsReason::NotTls);
}

#[test]
fn files_that_do_not_fit_are_named() {
    let authority = Authority::new();
    let own = authority.certificate("wazuh", |_| {});
    let (certificate, key) = (authority.write("own.pem", &own.pem), authority.write("own.key", &own.key_pem));
    let empty = authority.write("empty.pem", "\n");
    let missing = authority.folder.path().join("missing.pem");
    let other_key = authority.write("other.key", &KeyPair::generate().unwrap().serialize_pem());
    let https = || builder("https://localhost");
    for (builder, part) in [
        (https().ca_file(&missing), "the CA certificates in"),
        (https().ca_file(&empty), "the CA certificates in"),
        (https().ca_file(&key), "the CA certificates in"),
        (https().client_certificate(&missing, &key), "the client certificate in"),
        (https().client_certificate(&certificate, &empty), "the client key in"),
        (https().client_certificate(&certificate, &certificate), "the client key in"),
        (https().client_certificate(&certificate, &other_key), "TLS"),
    ] {
        let error = builder.build().unwrap_err();
        let text = shown(&error);
        assert!(matches!(error, Error::Config(ConfigError::Pem { .. } | ConfigError::Tls(_))), "{text}");
        assert!(text.contains(part), "{part}: {text}");
    }
    // Without TLS the files are not even opened.
    assert!(builder("http://localhost").ca_file(&missing).build().is_ok());
}
