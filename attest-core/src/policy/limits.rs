//! The bounds an admin may set, each with its default, its range and the reason for both.

use serde::{Deserialize, Serialize};

use super::{Fault, error::Errors};

macro_rules! limits {
    ($(#[$about:meta])* $name:ident { $($(#[doc = $doc:literal])+ $field:ident = $default:literal, $min:literal ..= $max:literal;)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[doc = $doc])+
              #[cfg_attr(feature = "schema", schemars(range(min = $min, max = $max)))]
              pub $field: u64,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        }

        impl $name {
            pub(super) fn verify(&self, errors: &mut Errors) {
                $(if !($min..=$max).contains(&self.$field) {
                    errors.push(concat!("limits.", stringify!($field)), Fault::OutOfRange { min: $min, max: $max });
                })+
            }
        }
    };
}

limits! {
    /// Bounds of the gateway.
    Limits {
        /// The longest life of a token, in seconds: as long as a stolen one may be of use within its own request.
        token_lifetime_max_s = 300, 5..=300;
        /// How far clocks may differ, in seconds: phones are corrected by signed time, so a minute is generous.
        clock_skew_s = 60, 0..=300;
        /// The life of a session, in seconds: as long as a stolen session key may be of use.
        session_lifetime_s = 900, 30..=86_400;
        /// The age at which evidence must be made again, in seconds: key revocations and patches show only there.
        evidence_max_age_s = 604_800, 300..=7_776_000;
        /// How old the set of bans may be while the store is down, in seconds, before the route's choice applies.
        ban_staleness_max_s = 300, 0..=86_400;
        /// The largest request body that is buffered to compare its digest, in bytes; above it the answer is 413.
        body_bound_max_bytes = 262_144, 0..=4_194_304;
    }
}

limits! {
    /// Bounds the phone needs to know.
    DeviceLimits {
        /// The longest life of a token, in seconds.
        token_lifetime_max_s = 300, 5..=300;
        /// The age at which evidence is made again, in seconds.
        evidence_max_age_s = 604_800, 300..=7_776_000;
        /// The largest request body that can be bound, in bytes.
        body_bound_max_bytes = 262_144, 0..=4_194_304;
    }
}

impl From<Limits> for DeviceLimits {
    fn from(limits: Limits) -> Self {
        Self {
            token_lifetime_max_s: limits.token_lifetime_max_s,
            evidence_max_age_s: limits.evidence_max_age_s,
            body_bound_max_bytes: limits.body_bound_max_bytes,
        }
    }
}
