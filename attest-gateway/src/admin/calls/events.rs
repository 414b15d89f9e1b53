//! What happened: enrolments, and what operators did.

use serde::Deserialize;

use super::super::ask::{Ask, Reply};
use super::super::model::{EventList, EventView};
use super::super::problem::AdminProblem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    limit: Option<usize>,
}

pub(in super::super) async fn list(ask: Ask) -> Result<Reply, AdminProblem> {
    let wanted: Wanted = ask.query()?;
    let store = &ask.shared.gateway.store;
    let events = store.events(super::limit(wanted.limit)?).await?;
    let events = events.into_iter().map(|event| EventView {
        at_s: event.at_s,
        kind: event.kind,
        code: event.code,
        device: event.device,
        app: event.app,
        by: event.by,
        from: event.from,
        detail: event.detail,
    });
    Reply::json(&EventList {
        events: events.collect(),
        dropped: store.events_dropped(),
    })
}
