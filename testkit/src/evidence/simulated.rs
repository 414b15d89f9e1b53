//! The hardware of a simulated phone: the proofs that a phone of its profile would give, under the roots of its world.

use std::sync::{Mutex, MutexGuard, PoisonError};

use attest_core::device::Platform;

use super::android::{ChainBuilder, Shape, tag};
use super::apple::{AssertionBuilder, AttestationBuilder, DEVELOPMENT};
use super::certificate::TestKey;
use super::{BuildError, TestRoots};
use crate::profile::{CLONER_PACKAGE, FORGER, PACKAGE, Profile, TEAM};

/// The team of those who sign a changed iOS app anew.
const FORGERS_TEAM: &str = "Z9Y8X7W6V5";
const DAY_S: u64 = 86_400;

/// Where an Android phone keeps its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chip {
    /// In the trusted environment of its processor.
    TrustedEnvironment,
    /// In a chip of its own.
    StrongBox,
}

/// A phone's hardware and its platform, as far as they vouch for keys and apps.
#[derive(Debug)]
pub struct Hardware {
    platform: Platform,
    chip: Chip,
    /// Year and month of the last security patch.
    patched: (i64, i64),
    roots: TestRoots,
    /// A chain for no key yet.
    chain: ChainBuilder,
    /// Its certificates above the leaf, which are this phone's for good.
    issuers: Vec<Vec<u8>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    profile: Profile,
    app_key: Option<AppKey>,
}

/// App Attest's key of an installed app.
#[derive(Debug)]
struct AppKey {
    key: TestKey,
    counter: u32,
}

/// What App Attest answers once for each key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppAttestation {
    /// The attestation object, CBOR.
    pub object: Vec<u8>,
    /// The key's id.
    pub key_id: [u8; 32],
}

impl Hardware {
    /// A phone of this profile, last patched about 30 days before `now_s`.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn new(
        platform: Platform,
        profile: Profile,
        chip: Chip,
        roots: &TestRoots,
        now_s: u64,
    ) -> Result<Self, BuildError> {
        let chain = ChainBuilder::new(&roots.android, Shape::Rkp, &[], &[4; 65])?;
        Ok(Self {
            platform,
            chip,
            patched: year_and_month(now_s.saturating_sub(30 * DAY_S)),
            issuers: chain.build()?.split_off(1),
            chain,
            roots: roots.clone(),
            state: Mutex::new(State {
                profile,
                app_key: None,
            }),
        })
    }

    /// Puts the app into other surroundings. Keys made before stay what they are.
    pub fn move_to(&self, profile: Profile) {
        self.state().profile = profile;
    }

    /// True where the platform attests device keys when they are made.
    #[must_use]
    pub fn attests_keys(&self) -> bool {
        self.platform == Platform::Android
    }

    /// True where there is App Attest at all: on phones, not in the simulator.
    #[must_use]
    pub fn has_app_attest(&self) -> bool {
        self.app_id(self.state().profile).is_ok()
    }

    /// The chain of a device key (an uncompressed point) made for this challenge: DER, leaf first.
    ///
    /// # Errors
    /// [`BuildError::Unavailable`] on iOS.
    pub fn android_chain(
        &self,
        challenge: &[u8; 32],
        device_key: &[u8; 65],
    ) -> Result<Vec<Vec<u8>>, BuildError> {
        let profile = self.state().profile;
        match (self.platform, profile) {
            (Platform::Ios, _) => Err(BuildError::Unavailable),
            (Platform::Android, Profile::Emulator) => {
                let root = &self.roots.android_software;
                ChainBuilder::new(root, Shape::Software, challenge, device_key)?.build()
            }
            (
                Platform::Android,
                Profile::Genuine
                | Profile::Cloner
                | Profile::NewCloner
                | Profile::Rooted
                | Profile::Repackaged,
            ) => {
                let mut chain = self.hardware_chain(profile, challenge, device_key).build()?;
                chain.truncate(1);
                chain.extend(self.issuers.iter().cloned());
                Ok(chain)
            }
        }
    }

    fn hardware_chain(&self, profile: Profile, challenge: &[u8; 32], device_key: &[u8; 65]) -> ChainBuilder {
        let mut chain = self.chain.clone().about(*device_key);
        let description = &mut chain.description;
        description.challenge = challenge.to_vec();
        description.level(match self.chip {
            Chip::TrustedEnvironment => tag::TRUSTED_ENVIRONMENT,
            Chip::StrongBox => tag::STRONG_BOX,
        });
        let (year, month) = self.patched;
        description.patched(year, month);
        match profile {
            Profile::Genuine | Profile::Emulator => {}
            // The system vouches for the app that it started: the cloner, not what runs inside of it.
            Profile::Cloner | Profile::NewCloner => description.application(|app| {
                app.packages = vec![(CLONER_PACKAGE.to_owned(), 7)];
                app.signers = vec![vec![0xc1; 32]];
            }),
            Profile::Repackaged => description.application(|app| app.signers = vec![FORGER.to_vec()]),
            Profile::Rooted => description.root_of_trust(|root| {
                root.locked = 0;
                root.state = tag::UNVERIFIED;
            }),
        }
        chain
    }

    /// App Attest's proof of a new key for this hash. The key before it is gone.
    ///
    /// # Errors
    /// [`BuildError::Unavailable`] on Android and in the simulator.
    pub fn app_attest(&self, client_data_hash: &[u8; 32]) -> Result<AppAttestation, BuildError> {
        let mut state = self.state();
        let app_id = self.app_id(state.profile)?;
        let key = TestKey::p256()?;
        let root = &self.roots.apple;
        let object = AttestationBuilder::new(root, &app_id, &key, DEVELOPMENT, *client_data_hash)?.build()?;
        let key_id = key.id();
        state.app_key = Some(AppKey { key, counter: 0 });
        Ok(AppAttestation { object, key_id })
    }

    /// An assertion of this hash by the attested key; its counter rises each time.
    ///
    /// # Errors
    /// [`BuildError::Unavailable`] on Android, in the simulator and before [`Self::app_attest`].
    pub fn assertion(&self, client_data_hash: &[u8; 32]) -> Result<Vec<u8>, BuildError> {
        let mut state = self.state();
        let app_id = self.app_id(state.profile)?;
        let app_key = state.app_key.as_mut().ok_or(BuildError::Unavailable)?;
        app_key.counter += 1;
        AssertionBuilder::new(&app_id, &app_key.key, app_key.counter, *client_data_hash).build()
    }

    /// Forgets App Attest's key, as a new installation and a restored backup do.
    pub fn reinstall(&self) {
        self.state().app_key = None;
    }

    fn app_id(&self, profile: Profile) -> Result<String, BuildError> {
        let team = match (self.platform, profile) {
            (Platform::Android, _) | (Platform::Ios, Profile::Emulator) => {
                return Err(BuildError::Unavailable);
            }
            (Platform::Ios, Profile::Repackaged) => FORGERS_TEAM,
            (Platform::Ios, Profile::Genuine | Profile::Cloner | Profile::NewCloner | Profile::Rooted) => {
                TEAM
            }
        };
        Ok(format!("{team}.{PACKAGE}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Year and month of a day in the Gregorian calendar, by the algorithm of Howard Hinnant's `civil_from_days`.
fn year_and_month(unix_s: u64) -> (i64, i64) {
    let days = i64::try_from(unix_s / DAY_S).unwrap_or_default() + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let month = (5 * (day - (365 * year + year / 4 - year / 100)) + 2) / 153;
    let from_march = year + era * 400;
    if month < 10 {
        (from_march, month + 3)
    } else {
        (from_march + 1, month - 9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::android::{DESCRIPTION_OID, KeyDescription};
    use x509_parser::prelude::{FromDer, X509Certificate};

    const NOW_S: u64 = 1_795_000_000;

    fn hardware(platform: Platform, profile: Profile) -> Hardware {
        let roots = TestRoots::generate().unwrap();
        Hardware::new(platform, profile, Chip::StrongBox, &roots, NOW_S).unwrap()
    }

    fn described(chain: &[Vec<u8>]) -> Vec<u8> {
        let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
        let dotted: Vec<_> = DESCRIPTION_OID.iter().map(ToString::to_string).collect();
        let extension = leaf
            .extensions()
            .iter()
            .find(|extension| extension.oid.to_id_string() == dotted.join("."));
        extension.unwrap().value.to_vec()
    }

    #[test]
    fn an_android_phone_shows_what_it_is() {
        let key = TestKey::p256().unwrap().point().unwrap();
        let check = |profile, certificates, change: fn(&mut KeyDescription)| {
            let chain = hardware(Platform::Android, profile)
                .android_chain(&[9; 32], &key)
                .unwrap();
            assert_eq!(chain.len(), certificates, "{profile}");
            let mut expect = KeyDescription::hardware(300, &[9; 32]);
            expect.level(tag::STRONG_BOX);
            expect.patched(2026, 10);
            change(&mut expect);
            assert_eq!(described(&chain), expect.to_der(), "{profile}");
        };
        check(Profile::Genuine, 5, |_| ());
        check(Profile::Rooted, 5, |description| {
            description.root_of_trust(|root| {
                root.locked = 0;
                root.state = tag::UNVERIFIED;
            });
        });
        check(Profile::Repackaged, 5, |description| {
            description.application(|app| app.signers = vec![FORGER.to_vec()]);
        });
        check(Profile::Cloner, 5, |description| {
            description.application(|app| {
                app.packages = vec![(CLONER_PACKAGE.to_owned(), 7)];
                app.signers = vec![vec![0xc1; 32]];
            });
        });
        check(Profile::Emulator, 3, |description| {
            *description = KeyDescription::software(4, &[9; 32]);
        });
    }

    #[test]
    fn a_phone_keeps_its_issuers_and_another_has_its_own() {
        let key = TestKey::p256().unwrap().point().unwrap();
        let phone = hardware(Platform::Android, Profile::Genuine);
        let issuers = |phone: &Hardware| phone.android_chain(&[1; 32], &key).unwrap().split_off(1);
        assert!(issuers(&phone) == issuers(&phone));
        assert!(issuers(&phone)[0] != issuers(&hardware(Platform::Android, Profile::Genuine))[0]);
    }

    #[test]
    fn an_iphone_asserts_by_the_key_that_it_attested() {
        let phone = hardware(Platform::Ios, Profile::Genuine);
        assert!(matches!(phone.assertion(&[1; 32]), Err(BuildError::Unavailable)));
        let (first, second) = (
            phone.app_attest(&[1; 32]).unwrap(),
            phone.app_attest(&[1; 32]).unwrap(),
        );
        assert_ne!(first.key_id, second.key_id);
        let counter = |object: &[u8]| {
            let object: ciborium::Value = ciborium::from_reader(object).unwrap();
            let auth_data = object.as_map().unwrap()[1].1.as_bytes().unwrap().clone();
            auth_data[36]
        };
        assert_eq!(counter(&phone.assertion(&[1; 32]).unwrap()), 1);
        assert_eq!(counter(&phone.assertion(&[1; 32]).unwrap()), 2);
        phone.reinstall();
        assert!(phone.assertion(&[1; 32]).is_err());
    }

    #[test]
    fn there_is_no_evidence_of_the_other_platform_or_in_the_simulator() {
        let iphone = hardware(Platform::Ios, Profile::Genuine);
        assert!(iphone.android_chain(&[1; 32], &[4; 65]).is_err());
        assert!(
            hardware(Platform::Ios, Profile::Emulator)
                .app_attest(&[1; 32])
                .is_err()
        );
        assert!(
            hardware(Platform::Android, Profile::Genuine)
                .app_attest(&[1; 32])
                .is_err()
        );
    }

    #[test]
    fn days_have_years_and_months() {
        let check = |unix_s, expect| assert_eq!(year_and_month(unix_s), expect);
        check(0, (1970, 1));
        check(951_782_400, (2000, 2));
        check(1_709_251_199, (2024, 2));
        check(1_709_251_200, (2024, 3));
        check(1_735_689_599, (2024, 12));
        check(1_735_689_600, (2025, 1));
    }
}
