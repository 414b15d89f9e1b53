//! A share between 0 and 1, as configurations write it, held exactly enough to be compared.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const WHOLE: u32 = 1_000_000;

/// A share between 0 and 1, in steps of a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio(u32);

impl Ratio {
    /// So many of a million; more is all of them.
    #[must_use]
    pub const fn from_per_million(share: u32) -> Self {
        Self(if share > WHOLE { WHOLE } else { share })
    }

    /// How many of a million.
    #[must_use]
    pub const fn per_million(self) -> u32 {
        self.0
    }

    /// Whether evenly distributed `random` bits fall into this share.
    #[must_use]
    pub const fn takes(self, random: u64) -> bool {
        // The upper half times the whole, so that the share is exact without a division.
        let drawn = ((random >> 32) * WHOLE as u64) >> 32;
        drawn < self.0 as u64
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(from)?;
        if !(0.0..=1.0).contains(&share) {
            return Err(serde::de::Error::custom("expected a share between 0 and 1"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        let per_million = (share * f64::from(WHOLE)).round() as u32;
        Ok(Self(per_million))
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(f64::from(self.0) / f64::from(WHOLE))
    }
}

impl JsonSchema for Ratio {
    fn schema_name() -> Cow<'static, str> {
        "Ratio".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_takes_its_share() {
        let check = |share: u32, expect: u64| {
            let ratio = Ratio::from_per_million(share);
            let step = u64::MAX / 10_000;
            let taken = (0..10_000).filter(|n| ratio.takes(n * step + step / 2)).count();
            assert_eq!(u64::try_from(taken).unwrap(), expect, "{share}");
        };
        check(0, 0);
        check(10_000, 100);
        check(500_000, 5_000);
        check(1_000_000, 10_000);
        check(2_000_000, 10_000);
    }
}
