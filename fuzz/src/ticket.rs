//! Opening a ticket that a phone brought back.

use crate::fixture::{NOW_S, changed, result, ticket as sealed, tickets};

/// Any text is opened or refused, at any hour; and a ticket of ours with one byte changed never opens.
pub fn ticket(data: &[u8]) -> bool {
    let mut keys = tickets();
    let hour = u64::from(data.first().copied().unwrap_or_default());
    let accepted = keys.open(crate::text(data), NOW_S).is_ok();
    drop(keys.open(crate::text(data), hour * 3600));
    if let Some((received, same)) = changed(sealed(), data) {
        let opened = keys.open(&received, NOW_S).map(|body| body.result);
        assert_eq!(opened.is_ok(), same, "a changed ticket opened");
        assert!(opened.is_err() || opened == Ok(result()), "the ticket says something else");
    }
    accepted
}
