//! Who serves a new connection: the core that accepted it, the least loaded one, or, when there are too many, nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Open connections of every core. Approximate at any moment, exact in the end.
#[derive(Debug)]
pub(super) struct Loads {
    cores: Box<[AtomicUsize]>,
    open: AtomicUsize,
    max: usize,
    refused: AtomicU64,
    evicted: Arc<AtomicU64>,
    flooding: Arc<AtomicU64>,
    /// How far a core may be ahead of the least loaded before it hands over: balance is not worth a thread switch for
    /// each connection. Zero where one core accepts for all.
    slack: usize,
}

/// Room for one connection on one core, for as long as it lives.
#[derive(Debug)]
pub(super) struct Place {
    loads: Arc<Loads>,
    core: usize,
}

impl Loads {
    pub(super) fn new(cores: usize, max: usize, slack: usize) -> Self {
        Self {
            cores: (0..cores).map(|_| AtomicUsize::new(0)).collect(),
            open: AtomicUsize::new(0),
            max,
            refused: AtomicU64::new(0),
            evicted: Arc::default(),
            flooding: Arc::default(),
            slack,
        }
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// A place for a connection that `core` accepted, on that core or on a much less loaded one; `None` when all places
    /// are taken.
    pub(super) fn place(self: &Arc<Self>, core: usize) -> Option<Place> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(self.counted(self.choose(core)))
    }

    /// A place even if all are taken, for a connection in whose favour another one is being closed.
    pub(super) fn place_over(self: &Arc<Self>, core: usize) -> Place {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.counted(self.choose(core))
    }

    /// A place even if all are taken, on that core other than `core` with the most connections.
    pub(super) fn place_elsewhere(self: &Arc<Self>, core: usize) -> Option<Place> {
        let loads = self.cores.iter().map(|load| load.load(Ordering::Relaxed));
        let others = loads.enumerate().filter(|(other, _)| *other != core);
        let (most, _) = others.max_by_key(|(_, load)| *load)?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(self.counted(most))
    }

    fn counted(self: &Arc<Self>, core: usize) -> Place {
        let place = Place {
            loads: Arc::clone(self),
            core,
        };
        place.count(|load| load.fetch_add(1, Ordering::Relaxed));
        place
    }

    /// Whether all places are taken.
    pub(super) fn is_full(&self) -> bool {
        self.open() >= self.max
    }

    /// Counts a connection for which there was no place.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that were closed to make room.
    pub(super) const fn evicted(&self) -> &Arc<AtomicU64> {
        &self.evicted
    }

    /// Connections that were closed because of a flood of frames.
    pub(super) const fn flooding(&self) -> &Arc<AtomicU64> {
        &self.flooding
    }

    pub(super) fn cores(&self) -> usize {
        self.cores.len().max(1)
    }

    fn choose(&self, own: usize) -> usize {
        let loads = || {
            self.cores
                .iter()
                .map(|load| load.load(Ordering::Relaxed))
                .enumerate()
        };
        let own_load = loads()
            .find(|(core, _)| *core == own)
            .map_or(usize::MAX, |(_, load)| load);
        match loads().min_by_key(|(_, load)| *load) {
            Some((least, load)) if own_load > load.saturating_add(load / 4).saturating_add(self.slack) => {
                least
            }
            _ => own,
        }
    }
}

impl Place {
    pub(super) const fn core(&self) -> usize {
        self.core
    }

    /// Keeps the connection on `core` after all, because the other one could not take it.
    pub(super) fn move_to(&mut self, core: usize) {
        self.count(|load| load.fetch_sub(1, Ordering::Relaxed));
        self.core = core;
        self.count(|load| load.fetch_add(1, Ordering::Relaxed));
    }

    fn count(&self, change: impl FnOnce(&AtomicUsize) -> usize) {
        if let Some(load) = self.loads.cores.get(self.core) {
            change(load);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.count(|load| load.fetch_sub(1, Ordering::Relaxed));
        self.loads.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overloaded_core_hands_over_to_the_least_loaded() {
        let check = |loads: &[usize], slack, own, expect| {
            let balance = Loads::new(loads.len(), 1000, slack);
            for (core, load) in loads.iter().enumerate() {
                balance.cores[core].store(*load, Ordering::Relaxed);
            }
            assert_eq!(
                balance.choose(own),
                expect,
                "{loads:?} slack {slack}, accepted by {own}"
            );
        };
        check(&[0], 0, 0, 0);
        check(&[0, 0], 0, 1, 1);
        check(&[0, 1], 0, 1, 0);
        check(&[10, 10, 9], 0, 0, 0);
        check(&[10, 10, 7], 0, 0, 2);
        check(&[32, 0], 32, 0, 0);
        check(&[33, 0], 32, 0, 1);
        check(&[33, 5, 0], 32, 1, 1);
        check(&[1000, 900], 32, 0, 0);
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let loads = Arc::new(Loads::new(2, 2, 0));
        let mut first = loads.place(0).unwrap();
        let second = loads.place(0).unwrap();
        assert_eq!((first.core(), second.core()), (0, 1));
        assert!(loads.place(0).is_none());
        loads.refuse();
        assert_eq!((loads.open(), loads.refused()), (2, 1));
        first.move_to(1);
        let over = loads.place_over(0);
        assert_eq!((loads.open(), over.core()), (3, 0));
        for (core, other) in [(0, 1), (1, 0)] {
            let elsewhere = loads.place_elsewhere(core).unwrap();
            assert_eq!((loads.open(), elsewhere.core()), (4, other));
        }
        assert!(Arc::new(Loads::new(1, 1, 0)).place_elsewhere(0).is_none());
        drop((first, second, over));
        assert_eq!(loads.open(), 0);
        assert!(loads.cores.iter().all(|load| load.load(Ordering::Relaxed) == 0));
    }
}
