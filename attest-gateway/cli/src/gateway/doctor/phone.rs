//! A simulated phone, in development: it enrols, mints a token, and sends one request where a route is harmless.

use attest_core::environment::Environment;
use attest_core::policy::{App, EvidenceKind, GatewayPolicy, Require, Route};
use attest_gateway::config::{Config, PolicyOrigin};
use attest_gateway::keys::Keys;
use attest_gateway::policy::{configured_policy, development_root};
use attest_gateway::probe::Probe;
use attest_mobile::{AppRequest, Authorization, Headers};
use attest_testkit::phone::{Phone, PhoneOptions};
use ring::rand::SystemRandom;

use super::finding::{Findings, State};

pub(super) fn look(config: &Config, gateway: &Probe, keys: &Keys, findings: &mut Findings) {
    if config.environment != Environment::Development {
        return;
    }
    if gateway.encrypts() {
        return findings.ok("phone", "none was sent: simulated phones speak no TLS");
    }
    let Some(policy) = configured_policy(config) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let mend = "`attest explain CODE` opens the support code in the gateway's answer; its log names the reason at level debug";
    let done = match runtime {
        Ok(runtime) => runtime.block_on(Box::pin(enrol(config, gateway, keys, &policy))),
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(lines) => {
            for line in lines {
                findings.ok("phone", line);
            }
        }
        Err(error) => findings.add(State::Fail, "phone", error, mend),
    }
}

async fn enrol(
    config: &Config,
    gateway: &Probe,
    keys: &Keys,
    policy: &GatewayPolicy,
) -> Result<Vec<String>, String> {
    let simulated = |app: &&App| app.evidence.contains(&EvidenceKind::Software);
    let Some(app) = policy.apps.iter().find(simulated) else {
        return Ok(vec![
            "none was sent: its evidence is `software`, which no app takes".to_owned(),
        ]);
    };
    let root = first_root(config, keys)?;
    let mut options = PhoneOptions::new(format!("http://{}", gateway.address()), app.id.clone(), root);
    options.base_path.clone_from(&config.listen.base_path);
    options.platform = app.platform;
    options.origins.clone_from(&policy.origins);
    let phone = Phone::new(options).map_err(|error| error.to_string())?;
    let ready = phone.attestor().ready().await;
    ready.map_err(|error| format!("it cannot enrol as {}: {error}", app.id))?;
    let mut lines = vec![format!("a simulated phone enrolled as {}", app.id)];
    let Some(route) = policy.routes.iter().find(|route| harmless(route, &app.id)) else {
        lines.push("no request was sent: no GET route without variables takes its token".to_owned());
        return Ok(lines);
    };
    // Bound to the public origin, sent to the gateway itself: what a balancer in front does with it is not looked at.
    let origin = policy.origins.first().ok_or("the policy has no origin")?;
    let request = AppRequest {
        method: "GET",
        url: &format!("{origin}{}", route.path),
        body: b"",
        authorization: None,
    };
    let send = |authorization: Authorization| {
        let client = phone.client();
        async move {
            let headers: Headers = authorization.headers;
            client.app("GET", &route.path, &headers, b"").await
        }
    };
    let sent = phone.attestor().send_with(&request, send).await;
    let sent = sent.map_err(|error| format!("its request to {} failed: {error}", route.path))?;
    let refusal = sent
        .refusal
        .as_ref()
        .and_then(attest_core::problem::Problem::code);
    match refusal {
        None => lines.push(format!(
            "its request to {} passed; the backend answered {}",
            route.path, sent.reply.status
        )),
        Some(code) => {
            return Err(format!(
                "its request to {} was refused: {}",
                route.path,
                code.as_str()
            ));
        }
    }
    Ok(lines)
}

/// What the apps of this gateway are built with.
fn first_root(config: &Config, keys: &Keys) -> Result<Vec<u8>, String> {
    if let PolicyOrigin::File(_) = config.policy.origin() {
        let root = keys.policy_root.as_ref().ok_or("there is no policy-root.pem")?;
        return development_root(root, &SystemRandom::new()).map_err(|error| error.to_string());
    }
    let file = config.policy.root.as_ref().ok_or("there is no policy.root")?;
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// Whether one GET there can be sent without asking the backend for anything but an answer.
fn harmless(route: &Route, app: &str) -> bool {
    route.require != Require::None
        && route.methods.iter().any(|method| method == "GET")
        && !route.path.contains('*')
        && !route.path.contains('{')
        && route.apps.iter().any(|known| known == app)
}
