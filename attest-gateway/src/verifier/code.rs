//! The stable words for why evidence is refused. Public: admins filter by them, developers search for them.

use std::fmt;

macro_rules! codes {
    ($($(#[$about:meta])+ $name:ident = $word:literal,)+) => {
        /// Why evidence is refused, in one stable word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum VerdictCode {
            $($(#[$about])+ $name,)+
        }

        impl VerdictCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

codes! {
    /// The chain does not end at a trusted root.
    AnchorUnknown = "anchor-unknown",
    /// The chain has not the length and kind of any that platforms make.
    ChainShape = "chain-shape",
    /// A certificate was not issued by the name that the next one carries.
    NameChaining = "name-chaining",
    /// A signature does not verify.
    Signature = "signature",
    /// A certificate or token is past its end.
    Expired = "expired",
    /// A certificate or token is from the future.
    NotYetValid = "not-yet-valid",
    /// A certificate is on the revocation list.
    Revoked = "revoked",
    /// The revocation list is older than policy allows.
    RevocationStale = "revocation-stale",
    /// The leaf says nothing about its key.
    KeyDescriptionMissing = "key-description-missing",
    /// A certificate above the leaf speaks as if it were an attested key.
    KeyDescriptionMisplaced = "key-description-misplaced",
    /// The key may be used for other things, or is another key, than the device key.
    KeyUse = "key-use",
    /// The key or its attestation lives in software, or below the level that policy asks for.
    SoftwareLevel = "software-level",
    /// The key was not generated in the hardware, or the hardware does not vouch for the boot.
    Origin = "origin",
    /// The boot state or lock is not one that policy accepts.
    BootState = "boot-state",
    /// The evidence answers another challenge.
    Challenge = "challenge",
    /// The evidence is about another app.
    Application = "application",
    /// The app was signed by somebody else.
    Signer = "signer",
    /// The system's patches are older than policy allows.
    PatchLevel = "patch-level",
    /// The evidence is from another environment.
    Environment = "environment",
    /// The nonce or request hash is not the expected one.
    Nonce = "nonce",
    /// The key id is not the key's.
    KeyId = "key-id",
    /// The counter did not rise.
    Counter = "counter",
    /// The evidence cannot be read.
    Parse = "parse",
    /// The evidence is well-formed, of a kind that this release cannot verify.
    Unsupported = "unsupported",
    /// The evidence is larger, longer or deeper than any real one.
    Limit = "limit",
}

impl fmt::Display for VerdictCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
