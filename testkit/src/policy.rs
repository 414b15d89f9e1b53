//! The sample bank's policy: one template, and the few settings that a demo or test changes between publications.

use attest_core::jose::Jwk;

use crate::bank::OTP_ISSUER;

/// The app's id for Android phones.
pub const ANDROID_APP: &str = "bank-android";
/// The app's id for iOS phones.
pub const IOS_APP: &str = "bank-ios";

/// What differs between publications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// The version; each publication needs a higher one.
    pub version: u64,
    /// The public origin.
    pub origin: String,
    /// The key of the bank's one-time-code service.
    pub otp_key: Jwk,
    /// Mode of the rule that denies payments from cloners.
    pub cloner_rule: &'static str,
    /// Mode of the rule that denies payments from emulators.
    pub emulator_rule: &'static str,
    /// Seconds that a session lives.
    pub session_lifetime_s: u64,
    /// The `anchors` of simulated hardware, as YAML; nothing where only software vouches for keys.
    pub anchors: String,
    /// The upstream of every route.
    pub upstream: &'static str,
    /// The policy that a phone must have for payments.
    pub payments_min_policy: u64,
    /// The keys by which phones verify the gateway's responses, as items of the YAML list; a gateway that signs the policy itself
    /// adds its own.
    pub response_keys: String,
    /// Rules that a brake may relax, as items of the YAML list.
    pub brake_rules: &'static str,
    /// Detectors beside the packs, as items of the YAML list in flow style.
    pub more_detectors: &'static str,
    /// Further rules, as items of the YAML list.
    pub more_rules: &'static str,
    /// Further routes, as items of the YAML list.
    pub more_routes: &'static str,
    /// Further limits, as members of the YAML mapping.
    pub more_limits: &'static str,
}

impl PolicySettings {
    /// Both rules in shadow, sessions of 15 minutes.
    #[must_use]
    pub fn new(origin: impl Into<String>, otp_key: Jwk) -> Self {
        Self {
            version: 1,
            origin: origin.into(),
            otp_key,
            cloner_rule: "shadow",
            emulator_rule: "shadow",
            session_lifetime_s: 900,
            anchors: String::new(),
            upstream: "bank",
            payments_min_policy: 0,
            response_keys: String::new(),
            brake_rules: "",
            more_detectors: "",
            more_rules: "",
            more_routes: "",
            more_limits: "",
        }
    }

    /// The YAML source.
    #[must_use]
    pub fn source(&self) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        include_str!("bank.yaml")
            .replace("{payments_min_policy}", &self.payments_min_policy.to_string())
            .replace("{response_keys}", &self.response_keys)
            .replace("{brake_rules}", self.brake_rules)
            .replace("{more_detectors}", self.more_detectors)
            .replace("# {more_rules}", self.more_rules)
            .replace("# {more_routes}", self.more_routes)
            .replace("# {more_limits}", self.more_limits)
            .replace("# {anchors}", &self.anchors)
            .replace("{upstream}", self.upstream)
            .replace("{version}", &self.version.to_string())
            .replace("{origin}", &self.origin)
            .replace("{cloner_rule}", self.cloner_rule)
            .replace("{emulator_rule}", self.emulator_rule)
            .replace("{session_lifetime_s}", &self.session_lifetime_s.to_string())
            .replace("{issuer}", OTP_ISSUER)
            .replace("{kid}", &text(&self.otp_key.kid))
            .replace("{x}", &text(&self.otp_key.x))
            .replace("{y}", &text(&self.otp_key.y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::TestRoots;
    use attest_core::jose::SigningKey;
    use ring::rand::SystemRandom;

    #[test]
    fn it_compiles_in_every_mode() {
        let key = Jwk::published(&SigningKey::generate(&SystemRandom::new()).unwrap().public_point());
        for mode in ["off", "shadow", "enforce"] {
            let settings = PolicySettings {
                cloner_rule: mode,
                emulator_rule: mode,
                ..PolicySettings::new("http://127.0.0.1:8470", key.clone())
            };
            let compiled = attest_policy::compile("bank.yaml", &settings.source());
            assert!(compiled.is_ok(), "{:?}", compiled.err());
        }
    }

    #[test]
    fn it_trusts_the_roots_of_its_world() {
        let key = Jwk::published(&SigningKey::generate(&SystemRandom::new()).unwrap().public_point());
        let roots = TestRoots::generate().unwrap();
        let settings = PolicySettings {
            anchors: roots.policy_anchors(),
            ..PolicySettings::new("http://127.0.0.1:8470", key)
        };
        let compiled = attest_policy::compile("bank.yaml", &settings.source()).unwrap();
        let anchors: Vec<_> = compiled
            .gateway
            .anchors
            .iter()
            .map(|anchor| anchor.der().unwrap())
            .collect();
        assert_eq!(
            anchors,
            [roots.android.der(), roots.android_p256.der(), roots.apple.der()]
        );
    }
}
