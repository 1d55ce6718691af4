//! The one HTTP client: explicit timeouts, sockets that can be cut, failures told apart by whether
//! the request may have arrived.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::{Method, Request};
use ureq::unversioned::transport::DefaultConnector;

use crate::kill;

mod names;
mod unix;

use names::Names;

/// Letta 0.16 closes idle connections after about 5 s; a pooled one must be younger.
const IDLE_AGE: Duration = Duration::from_secs(4);
/// Small buffers: hundreds of conversations wait at once.
const BUFFER: usize = 8 * 1024;
/// No answer that Broca reads whole is larger.
const BODY_LIMIT: u64 = 16 * 1024 * 1024;

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the start to the end of the whole answer; `None` where a stream may run on.
    pub whole: Option<Duration>,
    /// Between two pieces of the answer, the first included.
    pub silence: Duration,
}

impl Patience {
    /// For a call that answers at once.
    pub const fn brief(span: Duration) -> Self {
        Self {
            whole: Some(span),
            silence: span,
        }
    }

    /// For a stream that may run for ever, but not silently.
    pub const fn stream(silence: Duration) -> Self {
        Self {
            whole: None,
            silence,
        }
    }
}

/// One request.
#[derive(Debug)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: &'a str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON body, sent as it is.
    pub json: Option<&'a str>,
    /// How long it may take.
    pub patience: Patience,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// The request certainly did not arrive.
    NotSent(String),
    /// It may have arrived.
    Unknown(String),
}

impl Failure {
    /// What happened, without the address (which may hold a token).
    pub fn words(&self) -> &str {
        match self {
            Self::NotSent(words) | Self::Unknown(words) => words,
        }
    }
}

/// An answer of any status, its body not yet read.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header in seconds, where there is one.
    pub retry_after: Option<Duration>,
    body: ureq::Body,
}

/// A client with its own pool of connections. Clones share the pool.
#[derive(Debug, Clone)]
pub struct Http {
    agent: ureq::Agent,
    names: Names,
}

impl Http {
    /// A client that keeps up to `idle` connections to a host.
    pub fn new(idle: usize) -> Self {
        let names = Names::default();
        let agent = ureq::Agent::with_parts(settings(idle), DefaultConnector::new(), names.clone());
        Self { agent, names }
    }

    /// A client whose every request goes to the Unix socket at `path`, whatever its URL says.
    pub fn unix(path: &Path) -> Self {
        let connector = unix::UnixConnector::new(path);
        Self {
            agent: ureq::Agent::with_parts(settings(1), connector, unix::NoResolver),
            names: Names::default(),
        }
    }

    /// Sends `call` and waits for the status line.
    pub fn send(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(call.method.clone()).uri(call.url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if call.json.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = call.json.unwrap_or_default().to_owned();
        let request = request
            .body(body)
            .map_err(|error| Failure::NotSent(format!("the request cannot be made: {error}")))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(call.patience.whole)
            .timeout_per_read(Some(call.patience.silence))
            .allow_non_standard_methods(true)
            .build();
        kill::point(&Place(call), "before");
        let response = self.agent.run(request).map_err(|error| {
            let failure = failure(&error);
            if matches!(failure, Failure::NotSent(_)) {
                self.names.forget();
            }
            failure
        })?;
        kill::point(&Place(call), "answered");
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
            body: response.into_body(),
        })
    }

    /// Ends every request under way, at once and for ever.
    pub fn cut(&self) {
        self.agent.clone().shutdown();
    }
}

impl Answer {
    /// Whether the status is 2xx.
    pub const fn is_ok(&self) -> bool {
        self.status / 100 == 2
    }

    /// The whole body. An answer cut short is [`Failure::Unknown`].
    pub fn text(self) -> Result<String, Failure> {
        let mut text = Vec::new();
        let mut body = self.body.into_reader().take(BODY_LIMIT);
        body.read_to_end(&mut text)
            .map_err(|error| Failure::Unknown(error.to_string()))?;
        kill::point(&"body", "read");
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The whole body as JSON.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::Unknown(format!("the answer is not the JSON expected: {error}"))
        })
    }

    /// The body line by line as it comes, for a stream.
    pub fn lines(self) -> impl Iterator<Item = io::Result<String>> + Send {
        lines(self.body.into_reader())
    }
}

/// The lines of what is read. What is not UTF-8 is replaced: it spoils its line, not the stream.
pub(crate) fn lines(from: impl Read) -> impl Iterator<Item = io::Result<String>> {
    let mut reader = BufReader::with_capacity(BUFFER, from);
    std::iter::from_fn(move || line(&mut reader).transpose())
}

/// `None` at the end.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut rest = reader.take(BODY_LIMIT);
    if rest.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if rest.limit() == 0 && !line.ends_with(b"\n") {
        return Err(io::Error::other("a line has no end"));
    }
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    Ok(Some(String::from_utf8_lossy(text).into_owned()))
}

/// A call by its method and last segment: what a path holds before that may be secret.
struct Place<'a>(&'a Call<'a>);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.0.url.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').find(|part| !part.is_empty());
        write!(f, "{} {}", self.0.method, last.unwrap_or_default())
    }
}

fn settings(idle: usize) -> ureq::config::Config {
    ureq::config::Config::builder()
        .http_status_as_error(false)
        .user_agent(concat!("broca/", env!("CARGO_PKG_VERSION")))
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_resolve(Some(Duration::from_secs(10)))
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .max_idle_connections(idle)
        .max_idle_connections_per_host(idle)
        .max_idle_age(IDLE_AGE)
        .build()
}

fn failure(error: &ureq::Error) -> Failure {
    use ureq::Error;
    let words = match error {
        Error::Io(error) => error.to_string(),
        Error::Timeout(_) => "no answer in time".to_owned(),
        Error::HostNotFound => "the host's name does not resolve".to_owned(),
        Error::BadUri(_) | Error::Http(_) => "the address is malformed".to_owned(),
        other => other.to_string(),
    };
    let not_sent = match error {
        Error::Io(error) => not_connected(error.kind()),
        other => never_connected(other),
    };
    if not_sent {
        Failure::NotSent(words)
    } else {
        Failure::Unknown(words)
    }
}

/// Failures from before the request was written. (TLS that breaks later is an I/O error.)
const fn never_connected(error: &ureq::Error) -> bool {
    use ureq::{Error, Timeout};
    matches!(
        error,
        Error::Timeout(Timeout::Resolve | Timeout::Connect)
            | Error::HostNotFound
            | Error::ConnectionFailed
            | Error::BadUri(_)
            | Error::Http(_)
            | Error::Tls(_)
            | Error::Rustls(_)
    )
}

const fn not_connected(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
    )
}
