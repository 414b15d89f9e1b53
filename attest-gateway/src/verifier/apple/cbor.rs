//! Reads CBOR (RFC 8949) of bounded depth and width. A map never has the same key twice and keys are text or integers, so
//! that no two readers see two values for one name. How lengths are spelt (shortest or not, definite or not) changes no value
//! and is not looked at: what is signed is hashed as it came, never written anew.

use ciborium::Value;

use super::error::Error;

/// Real objects nest three deep.
const MAX_DEPTH: usize = 8;
/// Real maps have at most five members.
const MAX_MEMBERS: usize = 32;

/// The one value that `bytes` are.
pub(super) fn read_whole(bytes: &[u8]) -> Result<Value, Error> {
    let (value, rest) = read_first(bytes)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(Error::TrailingBytes)
    }
}

/// The first value in `bytes`, and what follows it.
pub(super) fn read_first(bytes: &[u8]) -> Result<(Value, &[u8]), Error> {
    let mut rest = bytes;
    let value: Value =
        ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH).map_err(|error| {
            if matches!(error, ciborium::de::Error::RecursionLimitExceeded) {
                Error::TooDeep { limit: MAX_DEPTH }
            } else {
                Error::Cbor
            }
        })?;
    bounded(&value)?;
    Ok((value, rest))
}

/// Recursion is bounded by the depth that was read.
fn bounded(value: &Value) -> Result<(), Error> {
    if let Value::Map(members) = value {
        if members.len() > MAX_MEMBERS {
            return Err(Error::TooManyMembers {
                found: members.len(),
                limit: MAX_MEMBERS,
            });
        }
        for (at, (key, inner)) in members.iter().enumerate() {
            if !(key.is_text() || key.is_integer()) || members.iter().take(at).any(|(other, _)| other == key)
            {
                return Err(Error::AmbiguousMap);
            }
            bounded(inner)?;
        }
    } else if let Value::Array(items) = value {
        for item in items {
            bounded(item)?;
        }
    } else if let Value::Tag(_, inner) = value {
        bounded(inner)?;
    }
    Ok(())
}

/// The members of a map, to be taken by name.
#[derive(Debug)]
pub(super) struct Members(Vec<(Value, Value)>);

impl Members {
    /// The members of `value`, called `name` if it is no map.
    pub(super) fn of(value: Value, name: &'static str) -> Result<Self, Error> {
        value
            .into_map()
            .map(Self)
            .map_err(|_| Error::Member { member: name })
    }

    /// The value under a text key, if there is one.
    pub(super) fn find(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(name, _)| name.as_text() == Some(key))?;
        Some(self.0.swap_remove(at).1)
    }

    /// The value under an integer key, if there is one.
    pub(super) fn find_numbered(&mut self, key: i64) -> Option<Value> {
        let key = Value::from(key);
        let at = self.0.iter().position(|(name, _)| *name == key)?;
        Some(self.0.swap_remove(at).1)
    }

    /// The value under a text key.
    pub(super) fn take(&mut self, key: &'static str) -> Result<Value, Error> {
        self.find(key).ok_or(Error::Member { member: key })
    }

    /// The byte string under a text key.
    pub(super) fn take_bytes(&mut self, key: &'static str) -> Result<Vec<u8>, Error> {
        self.take(key)?
            .into_bytes()
            .map_err(|_| Error::Member { member: key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_what_is_not() {
        let check = |bytes: &[u8], expect: Result<(), Error>| {
            assert_eq!(read_whole(bytes).map(drop), expect, "{bytes:02x?}");
        };
        let deep = |levels: usize| [vec![0x81; levels], vec![0x00]].concat();
        let wide = |count: u8| {
            let mut map = vec![0xb8, count];
            map.extend((0..count).flat_map(|key| [0x18, key, 0x00]));
            map
        };
        check(&[0xa1, 0x61, b'a', 0x01], Ok(()));
        // The same map with an indefinite length, and with lengths longer than needed.
        check(&[0xbf, 0x61, b'a', 0x01, 0xff], Ok(()));
        check(&[0xb9, 0x00, 0x01, 0x78, 0x01, b'a', 0x18, 0x01], Ok(()));
        check(
            &[0xa2, 0x61, b'a', 0x01, 0x61, b'a', 0x02],
            Err(Error::AmbiguousMap),
        );
        check(
            &[0xa2, 0x61, b'a', 0x01, 0x7f, 0x61, b'a', 0xff, 0x02],
            Err(Error::AmbiguousMap),
        );
        check(
            &[0x81, 0xa1, 0x00, 0xa2, 0x00, 0x00, 0x18, 0x00, 0x00],
            Err(Error::AmbiguousMap),
        );
        check(&[0xa1, 0x41, b'a', 0x01], Err(Error::AmbiguousMap));
        check(&[0xa1, 0x61, b'a'], Err(Error::Cbor));
        check(&[], Err(Error::Cbor));
        check(&[0x00, 0x00], Err(Error::TrailingBytes));
        check(&[0x62, 0xff, 0xff], Err(Error::Cbor));
        check(&deep(7), Ok(()));
        check(&deep(9), Err(Error::TooDeep { limit: MAX_DEPTH }));
        check(&deep(10_000), Err(Error::TooDeep { limit: MAX_DEPTH }));
        check(&wide(32), Ok(()));
        check(&wide(33), Err(Error::TooManyMembers { found: 33, limit: 32 }));
        // Lengths of 2^63 and 2^32 with nothing behind them.
        for kind in [0x40, 0x60, 0x80, 0xa0] {
            check(
                &[kind | 0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                Err(Error::Cbor),
            );
            check(&[kind | 0x1a, 0xff, 0xff, 0xff, 0xff], Err(Error::Cbor));
        }
    }
}
