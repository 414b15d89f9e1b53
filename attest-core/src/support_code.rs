//! Support codes: what a refused user can read to support staff, and only the operator can open. Fixed length, and never the
//! same for two refusals, so that a code tells an attacker nothing about its cause.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::SecureRandom;

use crate::encoding::sha256;
use crate::fleet::{FleetSecret, KeyUse, RandomError, random_array};
use crate::problem::ProblemCode;

const LABEL: &[u8] = b"attest/v1/support-code";
const VERSION: u8 = 1;
const PLAIN_BYTES: usize = 1 + 1 + 4 * 4 + 2 + 8 + 4;
const SEALED_BYTES: usize = NONCE_LEN + PLAIN_BYTES + 16;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of every support code.
pub const CODE_CHARS: usize = (SEALED_BYTES * 8).div_ceil(5);

/// A name as it stands in a support code: 32 bits that the operator finds again among the names of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NameHash([u8; 4]);

impl NameHash {
    /// No name.
    pub const NONE: Self = Self([0; 4]);

    /// Of a route, rule, fact or detector name; the empty name hashes to "none".
    #[must_use]
    pub fn of(name: &str) -> Self {
        let [a, b, c, d, ..] = sha256(&[name.as_bytes()]);
        if name.is_empty() {
            Self::default()
        } else {
            Self([a, b, c, d])
        }
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Why a request was refused, as far as a support code carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// The public code.
    pub code: ProblemCode,
    /// The route that matched.
    pub route: NameHash,
    /// The rule that decided, or the inner reason where no rule did.
    pub rule: NameHash,
    /// Preorder ordinal of the clause in the rule.
    pub clause: u16,
    /// The fact that the clause looked at.
    pub fact: NameHash,
    /// The value that matched, where it is one of the policy's own words.
    pub value: NameHash,
    /// Version of the policy.
    pub policy_version: u64,
    /// When, Unix seconds.
    pub at_s: u32,
}

/// Text that is not a support code of this deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SupportCodeError {
    /// Not [`CODE_CHARS`] characters of the alphabet.
    #[error("a support code has {CODE_CHARS} characters of 0-9 and a-z without i, l, o and u")]
    Malformed,
    /// Another deployment's, another generation's, or altered.
    #[error("not a support code of this deployment")]
    Sealed,
}

impl SupportCodeError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "support-code-malformed",
            Self::Sealed => "support-code-sealed",
        }
    }
}

/// Seals and opens support codes.
pub struct SupportCodes(LessSafeKey);

impl std::fmt::Debug for SupportCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SupportCodes([redacted])")
    }
}

impl SupportCodes {
    /// From one generation of the fleet's support-code subkey. `None` only if the AEAD refuses a 256-bit key, which it does not.
    #[must_use]
    pub fn new(secret: &FleetSecret, generation: u16) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, &secret.subkey(KeyUse::SupportCode, generation)).ok()?;
        Some(Self(LessSafeKey::new(key)))
    }

    /// The code for `cause`.
    ///
    /// # Errors
    /// [`RandomError`] if the generator failed.
    pub fn seal(&self, cause: &Cause, rng: &dyn SecureRandom) -> Result<String, RandomError> {
        let nonce: [u8; NONCE_LEN] = random_array(rng)?;
        let mut sealed = write(cause);
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(LABEL), &mut sealed)
            .map_err(|_| RandomError)?;
        Ok(to_base32(nonce.iter().chain(&sealed).copied()))
    }

    /// The cause behind `code`. Case, spaces and hyphens do not matter; `i`, `l` and `o` read as digits.
    ///
    /// # Errors
    /// [`SupportCodeError`].
    pub fn open(&self, code: &str) -> Result<Cause, SupportCodeError> {
        let mut bytes = from_base32(code).ok_or(SupportCodeError::Malformed)?;
        let (nonce, sealed) = bytes
            .split_first_chunk_mut::<NONCE_LEN>()
            .ok_or(SupportCodeError::Malformed)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(LABEL), sealed)
            .map_err(|_| SupportCodeError::Sealed)?;
        read(plain).ok_or(SupportCodeError::Sealed)
    }
}

fn write(cause: &Cause) -> Vec<u8> {
    let mut out = Vec::with_capacity(PLAIN_BYTES + 16);
    out.extend([VERSION, cause.code.number()]);
    for name in [cause.route, cause.rule, cause.fact, cause.value] {
        out.extend(name.0);
    }
    out.extend(cause.clause.to_be_bytes());
    out.extend(cause.policy_version.to_be_bytes());
    out.extend(cause.at_s.to_be_bytes());
    out
}

fn read(plain: &[u8]) -> Option<Cause> {
    let ([version, number], rest) = plain.split_first_chunk()?;
    let (route, rest) = rest.split_first_chunk()?;
    let (rule, rest) = rest.split_first_chunk()?;
    let (fact, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_first_chunk()?;
    let (clause, rest) = rest.split_first_chunk()?;
    let (policy_version, rest) = rest.split_first_chunk()?;
    let (at_s, rest) = rest.split_first_chunk()?;
    let code = ProblemCode::ALL.get(usize::from(*number)).copied()?;
    (*version == VERSION && rest.is_empty()).then_some(Cause {
        code,
        route: NameHash(*route),
        rule: NameHash(*rule),
        clause: u16::from_be_bytes(*clause),
        fact: NameHash(*fact),
        value: NameHash(*value),
        policy_version: u64::from_be_bytes(*policy_version),
        at_s: u32::from_be_bytes(*at_s),
    })
}

fn to_base32(bytes: impl Iterator<Item = u8>) -> String {
    let mut text = String::with_capacity(CODE_CHARS);
    let (mut held, mut bits) = (0_u32, 0_u32);
    let symbol = |value: u32| {
        ALPHABET
            .get((value & 31) as usize)
            .map_or('0', |c| char::from(*c))
    };
    for byte in bytes {
        held = (held << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(symbol(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(symbol(held << (5 - bits)));
    }
    text
}

fn from_base32(code: &str) -> Option<Vec<u8>> {
    if code.len() > CODE_CHARS * 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(SEALED_BYTES);
    let (mut held, mut bits, mut chars) = (0_u32, 0_u32, 0_usize);
    for c in code.chars().filter(|c| !matches!(c, '-' | ' ')) {
        let c = match c.to_ascii_lowercase() {
            'i' | 'l' => '1',
            'o' => '0',
            other => other,
        };
        let value = ALPHABET.iter().position(|symbol| char::from(*symbol) == c)?;
        held = (held << 5) | u32::try_from(value).ok()?;
        bits += 5;
        chars += 1;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (chars == CODE_CHARS && bytes.len() == SEALED_BYTES && held == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ring::rand::SystemRandom;

    fn cause() -> Cause {
        Cause {
            code: ProblemCode::Denied,
            route: NameHash::of("payments"),
            rule: NameHash::of("deny-cloner"),
            clause: 3,
            fact: NameHash::of("findings.category"),
            value: NameHash::of("cloner"),
            policy_version: 12,
            at_s: 1_800_000_000,
        }
    }

    #[test]
    fn fixed_length_never_equal_and_only_ours_opens() {
        let rng = SystemRandom::new();
        let codes = SupportCodes::new(&FleetSecret::new([1; 32]), 1).unwrap();
        let seal = || codes.seal(&cause(), &rng).unwrap();
        let (code, again) = (seal(), seal());
        assert_ne!(code, again);
        assert_eq!((code.len(), again.len()), (CODE_CHARS, CODE_CHARS));
        let (head, tail) = code.split_at(10);
        let spoken = |text: &str| text.to_uppercase().replace('0', "O").replace('1', "I");
        let first = if head.starts_with('0') { '1' } else { '0' };
        let check = |input: &str, expect: Result<Cause, SupportCodeError>| {
            assert_eq!(codes.open(input), expect, "{input}");
        };
        check(&code, Ok(cause()));
        check(&format!("{}-{}", spoken(head), spoken(tail)), Ok(cause()));
        check(&format!(" {head} - {tail} "), Ok(cause()));
        check(tail, Err(SupportCodeError::Malformed));
        check(&format!("{code}0"), Err(SupportCodeError::Malformed));
        check("u", Err(SupportCodeError::Malformed));
        check("", Err(SupportCodeError::Malformed));
        check(
            &format!("{first}{}", code.split_at(1).1),
            Err(SupportCodeError::Sealed),
        );
        for (secret, generation) in [([2; 32], 1), ([1; 32], 2)] {
            let other = SupportCodes::new(&FleetSecret::new(secret), generation).unwrap();
            assert_eq!(other.open(&code), Err(SupportCodeError::Sealed));
        }
    }

    proptest! {
        #[test]
        fn base32_round_trip(bytes in proptest::collection::vec(any::<u8>(), SEALED_BYTES)) {
            prop_assert_eq!(from_base32(&to_base32(bytes.iter().copied())), Some(bytes));
        }

        #[test]
        fn any_text_is_refused(text in ".{0,200}") {
            let codes = SupportCodes::new(&FleetSecret::new([1; 32]), 1).unwrap();
            prop_assert!(codes.open(&text).is_err());
        }
    }
}
