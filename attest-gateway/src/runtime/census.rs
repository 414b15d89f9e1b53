//! The connections of one core that have not shown an authentic token, by their source. When there is no room, the oldest one of
//! the most crowded source is closed for the new one: a flood from one place displaces itself, and nobody is locked out.
//!
//! A connection that carried an authentic token is never closed here. That it did is noticed late, when its turn would have
//! come, so that showing a token costs nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::task::AbortHandle;
use tokio::time::{Duration, Instant};

use super::facts::Proven;

/// Whoever came within this time may not have been able to say anything yet.
const NEWCOMER: Duration = Duration::from_secs(1);

/// Who is counted as one: an IPv4 address, or an IPv6 /64, because a subscriber owns at least that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Source {
    V4(u32),
    V6(u64),
}

impl Source {
    fn of(peer: SocketAddr) -> Self {
        match peer.ip().to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64;
                Self::V6(u64::try_from(network).unwrap_or_default())
            }
        }
    }
}

#[derive(Debug)]
struct Entry {
    proven: Arc<Proven>,
    abort: Option<AbortHandle>,
}

#[derive(Debug, Default)]
struct Crowds {
    next: u64,
    /// When the last one came.
    entered: Option<Instant>,
    /// Each source's connections, the oldest first.
    by_source: HashMap<Source, BTreeMap<u64, Entry>>,
    /// The most crowded source is last.
    ranking: BTreeSet<(usize, Source)>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Census {
    crowds: RefCell<Crowds>,
    per_source_max: usize,
    evicted: Arc<AtomicU64>,
}

/// One counted connection; dropped, it is not counted any more.
#[derive(Debug)]
pub(super) struct Seat {
    census: Rc<Census>,
    source: Source,
    number: u64,
}

impl Census {
    /// A census that counts what it closes in `evicted`.
    pub(super) fn new(per_source_max: usize, evicted: Arc<AtomicU64>) -> Rc<Self> {
        Rc::new(Self {
            crowds: RefCell::default(),
            per_source_max: per_source_max.max(1),
            evicted,
        })
    }

    /// Counts a connection, and closes the oldest one of its source if that has too many now.
    pub(super) fn enter(self: &Rc<Self>, peer: SocketAddr, proven: Arc<Proven>) -> Seat {
        let source = Source::of(peer);
        let mut crowds = self.crowds.borrow_mut();
        let number = crowds.next;
        crowds.next += 1;
        crowds.entered = Some(Instant::now());
        let entry = Entry { proven, abort: None };
        crowds.change(source, |crowd| crowd.insert(number, entry));
        while crowds
            .by_source
            .get(&source)
            .is_some_and(|crowd| crowd.len() > self.per_source_max)
        {
            if crowds.close_oldest(source) {
                self.evicted.fetch_add(1, Relaxed);
            }
        }
        Seat {
            census: Rc::clone(self),
            source,
            number,
        }
    }

    /// Closes the oldest connection of the most crowded source; whether there was one.
    pub(super) fn evict(&self) -> bool {
        self.close_one(None)
    }

    /// Closes the oldest half of all, at most so many; how many. Spared is the one that has only just come: the system may refuse to accept
    /// connections when nobody waits, and whoever was accepted last would be closed before a word of theirs was read.
    pub(super) fn thin(&self, at_most: usize, now: Instant) -> usize {
        let (half, newcomer) = {
            let crowds = self.crowds.borrow();
            let all: usize = crowds.by_source.values().map(BTreeMap::len).sum();
            let is_new = crowds.entered.is_some_and(|entered| now < entered + NEWCOMER);
            (all.div_ceil(2), crowds.next.checked_sub(1).filter(|_| is_new))
        };
        let closed = (0..at_most.min(half)).take_while(|_| self.close_one(newcomer));
        closed.count()
    }

    fn close_one(&self, spared: Option<u64>) -> bool {
        let mut crowds = self.crowds.borrow_mut();
        while let Some(source) = crowds.most_crowded(spared) {
            if crowds.close_oldest(source) {
                self.evicted.fetch_add(1, Relaxed);
                return true;
            }
        }
        false
    }

    /// Says how the connection of this number is closed.
    pub(super) fn attach(&self, place: (SocketAddr, u64), abort: AbortHandle) {
        let (peer, number) = place;
        let mut crowds = self.crowds.borrow_mut();
        let crowd = crowds.by_source.get_mut(&Source::of(peer));
        if let Some(entry) = crowd.and_then(|crowd| crowd.get_mut(&number)) {
            entry.abort = Some(abort);
        }
    }
}

impl Seat {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let number = self.number;
        let mut crowds = self.census.crowds.borrow_mut();
        crowds.change(self.source, |crowd| crowd.remove(&number));
    }
}

impl Crowds {
    /// The most crowded source whose oldest connection is not the spared one.
    fn most_crowded(&self, spared: Option<u64>) -> Option<Source> {
        let mut sources = self.ranking.iter().rev().map(|(_, source)| *source);
        sources.find(|source| {
            let oldest = self.by_source.get(source).and_then(|crowd| crowd.keys().next());
            spared.is_none() || oldest.copied() != spared
        })
    }

    /// Changes the crowd of `source` and ranks it anew.
    fn change<T>(&mut self, source: Source, change: impl FnOnce(&mut BTreeMap<u64, Entry>) -> T) -> T {
        let crowd = self.by_source.entry(source).or_default();
        let before = crowd.len();
        let changed = change(crowd);
        let after = crowd.len();
        if after == 0 {
            self.by_source.remove(&source);
        }
        if before != after {
            self.ranking.remove(&(before, source));
            if after > 0 {
                self.ranking.insert((after, source));
            }
        }
        changed
    }

    /// Takes the oldest connection of `source` out and closes it, unless it has shown a token meanwhile.
    fn close_oldest(&mut self, source: Source) -> bool {
        let Some((_, oldest)) = self.change(source, BTreeMap::pop_first) else {
            return false;
        };
        if oldest.proven.is_set() {
            return false;
        }
        if let Some(abort) = oldest.abort {
            abort.abort();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinHandle;

    struct Connection {
        peer: &'static str,
        task: JoinHandle<()>,
        proven: Arc<Proven>,
        _seat: Seat,
    }

    fn open(census: &Rc<Census>, peer: &'static str) -> Connection {
        let proven = Arc::new(Proven::default());
        let address = format!("{peer}:7").parse().unwrap();
        let seat = census.enter(address, Arc::clone(&proven));
        let task = tokio::spawn(std::future::pending());
        census.attach((address, seat.number()), task.abort_handle());
        Connection {
            peer,
            task,
            proven,
            _seat: seat,
        }
    }

    /// Which of them were closed, by position.
    async fn closed(connections: &[Connection]) -> Vec<usize> {
        tokio::task::yield_now().await;
        let closed = connections.iter().enumerate();
        closed
            .filter(|(_, connection)| connection.task.is_finished())
            .map(|(at, _)| at)
            .collect()
    }

    #[tokio::test]
    async fn the_oldest_unproven_one_of_the_most_crowded_source_goes_first() {
        let evicted = Arc::new(AtomicU64::new(0));
        let census = Census::new(100, Arc::clone(&evicted));
        let peers = [
            "10.0.0.1",
            "[2001:db8::1]",
            "10.0.0.2",
            "[2001:db8::2]",
            "10.0.0.2",
            "[2001:db8::3:0:0:1]",
        ];
        let open: Vec<_> = peers.into_iter().map(|peer| open(&census, peer)).collect();
        open[1].proven.set();
        // The /64 is most crowded with three, of which the oldest has shown a token.
        assert!(census.evict());
        assert_eq!(closed(&open).await, [3], "{}", open[3].peer);
        assert!(census.evict());
        assert_eq!(closed(&open).await, [2, 3]);
        while census.evict() {}
        assert_eq!(closed(&open).await, [0, 2, 3, 4, 5]);
        assert_eq!(evicted.load(Relaxed), 5);
    }

    #[tokio::test]
    async fn a_source_with_too_many_displaces_itself_but_not_its_proven_ones() {
        let census = Census::new(2, Arc::default());
        let mut connections = vec![open(&census, "10.0.0.9"), open(&census, "10.0.0.1")];
        connections[1].proven.set();
        for _ in 0..4 {
            connections.push(open(&census, "10.0.0.1"));
        }
        assert_eq!(closed(&connections).await, [2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn for_want_of_room_the_older_half_goes_and_never_who_has_only_just_come() {
        let evicted = Arc::new(AtomicU64::new(0));
        let census = Census::new(100, Arc::clone(&evicted));
        let peers = ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"];
        let open: Vec<_> = peers.into_iter().map(|peer| open(&census, peer)).collect();
        assert_eq!(census.thin(1, Instant::now()), 1);
        assert_eq!(closed(&open).await, [0]);
        assert_eq!(census.thin(8, Instant::now()), 2);
        assert_eq!(closed(&open).await, [0, 1, 2]);
        assert_eq!(census.thin(8, Instant::now()), 0);
        tokio::time::advance(NEWCOMER).await;
        assert_eq!(census.thin(8, Instant::now()), 1);
        assert_eq!(closed(&open).await, [0, 1, 2, 3]);
        assert_eq!(census.thin(8, Instant::now()), 0);
        assert_eq!(evicted.load(Relaxed), 4);
    }

    #[tokio::test]
    async fn who_leaves_is_forgotten() {
        let census = Census::new(2, Arc::default());
        drop(open(&census, "10.0.0.1"));
        assert!(census.crowds.borrow().by_source.is_empty() && census.crowds.borrow().ranking.is_empty());
        assert!(!census.evict());
    }
}
