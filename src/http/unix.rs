//! A connector that reaches a Unix socket instead of a host.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};

/// Opens the same Unix socket for every request.
#[derive(Debug)]
pub(super) struct UnixConnector(PathBuf);

/// Resolves nothing, since a socket's path needs no address.
#[derive(Debug)]
pub(super) struct NoResolver;

#[derive(Debug)]
pub(super) struct UnixTransport {
    stream: Arc<UnixStream>,
    buffers: LazyBuffers,
}

struct Handle(Arc<UnixStream>);

impl UnixConnector {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl<In: Transport> Connector<In> for UnixConnector {
    type Out = UnixTransport;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<In>,
    ) -> Result<Option<UnixTransport>, Error> {
        let stream = Arc::new(UnixStream::connect(&self.0)?);
        let handle: Arc<dyn ShutdownHandle> = Arc::new(Handle(Arc::clone(&stream)));
        (details.register_shutdown)(Arc::downgrade(&handle) as Weak<dyn ShutdownHandle>)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(UnixTransport { stream, buffers }))
    }
}

impl ShutdownHandle for Handle {
    fn shutdown(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

impl Transport for UnixTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let output = &self.buffers.output()[..amount];
        Ok((&*self.stream).write_all(output)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream
            .set_read_timeout(timeout.not_zero().map(|span| *span))?;
        let read = (&*self.stream).read(self.buffers.input_append_buf());
        let read = read.map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => Error::Timeout(timeout.reason),
            _ => Error::Io(error),
        })?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        false // a fresh connection for each request: local ones cost nothing
    }
}
