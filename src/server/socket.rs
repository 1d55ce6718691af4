//! The socket file of an instance.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use tokio::net::{UnixListener, UnixSocket};

use crate::error::{Code, Error, Result};

/// Connections that may wait to be accepted.
const WAITING: u32 = 128;

/// Opens a socket at `path` that only this user may use, in place of one left over.
///
/// The caller holds the instance's lock, so what stands there is nobody's. Needs a tokio runtime.
/// The mode is set between `bind` and `listen`: nobody can connect before it is.
///
/// Errors: `io` where the path is too long (about 108 bytes), taken by something that is no socket, or
/// not writable.
pub fn bind(path: &Path) -> Result<UnixListener> {
    try_bind(path).map_err(|error| {
        let message = format!("the socket `{}` cannot be opened: {error}", path.display());
        Error::new(Code::Io, message)
    })
}

/// Removes the socket at `path`, if there is one. The caller holds the instance's lock.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "what stands there is not a socket",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn try_bind(path: &Path) -> io::Result<UnixListener> {
    remove(path)?;
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.listen(WAITING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_this_user_may_use_it_and_a_leftover_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("broca.sock");
        drop(bind(&path).expect("a first one"));
        let _listener = bind(&path).expect("a second one");
        let mode = fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        std::os::unix::net::UnixStream::connect(&path).expect("it listens");
    }

    #[tokio::test]
    async fn a_file_in_its_place_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("broca.sock");
        fs::write(&path, "mine").expect("it is writable");
        assert_eq!(bind(&path).expect_err("no socket").code, Code::Io);
        assert_eq!(fs::read_to_string(&path).expect("still there"), "mine");
    }
}
