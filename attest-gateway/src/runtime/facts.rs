//! What the stack knows of the connection that a request came on, and may say about it: that it carried an authentic token.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// The connection of a request, among the request's extensions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ConnectionFacts(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    peer: SocketAddr,
    encrypted: bool,
    proven: Arc<Proven>,
    requests: Arc<Requests>,
}

/// Whether a connection has carried an authentic token.
#[derive(Debug, Default)]
pub(super) struct Proven(AtomicBool);

impl Proven {
    pub(super) fn set(&self) {
        self.0.store(true, Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// How busy a core is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// It takes every request.
    Normal,
    /// It takes requests that carry a token.
    High,
    /// It takes none.
    Full,
}

/// The requests that one core works on. Only that core's thread writes.
#[derive(Debug)]
pub(super) struct Requests {
    now: AtomicUsize,
    max: usize,
}

impl Requests {
    pub(super) fn new(max: usize) -> Self {
        Self {
            now: AtomicUsize::new(0),
            max,
        }
    }

    fn pressure(&self) -> Pressure {
        let now = self.now.load(Relaxed);
        if now > self.max {
            Pressure::Full
        } else if now > self.max.saturating_sub(self.max / 5) {
            Pressure::High
        } else {
            Pressure::Normal
        }
    }
}

/// One request that is worked on, until it is dropped.
#[derive(Debug)]
pub(super) struct Counted(ConnectionFacts);

impl Drop for Counted {
    fn drop(&mut self) {
        let now = &self.0.0.requests.now;
        now.store(now.load(Relaxed).saturating_sub(1), Relaxed);
    }
}

impl ConnectionFacts {
    pub(super) fn new(
        peer: SocketAddr,
        encrypted: bool,
        proven: Arc<Proven>,
        requests: Arc<Requests>,
    ) -> Self {
        Self(Arc::new(Facts {
            peer,
            encrypted,
            proven,
            requests,
        }))
    }

    /// The address of the connection's other end. Behind a proxy, that is the proxy.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// Whether this gateway ended TLS on it.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.encrypted
    }

    /// Notes that it carried an authentic token. It is not closed any more to make room for others.
    pub fn prove(&self) {
        self.0.proven.set();
    }

    /// How busy its core is, this request included.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        self.0.requests.pressure()
    }

    /// Counts one request more.
    pub(super) fn count(&self) -> Counted {
        let now = &self.0.requests.now;
        now.store(now.load(Relaxed).saturating_add(1), Relaxed);
        Counted(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_rises_with_the_requests_and_falls_when_they_end() {
        let requests = Arc::new(Requests::new(10));
        let peer = "127.0.0.1:1".parse().unwrap();
        let facts = ConnectionFacts::new(peer, false, Arc::default(), requests);
        let mut counted = Vec::new();
        let mut seen = Vec::new();
        for _ in 0..11 {
            counted.push(facts.count());
            seen.push(facts.pressure());
        }
        assert_eq!(seen[..8], [Pressure::Normal; 8]);
        assert_eq!(seen[8..], [Pressure::High, Pressure::High, Pressure::Full]);
        counted.truncate(8);
        assert_eq!(facts.pressure(), Pressure::Normal);
    }
}
