//! The cast of the demo.

use std::sync::Arc;

use super::actor::{Actor, Kind};

/// Everybody who takes part.
pub(super) struct Cast {
    pub(super) customers: [Arc<Actor>; 3],
    pub(super) confirming: Arc<Actor>,
    pub(super) rooted: Arc<Actor>,
    pub(super) lost: Arc<Actor>,
    pub(super) old_app: Arc<Actor>,
    pub(super) script: Actor,
    pub(super) replayer: Actor,
    pub(super) forger: Actor,
    pub(super) mover: Actor,
    pub(super) faker: Actor,
    pub(super) banned: Arc<Actor>,
    pub(super) repackaged: Arc<Actor>,
    pub(super) betrayed: Arc<Actor>,
    pub(super) cloner: Arc<Actor>,
    pub(super) emulator: Arc<Actor>,
    pub(super) halcyon: Arc<Actor>,
    pub(super) meddled: Arc<Actor>,
}

impl Cast {
    pub(super) fn new() -> Self {
        let shared = |name, kind| Arc::new(Actor::new(name, kind));
        Self {
            customers: [
                shared("customer 1 (Android)", Kind::Genuine),
                shared("customer 2 (StrongBox)", Kind::Genuine),
                shared("customer 3 (iOS)", Kind::Genuine),
            ],
            confirming: shared("customer adding a payee", Kind::Genuine),
            rooted: shared("customer with a rooted phone", Kind::Genuine),
            lost: shared("phone, before it is lost", Kind::Genuine),
            old_app: shared("old app without a token", Kind::Genuine),
            script: Actor::new("script without the SDK", Kind::Hostile),
            replayer: Actor::new("replays captured tokens", Kind::Hostile),
            forger: Actor::new("forges and tampers", Kind::Hostile),
            mover: Actor::new("moves tokens", Kind::Hostile),
            faker: Actor::new("fakes our headers", Kind::Hostile),
            banned: shared("the lost phone, banned", Kind::Hostile),
            repackaged: shared("repackaged app", Kind::Hostile),
            betrayed: shared("apps that the hardware betrays", Kind::Hostile),
            cloner: shared("phone inside a cloner", Kind::Shadowed),
            emulator: shared("emulator", Kind::Shadowed),
            halcyon: shared("phones in a new cloner", Kind::Shadowed),
            meddled: shared("customer in a hostile network", Kind::Genuine),
        }
    }

    pub(super) fn everybody(&self) -> Vec<&Actor> {
        let mut all: Vec<&Actor> = self.customers.iter().map(AsRef::as_ref).collect();
        all.extend([&*self.confirming, &*self.rooted, &*self.lost, &*self.old_app]);
        all.extend([
            &self.script,
            &self.replayer,
            &self.forger,
            &self.mover,
            &self.faker,
        ]);
        all.extend([&*self.banned, &*self.repackaged, &*self.betrayed]);
        all.extend([&*self.cloner, &*self.emulator, &*self.halcyon, &*self.meddled]);
        all
    }

    pub(super) fn hostile(&self) -> impl Iterator<Item = &Actor> {
        self.everybody()
            .into_iter()
            .filter(|actor| actor.kind == Kind::Hostile)
    }
}
