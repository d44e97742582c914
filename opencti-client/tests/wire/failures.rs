//! What the client makes of servers that fail, byte by byte.

use std::time::{Duration, Instant};

use opencti_client::{ConnectReason, Error, ErrorCode, TimeoutPhase};

use crate::server::{Act, CANARY, Raw, SELF_CHECK, builder, http, json, shown};

/// The error that one answer, always the same, makes.
async fn error_for(bytes: Vec<u8>) -> (Error, usize) {
    let server = Raw::start(vec![Act::Send(bytes)]).await;
    let error = builder(&server.url()).build().unwrap().self_check().await.unwrap_err();
    shown(&error);
    (error, server.count())
}

#[tokio::test]
async fn a_good_answer_is_read() {
    let server = Raw::start(vec![Act::Send(json(SELF_CHECK))]).await;
    let answer = builder(&server.url()).build().unwrap().self_check().await.unwrap();
    let user = answer.value.user.unwrap();
    assert_eq!((user.name.as_deref(), user.max_confidence), (Some("wazuh"), Some(80)));
    assert_eq!(user.capabilities, ["KNOWLEDGE"]);
    assert_eq!((server.count(), answer.problems.len()), (1, 0));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let server = Raw::start(vec![Act::Hang]).await;
    let client = builder(&server.url()).timeout(Duration::from_millis(50)).retries(1).build().unwrap();
    let error = client.self_check().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { phase: TimeoutPhase::Answer, .. }), "{error:?}");
    assert_eq!(server.count(), 2);
    insta::assert_snapshot!(shown(&error), @"SelfCheck: OpenCTI did not answer within 50 ms [timeout] (OpenCTI or its search engine is slow: look at its load, or allow more time)");
}

#[tokio::test]
async fn the_deadline_ends_everything() {
    let server = Raw::start(vec![Act::Hang]).await;
    let client = builder(&server.url()).retries(9).build().unwrap();
    let start = Instant::now();
    let error = client.until(start + Duration::from_millis(60)).self_check().await.unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(server.count(), 1);
    insta::assert_snapshot!(shown(&error), @"SelfCheck: the time for this request was over before OpenCTI answered [deadline] (allow more time for the whole run, or look at OpenCTI's load)");
    // One that has passed: nothing is sent.
    let error = client.until(start).self_check().await.unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }) && server.count() == 1, "{error:?}");
}

#[tokio::test]
async fn what_failed_before_the_deadline_is_told_instead_of_it() {
    let gateway = http("502 Bad Gateway", "", "down");
    let server = Raw::start(vec![Act::Send(gateway), Act::Hang]).await;
    let client = builder(&server.url()).build().unwrap().until(Instant::now() + Duration::from_millis(200));
    let error = client.until(Instant::now() + Duration::from_secs(60)).self_check().await.unwrap_err();
    assert!(matches!(error, Error::Status { status: 502, .. }), "{error:?}");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn waiting_for_a_free_connection_counts_against_the_deadline() {
    let server = Raw::start(vec![Act::Hang]).await;
    let client = builder(&server.url()).max_connections(0).build().unwrap();
    let deadline = Instant::now() + Duration::from_millis(60);
    let (one, two) = (client.until(deadline), client.until(deadline));
    let (one, two) = futures_util::future::join(one.self_check(), two.self_check()).await;
    assert!(matches!(one, Err(Error::Deadline { .. })) && matches!(two, Err(Error::Deadline { .. })));
    assert_eq!(server.count(), 1, "the second had no connection to use");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_answer() {
    let cut = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{}",
        &SELF_CHECK[..40]
    );
    let (error, count) = error_for(cut.into_bytes()).await;
    assert!(matches!(error, Error::CutOff { received: 40, .. }), "{error:?}");
    assert_eq!(count, 3);
    insta::assert_snapshot!(shown(&error), @"SelfCheck: the connection broke after 40 bytes of the answer [cut_off] (look at OpenCTI's log and at the proxy before it) <- error decoding response body <- error reading a body from connection <- end of file before message length reached");

    let chunked =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"dat";
    let (error, _) = error_for(chunked.as_bytes().to_vec()).await;
    assert!(matches!(error, Error::CutOff { received: 5, .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_closes_or_speaks_nonsense_is_no_answer() {
    for bytes in [&b""[..], b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-"] {
        let (error, count) = error_for(bytes.to_vec()).await;
        assert!(matches!(error, Error::Send { .. }), "{error:?}");
        assert_eq!(count, 3);
    }
}

#[tokio::test]
async fn a_page_with_status_200_is_no_answer() {
    let page = "<!doctype html><html><head><title>Sign in</title></head></html>";
    let (error, count) = error_for(http("200 OK", "Content-Type: text/html; charset=utf-8\r\n", page)).await;
    assert_eq!(count, 1);
    insta::assert_snapshot!(shown(&error), @"SelfCheck: the answer is an HTML page: Sign in [html] (it looks like a login page or the user interface: check the address, with its base path)");
}

#[tokio::test]
async fn other_content_is_no_answer() {
    let (error, _) = error_for(http("200 OK", "Content-Type: text/plain\r\n", "pong\u{1b}[2J")).await;
    insta::assert_snapshot!(shown(&error), @r#"SelfCheck: the answer is "text/plain" instead of JSON: pong [2J [content_type] (check the address: it should be the one of OpenCTI itself, with its base path, and not that of a login page or another program before it)"#);
    let (error, _) = error_for(http("200 OK", "", SELF_CHECK)).await;
    assert!(matches!(error, Error::ContentType { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_called_json_must_be_json() {
    for body in ["", "{\"data\": {\"about\"", "<html>", "{\"data\":{}}x"] {
        let (error, count) = error_for(json(body)).await;
        assert!(matches!(error, Error::NotJson { .. }), "{body}: {error:?}");
        assert_eq!(count, 1);
    }
    insta::assert_snapshot!(shown(&error_for(json("")).await.0), @"SelfCheck: the answer is not valid JSON [not_json] (check the address: it should be the one of OpenCTI itself, with its base path, and not that of a login page or another program before it) <- EOF while parsing a value at line 1 column 0");
}

#[tokio::test]
async fn other_shapes_are_no_answer() {
    for (body, shape) in [
        ("{}", false),
        ("{\"data\":null}", false),
        ("{\"data\":null,\"errors\":[]}", false),
        ("{\"data\":{}}", false),
        ("{\"data\":{\"about\":null,\"me\":null}}", false),
        ("{\"data\":{\"about\":{\"version\":\"6\"},\"me\":null}}", false),
        ("[]", false),
        ("7", true),
        ("{\"data\":[]}", true),
        ("{\"data\":{\"about\":5,\"me\":{}}}", true),
        ("{\"errors\":\"none\"}", true),
    ] {
        let (error, count) = error_for(json(body)).await;
        let fits =
            if shape { matches!(error, Error::Shape { .. }) } else { matches!(error, Error::NoData { .. }) };
        assert!(fits, "{body}: {error:?}");
        assert_eq!(count, 1, "{body}");
    }
    insta::assert_snapshot!(shown(&error_for(json("{\"data\":null}")).await.0), @"SelfCheck: the answer holds neither data nor an error for data [no_data] (this version of OpenCTI answers in an unknown way: check that it is 6.0 or later, and report it)");
    insta::assert_snapshot!(shown(&error_for(json("{\"data\":{\"about\":5,\"me\":{}}}")).await.0), @"SelfCheck: the answer has an unexpected shape: invalid type: integer `5`, expected struct SelfCheckAbout at line 1 column 10 [shape] (this version of OpenCTI answers in an unknown way: check that it is 6.0 or later, and report it)");
}

#[tokio::test]
async fn a_wrong_token_is_not_tried_again() {
    let body = r#"{"errors":[{"message":"You must be logged in to do this.","path":["about"],"extensions":{"code":"AUTH_REQUIRED","data":{"http_status":401}},"name":"AUTH_REQUIRED"},{"message":"You must be logged in to do this.","path":["me"],"extensions":{"code":"AUTH_REQUIRED"}}],"data":null}"#;
    let (error, count) = error_for(json(body)).await;
    assert!(error.is_auth() && !error.is_retryable());
    assert_eq!(count, 1);
    insta::assert_snapshot!(shown(&error), @"SelfCheck: OpenCTI answers AUTH_REQUIRED: You must be logged in to do this. [auth_required] (check the API token: it is missing, wrong, expired or revoked)");
    let Error::GraphQl { problems, .. } = error else { panic!("{error:?}") };
    assert_eq!(
        problems.iter().map(|problem| problem.field.as_deref()).collect::<Vec<_>>(),
        [Some("about"), Some("me")]
    );
}

#[tokio::test]
async fn an_unknown_operation_is_not_tried_again() {
    let body = r#"{"errors":[{"message":"Cannot query field \"x\".","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}"#;
    let (error, count) = error_for(json(body)).await;
    assert_eq!((error.label(), count), ("graphql", 1));
    insta::assert_snapshot!(shown(&error), @r#"SelfCheck: OpenCTI answers GRAPHQL_VALIDATION_FAILED: Cannot query field "x". [graphql] (this version of OpenCTI does not take the request: check that it is 6.0 or later, and report it)"#);
}

#[tokio::test]
async fn a_failing_search_engine_is_tried_again() {
    let failed = r#"{"errors":[{"message":"Find direct ids fail","path":["me"],"extensions":{"code":"DATABASE_ERROR"}}],"data":null}"#;
    let (error, count) = error_for(json(failed)).await;
    assert_eq!((error.label(), error.is_retryable(), count), ("database", true, 3));
    let server = Raw::start(vec![Act::Send(json(failed)), Act::Send(json(SELF_CHECK))]).await;
    assert!(builder(&server.url()).build().unwrap().self_check().await.is_ok());
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn http_errors_are_cleaned_and_retried_when_they_may_pass() {
    let json_type = "Content-Type: application/json\r\n";
    let (error, count) = error_for(http(
        "500 Internal Server Error",
        json_type,
        "{\"status\":\"error\",\"error\":\"SyntaxError\\n at x\"}",
    ))
    .await;
    assert_eq!((error.label(), count), ("http_status", 3));
    insta::assert_snapshot!(shown(&error), @r#"SelfCheck: HTTP status 500: {"status":"error","error":"SyntaxError\n at x"} [http_status] (look at OpenCTI's log and whether its services are up)"#);

    let batching =
        r#"{"errors":[{"message":"Operation batching disabled.","extensions":{"code":"BAD_REQUEST"}}]}"#;
    let (error, count) = error_for(http("400 Bad Request", json_type, batching)).await;
    assert!(
        matches!(&error, Error::Status { status: 400, code: Some(ErrorCode::BadRequest), .. }),
        "{error:?}"
    );
    assert_eq!(count, 1);

    let (error, count) =
        error_for(http("404 Not Found", "Content-Type: text/html\r\n", "<title>Nothing \u{7} here</title>"))
            .await;
    assert_eq!(count, 1);
    insta::assert_snapshot!(shown(&error), @"SelfCheck: HTTP status 404: Nothing here [http_status] (check the address: it should be the one of OpenCTI itself, with its base path, and not that of a login page or another program before it)");

    let (error, count) = error_for(http("403 Forbidden", "", "no")).await;
    assert!(error.is_auth() && count == 1, "{error:?}");
    let (error, count) = error_for(http("204 No Content", "", "")).await;
    assert!(matches!(error, Error::Status { status: 204, .. }) && count == 1, "{error:?}");
}

#[tokio::test]
async fn one_bad_gateway_is_survived() {
    let gateway = http("502 Bad Gateway", "Content-Type: text/html\r\n", "<html>502</html>");
    let server = Raw::start(vec![Act::Send(gateway), Act::Send(json(SELF_CHECK))]).await;
    assert!(builder(&server.url()).build().unwrap().self_check().await.is_ok());
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn retry_after_is_honoured_but_never_past_the_deadline() {
    let limited = |value: &str| {
        http(
            "429 Too Many Requests",
            &format!("Retry-After: {value}\r\n"),
            "{\"message\":\"Too many requests\"}",
        )
    };
    let server = Raw::start(vec![Act::Send(limited("0")), Act::Send(json(SELF_CHECK))]).await;
    assert!(builder(&server.url()).build().unwrap().self_check().await.is_ok());
    assert_eq!(server.count(), 2);

    // Waiting would go past the deadline, or take longer than anybody wants to wait: the error comes at once.
    let start = Instant::now();
    for (value, deadline) in
        [("20", start + Duration::from_secs(5)), ("3600", start + Duration::from_secs(9999))]
    {
        let server = Raw::start(vec![Act::Send(limited(value))]).await;
        let client = builder(&server.url()).deadline(deadline).build().unwrap();
        let error = client.self_check().await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(value.parse().unwrap())), "{error:?}");
        assert_eq!(server.count(), 1);
        assert!(start.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn a_redirection_is_named_and_not_followed() {
    let other = Raw::start(vec![Act::Send(json(SELF_CHECK))]).await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: {}/login?token=x\r\n", other.url());
        let (error, count) = error_for(http(status, &location, "")).await;
        let Error::Redirect { target, .. } = &error else { panic!("{error:?}") };
        assert_eq!((target, count), (&other.url(), 1));
    }
    assert_eq!(other.count(), 0, "the token was carried elsewhere");
    let (error, _) = error_for(http("302 Found", "Location: https://sso.example.org:8443/in\r\n", "")).await;
    insta::assert_snapshot!(shown(&error), @"SelfCheck: the server redirects (HTTP 302) to https://sso.example.org:8443, where the token is not sent [redirect] (give the address it redirects to, if that is OpenCTI)");
    let (error, _) = error_for(http("302 Found", "", "")).await;
    assert!(error.to_string().contains("an unreadable address"), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_refused() {
    let announced =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n";
    let (error, count) = error_for(announced.as_bytes().to_vec()).await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert_eq!(count, 1);
    insta::assert_snapshot!(shown(&error), @"SelfCheck: the answer is larger than 32 MiB [too_large] (ask for less at once)");

    let mut chunked =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..33 {
        chunked.extend_from_slice(b"100000\r\n");
        chunked.resize(chunked.len() + 0x10_0000, b' ');
        chunked.extend_from_slice(b"\r\n");
    }
    let (error, _) = error_for(chunked).await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn an_error_page_of_any_length_is_read_only_in_part() {
    let (error, _) = error_for(http("500 Internal Server Error", "", &"x".repeat(1 << 20))).await;
    let Error::Status { excerpt, .. } = error else { panic!("{error:?}") };
    assert_eq!(excerpt.chars().count(), 201);
}

#[tokio::test]
async fn a_page_that_echoes_the_request_does_not_show_the_token() {
    let echo = format!("Authorization: Bearer {CANARY}");
    for bytes in [
        http("500 Internal Server Error", "", &echo),
        http("200 OK", "Content-Type: text/html\r\n", &echo),
        http("200 OK", &format!("Content-Type: {CANARY}\r\n"), &echo),
        http("302 Found", &format!("Location: http://{CANARY}.example.org/\r\n"), &echo),
        json(&format!(r#"{{"errors":[{{"message":"{echo}"}}]}}"#)),
    ] {
        let (error, _) = error_for(bytes).await;
        assert!(shown(&error).contains("***"), "{error:?}");
    }
    // Cut in the middle of the token.
    let cut = format!("{}{echo}", "x".repeat(170));
    let (error, _) = error_for(http("500 Internal Server Error", "", &cut)).await;
    assert!(!error.to_string().contains(&CANARY[..4]), "{error}");
    let partial = format!(
        r#"{{"data":{{"about":{{"version":"6"}},"me":null}},"errors":[{{"message":"{echo}","path":["me"]}}]}}"#
    );
    let server = Raw::start(vec![Act::Send(json(&partial))]).await;
    let answer = builder(&server.url()).build().unwrap().self_check().await.unwrap();
    assert!(!format!("{answer:?}").contains(CANARY), "{answer:?}");
}

#[tokio::test]
async fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = builder(&format!("http://{address}")).build().unwrap().self_check().await.unwrap_err();
    assert!(matches!(error, Error::Connect { reason: ConnectReason::Refused, .. }), "{error:?}");
    insta::assert_snapshot!(shown(&error).replace(&address.to_string(), "ADDRESS"), @"cannot connect to OpenCTI at ADDRESS: connection refused [refused] (check address and port, and whether OpenCTI is up) <- error sending request <- client error (Connect) <- tcp connect error <- Connection refused (os error 111)");
}

#[tokio::test]
async fn a_name_without_address() {
    // A label this long is refused by the resolver itself, so no name server is asked.
    let name = format!("http://{}.invalid", "x".repeat(64));
    let error = builder(&name).retries(0).build().unwrap().self_check().await.unwrap_err();
    assert!(matches!(error, Error::Connect { reason: ConnectReason::Dns, .. }), "{}", shown(&error));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_host_that_takes_no_connection() {
    // A listener whose short queue is full drops further packets, as a firewall does.
    let socket =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        queue.push(stream);
    }
    let client = builder(&format!("http://{address}")).connect_timeout(Duration::from_millis(50)).retries(0);
    let error = client.build().unwrap().self_check().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { phase: TimeoutPhase::Connect, .. }), "{error:?}");
    insta::assert_snapshot!(shown(&error), @"SelfCheck: OpenCTI did not accept a connection within 50 ms [timeout] (check address, port, firewall and name servers: packets seem to get lost on the way)");
}
