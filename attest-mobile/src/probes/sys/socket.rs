//! The first bytes that a port of this phone answers. No other address is ever connected to.
//!
//! Nothing waits longer than the patience that is handed in, and a deadline is asked each millisecond.

use std::ffi::c_int;

use super::{Errno, Files};

/// One wait. Between two of them the deadline is asked.
const SLICE_MS: u16 = 1;

impl Files<'_> {
    /// The first bytes, at most `cap`, that a port of 127.0.0.1 answers to `greeting` within `patience_ms`. `None` if nothing
    /// listens there.
    ///
    /// # Errors
    /// As the platform says; [`Errno::SILENT`] if something listens and says nothing in time; [`Errno::STOPPED`].
    pub fn banner(
        &self,
        port: u16,
        greeting: &[u8],
        cap: usize,
        patience_ms: u16,
    ) -> Result<Option<Vec<u8>>, Errno> {
        match self.talk(port, greeting, cap, patience_ms) {
            Err(Errno::REFUSED) => Ok(None),
            answered => answered.map(Some),
        }
    }

    fn talk(&self, port: u16, greeting: &[u8], cap: usize, patience_ms: u16) -> Result<Vec<u8>, Errno> {
        let socket = Socket {
            files: *self,
            fd: self.ask(|| self.calls.connect(port))?,
        };
        let mut left_ms = patience_ms;
        socket.wait(libc::POLLOUT, &mut left_ms)?;
        // A new connection has room for a greeting.
        self.ask(|| self.calls.send(socket.fd, greeting))?;
        socket.wait(libc::POLLIN, &mut left_ms)?;
        let mut bytes = vec![0; cap];
        let count = self.ask(|| self.calls.read(socket.fd, &mut bytes))?;
        bytes.truncate(count);
        Ok(bytes)
    }
}

/// An open socket; closed when this goes.
struct Socket<'d> {
    files: Files<'d>,
    fd: c_int,
}

impl Socket<'_> {
    fn wait(&self, wanted: i16, left_ms: &mut u16) -> Result<(), Errno> {
        while *left_ms > 0 {
            if self
                .files
                .ask(|| self.files.calls.wait(self.fd, wanted, SLICE_MS))?
            {
                return Ok(());
            }
            *left_ms = left_ms.saturating_sub(SLICE_MS);
        }
        Err(Errno::SILENT)
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        self.files.calls.close(self.fd);
    }
}

/// A connection that is about to be made is made as far as we are concerned: a wait tells.
pub(super) fn begun(connected: Result<(), Errno>) -> Result<(), Errno> {
    match connected {
        Err(Errno::BEGUN) => Ok(()),
        other => other,
    }
}
