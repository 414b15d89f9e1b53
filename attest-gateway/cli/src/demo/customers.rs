//! Genuine customers: phones that enrol, onboard, log in, look at their balance and pay, all the while the rest goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use attest_core::problem::StepUpRequest;
use attest_mobile::foreign::{BoxFuture, StepUpOutcome, StepUpPrompt};
use attest_mobile::{AttestError, Headers, SendError, Sent};
use attest_testkit::bank::{Bank, StepUpCall};
use attest_testkit::phone::Phone;

use super::actor::Actor;

/// Between two requests of one customer.
const PAUSE: Duration = Duration::from_millis(120);

/// Sends one request of a customer and counts what came of it.
pub(super) async fn request(
    actor: &Actor,
    phone: &Phone,
    method: &str,
    target: &str,
    body: &str,
) -> Option<Sent> {
    let mut headers: Headers = actor.headers();
    headers.push(("authorization".to_owned(), "Bearer demo-access-token".to_owned()));
    match phone.send(method, target, &headers, body.as_bytes()).await {
        Ok(sent) => {
            actor.note(&sent.reply, false);
            Some(sent)
        }
        Err(SendError::Attest(AttestError::Refused { code, .. })) => {
            actor.note_refusal(code);
            None
        }
        Err(error) => {
            actor.note_failure(error.to_string());
            None
        }
    }
}

/// One customer's day: onboarding, then logins, balances and payments until `stop`.
pub(super) async fn live(actor: Arc<Actor>, phone: Phone, stop: Arc<AtomicBool>) {
    let _fresh = phone.keep_fresh();
    request(
        &actor,
        &phone,
        "POST",
        "/v1/onboarding?channel=app",
        r#"{"name":"A. Customer"}"#,
    )
    .await;
    let mut round = 0_u32;
    while !stop.load(Relaxed) {
        request(&actor, &phone, "POST", "/v1/login", r#"{"user":"a"}"#).await;
        request(&actor, &phone, "GET", "/v1/balance?currency=EUR", "").await;
        let payment = format!(r#"{{"amount":"{round}.00"}}"#);
        request(&actor, &phone, "POST", "/v1/payments?to=DE02", &payment).await;
        round += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// A customer who reads the bank's text message and types in the code.
pub(super) struct ReadsMessages {
    pub(super) bank: Arc<Bank>,
    pub(super) phone: std::sync::OnceLock<Phone>,
    pub(super) headers: Headers,
}

impl StepUpPrompt for ReadsMessages {
    fn complete(&self, step_up: StepUpRequest) -> BoxFuture<'_, StepUpOutcome> {
        Box::pin(async move {
            self.confirm(&step_up.id)
                .await
                .map_or(StepUpOutcome::Declined, StepUpOutcome::Completed)
        })
    }
}

impl ReadsMessages {
    async fn confirm(&self, id: &str) -> Option<String> {
        self.call(&StepUpCall {
            id: id.to_owned(),
            code: None,
        })
        .await?;
        let code = self.bank.text_message(id)?;
        let answer = self
            .call(&StepUpCall {
                id: id.to_owned(),
                code: Some(code),
            })
            .await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer).ok()?;
        Some(answer.get("completion")?.as_str()?.to_owned())
    }

    async fn call(&self, call: &StepUpCall) -> Option<Vec<u8>> {
        let body = serde_json::to_vec(call).ok()?;
        let sent = self
            .phone
            .get()?
            .send("POST", "/v1/step-up", &self.headers, &body)
            .await
            .ok()?;
        (sent.reply.status < 300).then_some(sent.reply.body)
    }
}
