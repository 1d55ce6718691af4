//! Whatever is sent to the API: an answer, and where it is no, one with a code.

use broca::http::{Call, Http};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::chat::{PATIENCE, Running};
use crate::support::mutate::{cases, mutated_text};

const BODIES: &[&str] = &[
    r#"{"text":"hello 😀","key":"k1"}"#,
    r#"{"text":"  ","key":"k2"}"#,
    r#"{"key":"k3","text":"a\nb","more":{"a":[1,2,{"b":null}]}}"#,
    "{}",
    "[]",
    "",
];
const TOKENS: &[&str] = &[
    "null",
    "7",
    "1e999",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "\\ud800",
    "\\u0000",
    "\"text\":",
    "\"key\":",
    "\u{feff}",
    "[[[[[[[[",
    "{\"a\":",
    "\u{0}",
    "é",
    "\n",
];
const PATHS: &[&str] = &[
    "/api/v1/messages",
    "/api/v1/sessions",
    "/api/v1/sessions/current",
    "/api/v1/history?before=1&limit=2",
    "/api/v1/about",
    "/api/v1/nothing",
    "/",
];
const PIECES: &[&str] = &[
    "%00",
    "%",
    "%ff",
    "?",
    "&",
    "=",
    "..",
    "//",
    "9223372036854775808",
    "-1",
    "after=",
    "before=",
    "limit=",
    "+",
    "a",
    "%2f",
    ";",
];

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn each_request_has_its_answer(
        (method, typed, with_token) in (
            prop::sample::select(vec!["POST", "POST", "POST", "GET", "DELETE", "PUT", "OPTIONS"]),
            prop::bool::weighted(0.9),
            prop::bool::weighted(0.9),
        ),
        path in prop_oneof![4 => prop::sample::select(PATHS).prop_map(str::to_owned), 1 => mutated_text(PATHS, PIECES)],
        body in mutated_text(BODIES, TOKENS),
    ) {
        RUNNING.with(|(running, token)| ask(running, token.as_str(), method, typed, with_token, &path, &body))?;
    }
}

thread_local! {
    static RUNNING: (std::sync::Arc<Running>, String) = {
        let running = Running::start("webchat", "rate = 6000");
        running.echo();
        let token = running.session();
        (running, token)
    };
}

fn ask(
    running: &Running,
    token: &str,
    method: &str,
    typed: bool,
    with_token: bool,
    path: &str,
    body: &str,
) -> Result<(), TestCaseError> {
    let path = &format!("/{}", path.trim_start_matches('/'));
    let url = format!("{}{path}", running.base);
    if url.parse::<ureq::http::Uri>().is_err() {
        return Ok(());
    }
    let mut headers = Vec::new();
    // A session that is forgotten could be asked nothing more.
    if with_token && method != "DELETE" {
        headers.push(("authorization", format!("Bearer {token}")));
    }
    if !typed {
        headers.push(("content-type", "text/plain".to_owned()));
    }
    let call = Call {
        method: method.parse().expect("a method"),
        url: &url,
        headers,
        json: Some(body),
        patience: PATIENCE,
    };
    // A connection for each: what the server does not read of a body may cost the connection.
    let answer = Http::new(0).send(&call);
    let answer =
        answer.map_err(|failure| TestCaseError::fail(format!("{method} {path}: {failure:?}")))?;
    let status = answer.status;
    let text = answer
        .text()
        .map_err(|failure| TestCaseError::fail(format!("{failure:?}")))?;
    prop_assert!(status < 500, "{status} to {method} {path}: {text}");
    if status >= 400 && path.starts_with("/api/") {
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let whole = ["code", "message", "hint"]
            .iter()
            .all(|name| problem[*name].is_string());
        prop_assert!(whole, "{status} to {method} {path}: {text}");
    }
    Ok(())
}
