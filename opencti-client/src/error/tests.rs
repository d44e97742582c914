use super::*;

fn status(status: u16, code: Option<&str>) -> Error {
    Error::Status {
        operation: "IocLookup",
        status,
        code: code.map(ErrorCode::from_text),
        retry_after: None,
        excerpt: String::new(),
    }
}

#[test]
fn only_what_may_pass_is_tried_again() {
    for (code, retryable) in
        [(400, false), (401, false), (403, false), (404, false), (408, true), (413, false)]
            .into_iter()
            .chain([(429, true), (500, true), (502, true), (503, true), (504, true)])
    {
        assert_eq!(status(code, None).is_retryable(), retryable, "{code}");
    }
    assert!(status(500, Some("INTERNAL_SERVER_ERROR")).is_retryable());
    assert!(!status(500, Some("GRAPHQL_VALIDATION_FAILED")).is_retryable());
    assert!(!Error::Deadline { operation: "IocLookup" }.is_retryable());
    assert!(!Error::Config(ConfigError::UserAgent).is_retryable());
}

#[test]
fn who_is_to_blame_for_a_refusal() {
    assert!(status(401, None).is_auth() && status(403, None).is_auth());
    assert!(status(400, Some("AUTH_REQUIRED")).is_auth());
    assert!(!status(500, None).is_auth() && !status(407, None).is_auth());
    assert!(Error::Config(ConfigError::TokenEnv { name: "X".to_owned() }).is_auth());
    assert!(!Error::Config(ConfigError::UserAgent).is_auth());
}

#[test]
fn mistakes_in_the_configuration_are_named() {
    let path = || PathBuf::from("etc/ca.pem");
    let errors = [
        ConfigError::Endpoint { reason: "it is empty" },
        ConfigError::Token { what: "the token file etc/token".to_owned(), reason: "it is empty" },
        ConfigError::TokenFile { path: path(), source: io::ErrorKind::NotFound.into() },
        ConfigError::TokenEnv { name: "OPENCTI_TOKEN".to_owned() },
        ConfigError::Credential { name: "a/b".to_owned(), reason: "it is not a plain file name" },
        ConfigError::Pem {
            what: "the CA certificates",
            path: path(),
            source: io::ErrorKind::NotFound.into(),
        },
        ConfigError::UserAgent,
    ];
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn reasons_come_with_advice() {
    let tls = [
        TlsReason::UnknownAuthority,
        TlsReason::Expired,
        TlsReason::NotYetValid,
        TlsReason::NameMismatch,
        TlsReason::Revoked,
        TlsReason::MarkedAsAuthority,
        TlsReason::ClientCertificate,
        TlsReason::NotTls,
        TlsReason::Other("BadSignature".to_owned()),
    ];
    let lines: Vec<String> = [
        ConnectReason::Dns,
        ConnectReason::Refused,
        ConnectReason::Unreachable,
        ConnectReason::Proxy,
        ConnectReason::Other,
    ]
    .into_iter()
    .chain(tls.map(ConnectReason::Tls))
    .map(|reason| format!("{reason}: {}", reason.hint()))
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
