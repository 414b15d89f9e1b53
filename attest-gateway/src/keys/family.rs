//! The four kinds of keys that rotate, each with its files and with how long the steps of its rotation must be apart.

use attest_core::policy::Limits;

/// A kind of key that has generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Seals tickets: the gateways' own memory of sessions.
    Ticket,
    /// Signs attestations and the service's responses.
    Attestation,
    /// Signs assertions for backends.
    Assertion,
    /// Seals support codes.
    Support,
}

/// How long to wait between the steps of a rotation, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// From publishing to use: until everybody who verifies knows the new key.
    pub use_after_s: u64,
    /// From use to retirement: until nothing that the old key made is alive.
    pub retire_after_s: u64,
}

/// Time for all gateways of a fleet to take new files.
const DISTRIBUTION_S: u64 = 60;
/// Backends and phones that verify by published keys: their caches hold for 300 s, and some look late.
const PUBLICATION_S: u64 = 900;
/// An assertion lives 60 s; a backend's clock may be five minutes off.
const ASSERTION_S: u64 = 600;
/// Users read support codes to people days after they saw them.
const SUPPORT_S: u64 = 30 * 86_400;

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ticket, Self::Attestation, Self::Assertion, Self::Support];

    /// Its word in files and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Attestation => "attestation",
            Self::Assertion => "assertion",
            Self::Support => "support",
        }
    }

    /// Whether its public half is published, so that others verify by it.
    #[must_use]
    pub const fn signs(self) -> bool {
        match self {
            Self::Attestation | Self::Assertion => true,
            Self::Ticket | Self::Support => false,
        }
    }

    /// The file of one generation; `None` for the first of a symmetric kind, which comes from the fleet's own secret.
    #[must_use]
    pub fn file_name(self, generation: u16) -> Option<String> {
        let word = self.as_str();
        match (self.signs(), generation) {
            (true, 1) => Some(format!("{word}.pem")),
            (true, _) => Some(format!("{word}-{generation}.pem")),
            (false, 1) => None,
            (false, _) => Some(format!("{word}-{generation}.key")),
        }
    }

    /// The generation whose file has this name.
    pub(super) fn generation_of(self, name: &str) -> Option<u16> {
        let rest = name.strip_prefix(self.as_str())?;
        let number = match rest {
            ".pem" => 1,
            _ => {
                let (stem, _) = rest.strip_prefix('-')?.split_once('.')?;
                stem.parse().ok()?
            }
        };
        (self.file_name(number).as_deref() == Some(name)).then_some(number)
    }

    /// The waits of a rotation under a policy with these limits.
    #[must_use]
    pub const fn overlap(self, limits: Limits, response_ttl_s: u64) -> Overlap {
        let session_s = limits.session_lifetime_s.saturating_add(limits.clock_skew_s);
        match self {
            Self::Ticket => Overlap {
                use_after_s: DISTRIBUTION_S,
                retire_after_s: session_s,
            },
            // A stored response is repeated for a while to phones that lost it.
            Self::Attestation => Overlap {
                use_after_s: PUBLICATION_S,
                retire_after_s: session_s.saturating_add(response_ttl_s),
            },
            Self::Assertion => Overlap {
                use_after_s: PUBLICATION_S,
                retire_after_s: ASSERTION_S,
            },
            Self::Support => Overlap {
                use_after_s: DISTRIBUTION_S,
                retire_after_s: SUPPORT_S,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_generations_belong_together() {
        for family in Family::ALL {
            for generation in [1, 2, 12, u16::MAX] {
                if let Some(name) = family.file_name(generation) {
                    for other in Family::ALL {
                        let expect = (other == family).then_some(generation);
                        assert_eq!(other.generation_of(&name), expect, "{name}");
                    }
                }
            }
        }
        for name in [
            "fleet.json",
            "attestation-1.pem",
            "attestation-02.pem",
            "attestation-2.pem.next",
            "ticket.pem",
            "ticket-1.key",
            "ticket--2.key",
            "policy-root.pem",
        ] {
            assert!(
                Family::ALL
                    .iter()
                    .all(|family| family.generation_of(name).is_none()),
                "{name}"
            );
        }
    }
}
