//! Bans and cut sessions. What is banned here is in force on every core of this gateway when the call is answered.

use attest_core::device::DeviceId;
use http::StatusCode;

use super::super::Shared;
use super::super::ask::{Ask, Audit, Reply};
use super::super::model::{BanKindWord, BanList, BanScopeWord, BanView, Lifted, NewBan};
use super::super::problem::{AdminCode, AdminProblem};
use super::devices::by_pseudonym;
use crate::store::{Ban, BanKind, BanScope};

type Answer = Result<Reply, AdminProblem>;

/// A reason is a line, not a report.
const REASON_MAX_CHARS: usize = 256;
/// How far ahead sessions may be cut: clocks differ, but a cut in the future would lock every phone out until then.
const CUT_AHEAD_MAX_S: u64 = 60;

fn malformed(detail: impl Into<String>) -> AdminProblem {
    AdminProblem::new(AdminCode::Malformed, detail)
}

pub(in super::super) async fn list(ask: Ask) -> Answer {
    let now_s = ask.shared.gateway.clock.now_s();
    let bans = ask.shared.gateway.store.bans().await?;
    let bans = bans.into_iter().map(|ban| view(ban, now_s)).collect();
    Reply::json(&BanList { bans })
}

pub(in super::super) async fn add(ask: Ask) -> Answer {
    let new: NewBan = ask.body()?;
    let gateway = &ask.shared.gateway;
    let now_s = gateway.clock.now_s();
    let reason_chars = new.reason.chars().count();
    if !(1..=REASON_MAX_CHARS).contains(&reason_chars) {
        return Err(malformed(format!(
            "reason: expected 1 to {REASON_MAX_CHARS} characters"
        )));
    }
    if new.until_s.is_some_and(|until_s| until_s < now_s) {
        return Err(malformed(format!("until_s: it has passed; here it is {now_s}")));
    }
    let kind = kind(&new, now_s)?;
    let ban = Ban {
        scope: scope(&ask.shared, &new).await?,
        kind,
        reason: new.reason,
        at_s: now_s,
        until_s: new.until_s,
    };
    gateway.bans.ban(ban.clone()).await?;
    let view = view(ban, now_s);
    let audit = Audit {
        app: view.app.clone(),
        device: view.device.clone(),
        detail: format!(
            "scope={} kind={:?} reason={}",
            id_scope(&view.id),
            view.kind,
            view.reason
        ),
    };
    Ok(Reply::json(&view)?
        .with_status(StatusCode::CREATED)
        .with_audit(audit))
}

pub(in super::super) async fn lift(ask: Ask) -> Answer {
    let id = ask.parameter("id").to_owned();
    let unknown = |detail| AdminProblem::new(AdminCode::NotFound, detail);
    let scope = parse_id(&id)
        .ok_or_else(|| unknown("no ban has such an id; they are `all`, `app:<app>` or `device:<device>`"))?;
    let (app, device) = named(&scope);
    if !ask.shared.gateway.bans.unban(scope).await? {
        return Err(unknown("nothing is banned under this id; cut sessions stay cut"));
    }
    let audit = Audit {
        app,
        device,
        detail: format!("scope={}", id_scope(&id)),
    };
    Ok(Reply::json(&Lifted { id, lifted: true })?.with_audit(audit))
}

fn kind(new: &NewBan, now_s: u64) -> Result<BanKind, AdminProblem> {
    match (new.kind, new.not_before_s) {
        (BanKindWord::Banned, None) => Ok(BanKind::Banned),
        (BanKindWord::Banned, Some(_)) => Err(malformed("not_before_s: only for `sessions_not_before`")),
        (BanKindWord::SessionsNotBefore, Some(at_s)) if at_s > now_s.saturating_add(CUT_AHEAD_MAX_S) => Err(
            malformed(format!("not_before_s: it lies ahead; here it is {now_s}")),
        ),
        // Those of this very second, too.
        (BanKindWord::SessionsNotBefore, at_s) => Ok(BanKind::SessionsNotBefore(
            at_s.unwrap_or_else(|| now_s.saturating_add(1)),
        )),
    }
}

async fn scope(shared: &Shared, new: &NewBan) -> Result<BanScope, AdminProblem> {
    match (new.scope, &new.device, &new.pseudonym, &new.app) {
        (BanScopeWord::All, None, None, None) => Ok(BanScope::All),
        (BanScopeWord::App, None, None, Some(app)) => {
            // A ban of an app that does not exist would be a ban of nobody that looks like one.
            match shared.gateway.policies.active().compiled().app(app) {
                Some(_) => Ok(BanScope::App(app.clone())),
                None => Err(AdminProblem::new(
                    AdminCode::NotFound,
                    "the policy in force has no such app",
                )),
            }
        }
        (BanScopeWord::Device, Some(id), None, None) => {
            let id = DeviceId::parse(id).map_err(|_| malformed("device: not the id of a device"))?;
            // It need not be registered: a ban that was made before the device is known is kept for it.
            Ok(BanScope::Device(id.to_text()))
        }
        (BanScopeWord::Device, None, Some(pseudonym), Some(app)) => {
            let found = by_pseudonym(shared, app, pseudonym).await?;
            let device = found.ok_or_else(|| {
                AdminProblem::new(
                    AdminCode::NotFound,
                    "no registered device has this pseudonym for this app",
                )
            })?;
            Ok(BanScope::Device(device.id))
        }
        _ => Err(malformed(
            "scope `all` takes neither; scope `app` takes `app`; scope `device` takes `device`, or `pseudonym` and `app`",
        )),
    }
}

fn named(scope: &BanScope) -> (Option<String>, Option<String>) {
    match scope {
        BanScope::All => (None, None),
        BanScope::App(app) => (Some(app.clone()), None),
        BanScope::Device(device) => (None, Some(device.clone())),
    }
}

fn view(ban: Ban, now_s: u64) -> BanView {
    let (app, device) = named(&ban.scope);
    let (id, scope) = match &ban.scope {
        BanScope::All => ("all".to_owned(), BanScopeWord::All),
        BanScope::App(app) => (format!("app:{app}"), BanScopeWord::App),
        BanScope::Device(device) => (format!("device:{device}"), BanScopeWord::Device),
    };
    let (kind, not_before_s) = match ban.kind {
        BanKind::Banned => (BanKindWord::Banned, None),
        BanKind::SessionsNotBefore(at_s) => (BanKindWord::SessionsNotBefore, Some(at_s)),
    };
    BanView {
        id,
        scope,
        app,
        device,
        kind,
        not_before_s,
        reason: ban.reason,
        at_s: ban.at_s,
        until_s: ban.until_s,
        in_force: ban.until_s.is_none_or(|until_s| now_s <= until_s),
    }
}

fn parse_id(id: &str) -> Option<BanScope> {
    match id.split_once(':') {
        None => (id == "all").then_some(BanScope::All),
        Some(("app", app)) if !app.is_empty() => Some(BanScope::App(app.to_owned())),
        Some(("device", device)) => Some(BanScope::Device(DeviceId::parse(device).ok()?.to_text())),
        Some(_) => None,
    }
}

/// The scope's word, without whom it names: that has its own place in an event.
fn id_scope(id: &str) -> &str {
    id.split(':').next().unwrap_or(id)
}
