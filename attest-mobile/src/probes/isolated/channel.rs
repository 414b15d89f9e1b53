//! Messages over a connected socket: length, then bytes; every wait is short, and the deadline is asked between any two.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::IsolatedError;
use crate::probes::sys::Deadline;

/// How long the system may wait before the deadline is asked again.
const WAIT: Duration = Duration::from_millis(2);
/// What is read at once, and so the most that is reserved ahead of what came.
const PIECE: usize = 16 * 1024;

pub(super) fn send(
    mut channel: &UnixStream,
    message: &[u8],
    most: usize,
    deadline: &dyn Deadline,
) -> Result<(), IsolatedError> {
    let length = u32::try_from(message.len())
        .ok()
        .filter(|_| message.len() <= most);
    let length = length.ok_or(IsolatedError::Oversized)?;
    channel
        .set_write_timeout(Some(WAIT))
        .map_err(|error| said(&error))?;
    let mut framed = Vec::with_capacity(message.len() + 4);
    framed.extend(length.to_be_bytes());
    framed.extend(message);
    let mut rest = framed.as_slice();
    while !rest.is_empty() {
        let written = going_on(channel.write(rest), deadline)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(())
}

pub(super) fn receive(
    channel: &UnixStream,
    most: usize,
    deadline: &dyn Deadline,
) -> Result<Vec<u8>, IsolatedError> {
    channel
        .set_read_timeout(Some(WAIT))
        .map_err(|error| said(&error))?;
    let length = exactly(channel, 4, deadline)?;
    let length: [u8; 4] = length.try_into().map_err(|_| IsolatedError::Malformed)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| IsolatedError::Oversized)?;
    if length > most {
        return Err(IsolatedError::Oversized);
    }
    exactly(channel, length, deadline)
}

fn exactly(
    mut channel: &UnixStream,
    length: usize,
    deadline: &dyn Deadline,
) -> Result<Vec<u8>, IsolatedError> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; length.min(PIECE)];
    while bytes.len() < length {
        let wanted = (length - bytes.len()).min(PIECE);
        let room = piece.get_mut(..wanted).unwrap_or_default();
        let read = match channel.read(room) {
            Ok(0) => return Err(IsolatedError::Closed),
            read => going_on(read, deadline)?,
        };
        bytes.extend(piece.iter().take(read));
    }
    Ok(bytes)
}

/// How many bytes went, none if the wait was over; an error if it is not to go on.
fn going_on(outcome: std::io::Result<usize>, deadline: &dyn Deadline) -> Result<usize, IsolatedError> {
    if deadline.has_passed() {
        return Err(IsolatedError::Stopped);
    }
    outcome.or_else(|error| {
        let kind = error.kind();
        if matches!(
            kind,
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
        ) {
            Ok(0)
        } else if matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) {
            Err(IsolatedError::Closed)
        } else {
            Err(said(&error))
        }
    })
}

fn said(error: &std::io::Error) -> IsolatedError {
    IsolatedError::System(error.raw_os_error().unwrap_or_default())
}
