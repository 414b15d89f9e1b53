//! The bytes of an HTTP/1 connection, as the raw-head guard reads them.

use attest_gateway::guard::{Guard, Limits, Next, Reason, Verdict};

/// As small as a gateway may be configured.
pub(crate) const LIMITS: Limits = Limits {
    head_bytes: 8192,
    head_fields: 16,
};

/// The safe bytes, the requests that begin among them, and why it ended.
fn fed<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, usize, Option<Reason>) {
    let mut guard = Guard::new(LIMITS);
    let (mut safe_bytes, mut held, mut requests) = (Vec::new(), Vec::new(), 0);
    for part in parts {
        held.extend_from_slice(part);
        loop {
            let Verdict { safe, heads, next } = guard.judge(&held);
            assert!(safe <= held.len(), "more is safe than there is");
            safe_bytes.extend(held.drain(..safe));
            requests += heads;
            match next {
                Next::More => break,
                Next::Answer => guard.stays(),
                Next::Refused(reason) | Next::Broken(reason) => return (safe_bytes, requests, Some(reason)),
            }
        }
    }
    (safe_bytes, requests, None)
}

/// However the bytes are cut, the guard comes to the same end for the same reason; whole, it hands on no byte of what it
/// refuses, and never a byte that was not there.
pub fn guard(data: &[u8]) -> bool {
    let (safe, requests, refused) = fed([data]);
    assert!(data.starts_with(&safe), "not what was sent");
    let halves = data.split_at(data.len() / 2);
    for (cut, cut_requests, cut_refused) in [fed(data.chunks(1)), fed([halves.0, halves.1])] {
        assert_eq!(cut_refused, refused, "refused otherwise when cut");
        assert!(cut.starts_with(&safe), "less passes when cut");
        assert!(refused.is_some() || (cut_requests == requests && cut == safe), "another request when cut");
    }
    requests > 0 && refused.is_none()
}

/// What passes, and how many requests.
pub(crate) fn passed(data: &[u8]) -> (Vec<u8>, usize, bool) {
    let (safe, requests, refused) = fed([data]);
    (safe, requests, refused.is_none())
}
