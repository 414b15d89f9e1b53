//! A device's tag of the day: equal for one device on one day, and nothing that anybody could link beyond it. Keys are random,
//! live in memory only, and are forgotten with their day.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use attest_policy::replay::DAY_S;
use ring::hmac;
use ring::rand::SecureRandom;

/// The key of the day, of all cores.
#[derive(Debug, Default)]
pub(super) struct Tags(Mutex<Option<OfDay>>);

/// The key of the day, as one core knows it.
#[derive(Debug, Default)]
pub(super) struct OnCore(RefCell<Option<OfDay>>);

#[derive(Clone)]
struct OfDay {
    day: u64,
    key: hmac::Key,
}

impl fmt::Debug for OfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfDay")
            .field("day", &self.day)
            .finish_non_exhaustive()
    }
}

/// A tag, in hex.
pub(super) type Tag = String;

impl OnCore {
    /// The device's tag today; `None` if there is no randomness for a key.
    pub(super) fn of(
        &self,
        shared: &Tags,
        now_s: u64,
        rng: &dyn SecureRandom,
        app: &str,
        device: &[u8],
    ) -> Option<Tag> {
        let day = now_s / DAY_S;
        let mut known = self.0.borrow_mut();
        if known.as_ref().is_none_or(|known| known.day != day) {
            *known = Some(shared.of(day, rng)?);
        }
        let mut context = hmac::Context::with_key(&known.as_ref()?.key);
        context.update(app.as_bytes());
        context.update(&[0]);
        context.update(device);
        let tag = context.sign();
        let head = tag.as_ref().first_chunk::<8>()?;
        Some(format!("{:016x}", u64::from_be_bytes(*head)))
    }
}

impl Tags {
    /// The key of a day. One that was left never comes back, also when the clock does.
    fn of(&self, day: u64, rng: &dyn SecureRandom) -> Option<OfDay> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_day) = current.as_ref().filter(|current| current.day == day) {
            return Some(of_day.clone());
        }
        let mut secret = [0; 32];
        rng.fill(&mut secret).ok()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let of_day = OfDay { day, key };
        *current = Some(of_day.clone());
        Some(of_day)
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    #[test]
    fn a_tag_is_one_devices_on_one_day_and_on_no_other() {
        let (shared, one, other) = (Tags::default(), OnCore::default(), OnCore::default());
        let rng = SystemRandom::new();
        let of = |core: &OnCore, now_s: u64, app: &str, device: &[u8]| {
            core.of(&shared, now_s, &rng, app, device).unwrap()
        };
        let today = of(&one, DAY_S, "app", b"device");
        assert_eq!(today.len(), 16);
        assert_eq!(today, of(&other, 2 * DAY_S - 1, "app", b"device"), "cores agree");
        assert_ne!(today, of(&one, DAY_S, "app", b"other"));
        assert_ne!(today, of(&one, DAY_S, "other", b"device"));
        let tomorrow = of(&one, 2 * DAY_S, "app", b"device");
        assert_ne!(today, tomorrow);
        assert_eq!(tomorrow, of(&other, 2 * DAY_S, "app", b"device"));
        assert_ne!(
            today,
            of(&one, DAY_S, "app", b"device"),
            "a key that is gone stays gone"
        );
    }
}
