//! Registered devices.

use attest_core::device::DeviceId;
use serde::Deserialize;

use super::super::Shared;
use super::super::ask::{Ask, Reply};
use super::super::model::{DeviceList, DeviceView};
use super::super::problem::{AdminCode, AdminProblem};
use crate::store::DeviceRecord;

type Answer = Result<Reply, AdminProblem>;

/// Devices read at once while a pseudonym is looked for: a few milliseconds of the store's thread.
const PAGE: usize = 512;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    limit: Option<usize>,
    after: Option<String>,
    pseudonym: Option<String>,
    app: Option<String>,
}

pub(in super::super) async fn list(ask: Ask) -> Answer {
    let wanted: Wanted = ask.query()?;
    let limit = super::limit(wanted.limit)?;
    let (devices, next) = match (wanted.pseudonym, wanted.app) {
        (Some(pseudonym), Some(app)) => {
            let found = by_pseudonym(&ask.shared, &app, &pseudonym).await?;
            (found.into_iter().collect(), None)
        }
        (None, None) => {
            let devices = ask.shared.gateway.store.devices(wanted.after, limit).await?;
            let next = devices.last().filter(|_| devices.len() == limit);
            let next = next.map(|device| device.id.clone());
            (devices, next)
        }
        _ => {
            let detail = "`pseudonym` and `app` are given together";
            return Err(AdminProblem::new(AdminCode::Malformed, detail));
        }
    };
    let devices = devices
        .into_iter()
        .map(|device| view(&ask.shared, device))
        .collect();
    Reply::json(&DeviceList { devices, next })
}

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let found = ask.shared.gateway.store.device(ask.parameter("id")).await?;
    let device = found.ok_or_else(|| AdminProblem::new(AdminCode::NotFound, "no device has this id"))?;
    Reply::json(&view(&ask.shared, device))
}

/// The device that backends know by this pseudonym. Pseudonyms cannot be turned back, so every device is tried.
pub(super) async fn by_pseudonym(
    shared: &Shared,
    app: &str,
    pseudonym: &str,
) -> Result<Option<DeviceRecord>, AdminProblem> {
    let mut after = None;
    loop {
        let page = shared.gateway.store.devices(after, PAGE).await?;
        let whole = page.len() == PAGE;
        after = page.last().map(|device| device.id.clone());
        let is_wanted = |device: &DeviceRecord| {
            device.app == app && pseudonym_of(shared, device).is_some_and(|known| known == pseudonym)
        };
        match page.into_iter().find(is_wanted) {
            Some(device) => return Ok(Some(device)),
            None if whole => {}
            None => return Ok(None),
        }
    }
}

fn pseudonym_of(shared: &Shared, device: &DeviceRecord) -> Option<String> {
    let id = DeviceId::parse(&device.id).ok()?;
    Some(shared.gateway.pseudonyms.of(&device.app, &id))
}

fn view(shared: &Shared, device: DeviceRecord) -> DeviceView {
    DeviceView {
        pseudonym: pseudonym_of(shared, &device).unwrap_or_default(),
        id: device.id,
        app: device.app,
        key_level: device.key_level,
        evidence_class: device.evidence_class,
        enrolled_at_s: device.enrolled_at_s,
        evidence_at_s: device.evidence_at_s,
        generation: device.generation,
        last_renewed_at_s: device.last_renewed_at_s,
        policy_version: device.policy_version,
    }
}
