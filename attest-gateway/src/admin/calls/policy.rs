//! The policy in force, and a look at its file.

use std::sync::Arc;

use super::super::ask::{Ask, Audit, Reply};
use super::super::model::{PolicyView, Pushed, ReloadOutcome, Reloaded, RepositoryView};
use super::super::problem::{AdminCode, AdminProblem};
use super::super::secret::hex;
use crate::gateway::Gateway;
use crate::policy::Polled;
use crate::policy::repository::{Refreshed, RepositoryFiles};

type Answer = Result<Reply, AdminProblem>;

pub(in super::super) fn show(ask: &Ask) -> Answer {
    Reply::json(&view(&ask.shared.gateway))
}

pub(super) fn view(gateway: &Gateway) -> PolicyView {
    let (active, status) = (gateway.policies.active(), gateway.policies.status());
    let policy = active.compiled().policy();
    PolicyView {
        version: active.version(),
        source_sha256: hex(&gateway.policies.source_digest()),
        since_s: gateway.metrics.policy_since_s(),
        audience: active.audience().to_owned(),
        apps: policy.apps.iter().map(|app| app.id.clone()).collect(),
        routes: policy.routes.iter().map(|route| route.id.clone()).collect(),
        problem: status.problem.clone(),
        warnings: status.warnings.clone(),
        expires_at_s: active.expires_at_s(),
        stale: active.is_stale(gateway.clock.now_s()),
        kill_switch: policy.kill_switch.clone(),
        repository: status.followed.as_ref().map(|followed| RepositoryView {
            metadata: followed.metadata,
            metadata_expires_at_s: followed.metadata_expires_at_s,
            brake: followed.brake.clone(),
            last_ack: followed.last_ack.clone(),
            last_nack: followed.last_nack.clone(),
        }),
    }
}

pub(in super::super) async fn reload(ask: Ask) -> Answer {
    let gateway = Arc::clone(&ask.shared.gateway);
    // It compiles and runs the policy's tests; other calls go on meanwhile.
    let looked = tokio::task::spawn_blocking(move || (gateway.poll_policy(), view(&gateway))).await;
    let (polled, policy) =
        looked.map_err(|_| AdminProblem::new(AdminCode::Unavailable, "the look at the file did not end"))?;
    let outcome = match polled {
        Polled::Unchanged => ReloadOutcome::Unchanged,
        Polled::Activated(_) => ReloadOutcome::Activated,
        Polled::Refused(_) => ReloadOutcome::Refused,
    };
    let detail = format!("outcome={outcome:?} version={}", policy.version).to_lowercase();
    Ok(Reply::json(&Reloaded { outcome, policy })?.with_audit(Audit {
        detail,
        ..Audit::default()
    }))
}

pub(in super::super) async fn push(ask: Ask) -> Answer {
    let files: RepositoryFiles = ask.body()?;
    let gateway = Arc::clone(&ask.shared.gateway);
    // It is verified, compiled and tested on the thread that follows the source; other calls go on meanwhile.
    let taken = tokio::task::spawn_blocking(move || gateway.push_policy(files)).await;
    let refreshed = taken
        .map_err(|_| AdminProblem::new(AdminCode::Unavailable, "the push did not end"))?
        .map_err(|error| AdminProblem::new(AdminCode::Unavailable, error.to_string()))?;
    let Refreshed {
        policy: verdict,
        brake,
        ..
    } = refreshed;
    let detail = format!(
        "verdict={} code={} version={}",
        verdict.verdict.as_str(),
        verdict.code,
        verdict.version.unwrap_or_default()
    );
    let pushed = Pushed {
        verdict: verdict.verdict,
        version: verdict.version,
        metadata: verdict.metadata,
        code: verdict.code,
        reason: verdict.reason,
        source: verdict.source,
        at_s: verdict.at_s,
        took_ms: verdict.took_ms,
        brake,
        active_version: ask.shared.gateway.policies.active().version(),
    };
    Ok(Reply::json(&pushed)?.with_audit(Audit {
        detail,
        ..Audit::default()
    }))
}
