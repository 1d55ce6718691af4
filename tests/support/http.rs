//! A small HTTP/1.1 server on loopback: a thread a connection, keep-alive, no framework.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A request, read whole.
pub(crate) struct Request {
    /// Path and query as they stand in the request line.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// Answers whole.
    Whole {
        /// HTTP status.
        status: u16,
        /// Further headers.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// Closes the connection without a word, with a reset where the system allows.
    Reset,
    /// Says that a long body comes, and ends in the middle of it.
    Torn,
}

impl Reply {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &impl ToString) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self::Whole {
            status,
            headers,
            body: body.to_string(),
        }
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

struct State {
    stopped: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1; `handle` may block, each connection has its own thread.
    pub(crate) fn start(handle: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::bind("127.0.0.1:0", handle).expect("loopback has a free port")
    }

    /// Listens on this address.
    pub(crate) fn bind(
        address: &str,
        handle: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let connections = Mutex::default();
        let state = Arc::new(State {
            stopped: AtomicBool::new(false),
            connections,
        });
        let (handle, shared) = (Arc::new(handle), Arc::clone(&state));
        let accepting = thread::spawn(move || accept(&listener, &shared, &handle));
        Ok(Self {
            address,
            state,
            accepting: Some(accepting),
        })
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes `accept`
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join(); // from here on, nobody listens
        }
        for connection in self
            .state
            .connections
            .lock()
            .expect("not poisoned")
            .drain(..)
        {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn accept<H: Fn(&Request) -> Reply + Send + Sync + 'static>(
    listener: &TcpListener,
    state: &Arc<State>,
    handle: &Arc<H>,
) {
    for stream in listener.incoming().flatten() {
        if state.stopped.load(Ordering::SeqCst) {
            return;
        }
        let _ = stream.set_nodelay(true);
        if let Ok(copy) = stream.try_clone() {
            remember(state, copy);
        }
        let handle = Arc::clone(handle);
        thread::spawn(move || serve(&stream, &*handle));
    }
}

fn remember(state: &State, stream: TcpStream) {
    let mut connections = state.connections.lock().expect("not poisoned");
    if connections.len() >= 64 {
        connections.retain(|stream| stream.peer_addr().is_ok());
    }
    connections.push(stream);
}

fn serve(stream: &TcpStream, handle: &dyn Fn(&Request) -> Reply) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(request)) = read(&mut reader) {
        let close = request
            .headers
            .iter()
            .any(|(name, value)| name == "connection" && value == "close");
        if write(stream, handle(&request)).is_err() || close {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let Some(target) = line.split_whitespace().nth(1).map(str::to_owned) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let headers = read_headers(reader)?;
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(Ok(0), |(_, value)| value.parse());
    let mut body = vec![0; length.map_err(|_| io::ErrorKind::InvalidData)?];
    reader.read_exact(&mut body)?;
    Ok(Some(Request {
        target,
        headers,
        body,
    }))
}

fn read_headers(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => return Ok(headers),
        }
    }
}

fn write(mut stream: &TcpStream, reply: Reply) -> io::Result<()> {
    let (status, headers, body, length) = match reply {
        Reply::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
        Reply::Torn => (200, Vec::new(), "{\"ok\":".to_owned(), 4096),
        Reply::Whole {
            status,
            headers,
            body,
        } => (status, headers, body.clone(), body.len()),
    };
    let mut text = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", &value, "\r\n"]);
    }
    text += "\r\n";
    text += &body;
    stream.write_all(text.as_bytes())?;
    if length > body.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
