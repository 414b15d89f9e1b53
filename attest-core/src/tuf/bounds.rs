//! What a client reads at most. Each bound is there because whoever holds the network could otherwise go on for ever.

/// Bounds of a client; sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The largest root: a few dozen keys with their signatures.
    pub root_bytes: u64,
    /// The largest timestamp: one line of content.
    pub timestamp_bytes: u64,
    /// The largest snapshot whose length the timestamp does not name.
    pub snapshot_bytes: u64,
    /// The largest targets metadata whose length the snapshot does not name.
    pub targets_bytes: u64,
    /// New roots followed in one refresh.
    pub root_rotations: u32,
    /// Roles visited in the search for one target.
    pub delegations: usize,
}

impl Bounds {
    /// What the reference client allows: for hosts.
    pub const HOST: Self = Self {
        root_bytes: 512_000,
        timestamp_bytes: 16_384,
        snapshot_bytes: 2_000_000,
        targets_bytes: 5_000_000,
        root_rotations: 256,
        delegations: 32,
    };

    /// For phones: a repository of policies is small, and so is a phone's patience.
    pub const PHONE: Self = Self {
        root_bytes: 64 * 1024,
        timestamp_bytes: 16_384,
        snapshot_bytes: 64 * 1024,
        targets_bytes: 256 * 1024,
        root_rotations: 32,
        delegations: 16,
    };
}
