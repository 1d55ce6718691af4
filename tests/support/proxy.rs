//! A wire between Broca and a server, that can be cut.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A proxy on loopback.
pub(crate) struct Proxy {
    address: SocketAddr,
    wires: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Passes everything on to `to`, such as `127.0.0.1:8283`.
    pub(crate) fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let wires = Arc::<Mutex<Vec<TcpStream>>>::default();
        let (to, kept) = (to.to_owned(), Arc::clone(&wires));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if let Ok(far) = TcpStream::connect(&to) {
                    join(&near, &far, &kept);
                }
            }
        });
        Self { address, wires }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks every connection of now. New ones go through.
    pub(crate) fn cut(&self) {
        for wire in self
            .wires
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            let _ = wire.shutdown(Shutdown::Both);
        }
    }
}

fn join(near: &TcpStream, far: &TcpStream, wires: &Mutex<Vec<TcpStream>>) {
    let mut kept = wires.lock().unwrap_or_else(PoisonError::into_inner);
    for (from, to) in [(near, far), (far, near)] {
        let (Ok(from), Ok(to), Ok(copy)) = (from.try_clone(), to.try_clone(), from.try_clone())
        else {
            return;
        };
        kept.push(copy);
        thread::spawn(move || pass(from, to));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
