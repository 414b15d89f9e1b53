//! What a gateway would find in its signed repository, looked at without changing or keeping anything.

use std::path::Path;
use std::sync::Arc;

use attest_core::policy::GatewayPolicy;

use super::super::policies::{PolicyOpenError, repository_of};
use super::candidate::RejectedError;
use super::mirror::Mirror;
use super::refresh::Walk;
use super::verdict::MetadataVersions;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::Keys;

/// A repository whose policy this gateway would take.
#[derive(Debug)]
pub struct Inspection {
    /// The gateway's side of its policy.
    pub gateway: GatewayPolicy,
    /// How many detectors phones get.
    pub detectors: usize,
    /// Versions of its metadata.
    pub metadata: MetadataVersions,
    /// When the first of it expires.
    pub metadata_expires_at_s: u64,
    /// Why its brake would not be taken, if it has one that would not.
    pub brake: Option<String>,
}

/// Why it would not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The configuration names nothing that can be read.
    #[error(transparent)]
    Open(#[from] PolicyOpenError),
    /// It would be refused.
    #[error(transparent)]
    Rejected(#[from] RejectedError),
    /// There is no runtime to read it on.
    #[error("no asynchronous runtime: {0}")]
    Runtime(#[from] std::io::Error),
}

impl InspectError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Open(_) => "policy-source",
            Self::Rejected(error) => error.code(),
            Self::Runtime(_) => "policy-runtime",
        }
    }
}

/// What the configured source has, verified and tested as a gateway would; `None` if the policy is a watched file. Not for an
/// asynchronous context: it waits.
///
/// # Errors
/// [`InspectError`].
pub fn inspect(
    config: &Config,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
) -> Result<Option<Inspection>, InspectError> {
    let now_s = clock.now_s();
    let Some((options, source)) = repository_of(config, keys, clock)? else {
        return Ok(None);
    };
    let mirror = Mirror::beside(&options.state_folder);
    let offer = runtime()?
        .block_on(options.walk(&mirror, false, now_s).through(&source))
        .map_err(RejectedError::from)?;
    drop(options.bench().newer(&offer, None)?);
    let (device, gateway) = super::candidate::read(&offer)?;
    Ok(Some(Inspection {
        gateway,
        detectors: device.detectors.len(),
        metadata: offer.versions,
        metadata_expires_at_s: offer.expires_s,
        brake: offer
            .brake
            .err()
            .map(|error| format!("{error} [{}]", error.code())),
    }))
}

/// The gateway's side of the policy that was last in force here, from the gateway's own verified copy.
pub(in super::super) fn kept_policy(root: &[u8], state_folder: &Path) -> Option<GatewayPolicy> {
    let mirror = Mirror::beside(state_folder);
    let walk = Walk {
        root,
        mirror: &mirror,
        keeps: false,
        now_s: 0,
        longest_ms: KEPT_MS,
    };
    let offer = runtime().ok()?.block_on(walk.through(&mirror.source())).ok()?;
    let (_, gateway) = super::candidate::read(&offer).ok()?;
    Some(gateway)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// A folder of this machine answers at once.
const KEPT_MS: u64 = 60_000;
