//! The walk through a bundle, and through what was kept of an earlier one: roots first, then what the newest of them vouches for.

use super::kept::{Kept, Newest, Vouched};
use super::{BOUNDS, BundleError, DEVICE_TARGET, MAX_BUNDLE_ROOTS, MAX_KEPT_ROOT_BYTES, MAX_KEPT_ROOTS};
use crate::service::PolicyBundle;
use crate::tuf::{RoleName, Supply, TrustedSet, TufError, Updater, Want};

/// What became of a bundle.
#[derive(Debug)]
pub struct Taken {
    /// What is to be kept now, whatever the outcome: all that was verified, with the policy that was in force.
    pub kept: Kept,
    /// Whether it brought a new root: what the phone believed about time is believed no longer.
    pub rotated: bool,
    /// Whether the newest root gives `targets` keys that did not sign the policy in force: its version guards against nothing any
    /// more, or whoever had stolen keys could have used up all versions for ever.
    pub superseded: bool,
    /// What it offers, or why not.
    pub outcome: Result<Offered, BundleError>,
}

/// What a bundle offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// Roots only: the rest is for the next bundle, asked for by the version of the newest one.
    More,
    /// A policy that every role vouches for. It takes effect by [`Kept::activate`].
    Policy {
        /// The policy and what vouches for it.
        vouched: Box<Vouched>,
        /// When the first of what vouches for it expires, in Unix seconds.
        expires_s: u64,
    },
}

/// What is left of what was kept.
#[derive(Debug)]
pub struct Resumed {
    /// What still holds. Without anything of it, the phone is as after its installation.
    pub kept: Kept,
    /// When the first of what vouches for the policy in force expires, in Unix seconds.
    pub expires_s: Option<u64>,
    /// Why some of it, or all, does not hold.
    pub lost: Option<BundleError>,
}

/// Verifies what was kept, from the configured root on. Time does not matter: a policy that has expired stays in force.
///
/// # Errors
/// [`TufError`] if the configured root is none.
pub fn resume(configured: &[u8], kept: Kept) -> Result<Resumed, TufError> {
    let begun = TrustedSet::new(configured, 0)?.root_version();
    let nothing = |lost| Resumed {
        kept: Kept {
            since: begun,
            ..Kept::default()
        },
        expires_s: None,
        lost: Some(lost),
    };
    let kept = match followed_on(kept, begun) {
        Ok(kept) => kept,
        Err(error) => return Ok(nothing(error)),
    };
    if let Err(error) = Chain::follow(configured, &kept) {
        return Ok(nothing(error));
    }
    let Some(active) = &kept.active else {
        return Ok(Resumed {
            kept,
            expires_s: None,
            lost: None,
        });
    };
    // What was verified by a root before the configured one has to be vouched for by that one now.
    let version = active.root.max(begun);
    let root = kept.root(version).map_or(configured, str::as_bytes);
    let parts = Parts {
        timestamp: &active.timestamp,
        snapshot: &active.snapshot,
        targets: &active.targets,
        device: Some(&active.device),
    };
    let walked = walk(
        root,
        0,
        &mut Newest {
            timestamp: None,
            snapshot: None,
        },
        &parts,
    );
    Ok(match walked {
        Ok((_, expires_s)) => Resumed {
            kept,
            expires_s: Some(expires_s),
            lost: None,
        },
        // The roots are good, and what guards against older metadata may be: only the policy has to come anew.
        Err(error) => {
            let mut kept = kept;
            kept.lose_policy();
            Resumed {
                kept,
                expires_s: None,
                lost: Some(error),
            }
        }
    })
}

/// Takes a bundle that was asked for by the version of the newest root. `kept` is what [`resume`] or the bundle before left.
///
/// `now_s` is what the phone knows for certain about time; zero if that is nothing. After a new root it does not matter, because a
/// wrong belief about time is one of the things that a root is rotated for; nor without a policy in force, because a phone without any
/// would be locked out.
#[must_use]
pub fn take(configured: &[u8], mut kept: Kept, bundle: &PolicyBundle, now_s: u64) -> Taken {
    let before = kept.roots.len();
    let chain = follow_new(configured, &mut kept, &bundle.roots);
    let rotated = kept.roots.len() > before;
    let superseded = kept.active.as_ref().is_some_and(|active| {
        let root = kept.root(kept.root_version()).map_or(configured, str::as_bytes);
        let trusted = TrustedSet::new(root, 0);
        trusted.is_ok_and(|trusted| !trusted.vouches_for_targets(active.targets.as_bytes()))
    });
    let outcome = chain.and_then(|()| {
        if bundle.more {
            return if rotated {
                Ok(Offered::More)
            } else {
                Err(BundleError::NoRoots)
            };
        }
        let version = kept.root_version();
        let root = kept.root(version).map_or(configured, str::as_bytes);
        let believed_s = if rotated || kept.active.is_none() {
            0
        } else {
            now_s
        };
        let parts = Parts {
            timestamp: &bundle.timestamp,
            snapshot: &bundle.snapshot,
            targets: &bundle.targets,
            device: bundle.artifacts.get(DEVICE_TARGET).map(String::as_str),
        };
        let mut newest = kept.newest();
        let known = newest.clone();
        let walked = walk(root, believed_s, &mut newest, &parts);
        if newest != known {
            kept.newest = Some(newest.clone());
        }
        let (device, expires_s) = walked?;
        Ok(Offered::Policy {
            vouched: Box::new(Vouched {
                root: version,
                timestamp: newest.timestamp.unwrap_or_default(),
                snapshot: newest.snapshot.unwrap_or_default(),
                targets: bundle.targets.clone(),
                device: device.to_owned(),
            }),
            expires_s,
        })
    });
    Taken {
        kept,
        rotated,
        superseded,
        outcome,
    }
}

/// A chain of roots that was verified link by link.
struct Chain {
    trusted: TrustedSet,
}

impl Chain {
    fn follow(configured: &[u8], kept: &Kept) -> Result<Self, BundleError> {
        let mut chain = Self {
            trusted: TrustedSet::new(configured, 0)?,
        };
        let version = chain.trusted.root_version();
        if version != kept.since {
            return Err(BundleError::OtherRoot {
                since: kept.since,
                configured: version,
            });
        }
        for root in &kept.roots {
            chain.next(root)?;
        }
        Ok(chain)
    }

    fn next(&mut self, root: &str) -> Result<(), BundleError> {
        if u64::try_from(root.len()).map_or(true, |length| length > BOUNDS.root_bytes) {
            return Err(BundleError::Tuf(TufError::TooLarge {
                role: RoleName::Root,
                max: BOUNDS.root_bytes,
            }));
        }
        Ok(self.trusted.update_root(root.as_bytes())?)
    }
}

/// What was kept, without the roots before the configured one: an update of the app may have brought a newer one.
fn followed_on(mut kept: Kept, configured: u64) -> Result<Kept, BundleError> {
    let since = kept.since;
    let too_many = kept.roots.len() > MAX_KEPT_ROOTS || bytes(&kept.roots) > MAX_KEPT_ROOT_BYTES;
    if too_many {
        return Err(BundleError::ChainTooLong);
    }
    let known = configured
        .checked_sub(since)
        .and_then(|known| usize::try_from(known).ok())
        .ok_or(BundleError::OtherRoot { since, configured })?;
    kept.roots.drain(..known.min(kept.roots.len()));
    kept.since = configured;
    Ok(kept)
}

/// Follows new roots one by one; those before one that fails are kept.
fn follow_new(configured: &[u8], kept: &mut Kept, roots: &[String]) -> Result<(), BundleError> {
    let mut chain = Chain::follow(configured, kept)?;
    if roots.len() > MAX_BUNDLE_ROOTS {
        return Err(BundleError::Tuf(TufError::TooManyRoots {
            max: BOUNDS.root_rotations,
        }));
    }
    for root in roots {
        let length = bytes(&kept.roots).saturating_add(root.len());
        if kept.roots.len() >= MAX_KEPT_ROOTS || length > MAX_KEPT_ROOT_BYTES {
            return Err(BundleError::ChainTooLong);
        }
        chain.next(root)?;
        kept.roots.push(root.clone());
    }
    Ok(())
}

fn bytes(roots: &[String]) -> usize {
    roots.iter().map(String::len).sum()
}

/// What comes behind the roots.
struct Parts<'a> {
    timestamp: &'a str,
    snapshot: &'a str,
    targets: &'a str,
    device: Option<&'a str>,
}

/// The refresh of TUF's client over `parts`, with `newest` as what was kept; it takes in what was verified, even if a later role fails.
fn walk<'a>(
    root: &[u8],
    now_s: u64,
    newest: &mut Newest,
    parts: &Parts<'a>,
) -> Result<(&'a str, u64), BundleError> {
    let mut updater = Updater::new(root, now_s, BOUNDS)?;
    let known = newest.clone();
    loop {
        let want = updater.want()?;
        let supply = match &want {
            Want::Nothing => break,
            // A snapshot that the timestamp does not name any more only guards against older ones; the targets come with each bundle.
            Want::Kept(RoleName::Timestamp) => known.timestamp.as_deref(),
            Want::Kept(RoleName::Snapshot) => known.snapshot.as_deref(),
            Want::Kept(_) => None,
            Want::Fetch { role, .. } => match role {
                // The chain was followed to its end before.
                RoleName::Root | RoleName::Delegated(_) => None,
                RoleName::Timestamp => Some(parts.timestamp),
                RoleName::Snapshot => Some(parts.snapshot),
                RoleName::Targets => Some(parts.targets),
            },
        };
        let supply = supply.map_or(Supply::Missing, |text| Supply::Bytes(text.as_bytes()));
        match updater.supply(supply)? {
            Some(RoleName::Timestamp) => newest.timestamp = Some(parts.timestamp.to_owned()),
            Some(RoleName::Snapshot) => newest.snapshot = Some(parts.snapshot.to_owned()),
            Some(RoleName::Root | RoleName::Targets | RoleName::Delegated(_)) | None => {}
        }
    }
    // Only the offline keys of `targets` speak for what phones do: no delegation reaches the device policy.
    let trusted = updater.trusted();
    let target = trusted.target(&RoleName::Targets, DEVICE_TARGET);
    let target = target.ok_or_else(|| TufError::TargetUnknown {
        name: DEVICE_TARGET.to_owned(),
    })?;
    let device = parts.device.ok_or(BundleError::NoPolicy)?;
    target.verify(DEVICE_TARGET, device.as_bytes())?;
    Ok((device, trusted.expires_s()))
}
