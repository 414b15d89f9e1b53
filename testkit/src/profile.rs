//! What simulated phones look like to detectors: the facts of a genuine phone, and what each kind of hostile surrounding changes.

use std::fmt;
use std::str::FromStr;

use attest_core::device::Platform;
use attest_core::facts::{FactId, FactMap, FactRef, Kind, Observation, Value};
use attest_core::policy::Variables;

/// The package of the sample app.
pub const PACKAGE: &str = "com.example.bank";
/// The team that publishes it for iOS.
pub const TEAM: &str = "A1B2C3D4E5";
/// SHA-256 of the certificate that signs it for Android.
pub const SIGNER: [u8; 32] = [
    0x3f, 0x7a, 0x1c, 0x0b, 0x9e, 0x2d, 0x48, 0x56, 0xa1, 0xb0, 0xc9, 0xd8, 0xe7, 0xf6, 0x05, 0x14, 0x23,
    0x32, 0x41, 0x50, 0x6f, 0x7e, 0x8d, 0x9c, 0xab, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x11,
];
/// SHA-256 of the certificate of those who repackage it.
pub const FORGER: [u8; 32] = [
    0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00,
    0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff,
];
/// The package of the cloner app that it runs inside of.
pub const CLONER_PACKAGE: &str = "org.fresh.space";

/// The surroundings in which a simulated app runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The genuine app on a genuine phone.
    Genuine,
    /// Inside a cloner app, whose data and code are nested under its own.
    Cloner,
    /// Inside a cloner app of tomorrow, which hides all that shipped detectors look for.
    NewCloner,
    /// On an emulator.
    Emulator,
    /// On a rooted phone.
    Rooted,
    /// A repackaged app, signed by somebody else.
    Repackaged,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 6] = [
        Self::Genuine,
        Self::Cloner,
        Self::NewCloner,
        Self::Emulator,
        Self::Rooted,
        Self::Repackaged,
    ];

    /// The word of the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::Cloner => "cloner",
            Self::NewCloner => "new-cloner",
            Self::Emulator => "emulator",
            Self::Rooted => "rooted",
            Self::Repackaged => "repackaged",
        }
    }

    /// What is special about this phone; everything else is as [`Seen::seen`] tells.
    #[must_use]
    pub fn facts(self, platform: Platform) -> Seen {
        let mut facts = match platform {
            Platform::Android => read(GENUINE_ANDROID),
            Platform::Ios => read(GENUINE_IOS),
        };
        let changes = match (self, platform) {
            (Self::Genuine, _) | (Self::NewCloner, Platform::Ios) => return Seen(facts),
            (Self::NewCloner, Platform::Android) => NEW_CLONER,
            (Self::Cloner, Platform::Android) => CLONER,
            (Self::Emulator, Platform::Android) => EMULATOR,
            (Self::Rooted, Platform::Android) => ROOTED,
            (Self::Repackaged, Platform::Android) => REPACKAGED,
            (Self::Emulator, Platform::Ios) => SIMULATOR,
            (Self::Cloner | Self::Rooted | Self::Repackaged, Platform::Ios) => JAILBROKEN,
        };
        for (fact, observation) in read(changes).iter() {
            facts.insert(fact.clone(), observation.clone());
        }
        Seen(facts)
    }

    /// The values of the policy's variables on this phone.
    #[must_use]
    pub fn variables(platform: Platform) -> Variables {
        match platform {
            Platform::Android => Variables::default()
                .with("package", PACKAGE)
                .with("user_id", "0")
                .with("uid", "10234")
                .with("data_dir", "/data/user/0/com.example.bank")
                .with("own_apk", "/data/app/~~q1==/com.example.bank-Ab==/base.apk"),
            Platform::Ios => Variables::default()
                .with("package", PACKAGE)
                .with("bundle", PACKAGE),
        }
    }
}

/// What probes see on a phone.
#[derive(Debug, Clone)]
pub struct Seen(FactMap);

impl Seen {
    /// The answer to one question: through every view the same unless the profile says otherwise, and what nobody planted is not there.
    #[must_use]
    pub fn seen(&self, fact: &FactRef) -> Observation {
        let plain = FactRef::new(fact.fact(), fact.param(), None);
        let stated = self.stated(fact).or_else(|| self.stated(&plain.ok()?));
        stated.unwrap_or_else(|| match (fact.fact(), fact.fact().entry().kind) {
            // What is as it left the maker.
            (FactId::CODE_TEXT_INTACT | FactId::APK_SAME_FILE, _) => Value::Boolean(true).into(),
            (_, Kind::Boolean) => Value::Boolean(false).into(),
            (_, Kind::Integer) => Value::Integer(0).into(),
            (_, Kind::List) => Value::List(Vec::new()).into(),
            (_, Kind::Rows) => Value::Rows(Vec::new()).into(),
            (_, Kind::Text) => Observation::Absent,
        })
    }

    fn stated(&self, fact: &FactRef) -> Option<Observation> {
        self.0
            .iter()
            .find(|(stated, _)| *stated == fact)
            .map(|(_, observation)| observation.clone())
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == word)
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                format!("unknown profile `{word}`; known are {known}")
            })
    }
}

/// A fact and what a probe answers: text, a list, true or false, or a number.
enum Said {
    Text(&'static str),
    List(&'static [&'static str]),
    Is(bool),
    Number(i64),
}

fn read(table: &[(&str, Said)]) -> FactMap {
    let fact = |(fact, said): &(&str, Said)| {
        let observation = match said {
            Said::Text(text) => Observation::Value(Value::Text((*text).to_owned())),
            Said::List(items) => {
                Observation::Value(Value::List(items.iter().map(|i| (*i).to_owned()).collect()))
            }
            Said::Is(flag) => Observation::Value(Value::Boolean(*flag)),
            Said::Number(number) => Observation::Value(Value::Integer(*number)),
        };
        Some((fact.parse::<FactRef>().ok()?, observation))
    };
    table.iter().filter_map(fact).collect()
}

const GENUINE_ANDROID: &[(&str, Said)] = &[
    ("app.data_dir", Said::Text("/data/user/0/com.example.bank")),
    ("app.apk_path", Said::Text(APK)),
    ("maps.own_apk", Said::Text(APK)),
    ("pm.source_dir", Said::Text(APK)),
    ("fd.canary", Said::Text("/data/user/0/com.example.bank/files/c")),
    (
        "maps.path",
        Said::List(&[
            "/apex/com.android.runtime/lib64/bionic/libc.so",
            APK,
            "/data/user_de/0/com.google.android.gms/app_chimera/m/00000012/DynamiteLoader.apk",
        ]),
    ),
    ("id.package", Said::Text(PACKAGE)),
    ("id.user_id", Said::Number(0)),
    ("id.uid", Said::Number(10_234)),
    ("prop(ro.hardware)", Said::Text("qcom")),
    ("build.tags", Said::Text("release-keys")),
    ("build.product", Said::Text("panther")),
    ("build.device", Said::Text("panther")),
    ("build.brand", Said::Text("google")),
    ("build.manufacturer", Said::Text("Google")),
    ("build.model", Said::Text("Pixel 7")),
    ("build.abis", Said::List(&["arm64-v8a", "armeabi-v7a", "armeabi"])),
    (
        "build.fingerprint",
        Said::Text("google/panther/panther:16/BP2A.250605.031.A2/13578606:user/release-keys"),
    ),
    ("gl.renderer", Said::Text("Mali-G710")),
    ("gl.vendor", Said::Text("ARM")),
    (
        "sensors.name",
        Said::List(&[
            "accelerometer",
            "gyroscope",
            "magnetometer",
            "pressure",
            "light",
            "proximity",
        ]),
    ),
    ("sensors.vendor", Said::List(&["STMicro", "Bosch", "AMS"])),
    ("proc.cmdline", Said::Text(PACKAGE)),
    (
        "proc.selinux",
        Said::Text("u:r:untrusted_app:s0:c234,c256,c512,c768"),
    ),
    (
        "java.object_class(mInstrumentation)",
        Said::Text("android.app.Instrumentation"),
    ),
    (
        "java.object_class(PackageInfo.CREATOR)",
        Said::Text("android.content.pm.PackageInfo$1"),
    ),
    ("java.object_loader(PackageInfo.CREATOR)", Said::Text("boot")),
    ("pm.installer", Said::Text("com.android.vending")),
    ("apk.schemes", Said::List(&["v2", "v3"])),
    (
        "apk.signers",
        Said::List(&["3f7a1c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011"]),
    ),
];

const APK: &str = "/data/app/~~q1==/com.example.bank-Ab==/base.apk";

const GENUINE_IOS: &[(&str, Said)] = &[
    ("path.entries(/var)", Said::List(&["mobile", "containers"])),
    // MNT_RDONLY, as the system's volume is mounted.
    ("path.mount_flags(/)", Said::Number(1)),
    ("id.package", Said::Text(PACKAGE)),
    ("id.ppid", Said::Number(1)),
    // As the App Store delivers it: encrypted, and valid.
    ("macho.cryptid", Said::Number(1)),
    ("macho.csops_flags", Said::Number(1)),
    (
        "app.bundle_path",
        Said::Text(
            "/private/var/containers/Bundle/Application/0F8E21D3-4B60-4C57-9A51-6D1C7E0B2A94/Bank.app",
        ),
    ),
];

const CLONER: &[(&str, Said)] = &[
    (
        "app.data_dir",
        Said::Text("/data/data/org.fresh.space/q7/u/com.example.bank"),
    ),
    (
        "fd.canary",
        Said::Text("/data/data/org.fresh.space/q7/u/com.example.bank/files/c"),
    ),
    (
        "maps.path",
        Said::List(&[
            "/apex/com.android.runtime/lib64/bionic/libc.so",
            "/data/user/0/org.fresh.space/q7/lib/libhook.so",
        ]),
    ),
];

/// What it cannot hide is a thread of its own.
const NEW_CLONER: &[(&str, Said)] = &[(
    "proc.threads",
    Said::List(&["main", "RenderThread", "binder:7_1", "halcyon-pump"]),
)];

const EMULATOR: &[(&str, Said)] = &[
    ("prop(ro.kernel.qemu)", Said::Text("1")),
    ("prop(ro.hardware)", Said::Text("ranchu")),
    ("build.tags", Said::Text("dev-keys")),
];

const ROOTED: &[(&str, Said)] = &[("path.exists(/system/xbin/su)@syscall", Said::Is(true))];

const REPACKAGED: &[(&str, Said)] = &[(
    "apk.signers",
    Said::List(&["00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff"]),
)];

const SIMULATOR: &[(&str, Said)] = &[("env(SIMULATOR_DEVICE_NAME)", Said::Text("iPhone 17"))];

const JAILBROKEN: &[(&str, Said)] = &[("path.exists(/var/jb)@syscall", Said::Is(true))];

#[cfg(test)]
mod tests {
    use attest_core::policy::Detection;

    use super::*;

    #[test]
    fn every_row_names_a_known_fact() {
        for table in [
            GENUINE_ANDROID,
            GENUINE_IOS,
            CLONER,
            NEW_CLONER,
            EMULATOR,
            ROOTED,
            REPACKAGED,
            SIMULATOR,
            JAILBROKEN,
        ] {
            for (fact, _) in table {
                assert!(fact.parse::<FactRef>().is_ok(), "{fact}");
            }
        }
    }

    #[test]
    fn the_signers_are_those_that_probes_and_policy_name() {
        let hex = |digest: [u8; 32]| {
            digest
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let seen = |table: &[(&str, Said)]| {
            let row = table.iter().find(|(fact, _)| *fact == "apk.signers").unwrap();
            let Said::List([signer]) = row.1 else {
                panic!("one signer");
            };
            (*signer).to_owned()
        };
        assert_eq!(hex(SIGNER), seen(GENUINE_ANDROID));
        assert_eq!(hex(FORGER), seen(REPACKAGED));
        let policy = include_str!("bank.yaml");
        assert!(policy.contains(&format!("signers: ['{}']", hex(SIGNER))));
        assert!(policy.contains(&format!("team: {TEAM}")));
    }

    /// Every shipped detector of a category, over phones that are what they are.
    #[test]
    fn shipped_packs_tell_the_profiles_apart() {
        let hits = |platform: Platform, profile: Profile| {
            let source = include_str!("bank.yaml").split_once("packs:\n").unwrap().1;
            let packs = source.split_once("\n\n").unwrap().0;
            let source = format!(
                "version: 1\nenvironment: development\napps:\n  - {{id: a, platform: android, package: {PACKAGE}, signers: ['{}'], \
                 evidence: [software]}}\n  - {{id: b, platform: ios, team: {TEAM}, bundle: {PACKAGE}, evidence: [software]}}\n\
                 packs:\n{packs}\n",
                attest_core::encoding::hex(SIGNER),
            );
            let policy = attest_policy::compile("p.yaml", &source).unwrap().device;
            let compiled = policy.compile(platform, Profile::variables(platform)).unwrap();
            let detectors = compiled.detectors();
            let seen = profile.facts(platform);
            let facts: FactMap = detectors
                .facts()
                .into_iter()
                .map(|fact| (fact.clone(), seen.seen(fact)))
                .collect();
            let of = |detection| -> Vec<String> {
                detectors
                    .scan(&facts)
                    .filter(|scanned| scanned.detection == detection)
                    .map(|scanned| scanned.id.to_owned())
                    .collect()
            };
            (of(Detection::Hit), of(Detection::Inconclusive))
        };
        let check = |platform, profile, expect: &[&str]| {
            let (hit, open) = hits(platform, profile);
            assert_eq!(hit, expect, "{platform:?} {profile}");
            // Most questions have an answer on every phone, so that tokens stay short.
            assert!(open.len() <= 3, "{platform:?} {profile}: {open:?}");
        };
        check(Platform::Android, Profile::Genuine, &[]);
        check(Platform::Ios, Profile::Genuine, &[]);
        check(
            Platform::Android,
            Profile::Cloner,
            &[
                "clone.data_dir",
                "clone.canary_path",
                "clone.maps.foreign_private_code",
            ],
        );
        check(Platform::Android, Profile::NewCloner, &[]);
        check(
            Platform::Android,
            Profile::Emulator,
            &["emulator.qemu_properties"],
        );
        check(
            Platform::Android,
            Profile::Rooted,
            &["root.su_path", "root.su_hidden"],
        );
        check(Platform::Android, Profile::Repackaged, &["tamper.signer"]);
        check(Platform::Ios, Profile::Emulator, &["simulator.environment"]);
        check(
            Platform::Ios,
            Profile::Rooted,
            &["jailbreak.paths", "jailbreak.paths_hidden"],
        );
    }
}
