//! Who is let in, and what is told to those who are not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{code_of, problem};
use crate::support::chat::Running;

/// What this raw request is answered with, for headers that a client would set itself.
fn raw(running: &Running, request: &str) -> String {
    let address = running.base.strip_prefix("http://").expect("it is HTTP");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = request.replace("HOST", address);
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it closes");
    answer
}

fn post_from(running: &Running, headers: &str) -> String {
    let request = format!(
        "POST /api/v1/sessions HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n"
    );
    let answer = raw(running, &request);
    answer.split(' ').nth(1).expect("a status").to_owned()
}

#[test]
fn a_wrong_or_missing_token_is_unauthorized() {
    let running = Running::start("webchat", "");
    let calls = [
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/history"),
        ("DELETE", "/api/v1/sessions/current"),
    ];
    for (method, path) in calls {
        let answer = running.call(method, path, &[], None);
        assert_eq!(code_of(answer), problem(401, "request.unauthorized"));
    }
    let answer = running.post("wrong", "k", "hi");
    assert_eq!(code_of(answer), problem(401, "request.unauthorized"));
}

#[test]
fn another_sites_page_is_refused() {
    let running = Running::start("webchat", r#"origins = ["https://shop.example"]"#);
    let post = |headers: &str| post_from(&running, headers);
    assert_eq!(post("Host: HOST\r\n"), "201");
    assert_eq!(post("Host: HOST\r\nOrigin: http://HOST\r\n"), "201");
    assert_eq!(
        post("Host: HOST\r\nOrigin: https://shop.example\r\n"),
        "201"
    );
    assert_eq!(post("Host: HOST\r\nOrigin: http://evil.example\r\n"), "403");
    assert_eq!(post("Host: HOST\r\nOrigin: null\r\n"), "403");
    assert_eq!(post("Host: evil.example\r\n"), "403", "DNS rebinding");
    assert_eq!(post("Host: HOST\r\nX-Forwarded-For: 192.0.2.1\r\n"), "403");
    assert_eq!(post("Host: HOST\r\nSec-Fetch-Site: cross-site\r\n"), "403");
}

#[test]
fn the_page_itself_is_guarded_and_strict() {
    let running = Running::start("webchat", "");
    let get = |host: &str| {
        raw(
            &running,
            &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        )
    };
    assert!(get("evil.example").starts_with("HTTP/1.1 403"));
    let page = get("HOST");
    assert!(page.starts_with("HTTP/1.1 200"));
    assert!(page.contains("default-src 'none'; script-src 'self'"));
    assert!(page.contains("x-content-type-options: nosniff"));
    let body = page.split("\r\n\r\n").nth(1).expect("a body");
    for inline in ["<style", " style=", " onclick", " onload", "javascript:"] {
        assert!(!body.contains(inline), "{inline}");
    }
    let tag = page
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("an etag");
    let again = format!(
        "GET / HTTP/1.1\r\nHost: HOST\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n"
    );
    assert!(raw(&running, &again).starts_with("HTTP/1.1 304"));
}

#[test]
fn too_much_is_refused_with_the_limit() {
    let running = Running::start("webchat", "max_message = 10\nrate = 2");
    running.echo();
    let token = running.session();
    let long = running.post(&token, "k", "12345678901");
    let body: Value = long.json().expect("JSON");
    assert_eq!(body["code"], "request.too-large");
    assert!(
        body["message"].as_str().expect("a text").contains("10"),
        "{body}"
    );
    for size in [300_000, 3_000_000] {
        let huge = running.post(&token, "k", &"x".repeat(size));
        assert_eq!(code_of(huge), problem(413, "request.too-large"));
    }
    assert_eq!(running.post(&token, "a", "ääääääääää").status, 202);
    assert_eq!(running.post(&token, "b", "2").status, 202);
    let fast = running.post(&token, "c", "3");
    assert!(
        fast.retry_after
            .is_some_and(|wait| wait <= Duration::from_secs(30))
    );
    assert_eq!(code_of(fast), problem(429, "request.rate-limited"));
    assert_eq!(running.post(&running.session(), "c", "3").status, 202);
}

#[test]
fn malformed_requests_are_told_what_is_wrong() {
    let running = Running::start("webchat", "");
    let token = running.session();
    for (key, text) in [("", "hi"), ("a b", "hi"), ("k", "  \n"), ("k", "")] {
        let answer = running.post(&token, key, text);
        assert_eq!(code_of(answer), problem(400, "request.malformed"));
    }
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let odd = running.call(
        "POST",
        "/api/v1/messages",
        &headers,
        Some(&json!({ "text": 1 })),
    );
    assert_eq!(code_of(odd), problem(400, "request.malformed"));
    for path in [
        "/api/v1/events?after=x",
        "/api/v1/history?limit=x",
        "/api/v1/history?before=1&after=1",
    ] {
        let odd = running.call("GET", path, &headers, None);
        assert_eq!(code_of(odd), problem(400, "request.malformed"), "{path}");
    }
    let form = format!(
        "POST /api/v1/messages HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nAuthorization: {bearer}\r\n\
         Content-Type: text/plain\r\nContent-Length: 23\r\n\r\n{{\"text\":\"a\",\"key\":\"b\"}}"
    );
    assert!(raw(&running, &form).starts_with("HTTP/1.1 400"));
    let nowhere = running.call("GET", "/nowhere", &[], None);
    assert_eq!(code_of(nowhere), problem(404, "not-found"));
    let nowhere = running.call("GET", "/api/v1/nowhere", &[], None);
    assert_eq!(code_of(nowhere), problem(404, "not-found"));
    let wrong = running.call("PUT", "/api/v1/messages", &headers, Some(&json!({})));
    assert_eq!(code_of(wrong), problem(405, "request.malformed"));
}

#[test]
fn the_operators_token_opens_a_session() {
    let running = Running::start("webchat", "access = \"token\"\ntoken = \"open sesame\"");
    let begin = |token: &str| {
        running.call(
            "POST",
            "/api/v1/sessions",
            &[("authorization", token)],
            None,
        )
    };
    assert_eq!(
        code_of(begin("Bearer wrong")),
        problem(401, "request.unauthorized")
    );
    assert_eq!(
        code_of(begin("Basic open sesame")),
        problem(401, "request.unauthorized")
    );
    assert_eq!(begin("Bearer open sesame").status, 201);
}
