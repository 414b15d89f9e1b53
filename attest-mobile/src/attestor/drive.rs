//! Carries out the machine's effects one after the other until there is nothing left to do. Every wait on the host is bounded.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Inner;
use crate::foreign::{BoxFuture, KeyError, StorageError, TransportError};
use crate::machine::{Effect, Event, Loaded, POLICY_BLOB, STATE_BLOB, Unloadable};

/// The machine's work, to its end. If nobody waits for it any longer it is dropped, and the machine is told.
pub(super) async fn drive(inner: Arc<Inner>) {
    let mut tether = Tether {
        inner: &inner,
        ended: false,
    };
    loop {
        let now = inner.now();
        let effect = inner.machine().poll(now);
        let Some(effect) = effect else { break };
        let event = inner.carry_out(effect).await;
        let now = inner.now();
        inner.machine().answer(event, now, inner.rng());
        inner.publish();
    }
    tether.ended = true;
}

/// Tells the machine when its work is dropped before its end.
struct Tether<'a> {
    inner: &'a Inner,
    ended: bool,
}

impl Drop for Tether<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // Where something is dropped nothing unwinds: a panic would end the app.
            drop(catch_unwind(AssertUnwindSafe(|| {
                self.inner.machine().abandon();
                self.inner.changed.change();
            })));
        }
    }
}

impl Inner {
    async fn carry_out(&self, effect: Effect) -> Event {
        let host = &self.host;
        match effect {
            Effect::Load => Event::Loaded(self.load().await),
            Effect::Send(request) => {
                let bound = request.reply_bytes_max;
                let reply = self
                    .bounded(host.transport.send(request))
                    .await
                    .unwrap_or(Err(TransportError::TimedOut));
                Event::Replied(match reply {
                    Ok(reply) if reply.body.len() > bound => Err(TransportError::Oversized),
                    reply => reply,
                })
            }
            Effect::Accept(offer) => Event::Accepted(Box::new(offer.accept())),
            Effect::Observe(scan) => {
                let questions = scan.questions();
                // Probes that hang leave their questions open, and an open question is never a clear finding.
                let facts = match questions.is_empty() {
                    true => None,
                    false => self.bounded(host.observations.observe(questions)).await,
                };
                Event::Judged(scan.judge(&facts.unwrap_or_default()))
            }
            Effect::Generate(challenge) => Event::KeyMade(
                self.bounded(host.key.generate(&challenge))
                    .await
                    .unwrap_or(Err(KeyError::Failed)),
            ),
            Effect::Sign(signing_input) => Event::Signed(self.sign(&signing_input).await),
            Effect::Vouch(purpose, covered) => Event::Vouched(
                self.bounded(host.key.vouch(purpose, &covered))
                    .await
                    .unwrap_or(Err(KeyError::Failed)),
            ),
            Effect::Store(name, blob) => Event::Stored(
                name,
                self.bounded(host.storage.put(name, blob))
                    .await
                    .unwrap_or(Err(StorageError)),
            ),
        }
    }

    /// A signature by the device key.
    pub(super) async fn sign(&self, signing_input: &[u8]) -> Result<[u8; 64], KeyError> {
        self.bounded(self.host.key.sign(signing_input))
            .await
            .unwrap_or(Err(KeyError::Failed))
    }

    async fn load(&self) -> Result<Loaded, Unloadable> {
        let state = self.blob(STATE_BLOB).await?;
        let policy = self.blob(POLICY_BLOB).await?;
        let key = match self.bounded(self.host.key.public_key()).await {
            Some(Ok(key)) => Some(key),
            Some(Err(KeyError::Gone)) => None,
            Some(Err(KeyError::Failed)) | None => return Err(Unloadable::Key),
        };
        Ok(Loaded { state, policy, key })
    }

    async fn blob(&self, name: &'static str) -> Result<Option<Vec<u8>>, Unloadable> {
        self.bounded(self.host.storage.get(name))
            .await
            .and_then(Result::ok)
            .ok_or(Unloadable::Storage)
    }

    /// What `call` returns, `None` if it takes longer than configured.
    async fn bounded<T: Send>(&self, mut call: BoxFuture<'_, T>) -> Option<T> {
        let mut returned = None;
        let mut returns = |context: &mut Context<'_>| {
            if let Poll::Ready(value) = call.as_mut().poll(context) {
                returned = Some(value);
            }
            returned.is_some()
        };
        self.in_time(&mut returns).await;
        returned
    }

    /// Asks whether something has ended until it has, or the time for a call is over.
    async fn in_time(&self, has_ended: &mut (dyn FnMut(&mut Context<'_>) -> bool + Send)) {
        let ends_ms = self.now().after_ms(self.settings.config.call_timeout_ms);
        let mut timer = self.host.timer.sleep_until(ends_ms);
        poll_fn(|context| {
            if has_ended(context) || timer.as_mut().poll(context).is_ready() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}
