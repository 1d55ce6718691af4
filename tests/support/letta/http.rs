//! Just enough of an HTTP server: requests off a connection, answers and chunked streams onto it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
}

impl Request {
    /// Reads the next; `None` at the connection's end.
    pub(crate) fn read(input: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let (mut length, mut authorization) = (0, None);
        loop {
            let mut header = String::new();
            input.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "authorization" => authorization = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Some(Self {
            method,
            path,
            query,
            authorization,
            body,
        }))
    }

    /// A parameter of the query, undecoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// Writes a whole JSON answer.
pub(crate) fn answer(output: &mut TcpStream, status: u16, body: &str) -> io::Result<()> {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    output.write_all(text.as_bytes())
}

/// A chunked stream of events, under way.
pub(crate) struct Stream<'a> {
    output: &'a mut TcpStream,
    held: Vec<u8>,
}

impl<'a> Stream<'a> {
    /// Begins one; the head goes out with the first event.
    pub(crate) fn begin(output: &'a mut TcpStream) -> Self {
        let head: &[u8] =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        Self {
            output,
            held: head.to_vec(),
        }
    }

    /// Adds text to what goes out next.
    pub(crate) fn hold(&mut self, text: &str) {
        let _ = write!(self.held, "{:x}\r\n{text}\r\n", text.len());
    }

    /// Sends what is held.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.output.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }

    /// Ends it well.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.held.extend_from_slice(b"0\r\n\r\n");
        self.flush()
    }
}
