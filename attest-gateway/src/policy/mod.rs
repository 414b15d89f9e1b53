//! The policy in force: compiled off the request cores, swapped as a whole, never replaced by an older or broken one.

mod active;
mod anchors;
mod development;
mod file;
mod policies;
mod published;
pub mod repository;
mod sources;
mod status;

pub use active::{ActivationError, ActivePolicy, StepUpKeys};
pub use anchors::TrustAnchors;
pub use development::development_root;
pub use file::Polled;
pub(crate) use policies::NotFollowedError;
pub use policies::{Policies, PolicyOpenError, configured_policy};
pub use published::{PublishError, Published, PublishedFile};
pub use sources::{
    LAST_GOOD_FILE, PackFolder, SourceError, analyse_file, analyse_kept, compile_file, read_source,
};
pub use status::{FollowStatus, PolicyStatus};

#[cfg(test)]
mod tests;
