//! Who may ask a route that web pages can reach.
//!
//! Any page on the web can make a browser post to a loopback port, and a name of its own can be made
//! to point there (DNS rebinding). So the server looks at `Host` and `Origin` itself.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, header};

use crate::error::{Code, Error, Result};

use super::Peer;

/// Headers that a reverse proxy adds: what comes with one is not from this machine's user.
const PROXIED: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
];

/// What is let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Only browsers and programs of this machine, at a loopback name, and no proxy.
    pub local: bool,
    /// Sites that may use the API besides the page's own, such as `https://example.com`.
    pub origins: Vec<String>,
}

impl Guard {
    /// Whether a request may pass. Errors: `request.forbidden`.
    pub fn check(&self, method: &Method, headers: &HeaderMap, peer: Option<Peer>) -> Result<()> {
        let host = one(headers, header::HOST.as_str())?.unwrap_or_default();
        if self.local {
            local_only(headers, host, peer)?;
        }
        let origin = one(headers, header::ORIGIN.as_str())?;
        match origin {
            Some(origin) if self.lists(origin) => Ok(()),
            Some(origin) if !is_same(origin, host, self.local) => {
                Err(forbidden("the request comes from a page of another site"))
            }
            _ => fetched_from_here(method, headers),
        }
    }

    /// Whether `origin` is another site that may use the API.
    pub fn lists(&self, origin: &str) -> bool {
        let plain = origin.trim_end_matches('/');
        let listed = |site: &String| site.trim_end_matches('/').eq_ignore_ascii_case(plain);
        !plain.is_empty() && self.origins.iter().any(listed)
    }
}

/// Whether `host`, with or without a port, is this machine's own name for itself.
pub fn is_loopback(host: &str) -> bool {
    let name = name_of(host);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(name, _)| name);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn local_only(headers: &HeaderMap, host: &str, peer: Option<Peer>) -> Result<()> {
    if !is_loopback(host) {
        return Err(forbidden("the page was asked for under a foreign name"));
    }
    if PROXIED.iter().any(|name| headers.contains_key(*name)) {
        return Err(forbidden("the request came through a proxy")
            .hint("set `access` of the web chat to `token` or `open` behind a proxy"));
    }
    match peer {
        Some(Peer::Tcp(ip)) if !ip.is_loopback() => {
            Err(forbidden("the request comes from another machine")
                .hint("set `access` of the web chat to `token` to let others in"))
        }
        _ => Ok(()),
    }
}

/// Whether `origin` names the page of `host`. A loopback page is never behind TLS.
fn is_same(origin: &str, host: &str, local: bool) -> bool {
    let plain = origin.strip_prefix("http://");
    let secure = origin.strip_prefix("https://").filter(|_| !local);
    let site = plain.or(secure);
    !host.is_empty() && site.is_some_and(|site| site.eq_ignore_ascii_case(host))
}

/// Following a link to the page is fine from anywhere; using it from another site is not.
fn fetched_from_here(method: &Method, headers: &HeaderMap) -> Result<()> {
    let site = one(headers, "sec-fetch-site")?.unwrap_or("none");
    let is_link = one(headers, "sec-fetch-mode")? == Some("navigate")
        && one(headers, "sec-fetch-dest")? == Some("document")
        && matches!(*method, Method::GET | Method::HEAD);
    if matches!(site, "same-origin" | "none") || is_link {
        return Ok(());
    }
    Err(forbidden("the request comes from a page of another site"))
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(forbidden(&format!("the header `{name}` comes twice")));
    }
    let read = |value: &'a axum::http::HeaderValue| value.to_str();
    value
        .map(read)
        .transpose()
        .map_err(|_| forbidden(&format!("the header `{name}` cannot be read")))
}

fn forbidden(message: &str) -> Error {
    Error::new(Code::RequestForbidden, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn ask(local: bool, method: &Method, pairs: &[(&'static str, &'static str)]) -> bool {
        let guard = Guard {
            local,
            origins: vec!["https://shop.example".into()],
        };
        let pairs = pairs.iter();
        let headers = pairs.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let here = Peer::Tcp(IpAddr::from([127, 0, 0, 1]));
        guard.check(method, &headers.collect(), Some(here)).is_ok()
    }

    #[test]
    fn loopback_names() {
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:8640",
            "127.9.9.9",
            "[::1]:8640",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:80",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "[::2]:1",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_rebound_name_is_refused_locally() {
        assert!(ask(true, &Method::GET, &[("host", "localhost:8640")]));
        assert!(!ask(true, &Method::GET, &[("host", "evil.example:8640")]));
        assert!(!ask(true, &Method::GET, &[]));
        assert!(ask(false, &Method::GET, &[("host", "chat.example")]));
    }

    #[test]
    fn another_sites_page_is_refused() {
        let host = ("host", "localhost:8640");
        let post = |origin| ask(true, &Method::POST, &[host, ("origin", origin)]);
        assert!(post("http://localhost:8640"));
        assert!(post("https://shop.example"));
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:3000",
            "https://localhost:8640",
            "",
        ] {
            assert!(!post(origin), "{origin}");
        }
        assert!(!ask(
            true,
            &Method::GET,
            &[host, ("sec-fetch-site", "cross-site")]
        ));
        assert!(!ask(
            true,
            &Method::GET,
            &[host, ("sec-fetch-site", "same-site")]
        ));
    }

    #[test]
    fn a_link_to_the_page_may_be_followed() {
        let link = [
            ("host", "localhost:8640"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert!(ask(true, &Method::GET, &link));
        assert!(!ask(true, &Method::POST, &link));
    }

    #[test]
    fn behind_a_proxy_is_not_local() {
        let proxied = [("host", "localhost"), ("x-forwarded-for", "192.0.2.1")];
        assert!(!ask(true, &Method::GET, &proxied));
        assert!(ask(false, &Method::GET, &proxied));
    }

    #[test]
    fn another_machine_is_not_local() {
        let guard = Guard {
            local: true,
            origins: vec![],
        };
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
        let far = Peer::Tcp(IpAddr::from([192, 0, 2, 1]));
        let error = guard
            .check(&Method::GET, &headers, Some(far))
            .expect_err("far");
        assert_eq!(error.code, Code::RequestForbidden);
    }

    #[test]
    fn behind_tls_the_origin_is_the_hosts() {
        let from = |origin| {
            ask(
                false,
                &Method::POST,
                &[("host", "chat.example"), ("origin", origin)],
            )
        };
        assert!(from("https://chat.example") && !from("https://other.example"));
    }
}
