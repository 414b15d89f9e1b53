//! Gives words to what hyper refuses by itself: a request head that it cannot read. hyper answers such a head with a bare status;
//! the bytes are recognised on their way out, because no service was asked, and the gateway's own refusal goes out instead.
//!
//! It never touches a response of the service: those are counted in when the service is called and out when their head is
//! written.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

type Words = dyn Fn(u16) -> Vec<u8> + Send + Sync;

/// Makes the whole response for a status that hyper answers by itself. By default hyper's own goes out.
#[derive(Clone, Default)]
pub struct HeadRefusal(Option<Arc<Words>>);

impl HeadRefusal {
    /// Takes the response's bytes from `words`.
    pub fn new(words: impl Fn(u16) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(words)))
    }
}

impl fmt::Debug for HeadRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeadRefusal")
    }
}

/// Counts the responses of one connection that the service owes.
#[derive(Debug, Clone, Default)]
pub(super) struct Owed(Rc<Cell<u32>>);

impl Owed {
    /// The service was called: one response more will be written.
    pub(super) fn one_more(&self) {
        self.0.set(self.0.get().saturating_add(1));
    }

    fn written(&self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Looks at what one connection writes.
#[derive(Debug)]
pub(super) struct Substitution {
    refusal: HeadRefusal,
    owed: Owed,
    /// The response on its way instead of hyper's, and how much of it is written.
    pending: Option<(Vec<u8>, usize)>,
}

impl Substitution {
    pub(super) const fn new(refusal: HeadRefusal, owed: Owed) -> Self {
        Self {
            refusal,
            owed,
            pending: None,
        }
    }

    /// What to write instead of `bytes`, from where the last write stopped; `None` to write `bytes`.
    pub(super) fn instead(&mut self, bytes: &[u8]) -> Option<&[u8]> {
        if self.pending.is_none() {
            let owed = self.owed.0.get() > 0;
            if let (false, Some(words), Some(status)) = (owed, &self.refusal.0, bare_status(bytes)) {
                self.pending = Some((words(status), 0));
            }
        }
        self.pending
            .as_ref()
            .map(|(response, written)| response.get(*written..).unwrap_or_default())
    }

    /// Notes that `bytes`, or a part of them, were written as they are.
    pub(super) fn passed(&self, bytes: &[u8]) {
        if bytes.starts_with(b"HTTP/1.") {
            self.owed.written();
        }
    }

    /// Notes that `count` bytes of the substitute were written. Returns whether all are.
    pub(super) fn wrote(&mut self, count: usize) -> bool {
        match &mut self.pending {
            Some((response, written)) => {
                *written = written.saturating_add(count);
                *written >= response.len()
            }
            None => true,
        }
    }
}

/// The status of a 4xx response that is nothing but a head, as hyper writes for a head that it cannot read.
fn bare_status(bytes: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() < 256)?;
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let bare = text.ends_with("\r\n\r\n") && text.matches("\r\n\r\n").count() == 1;
    let empty = text.to_ascii_lowercase().contains("content-length: 0\r\n");
    ((400..500).contains(&status) && bare && empty).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    #[test]
    fn only_what_no_service_answered_is_replaced() {
        let owed = Owed::default();
        let mut substitution = Substitution::new(
            HeadRefusal::new(|status| format!("own {status}").into_bytes()),
            owed.clone(),
        );
        owed.one_more();
        assert_eq!(substitution.instead(BARE), None, "the service's own");
        assert_eq!(
            substitution.instead(BARE),
            None,
            "and again, as nothing was written yet"
        );
        substitution.passed(BARE);
        assert_eq!(
            substitution.instead(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
            None
        );
        assert_eq!(substitution.instead(b"a body"), None);
        assert_eq!(substitution.instead(BARE), Some(&b"own 400"[..]));
        assert!(!substitution.wrote(4));
        assert_eq!(
            substitution.instead(BARE),
            Some(&b"400"[..]),
            "goes on where it stopped"
        );
        assert!(substitution.wrote(3));
    }
}
