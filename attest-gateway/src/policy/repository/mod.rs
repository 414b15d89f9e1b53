//! Policy from a signed repository: read from a folder, a web server or an operator's push, verified from the root that the
//! configuration names, tested, and put into force as a whole. What was in force once is never gone back behind, and stays in
//! force when whatever comes next is bad, or does not come.

mod brake;
mod candidate;
mod directory;
mod files;
mod follow;
mod inspect;
mod mirror;
mod news;
mod refresh;
mod source;
mod standing;
mod thread;
mod verdict;
mod watch;
mod web;

pub use brake::{BrakeRejectedError, BrakeStatus};
pub use candidate::RejectedError;
pub use files::RepositoryFiles;
pub(crate) use follow::{FollowOptions, Follower, Refreshed};
pub(super) use inspect::kept_policy;
pub use inspect::{InspectError, Inspection, inspect};
pub use mirror::{MIRROR_FOLDER, MirrorError};
pub use refresh::RefreshError;
pub use source::FetchError;
pub(crate) use source::Source;
pub(crate) use thread::{Command, Following, Parked};
pub use verdict::{Answer, MetadataVersions, Subject, Verdict};
pub use web::WebError;
