//! One walk through a repository, from the root that the configuration names to the targets of a policy: what a TUF client
//! does, with each verified role kept at once. Its outcome is either whole and verified, or a reason; it puts nothing into force.

use std::collections::BTreeMap;
use std::time::Duration;

use attest_core::tuf::{Bounds, RoleName, Supply, TargetFile, TufError, Updater, Want};
use attest_policy::repository::{BRAKE_ROLE, BRAKE_TARGET, Repository};

use super::mirror::{Mirror, MirrorError};
use super::source::{FetchError, Found, Source};
use super::verdict::MetadataVersions;

/// The targets that are a policy. Only the role `targets` itself speaks for them.
pub(super) const POLICY_TARGETS: [&str; 3] = ["device.json", "gateway.json", "tests.json"];

/// Larger than any policy and its tests: a source has at most 1 MiB of packs.
const TARGET_BYTES: u64 = 8 << 20;

/// Why a repository is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// What it says is not trusted.
    #[error(transparent)]
    Refused(#[from] TufError),
    /// It cannot be read.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What was verified cannot be kept.
    #[error("the gateway's own copy cannot be written: {0}")]
    NotKept(#[from] MirrorError),
    /// Another role than `targets` speaks for a part of the policy, or another than `brake` for a brake.
    #[error("role `{found}` names `{target}`, which is the affair of `{expected}`")]
    Role {
        /// The target.
        target: &'static str,
        /// Who names it.
        found: RoleName,
        /// Who may.
        expected: RoleName,
    },
    /// A target that is larger than any is.
    #[error("target `{target}` has {length} bytes, at most {TARGET_BYTES} are read")]
    TargetSize {
        /// The target.
        target: &'static str,
        /// Its length.
        length: u64,
    },
    /// A target that is named and not there.
    #[error("target `{target}` is named, and not there")]
    Absent {
        /// The target.
        target: &'static str,
    },
    /// All of it together took too long.
    #[error("not complete after {0} ms")]
    Slow(u64),
}

impl RefreshError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code(),
            Self::Fetch(error) => error.code(),
            Self::NotKept(_) => "policy-not-kept",
            Self::Role { .. } => "policy-target-role",
            Self::TargetSize { .. } => "policy-too-large",
            Self::Absent { .. } => "policy-target-missing",
            Self::Slow(_) => "policy-source-slow",
        }
    }
}

/// A repository that was verified from its root to its targets.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) repository: Repository,
    pub(super) versions: MetadataVersions,
    /// The earliest expiry of what was verified.
    pub(super) expires_s: u64,
    /// Why its brake is not taken, if it has one; a brake never stops a policy.
    pub(super) brake: Result<(), RefreshError>,
}

impl Offer {
    /// A target's bytes, which every offer has of the policy's targets.
    pub(super) fn target(&self, name: &str) -> &[u8] {
        self.repository.artifacts.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Where a walk begins and what it goes by.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    /// The root that the configuration names.
    pub(super) root: &'a [u8],
    /// The gateway's own copy. Its roots are followed before those of the source, whose number is bounded: it may keep more of them.
    pub(super) mirror: &'a Mirror,
    /// Whether its other roles are asked first too, and replaced by newer ones. If not, nothing is kept.
    pub(super) keeps: bool,
    /// Unix seconds that expiry is judged by. Zero judges nothing expired: for what was good once.
    pub(super) now_s: u64,
    /// The longest that all of it may take.
    pub(super) longest_ms: u64,
}

impl Walk<'_> {
    /// Reads and verifies what `source` has.
    ///
    /// # Errors
    /// [`RefreshError`]; roles that were verified before it are kept.
    pub(super) async fn through(&self, source: &Source) -> Result<Offer, RefreshError> {
        let longest = Duration::from_millis(self.longest_ms);
        let walked = tokio::time::timeout(longest, async {
            match self.once(source, true).await {
                Err(Stopped::KeptRoot) => {
                    // The configuration names another root than before, or the copies were damaged.
                    if self.keeps {
                        self.mirror.forget_roots();
                    }
                    self.once(source, false).await
                }
                walked => walked,
            }
        });
        match walked.await {
            Ok(Ok(offer)) => Ok(offer),
            Ok(Err(Stopped::For(error))) => Err(error),
            // Without kept roots there is none to be refused.
            Ok(Err(Stopped::KeptRoot)) => Err(TufError::Malformed { role: RoleName::Root }.into()),
            Err(_) => Err(RefreshError::Slow(self.longest_ms)),
        }
    }

    async fn once(&self, source: &Source, kept_roots: bool) -> Result<Offer, Stopped> {
        let updater = Updater::new(self.root, self.now_s, Bounds::HOST)?;
        let first = (updater.trusted().root_version(), self.root.to_vec());
        let mut steps = Steps {
            updater,
            mirror: self.keeps.then_some(self.mirror),
            source,
            roots: BTreeMap::from([first]),
            texts: BTreeMap::new(),
            artifacts: BTreeMap::new(),
        };
        if kept_roots {
            steps.follow_kept_roots(self.mirror)?;
        }
        steps.advance().await?;
        for target in POLICY_TARGETS {
            steps.fetch_target(target, RoleName::Targets).await?;
        }
        let brake = match steps.brake().await {
            Ok(()) => Ok(()),
            Err(Stopped::For(error)) => {
                steps.texts.remove(&RoleName::named(BRAKE_ROLE));
                steps.artifacts.remove(BRAKE_TARGET);
                Err(error)
            }
            Err(stopped) => return Err(stopped),
        };
        Ok(steps.into_offer(brake))
    }
}

/// Why a walk did not come to its end.
enum Stopped {
    For(RefreshError),
    /// A root that was kept earlier does not follow on the one before it.
    KeptRoot,
}

impl From<TufError> for Stopped {
    fn from(error: TufError) -> Self {
        Self::For(error.into())
    }
}

impl From<FetchError> for Stopped {
    fn from(error: FetchError) -> Self {
        Self::For(error.into())
    }
}

impl From<MirrorError> for Stopped {
    fn from(error: MirrorError) -> Self {
        Self::For(error.into())
    }
}

struct Steps<'a> {
    updater: Updater,
    mirror: Option<&'a Mirror>,
    source: &'a Source,
    roots: BTreeMap<u64, Vec<u8>>,
    texts: BTreeMap<RoleName, Vec<u8>>,
    artifacts: BTreeMap<String, Vec<u8>>,
}

impl Steps<'_> {
    fn follow_kept_roots(&mut self, mirror: &Mirror) -> Result<(), Stopped> {
        loop {
            let next = self.updater.trusted().root_version().saturating_add(1);
            let Some(bytes) = mirror.root(next) else {
                return Ok(());
            };
            let followed = self.updater.follow_kept_root(&bytes);
            followed.map_err(|_| Stopped::KeptRoot)?;
            self.roots.insert(next, bytes);
        }
    }

    /// Gives the updater what it wants until it wants nothing.
    async fn advance(&mut self) -> Result<(), Stopped> {
        loop {
            match self.updater.want()? {
                Want::Nothing => return Ok(()),
                Want::Kept(role) => {
                    let kept = self.mirror.and_then(|mirror| mirror.kept(&role));
                    let supply = kept.as_deref().map_or(Supply::Missing, Supply::Bytes);
                    self.updater.supply(supply)?;
                    self.texts.extend(kept.map(|bytes| (role, bytes)));
                }
                Want::Fetch { name, max_bytes, .. } => self.fetch(&name, max_bytes).await?,
            }
        }
    }

    async fn fetch(&mut self, name: &str, max_bytes: u64) -> Result<(), Stopped> {
        let bytes = match self.source.fetch(&format!("metadata/{name}"), max_bytes).await {
            Ok(Found::Bytes(bytes)) => bytes,
            Ok(Found::Missing) => {
                self.updater.supply(Supply::Missing)?;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(taken) = self.updater.supply(Supply::Bytes(&bytes))? {
            if let Some(mirror) = self.mirror {
                mirror.keep(&taken, name, &bytes)?;
            }
            if taken == RoleName::Root {
                self.roots.insert(self.updater.trusted().root_version(), bytes);
            } else {
                self.texts.insert(taken, bytes);
            }
        }
        Ok(())
    }

    /// Finds a target that only `expected` may name, and takes its bytes from the mirror where they are the same.
    async fn fetch_target(&mut self, target: &'static str, expected: RoleName) -> Result<(), Stopped> {
        self.updater.seek(target);
        self.advance().await?;
        let (role, file) = self.updater.found()?;
        if *role != expected {
            return Err(Stopped::For(RefreshError::Role {
                target,
                found: role.clone(),
                expected,
            }));
        }
        let file: TargetFile = file.clone();
        if file.length > TARGET_BYTES {
            return Err(Stopped::For(RefreshError::TargetSize {
                target,
                length: file.length,
            }));
        }
        let prefix = file
            .hash_prefix()
            .filter(|_| self.updater.trusted().consistent_snapshot());
        let path = prefix.map_or_else(
            || format!("targets/{target}"),
            |prefix| format!("targets/{prefix}.{target}"),
        );
        let kept = self.mirror.and_then(|mirror| mirror.target(&path, file.length));
        let bytes = match kept.filter(|bytes| file.verify(target, bytes).is_ok()) {
            Some(bytes) => bytes,
            None => match self.source.fetch(&path, file.length).await? {
                Found::Bytes(bytes) => bytes,
                Found::Missing => return Err(Stopped::For(RefreshError::Absent { target })),
            },
        };
        file.verify(target, &bytes)?;
        self.artifacts.insert(target.to_owned(), bytes);
        Ok(())
    }

    /// The brake, if one is published.
    async fn brake(&mut self) -> Result<(), Stopped> {
        match self.fetch_target(BRAKE_TARGET, RoleName::named(BRAKE_ROLE)).await {
            Err(Stopped::For(RefreshError::Refused(
                TufError::TargetUnknown { .. } | TufError::NotInSnapshot { .. },
            ))) => Ok(()),
            fetched => fetched,
        }
    }

    fn into_offer(mut self, brake: Result<(), RefreshError>) -> Offer {
        let trusted = self.updater.trusted();
        let version = |role: &RoleName| trusted.version(role).unwrap_or_default();
        let delegated = RoleName::named(BRAKE_ROLE);
        let versions = MetadataVersions {
            root: version(&RoleName::Root),
            timestamp: version(&RoleName::Timestamp),
            snapshot: version(&RoleName::Snapshot),
            targets: version(&RoleName::Targets),
            brake: trusted.version(&delegated),
        };
        let expires_s = trusted.expires_s();
        let mut text = |role: RoleName| self.texts.remove(&role);
        let (timestamp, snapshot) = (text(RoleName::Timestamp), text(RoleName::Snapshot));
        let roles = [RoleName::Targets, delegated];
        let metadata = roles
            .into_iter()
            .filter_map(|role| Some((role.as_str().to_owned(), text(role)?)));
        Offer {
            repository: Repository {
                metadata: metadata.collect(),
                roots: self.roots,
                timestamp: timestamp.unwrap_or_default(),
                snapshot: snapshot.unwrap_or_default(),
                artifacts: self.artifacts,
            },
            versions,
            expires_s,
            brake,
        }
    }
}
