//! The bans in force, looked up on every request without a lock and changed only after the change is durable.
//!
//! A ban is seen by every core of this process as soon as the call that made it returns. Until bans were loaded, nothing
//! may be served: there is no empty set to start from, [`Bans::load`] makes one.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::store::{Ban, BanKind, BanScope, Store, StoreError};

/// What a request runs into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanHit {
    /// Whose ban it is.
    pub scope: BanScope,
    /// What it does.
    pub kind: BanKind,
    /// The operator's reason, for the log only.
    pub reason: Arc<str>,
}

/// Every ban in force, as of one moment.
#[derive(Debug, Clone, Default)]
pub struct BanSet {
    all: Verdict,
    apps: HashMap<String, Verdict>,
    devices: HashMap<String, Verdict>,
}

/// What one scope has against it: at most one ban of each kind.
#[derive(Debug, Clone, Default)]
struct Verdict {
    banned: Option<Sentence>,
    cut: Option<Sentence>,
}

#[derive(Debug, Clone)]
struct Sentence {
    hit: BanHit,
    until_s: Option<u64>,
}

impl BanSet {
    /// The set of these bans; a later one replaces an earlier one of its scope and kind.
    #[must_use]
    pub fn new(bans: impl IntoIterator<Item = Ban>) -> Self {
        let mut set = Self::default();
        for ban in bans {
            set.insert(ban);
        }
        set
    }

    /// Why this device's session is refused at `now_s`, `None` if it is not. Two look-ups, whatever the number of bans.
    ///
    /// A lasting ban goes before a cut session, because a renewal only helps against the latter. `device` is asked for its text
    /// only where some device is banned at all.
    #[must_use]
    pub fn refusal(
        &self,
        device: impl FnOnce() -> String,
        app: &str,
        session_issued_at_s: u64,
        now_s: u64,
    ) -> Option<BanHit> {
        let against = self.against(device, app);
        let standing = |pick: fn(&Verdict) -> Option<&Sentence>| {
            let mut sentences = against.iter().copied().flatten().filter_map(pick);
            sentences.find(|sentence| sentence.stands(session_issued_at_s, now_s))
        };
        let sentence = standing(|of| of.banned.as_ref()).or_else(|| standing(|of| of.cut.as_ref()))?;
        Some(sentence.hit.clone())
    }

    /// When a session that is made at `now_s` begins: then, or where sessions are cut up to a moment that is yet to come (a second's rest,
    /// or what another clock calls now), at that moment. Made in knowledge of the cut, it is none of those that were to be cut, and a
    /// phone that has just renewed is not sent to renew again.
    #[must_use]
    pub fn session_begins_s(&self, device: impl FnOnce() -> String, app: &str, now_s: u64) -> u64 {
        let against = self.against(device, app);
        let cuts = against.iter().flatten().filter_map(|of| of.cut.as_ref());
        cuts.filter(|cut| cut.stands(now_s, now_s))
            .map(|cut| match cut.hit.kind {
                BanKind::SessionsNotBefore(not_before_s) => not_before_s,
                BanKind::Banned => now_s,
            })
            .fold(now_s, u64::max)
    }

    fn against(&self, device: impl FnOnce() -> String, app: &str) -> [Option<&Verdict>; 3] {
        let device = if self.devices.is_empty() {
            None
        } else {
            self.devices.get(&device())
        };
        [Some(&self.all), self.apps.get(app), device]
    }

    /// How many bans and cut sessions it holds, those that expired since they were read included.
    #[must_use]
    pub fn len(&self) -> usize {
        let verdicts = [&self.all]
            .into_iter()
            .chain(self.apps.values())
            .chain(self.devices.values());
        verdicts
            .map(|verdict| usize::from(verdict.banned.is_some()) + usize::from(verdict.cut.is_some()))
            .sum()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert(&mut self, ban: Ban) {
        let verdict = match &ban.scope {
            BanScope::All => &mut self.all,
            BanScope::App(id) => self.apps.entry(id.clone()).or_default(),
            BanScope::Device(id) => self.devices.entry(id.clone()).or_default(),
        };
        let place = match ban.kind {
            BanKind::Banned => &mut verdict.banned,
            BanKind::SessionsNotBefore(_) => &mut verdict.cut,
        };
        let hit = BanHit {
            scope: ban.scope,
            kind: ban.kind,
            reason: ban.reason.into(),
        };
        *place = Some(Sentence {
            hit,
            until_s: ban.until_s,
        });
    }

    fn lift(&mut self, scope: &BanScope) {
        let verdict = match scope {
            BanScope::All => Some(&mut self.all),
            BanScope::App(id) => self.apps.get_mut(id),
            BanScope::Device(id) => self.devices.get_mut(id),
        };
        if let Some(verdict) = verdict {
            verdict.banned = None;
        }
    }
}

impl Sentence {
    fn stands(&self, session_issued_at_s: u64, now_s: u64) -> bool {
        let in_time = self.until_s.is_none_or(|until_s| now_s <= until_s);
        in_time
            && match self.hit.kind {
                BanKind::Banned => true,
                BanKind::SessionsNotBefore(not_before_s) => session_issued_at_s < not_before_s,
            }
    }
}

/// The bans of this process, backed by a store.
#[derive(Debug)]
pub struct Bans {
    store: Arc<dyn Store>,
    set: ArcSwap<BanSet>,
    /// Held across commit and swap, so that two changes reach store and set in one order.
    changes: tokio::sync::Mutex<()>,
}

impl Bans {
    /// The bans that `store` keeps.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read: without them nothing may be served.
    pub async fn load(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let set = BanSet::new(store.bans().await?);
        Ok(Self {
            store,
            set: ArcSwap::from_pointee(set),
            changes: tokio::sync::Mutex::default(),
        })
    }

    /// The set as it is now, for one decision.
    #[must_use]
    pub fn current(&self) -> arc_swap::Guard<Arc<BanSet>> {
        self.set.load()
    }

    /// Bans durably; in force everywhere in this process when it returns.
    ///
    /// # Errors
    /// [`StoreError`] when it is not durable. It is then not in force either, unless the store learnt of it before failing.
    pub async fn ban(&self, ban: Ban) -> Result<(), StoreError> {
        let _ordered = self.changes.lock().await;
        self.store.ban(ban.clone()).await?;
        self.change(|set| set.insert(ban));
        Ok(())
    }

    /// Makes many bans durable and puts them into force together.
    ///
    /// # Errors
    /// [`StoreError`] when one of them is not durable; none is then in force, and the call may be repeated.
    pub async fn ban_all(&self, bans: Vec<Ban>) -> Result<(), StoreError> {
        let _ordered = self.changes.lock().await;
        for some in bans.chunks(BANNED_AT_ONCE) {
            futures_util::future::try_join_all(some.iter().map(|ban| self.store.ban(ban.clone()))).await?;
        }
        self.change(|set| bans.into_iter().for_each(|ban| set.insert(ban)));
        Ok(())
    }

    /// Lifts a ban durably and says whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when it is not durable; the ban then stays in force.
    pub async fn unban(&self, scope: BanScope) -> Result<bool, StoreError> {
        let _ordered = self.changes.lock().await;
        let lifted = self.store.unban(scope.clone()).await?;
        self.change(|set| set.lift(&scope));
        Ok(lifted)
    }

    fn change(&self, change: impl FnOnce(&mut BanSet)) {
        let mut set = BanSet::clone(&self.set.load());
        change(&mut set);
        self.set.store(Arc::new(set));
    }
}

/// Calls that wait for the store together: one commit takes them all.
const BANNED_AT_ONCE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::store::{EmbeddedStore, StoreOptions};

    const NOW: u64 = 1_000;

    fn ban(scope: BanScope, kind: BanKind, until_s: Option<u64>) -> Ban {
        Ban {
            scope,
            kind,
            reason: "test".to_owned(),
            at_s: NOW,
            until_s,
        }
    }

    fn device() -> BanScope {
        BanScope::Device("d1".to_owned())
    }

    #[test]
    fn a_ban_concerns_its_scope_its_sessions_and_its_time() {
        use BanKind::{Banned, SessionsNotBefore};
        let app = || BanScope::App("bank".to_owned());
        let check = |bans: Vec<Ban>, request: (&str, &str, u64, u64), expect: Option<(BanScope, BanKind)>| {
            let (device, app, issued, now) = request;
            let hit = BanSet::new(bans).refusal(|| device.to_owned(), app, issued, now);
            assert_eq!(hit.map(|hit| (hit.scope, hit.kind)), expect);
        };
        let me = ("d1", "bank", NOW, NOW);
        check(vec![], me, None);
        check(vec![ban(device(), Banned, None)], me, Some((device(), Banned)));
        check(vec![ban(device(), Banned, None)], ("d2", "bank", NOW, NOW), None);
        check(
            vec![ban(device(), Banned, Some(NOW))],
            me,
            Some((device(), Banned)),
        );
        check(
            vec![ban(device(), Banned, Some(NOW))],
            ("d1", "bank", NOW, NOW + 1),
            None,
        );
        check(vec![ban(app(), Banned, None)], me, Some((app(), Banned)));
        check(vec![ban(app(), Banned, None)], ("d1", "shop", NOW, NOW), None);
        check(
            vec![ban(BanScope::All, Banned, None)],
            me,
            Some((BanScope::All, Banned)),
        );
        let cut = SessionsNotBefore(NOW + 1);
        check(vec![ban(device(), cut, None)], me, Some((device(), cut)));
        check(
            vec![ban(device(), cut, None)],
            ("d1", "bank", NOW + 1, NOW + 1),
            None,
        );
        check(
            vec![ban(BanScope::All, cut, None), ban(device(), Banned, None)],
            me,
            Some((device(), Banned)),
        );
        check(
            vec![ban(BanScope::All, cut, Some(NOW)), ban(device(), cut, None)],
            ("d1", "bank", 1, NOW + 1),
            Some((device(), cut)),
        );
    }

    #[test]
    fn a_session_begins_after_the_cut_that_it_was_made_in_knowledge_of() {
        use BanKind::{Banned, SessionsNotBefore};
        let begins = |bans: Vec<Ban>| {
            let set = BanSet::new(bans);
            let at_s = set.session_begins_s(|| "d1".to_owned(), "bank", NOW);
            let hit = set.refusal(|| "d1".to_owned(), "bank", at_s, NOW);
            assert!(!matches!(hit.map(|hit| hit.kind), Some(SessionsNotBefore(_))));
            at_s
        };
        let app = || BanScope::App("bank".to_owned());
        let other = BanScope::App("shop".to_owned());
        assert_eq!(begins(vec![]), NOW);
        assert_eq!(begins(vec![ban(device(), Banned, None)]), NOW);
        assert_eq!(begins(vec![ban(device(), SessionsNotBefore(NOW), None)]), NOW);
        assert_eq!(begins(vec![ban(other, SessionsNotBefore(NOW + 9), None)]), NOW);
        let both = vec![
            ban(device(), SessionsNotBefore(NOW + 1), None),
            ban(app(), SessionsNotBefore(NOW + 3), None),
        ];
        assert_eq!(begins(both), NOW + 3);
        let over = ban(device(), SessionsNotBefore(NOW + 1), Some(NOW - 1));
        assert_eq!(begins(vec![over]), NOW);
    }

    #[tokio::test]
    async fn a_ban_is_in_force_on_return_and_after_a_restart_until_it_is_lifted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let open = || -> Arc<dyn Store> {
            let clock = Arc::new(ManualClock::at(NOW));
            Arc::new(EmbeddedStore::open(&path, StoreOptions::default(), clock).unwrap())
        };
        let refused = |bans: &Bans| {
            let hit = bans.current().refusal(|| "d1".to_owned(), "bank", NOW, NOW);
            hit.is_some()
        };

        let bans = Bans::load(open()).await.unwrap();
        assert!(!refused(&bans));
        bans.ban(ban(device(), BanKind::Banned, None)).await.unwrap();
        assert!(refused(&bans));
        drop(bans);

        let bans = Bans::load(open()).await.unwrap();
        assert!(refused(&bans));
        assert!(bans.unban(device()).await.unwrap());
        assert!(!bans.unban(device()).await.unwrap());
        assert!(!refused(&bans));
        drop(bans);

        assert!(!refused(&Bans::load(open()).await.unwrap()));
    }
}
