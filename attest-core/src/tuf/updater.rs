//! The client workflow as a machine: it says what it wants, is given bytes, and says what to keep. It touches no network, disk or clock.
//!
//! What it was given and refused changes nothing that was trusted before. Metadata that was verified is kept at once, even if a later
//! role fails, as the specification asks.

use super::{Bounds, Freshness, RoleName, TargetFile, TrustedSet, TufError};

/// What is wanted next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// The copy of this role that was kept earlier. [`Supply::Missing`] if there is none.
    Kept(RoleName),
    /// A file of the repository. [`Supply::Missing`] only if the repository says that there is none (a clean 404).
    Fetch {
        /// Whose metadata it is.
        role: RoleName,
        /// The file's name.
        name: String,
        /// More bytes than this need not be read: they would be refused.
        max_bytes: u64,
    },
    /// Nothing: the refresh, or the search, is complete.
    Nothing,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supply<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// There is no such file.
    Missing,
    /// Nobody knows: the connection failed, or the answer was not clean.
    Failed,
}

/// The client workflow.
#[derive(Debug, Clone)]
pub struct Updater {
    set: TrustedSet,
    bounds: Bounds,
    phase: Phase,
    roots: u32,
    search: Option<Search>,
}

#[derive(Debug, Clone)]
enum Phase {
    Root,
    KeptTimestamp,
    Timestamp,
    KeptSnapshot,
    Snapshot,
    KeptTargets(Visit),
    Targets(Visit),
    Done,
}

/// A targets role and who delegates to it; `None` stands for the root.
#[derive(Debug, Clone)]
struct Visit {
    role: RoleName,
    delegator: Option<RoleName>,
}

#[derive(Debug, Clone)]
struct Search {
    target: String,
    /// Still to visit, the next one last.
    open: Vec<Visit>,
    visited: Vec<RoleName>,
    found_in: Option<RoleName>,
}

impl Updater {
    /// A refresh that begins with this trusted root.
    ///
    /// # Errors
    /// [`TufError`] if it is no root or not signed by itself.
    pub fn new(root: &[u8], now_s: u64, bounds: Bounds) -> Result<Self, TufError> {
        Ok(Self {
            set: TrustedSet::new(root, now_s)?,
            bounds,
            phase: Phase::Root,
            roots: 0,
            search: None,
        })
    }

    /// What is trusted so far.
    #[must_use]
    pub const fn trusted(&self) -> &TrustedSet {
        &self.set
    }

    /// Follows a root that an earlier refresh took: it is verified once more and counts toward no bound, so that who keeps them all
    /// never stops following. Before anything else is supplied.
    ///
    /// # Errors
    /// [`TufError`] if it does not follow on the one that is trusted, which stays, or if it comes too late.
    pub fn follow_kept_root(&mut self, bytes: &[u8]) -> Result<(), TufError> {
        let bytes = self.fetched(&RoleName::Root, Supply::Bytes(bytes), self.bounds.root_bytes)?;
        self.set.update_root(bytes)
    }

    /// What is wanted next.
    ///
    /// # Errors
    /// [`TufError`] if what is trusted does not say, for example because it has expired.
    pub fn want(&self) -> Result<Want, TufError> {
        let fetch = |role: &RoleName, version: Option<u64>, max_bytes| Want::Fetch {
            name: role.published_name(version),
            role: role.clone(),
            max_bytes,
        };
        let versioned = |version| self.set.consistent_snapshot().then_some(version);
        Ok(match &self.phase {
            Phase::Root => fetch(
                &RoleName::Root,
                Some(self.set.root_version().saturating_add(1)),
                self.bounds.root_bytes,
            ),
            Phase::KeptTimestamp => Want::Kept(RoleName::Timestamp),
            Phase::Timestamp => fetch(&RoleName::Timestamp, None, self.bounds.timestamp_bytes),
            Phase::KeptSnapshot => Want::Kept(RoleName::Snapshot),
            Phase::Snapshot => {
                let meta = self.set.snapshot_meta().ok_or(TufError::Order {
                    role: RoleName::Snapshot,
                    needs: RoleName::Timestamp,
                })?;
                let most = meta.length.unwrap_or(u64::MAX).min(self.bounds.snapshot_bytes);
                fetch(&RoleName::Snapshot, versioned(meta.version), most)
            }
            Phase::KeptTargets(visit) => Want::Kept(visit.role.clone()),
            Phase::Targets(visit) => {
                let meta = self.set.targets_meta(&visit.role)?;
                let most = meta.length.unwrap_or(u64::MAX).min(self.bounds.targets_bytes);
                fetch(&visit.role, versioned(meta.version), most)
            }
            Phase::Done => Want::Nothing,
        })
    }

    /// Takes what was wanted; the role whose bytes are to be kept now, if they are.
    ///
    /// # Errors
    /// [`TufError`]: this refresh cannot go on. Try again later, with what is kept.
    pub fn supply(&mut self, supply: Supply<'_>) -> Result<Option<RoleName>, TufError> {
        match self.phase.clone() {
            Phase::Root => self.root(supply),
            Phase::KeptTimestamp => {
                if let Supply::Bytes(bytes) = supply {
                    // One that is not good any more is replaced; one that only expired still guards against rollback.
                    let _kept = self.set.update_timestamp(bytes).is_ok();
                }
                self.phase = Phase::Timestamp;
                Ok(None)
            }
            Phase::Timestamp => {
                let bytes = self.fetched(&RoleName::Timestamp, supply, self.bounds.timestamp_bytes)?;
                let freshness = self.set.update_timestamp(bytes)?;
                self.set.timestamp_in_force()?;
                self.phase = Phase::KeptSnapshot;
                Ok((freshness == Freshness::Newer).then_some(RoleName::Timestamp))
            }
            Phase::KeptSnapshot => {
                let kept =
                    matches!(supply, Supply::Bytes(bytes) if self.set.update_snapshot(bytes, true).is_ok());
                self.phase = if kept { self.first_visit() } else { Phase::Snapshot };
                Ok(None)
            }
            Phase::Snapshot => {
                let bytes = self.fetched(&RoleName::Snapshot, supply, self.bounds.snapshot_bytes)?;
                self.set.update_snapshot(bytes, false)?;
                self.phase = self.first_visit();
                Ok(Some(RoleName::Snapshot))
            }
            Phase::KeptTargets(visit) => {
                let kept = matches!(supply, Supply::Bytes(bytes)
                    if self.set.update_targets(&visit.role, visit.delegator.as_ref(), bytes).is_ok());
                if kept {
                    self.visited(visit);
                } else {
                    self.phase = Phase::Targets(visit);
                }
                Ok(None)
            }
            Phase::Targets(visit) => {
                let bytes = self.fetched(&visit.role, supply, self.bounds.targets_bytes)?;
                self.set
                    .update_targets(&visit.role, visit.delegator.as_ref(), bytes)?;
                let role = visit.role.clone();
                self.visited(visit);
                Ok(Some(role))
            }
            Phase::Done => Ok(None),
        }
    }

    /// Looks for a target after a refresh: roles in the order of their delegations, depth first. Ends with [`Want::Nothing`].
    pub fn seek(&mut self, target: &str) {
        self.search = Some(Search {
            target: target.to_owned(),
            open: vec![Visit {
                role: RoleName::Targets,
                delegator: None,
            }],
            visited: Vec::new(),
            found_in: None,
        });
        self.go_on();
    }

    /// The target that was sought, and the role that vouches for it.
    ///
    /// # Errors
    /// [`TufError::TargetUnknown`] if no role on its path names it.
    pub fn found(&self) -> Result<(&RoleName, &TargetFile), TufError> {
        let search = self.search.as_ref();
        search
            .and_then(|search| {
                let role = search.found_in.as_ref()?;
                Some((role, self.set.target(role, &search.target)?))
            })
            .ok_or_else(|| TufError::TargetUnknown {
                name: search.map(|search| search.target.clone()).unwrap_or_default(),
            })
    }

    fn root(&mut self, supply: Supply<'_>) -> Result<Option<RoleName>, TufError> {
        if supply == Supply::Missing {
            self.phase = Phase::KeptTimestamp;
            return Ok(None);
        }
        let bytes = self.fetched(&RoleName::Root, supply, self.bounds.root_bytes)?;
        self.set.update_root(bytes)?;
        self.roots = self.roots.saturating_add(1);
        if self.roots >= self.bounds.root_rotations {
            self.phase = Phase::KeptTimestamp;
        }
        Ok(Some(RoleName::Root))
    }

    fn fetched<'a>(&self, role: &RoleName, supply: Supply<'a>, max: u64) -> Result<&'a [u8], TufError> {
        match supply {
            Supply::Bytes(bytes) if u64::try_from(bytes.len()).is_ok_and(|length| length <= max) => Ok(bytes),
            Supply::Bytes(_) => Err(TufError::TooLarge {
                role: role.clone(),
                max,
            }),
            Supply::Missing | Supply::Failed => Err(TufError::Unavailable { role: role.clone() }),
        }
    }

    const fn first_visit(&self) -> Phase {
        Phase::KeptTargets(Visit {
            role: RoleName::Targets,
            delegator: None,
        })
    }

    /// A targets role is trusted now: the refresh is complete, or the search goes on below it.
    fn visited(&mut self, visit: Visit) {
        match &mut self.search {
            None => self.phase = Phase::Done,
            Some(search) => {
                search.open.push(visit);
                self.go_on();
            }
        }
    }

    /// Visits trusted roles until one names the target, or one that is not trusted yet is wanted.
    fn go_on(&mut self) {
        let most = self.bounds.delegations;
        let Some(search) = &mut self.search else { return };
        while let Some(visit) = search.open.pop() {
            if search.visited.contains(&visit.role) || search.visited.len() > most {
                continue;
            }
            let Some(targets) = self.set.targets(&visit.role, visit.delegator.as_ref()) else {
                self.phase = Phase::KeptTargets(visit);
                return;
            };
            if targets.targets.contains(search.target.as_str()) {
                search.found_in = Some(visit.role);
                break;
            }
            search.visited.push(visit.role.clone());
            let mut below = Vec::new();
            for delegation in &targets.delegations {
                let Some(role) = delegation.role_of(&search.target) else {
                    continue;
                };
                below.push(Visit {
                    role,
                    delegator: Some(visit.role.clone()),
                });
                if delegation.terminating {
                    search.open.clear();
                    break;
                }
            }
            search.open.extend(below.into_iter().rev());
        }
        self.phase = Phase::Done;
    }
}
