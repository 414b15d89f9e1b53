//! The table of facts: name, parameter, type, views, platforms and origin of everything a policy may ask.
//!
//! The table only grows: a name, once published, keeps its meaning, because policies already on phones use it.

use std::fmt;

pub use crate::device::Platform;

/// One fact of the table. Small and copied freely; its constants name every fact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId(u16);

/// What the table says about a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// The name in a policy.
    pub name: &'static str,
    /// What the parameter means; `None` if there is none.
    pub param: Option<&'static str>,
    /// The type of the answer.
    pub kind: Kind,
    /// The columns of a fact with rows; none otherwise.
    pub columns: &'static [&'static str],
    /// The ways to ask; the first is the probe's own choice.
    pub views: &'static [View],
    /// Where it can be asked.
    pub platforms: Platforms,
    /// Who knows the answer.
    pub origin: Origin,
}

/// The type of a fact's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An integer.
    Integer,
    /// True or false.
    Boolean,
    /// A list of text.
    List,
    /// Rows of named columns.
    Rows,
}

impl Kind {
    /// The word used in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Rows => "rows",
        }
    }
}

/// One of several ways to learn the same thing. Ways that disagree are a signal of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// Through the platform's API.
    Java,
    /// Through the C library.
    Libc,
    /// By direct system call.
    Syscall,
    /// By direct system call of another process of the app, in which nobody else's code was loaded.
    Isolated,
    /// As sealed in the ticket, signed by the hardware key.
    Ticket,
    /// As stated by the request's token.
    Token,
}

impl View {
    const ALL: [Self; 6] = [
        Self::Java,
        Self::Libc,
        Self::Syscall,
        Self::Isolated,
        Self::Ticket,
        Self::Token,
    ];

    /// The word used in a policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Java => "java",
            Self::Libc => "libc",
            Self::Syscall => "syscall",
            Self::Isolated => "isolated",
            Self::Ticket => "ticket",
            Self::Token => "token",
        }
    }

    /// The view of a word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_str() == word)
    }
}

/// Where a fact can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platforms {
    /// Android only.
    Android,
    /// iOS only.
    Ios,
    /// Everywhere.
    Both,
}

impl Platforms {
    /// True if `platform` is among them.
    #[must_use]
    pub const fn include(self, platform: Platform) -> bool {
        matches!(
            (self, platform),
            (Self::Both, _) | (Self::Android, Platform::Android) | (Self::Ios, Platform::Ios)
        )
    }
}

/// Who knows the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A probe on the phone; the raw answer stays there.
    Device,
    /// The evidence or the ticket.
    Verifier,
    /// The request.
    Request,
    /// The gateway's counters and lists.
    Gateway,
}

impl FactId {
    /// The fact of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|fact| fact.name() == name)
    }

    /// Every fact, in the table's order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u16..).map(Self).take(FACTS.len())
    }

    /// The fact whose name is closest, if it is close enough to be what was meant.
    #[must_use]
    pub fn nearest(name: &str) -> Option<Self> {
        let limit = if name.len() > 64 {
            return None;
        } else {
            1 + name.len() / 5
        };
        Self::all()
            .map(|fact| (distance(fact.name(), name), fact))
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, _)| *distance <= limit)
            .map(|(_, fact)| fact)
    }

    /// What the table says.
    #[must_use]
    pub fn entry(self) -> &'static Fact {
        // Only this file makes ids, all of them within the table; the first row stands in for the impossible.
        FACTS.get(usize::from(self.0)).unwrap_or(&FACTS[0])
    }

    /// What it means, for people.
    #[must_use]
    pub fn about(self) -> &'static str {
        MEANINGS.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// The name in a policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }
}

impl fmt::Debug for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Levenshtein distance over bytes; both sides are short.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = i;
        let mut previous = i + 1;
        if let Some(first) = row.first_mut() {
            *first = previous;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(right.bytes()) {
            let substituted = diagonal + usize::from(a != b);
            diagonal = *cell;
            previous = substituted.min(diagonal + 1).min(previous + 1);
            *cell = previous;
        }
    }
    row.last().copied().unwrap_or_default()
}

macro_rules! facts {
    ($($id:ident $name:literal $(($param:literal))? $kind:ident $({$($column:ident)+})?
       [$($view:ident)*] $platforms:ident $origin:ident
       $about:literal;)+) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "positions carry the constants' names")]
        enum Position { $($id),+ }

        impl FactId {
            $(#[doc = concat!("`", $name, "`: ", $about)]
              pub const $id: Self = Self(Position::$id as u16);)+
        }

        static FACTS: [Fact; [$($name),+].len()] = [$(Fact {
            name: $name,
            param: facts!(@param $($param)?),
            kind: Kind::$kind,
            columns: &[$($(stringify!($column)),+)?],
            views: &[$(View::$view),*],
            platforms: Platforms::$platforms,
            origin: Origin::$origin,
        }),+];

        // Apart from the table, so that phones go without.
        static MEANINGS: [&str; FACTS.len()] = [$($about),+];
    };
    (@param) => { None };
    (@param $param:literal) => { Some($param) };
}

// name (parameter) type {columns} [views] platforms origin meaning
#[rustfmt::skip]
facts! {
    // 1 system properties.
    PROP "prop" ("property name") Text [Java Libc Syscall] Android Device "A system property.";
    PROP_NAMES "prop.names" List [Java Libc Syscall] Android Device "The names of all readable system properties.";
    BUILD_TAGS "build.tags" Text [Java] Android Device "`Build.TAGS`.";
    BUILD_TYPE "build.type" Text [Java] Android Device "`Build.TYPE`.";
    BUILD_FINGERPRINT "build.fingerprint" Text [Java] Android Device "`Build.FINGERPRINT`.";
    BUILD_BRAND "build.brand" Text [Java] Android Device "`Build.BRAND`.";
    BUILD_MANUFACTURER "build.manufacturer" Text [Java] Android Device "`Build.MANUFACTURER`.";
    BUILD_MODEL "build.model" Text [Java] Android Device "`Build.MODEL`; the machine name on iOS.";
    BUILD_DEVICE "build.device" Text [Java] Android Device "`Build.DEVICE`.";
    BUILD_PRODUCT "build.product" Text [Java] Android Device "`Build.PRODUCT`.";
    BUILD_HARDWARE "build.hardware" Text [Java] Android Device "`Build.HARDWARE`.";
    BUILD_BOARD "build.board" Text [Java] Android Device "`Build.BOARD`.";
    BUILD_SDK "build.sdk" Integer [Java] Android Device "The Android API level.";
    BUILD_ABIS "build.abis" List [Java] Android Device "The supported ABIs, preferred first.";
    BUILD_SECURITY_PATCH "build.security_patch" Text [Java] Android Device "The security patch level as the system states it.";
    OS_VERSION "os.version" Text [Java] Both Device "The release of the operating system.";
    // 2 paths.
    PATH_EXISTS "path.exists" ("path") Boolean [Java Libc Syscall Isolated] Both Device "Whether something is at this path.";
    PATH_TYPE "path.type" ("path") Text [Libc Syscall] Both Device "`file`, `dir`, `link`, `char`, `block`, `fifo` or `socket`.";
    PATH_MODE "path.mode" ("path") Integer [Libc Syscall] Both Device "Permission bits.";
    PATH_OWNER_UID "path.owner_uid" ("path") Integer [Libc Syscall] Both Device "The owner's uid.";
    PATH_DEV "path.dev" ("path") Integer [Libc Syscall] Both Device "The device number.";
    PATH_INO "path.ino" ("path") Integer [Libc Syscall] Both Device "The inode number.";
    PATH_ACCESS "path.access" ("path") Integer [Java Libc Syscall] Both Device "What the app may do there, as bits: 4 read, 2 write, 1 execute.";
    PATH_LINK_TARGET "path.link_target" ("path") Text [Libc Syscall] Both Device "The target of a symbolic link.";
    PATH_ENTRIES "path.entries" ("directory") List [Java Libc Syscall] Both Device "The names in a directory, at most 1,024.";
    PATH_LINES "path.lines" ("file") List [Java Libc Syscall] Both Device "The lines of a text file, at most 64 KiB.";
    PATH_MOUNT_FLAGS "path.mount_flags" ("path") Integer [Libc Syscall] Both Device "The flags of the mount: of `statfs`, on iOS of `getfsstat`.";
    PATH_CAN_CREATE "path.can_create" ("directory") Boolean [Libc Syscall] Both Device "Whether the app can make a file in this directory: it tries, and removes what it made. At most 8 in one scan.";
    APP_DATA_DIR "app.data_dir" Text [Java Libc Syscall] Both Device "The app's data directory.";
    APP_APK_PATH "app.apk_path" Text [Java Libc Syscall] Android Device "The path of the app's base APK.";
    APP_NATIVE_DIR "app.native_dir" Text [Java] Android Device "The directory of the app's native libraries.";
    APP_BUNDLE_PATH "app.bundle_path" Text [Java] Ios Device "The path of the app's bundle.";
    // 3 memory maps.
    MAPS_PATH "maps.path" List [Libc Syscall] Android Device "The mapped files.";
    MAPS_LINE "maps.line" List [Libc Syscall] Android Device "The rows of the memory map.";
    MAPS_PERM "maps.perm" List [Libc Syscall] Android Device "The distinct permissions, each with the file it maps.";
    MAPS_DEV "maps.dev" List [Libc Syscall] Android Device "The mapped files with their device number.";
    MAPS_OWN_APK "maps.own_apk" Text [Libc Syscall] Android Device "The path from which the app's own APK is mapped.";
    MAPS_ROWS "maps.rows" Rows {path perm dev ino} [Libc Syscall] Android Device "The mapped files, one row each: path, permissions such as `r-xp`, device number such as `fe:00`, inode.";
    // 4 mounts.
    MOUNTS_LINE "mounts.line" List [Libc Syscall Isolated] Android Device "The rows of the mount table.";
    MOUNTS_ROWS "mounts.rows" Rows {source target type options} [Libc Syscall Isolated] Android Device "The mount table, one row each: what is mounted, where, its file system and its options.";
    // 5 file descriptors.
    FD_PATH "fd.path" List [Libc Syscall] Both Device "The targets of the open file descriptors.";
    FD_CANARY "fd.canary" Text [Libc Syscall] Both Device "The real path of a file that was made through the platform's own API.";
    FD_CANARY_PARENT_ACCESS "fd.canary_parent_access" Integer [Libc Syscall] Android Device "What the app may do in the parent of its real data directory, as bits.";
    FD_ROWS "fd.rows" Rows {fd path} [Libc Syscall] Both Device "The open file descriptors, one row each: number and target.";
    // 6 process.
    PROC_TRACER_PID "proc.tracer_pid" Integer [Libc Syscall] Android Device "`TracerPid` of the own process.";
    PROC_SECCOMP "proc.seccomp" Integer [Libc Syscall] Android Device "`Seccomp` of the own process.";
    PROC_SECCOMP_FILTERS "proc.seccomp_filters" Integer [Libc Syscall] Android Device "`Seccomp_filters` of the own process.";
    PROC_CMDLINE "proc.cmdline" Text [Java Libc Syscall] Android Device "The command line of the own process.";
    PROC_THREADS "proc.threads" List [Libc Syscall] Both Device "The names of the own threads.";
    PROC_SELINUX "proc.selinux" Text [Libc Syscall] Android Device "The SELinux context of the own process.";
    PROC_TRACED "proc.traced" Boolean [Libc Syscall] Ios Device "Whether `P_TRACED` is set.";
    PROC_CAN_FORK "proc.can_fork" Boolean [Libc] Ios Device "Whether `fork` is allowed.";
    SIGNAL_HANDLER "signal.handler" ("signal") Text [Libc Syscall] Android Device "The file that holds the handler of a signal, such as `SIGSYS`: its path, or `[anon]` for memory without one; absent if no handler is set.";
    // 7 identity.
    ID_PACKAGE "id.package" Text [Java Libc Syscall] Both Device "The package name, on iOS the bundle identifier.";
    ID_UID "id.uid" Integer [Java Libc Syscall] Both Device "The uid.";
    ID_USER_ID "id.user_id" Integer [Java Libc Syscall] Android Device "The Android user: uid / 100000.";
    ID_PPID "id.ppid" Integer [Libc Syscall] Both Device "The parent process.";
    ID_TEAM "id.team" Text [Libc] Ios Device "The team identifier of the code signature.";
    // 8 package manager.
    PM_PACKAGE_EXISTS "pm.package_exists" ("package") Boolean [Java] Android Device "Whether a package is visible; only those in `<queries>` can be.";
    PM_PACKAGES_FOR_UID "pm.packages_for_uid" List [Java] Android Device "The packages that share the app's uid.";
    PM_INSTALLER "pm.installer" Text [Java] Android Device "The package that installed the app.";
    PM_SOURCE_DIR "pm.source_dir" Text [Java] Android Device "The path of the APK as the package manager states it.";
    PM_FLAGS "pm.flags" Integer [Java] Android Device "`ApplicationInfo.flags`.";
    PM_FEATURES "pm.features" List [Java] Android Device "The system's features.";
    PM_SIGNERS "pm.signers" List [Java] Android Device "SHA-256 of the signing certificates as the package manager states them, in hex.";
    // 9 runtimes.
    JAVA_CLASS_EXISTS "java.class_exists" ("class") Boolean [Java] Android Device "Whether a class can be loaded.";
    JAVA_CLASS_LOADER "java.class_loader" ("class") Text [Java] Android Device "The class loader of a class, `boot` for the boot loader.";
    JAVA_OBJECT_CLASS "java.object_class" ("field") Text [Java] Android Device "The class of the object in a known field, such as `mInstrumentation`.";
    JAVA_STACK "java.stack" List [Java] Android Device "The frames at the app's start.";
    JAVA_DEBUGGER "java.debugger" Boolean [Java] Android Device "Whether a debugger is attached.";
    OBJC_CLASS_EXISTS "objc.class_exists" ("class") Boolean [Java] Ios Device "Whether an Objective-C class is registered.";
    JAVA_OBJECT_LOADER "java.object_loader" ("field") Text [Java] Android Device "The loader of the class of the object in a known field, `boot` for the boot loader: `PackageInfo.CREATOR`, or the entry for `PackageInfo` in a cache of `Parcel` (`Parcel.mCreators.PackageInfo`, `Parcel.sPairedCreators.PackageInfo`); absent if there is no such entry.";
    // 10 loaded images.
    IMAGES_PATH "images.path" List [Libc Syscall] Both Device "The loaded libraries.";
    // 11 the app's own package.
    APK_SIGNERS "apk.signers" List [Libc Syscall] Android Device "SHA-256 of the signing certificates, read from the signing block, in hex.";
    APK_SCHEMES "apk.schemes" List [Libc Syscall] Android Device "The signature schemes that the APK carries.";
    APK_ENTRY_EXISTS "apk.entry_exists" ("entry") Boolean [Java Libc Syscall] Android Device "Whether the APK has this entry.";
    APK_SAME_FILE "apk.same_file" Boolean [Syscall] Android Device "Whether the mapped APK is the file that a direct open reaches.";
    BUNDLE_ENTRY_EXISTS "bundle.entry_exists" ("entry") Boolean [Java Libc Syscall] Ios Device "Whether the app's bundle has this file, such as `embedded.mobileprovision`.";
    PROVISION_TEAMS "provision.teams" List [Libc Syscall] Ios Device "The teams of the app's provisioning profile; absent, like all of the profile, from apps of the App Store.";
    PROVISION_DEBUGGING "provision.debugging" Boolean [Libc Syscall] Ios Device "Whether the profile allows debugging (`get-task-allow`).";
    PROVISION_DEVICES "provision.devices" Integer [Libc Syscall] Ios Device "How many devices the profile names.";
    PROVISION_ALL_DEVICES "provision.all_devices" Boolean [Libc Syscall] Ios Device "Whether the profile is for all devices, as an enterprise's is.";
    // 12 code.
    CODE_TEXT_MEMORY "code.text_memory" ("library") Text [Libc Syscall] Both Device "The hash of a library's code in memory.";
    CODE_TEXT_DISK "code.text_disk" ("library") Text [Libc Syscall] Both Device "The hash of a library's code on disk.";
    CODE_TEXT_INTACT "code.text_intact" ("library") Boolean [Libc Syscall] Both Device "Whether both hashes agree.";
    MACHO_CRYPTID "macho.cryptid" Integer [Libc Syscall] Ios Device "`cryptid` of the main executable: 1 as the App Store delivers it.";
    MACHO_ENTITLEMENTS "macho.entitlements" List [Libc Syscall] Ios Device "The names of the entitlements.";
    MACHO_CSOPS_FLAGS "macho.csops_flags" Integer [Libc Syscall] Ios Device "The code-signing flags.";
    // 13 network.
    NET_PORT_BANNER "net.port_banner" ("port") Text [Libc Syscall] Both Device "The first bytes that a loopback port answers to a D-Bus greeting.";
    NET_INTERFACES "net.interfaces" List [Java Libc] Both Device "The names of the network interfaces.";
    // 14 hardware.
    CPUINFO_LINE "cpuinfo.line" List [Libc Syscall] Android Device "The lines of `/proc/cpuinfo`.";
    SENSORS_NAME "sensors.name" List [Java] Both Device "The names of the sensors.";
    SENSORS_VENDOR "sensors.vendor" List [Java] Both Device "The vendors of the sensors.";
    GL_RENDERER "gl.renderer" Text [Java] Both Device "The GL renderer.";
    GL_VENDOR "gl.vendor" Text [Java] Both Device "The GL vendor.";
    // 15 environment.
    ENV "env" ("variable") Text [Libc] Both Device "An environment variable.";
    ENV_NAMES "env.names" List [Libc] Both Device "The names of the environment variables.";
    URL_CAN_OPEN "url.can_open" ("scheme") Boolean [Java] Ios Device "Whether some app opens this URL scheme.";
    // 16 the policy on the phone.
    POLICY_STALE "policy.stale" Boolean [Java] Both Device "Whether the policy on the phone, or what vouches for it, had expired by the service's own time; the SDK answers it by itself.";
    // What the evidence and the ticket say.
    APP_ID "app.id" Text [] Both Verifier "The app's id in this policy.";
    APP_PLATFORM "app.platform" Text [] Both Verifier "`android` or `ios`.";
    APP_VERSION "app.version" Text [] Both Verifier "The app's version.";
    APP_ATTESTED_PACKAGE "app.attested_package" List [] Both Verifier "The packages that the platform's proof names; a cloner's host shows here.";
    KEY_LEVEL "key.level" Text [] Both Verifier "Where the device key lives: `software`, `app-bound`, `hardware` or `strongbox`.";
    EVIDENCE_CLASS "evidence.class" Text [] Both Verifier "The kind of evidence: `software`, `android_key`, `app_attest` or `play_integrity`.";
    EVIDENCE_AGE_S "evidence.age_s" Integer [] Both Verifier "Seconds since the evidence was appraised.";
    APP_ATTESTED_PACKAGE_COUNT "app.attested_package_count" Integer [] Android Verifier "How many packages the platform's proof names, also those too many to be listed.";
    APP_ATTESTED_VERSION_CODE "app.attested_version_code" Integer [] Android Verifier "The app's version code as the system states it.";
    KEY_PROVISIONING "key.provisioning" Text [] Android Verifier "How the attestation keys came into the phone: `factory`, `rkp` or `unknown`.";
    CERTIFICATE_DEVICES "certificate.devices" Integer [] Android Verifier "How many devices the certificate that vouched for this key vouched for here, when the session began.";
    BOOT_STATE "boot.state" Text [] Android Verifier "`verified`, `self_signed`, `unverified` or `failed`.";
    BOOT_LOCKED "boot.locked" Boolean [] Android Verifier "Whether the boot loader is locked.";
    PATCH_AGE_DAYS "patch.age_days" Integer [] Android Verifier "Days since the attested security patch level.";
    PATCH_VENDOR_AGE_DAYS "patch.vendor_age_days" Integer [] Android Verifier "Days since the attested patch level of the vendor image.";
    PATCH_BOOT_AGE_DAYS "patch.boot_age_days" Integer [] Android Verifier "Days since the attested patch level of the boot image.";
    OS_ATTESTED_VERSION "os.attested_version" Text [] Android Verifier "The release of the operating system as the boot loader states it, such as `16.0.0`.";
    PLAY_DEVICE_VERDICT "play.device_verdict" List [] Android Verifier "The device verdicts of Play Integrity.";
    PLAY_APP_VERDICT "play.app_verdict" Text [] Android Verifier "Whether Play knows the app: `PLAY_RECOGNIZED`, `UNRECOGNIZED_VERSION` or `UNEVALUATED`.";
    PLAY_LICENSING_VERDICT "play.licensing_verdict" Text [] Android Verifier "Whether the account has the app from Play: `LICENSED`, `UNLICENSED` or `UNEVALUATED`.";
    PLAY_PROTECT_VERDICT "play.protect_verdict" Text [] Android Verifier "What Play Protect found, such as `NO_ISSUES` or `HIGH_RISK`.";
    PLAY_APPS_DETECTED "play.apps_detected" List [] Android Verifier "Which kinds of apps run that can see or control the screen, such as `UNKNOWN_CAPTURING`.";
    APPLE_VALIDATION_CATEGORY "apple.validation_category" Integer [] Ios Verifier "How the code was signed: 2 TestFlight, 3 development, 4 App Store, 5 enterprise; absent before iOS 27.";
    APPLE_BUNDLE_VERSION "apple.bundle_version" Text [] Ios Verifier "The bundle version of the running code; absent before iOS 27.";
    DEVICE_ID "device.id" Text [] Both Verifier "The device's random id.";
    DEVICE_GENERATION "device.generation" Integer [] Both Verifier "How often this device has enrolled.";
    POLICY_VERSION "policy.version" Integer [] Both Verifier "The device policy under which the findings were made.";
    FINDINGS_HIT "findings.hit" List [Ticket Token] Both Verifier "The ids of the detectors that hit.";
    FINDINGS_INCONCLUSIVE "findings.inconclusive" List [Ticket Token] Both Verifier "The ids of the detectors without a conclusion.";
    FINDINGS_CATEGORY "findings.category" List [Ticket Token] Both Verifier "The categories of the detectors that hit.";
    FINDINGS_SEVERITY "findings.severity" List [Ticket Token] Both Verifier "The severities of the detectors that hit.";
    FINDINGS_ROWS "findings.rows" Rows {id category severity} [Ticket Token] Both Verifier "The detectors that hit, one row each: for rules that ask which category was found at which severity.";
    // What the request says.
    REQUEST_METHOD "request.method" Text [] Both Request "The HTTP method.";
    REQUEST_PATH "request.path" Text [] Both Request "The path, exactly as it was matched.";
    ROUTE_ID "route.id" Text [] Both Request "The route that matched.";
    TOKEN_KIND "token.kind" Text [] Both Request "`session` or `proof`.";
    // What the gateway knows.
    DEVICE_AGE_S "device.age_s" Integer [] Both Gateway "Seconds since the device first enrolled.";
    REVOCATION_AGE_S "revocation.age_s" Integer [] Both Gateway "Seconds since the list of revoked attestation keys was made; absent without one.";
    COUNTER_DEVICE_REQUESTS_1M "counter.device_requests_1m" Integer [] Both Gateway "Requests of this device in the last minute.";
    STEP_UP_DONE "step_up.done" List [] Both Gateway "The kinds of step-up that this request has completed.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_lower_case_and_found() {
        let mut seen = BTreeSet::new();
        for fact in FactId::all() {
            let name = fact.name();
            assert!(seen.insert(name), "{name} twice");
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'_' || b.is_ascii_digit()),
                "{name}"
            );
            assert_eq!(FactId::named(name), Some(fact));
            let entry = fact.entry();
            assert_eq!(entry.kind == Kind::Rows, !entry.columns.is_empty(), "{name}");
        }
        assert_eq!(FactId::STEP_UP_DONE.name(), "step_up.done");
        assert_eq!(FactId::named("nothing"), None);
    }

    #[test]
    fn views_fit_the_origin() {
        for fact in FactId::all().map(FactId::entry) {
            let of_findings = |view: &View| matches!(view, View::Ticket | View::Token);
            match fact.origin {
                Origin::Device => assert!(
                    !fact.views.is_empty() && !fact.views.iter().any(of_findings),
                    "{}",
                    fact.name
                ),
                Origin::Verifier | Origin::Request | Origin::Gateway => {
                    assert!(fact.views.iter().all(of_findings), "{}", fact.name);
                }
            }
        }
    }

    #[test]
    fn distance_is_levenshtein() {
        let check = |left: &str, right: &str, expect: usize| assert_eq!(distance(left, right), expect);
        check("", "", 0);
        check("kitten", "sitting", 3);
        check("abc", "", 3);
        check("", "abc", 3);
        check("app.data_dir", "app.datadir", 1);
    }
}
