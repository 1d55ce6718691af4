//! Connections: accepted, capped, timed, and ended at the stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::error::Code;
use crate::shutdown::Stop;

use super::{Server, Side};

/// Connections at once on each side; further ones wait to be accepted.
const CONNECTIONS: usize = 1024;
/// A request's head must be there within this time, which also ends idle connections.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// A request's head is not larger, in bytes.
const HEAD_SIZE: usize = 32 * 1024;
/// Requests under way get this long at the stop; streams end by themselves at once.
const STOP_TIME: Duration = Duration::from_secs(1);
/// Before accepting goes on where the process has no file left.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is on the other end. Stands in each request's extensions, as does the [`Stop`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Came over TCP from this address.
    Tcp(IpAddr),
    /// May open the socket file.
    Unix,
}

/// Room for the connections of one side: a crowd at the page does not lock the operator out.
pub(super) struct Slots(Arc<Semaphore>);

impl Default for Slots {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CONNECTIONS)))
    }
}

impl Slots {
    async fn take(&self) -> OwnedSemaphorePermit {
        let slot = Arc::clone(&self.0).acquire_owned().await;
        slot.expect("this semaphore is never closed")
    }
}

impl Server {
    /// Serves the public side until `stop` is told. Returns within about a second of it.
    pub async fn serve_tcp(self: Arc<Self>, listener: TcpListener, stop: Stop) {
        let accept = async || {
            let (stream, address) = listener.accept().await?;
            let _ = stream.set_nodelay(true); // small events must not wait for one another
            Ok((stream, Peer::Tcp(address.ip().to_canonical())))
        };
        self.serve(Side::Public, accept, stop).await;
    }

    /// Serves the local side until `stop` is told. Returns within about a second of it.
    pub async fn serve_unix(self: Arc<Self>, listener: UnixListener, stop: Stop) {
        let accept = async || Ok((listener.accept().await?.0, Peer::Unix));
        self.serve(Side::Local, accept, stop).await;
    }

    async fn serve<S, F>(self: Arc<Self>, side: Side, accept: impl Fn() -> F, mut stop: Stop)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<(S, Peer)>>,
    {
        let mut open = JoinSet::new();
        while !stop.is_told() {
            let next = async {
                let slot = self.side(side).slots.take().await;
                (accept().await, slot)
            };
            let (accepted, slot) = tokio::select! {
                next = next => next,
                () = stop.told() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let talk = Arc::clone(&self).talk(side, stream, peer, stop.clone());
                    open.spawn(async move {
                        talk.await;
                        drop(slot);
                    });
                }
                Err(error) => refuse_for_now(&error).await,
            }
            while let Some(ended) = open.try_join_next() {
                report(ended);
            }
        }
        let all = async { while open.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(STOP_TIME, all).await;
    }

    async fn talk<S>(self: Arc<Self>, side: Side, stream: S, peer: Peer, mut stop: Stop)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let told = stop.clone();
        let service = service_fn(move |request| self.clone().answer(side, request, peer, &told));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD_SIZE)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.told() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            log::debug!("a connection ended early: {error}");
        }
    }

    fn answer(
        self: Arc<Self>,
        side: Side,
        request: Request<Incoming>,
        peer: Peer,
        stop: &Stop,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(stop.clone());
        self.router(side).oneshot(request)
    }
}

async fn refuse_for_now(error: &io::Error) {
    log::warn!(
        "a connection could not be accepted: {error} code={}",
        Code::Io
    );
    tokio::time::sleep(PAUSE).await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        log::error!("a request's handler panicked code={}", Code::InternalPanic);
    }
}
