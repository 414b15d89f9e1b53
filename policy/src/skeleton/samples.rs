//! One honest condition for each category and platform, with facts on which it hits and on which it is clear.

use attest_core::{facts::Platform, policy::Category};

/// A condition to begin with.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) platform: Platform,
    pub(super) category: Category,
    /// Why a hit means something.
    pub(super) why: &'static str,
    /// The condition, as lines of YAML indented by six.
    pub(super) when: &'static str,
    /// Facts of a test, as the inside of a YAML flow map.
    pub(super) hit: &'static str,
    pub(super) clear: &'static str,
}

/// Every category on every platform that has it.
pub(super) const SAMPLES: &[Sample] = &[
    Sample {
        platform: Platform::Android,
        category: Category::Cloner,
        why: A_HOST,
        when: "      fact: fd.canary@syscall   # the real path of a file that was made through the platform's own API
      op: not_matches
      value: '^(/data/data|/data/user/${user_id}|/mnt/expand/[0-9a-fA-F-]{36}/user/${user_id})/${package}/'",
        hit: "fd.canary@syscall: /data/data/com.host/virtual/data/user/0/com.example.bank/files/c",
        clear: "fd.canary@syscall: /data/user/0/com.example.bank/files/c",
    },
    Sample {
        platform: Platform::Android,
        category: Category::Emulator,
        why: "Only an emulator's boot loader sets this property to this value.",
        when: "      all:
        - {fact: prop(ro.boot.hardware), op: exists}
        - {fact: prop(ro.boot.hardware), op: in, value: [goldfish, ranchu]}",
        hit: "prop(ro.boot.hardware): ranchu",
        clear: "prop(ro.boot.hardware): qcom",
    },
    Sample {
        platform: Platform::Android,
        category: Category::Root,
        why: "A superuser manager mounts its own file system over the system's.",
        when: "      fact: mounts.line@syscall
      op: any_matches
      value: ' /(system|vendor|product)(/[^ ]*)? (tmpfs|overlay) .*(magisk|KSU|APatch)'",
        hit: "mounts.line@syscall: ['magisk /system/bin tmpfs ro,magisk 0 0']",
        clear: "mounts.line@syscall: ['/dev/block/dm-0 / ext4 ro 0 0']",
    },
    Sample {
        platform: Platform::Android,
        category: Category::Hook,
        why: "A library of a hooking framework is mapped into our process.",
        when: "      fact: maps.path@syscall
      op: any_matches_ci
      value: '/(lib)?(frida|gadget|lsposed|lsplant|substrate)[^/]*[.]so$'",
        hit: "maps.path@syscall: [/system/lib64/libc.so, /data/local/tmp/frida-agent-64.so]",
        clear: "maps.path@syscall: [/system/lib64/libc.so]",
    },
    Sample {
        platform: Platform::Android,
        category: Category::Debugger,
        why: "The runtime says that a debugger is attached.",
        when: "      {fact: java.debugger, op: eq, value: true}",
        hit: "java.debugger: true",
        clear: "java.debugger: false",
    },
    Sample {
        platform: Platform::Android,
        category: Category::Repackaging,
        why: "The file that is mapped as our APK is not the one that a direct open reaches.",
        when: "      {fact: apk.same_file@syscall, op: eq, value: false}",
        hit: "apk.same_file@syscall: false",
        clear: "apk.same_file@syscall: true",
    },
    Sample {
        platform: Platform::Ios,
        category: Category::Jailbreak,
        why: "The system volume of a genuine iPhone does not have this path.",
        when: "      any:
        - {fact: path.exists(/var/jb/usr/lib)@syscall, op: eq, value: true}
        - {fact: path.exists(/usr/lib/ellekit)@syscall, op: eq, value: true}",
        hit: "path.exists(/var/jb/usr/lib)@syscall: true",
        clear: "path.exists(/var/jb/usr/lib)@syscall: false, path.exists(/usr/lib/ellekit)@syscall: false",
    },
    Sample {
        platform: Platform::Ios,
        category: Category::Simulator,
        why: "Only the simulator gives an app this environment variable.",
        when: "      {fact: env(SIMULATOR_UDID), op: exists}",
        hit: "env(SIMULATOR_UDID): 0F2A",
        clear: "env(SIMULATOR_UDID): null",
    },
    Sample {
        platform: Platform::Ios,
        category: Category::Resigning,
        why: "The App Store encrypts the executable; whoever signs an app again has to decrypt it first.",
        when: "      {fact: macho.cryptid@syscall, op: eq, value: 0}   # also 0 in your own development builds",
        hit: "macho.cryptid@syscall: 0",
        clear: "macho.cryptid@syscall: 1",
    },
    Sample {
        platform: Platform::Ios,
        category: Category::Hook,
        why: "A loaded library is neither the system's nor the app's own.",
        when: "      fact: images.path@syscall
      op: any_not_matches
      value: '^(/System/|/usr/lib/|/private/var/containers/Bundle/Application/[0-9A-F-]{36}/[^/]+[.]app/)'",
        hit: "images.path@syscall: [/usr/lib/libobjc.A.dylib, /var/jb/usr/lib/FridaGadget.dylib]",
        clear: "images.path@syscall: [/usr/lib/libobjc.A.dylib]",
    },
    Sample {
        platform: Platform::Ios,
        category: Category::Debugger,
        why: "Another process traces ours.",
        when: "      {fact: proc.traced@syscall, op: eq, value: true}",
        hit: "proc.traced@syscall: true",
        clear: "proc.traced@syscall: false",
    },
    Sample {
        platform: Platform::Ios,
        category: Category::Cloner,
        why: "The app runs under another bundle identifier than ours.",
        when: "      {fact: id.package@syscall, op: ne, value: '${bundle}'}",
        hit: "id.package@syscall: com.example.bank2",
        clear: "id.package@syscall: com.example.bank",
    },
    Sample {
        platform: Platform::Android,
        category: Category::App,
        why: "The app was not installed by a store that we publish in.",
        when: "      {fact: pm.installer, op: not_in, value: [com.android.vending]}   # your stores",
        hit: "pm.installer: com.example.filemanager",
        clear: "pm.installer: com.android.vending",
    },
    Sample {
        platform: Platform::Ios,
        category: Category::App,
        why: "Entitlements that let a debugger attach are in no build that we publish.",
        when: "      {fact: macho.entitlements@syscall, op: any_eq, value: get-task-allow}",
        hit: "macho.entitlements@syscall: [application-identifier, get-task-allow]",
        clear: "macho.entitlements@syscall: [application-identifier]",
    },
    Sample {
        platform: Platform::Android,
        category: Category::Policy,
        why: "The system cannot say what our probes ask about, so findings of other detectors are worth less.",
        when: "      {fact: maps.path@syscall, op: count_lt, value: 10}",
        hit: "maps.path@syscall: [/system/lib64/libc.so]",
        clear: "maps.path@syscall: [a, b, c, d, e, f, g, h, i, j]",
    },
    Sample {
        platform: Platform::Ios,
        category: Category::Policy,
        why: "The system cannot say what our probes ask about, so findings of other detectors are worth less.",
        when: "      {fact: images.path@syscall, op: count_lt, value: 10}",
        hit: "images.path@syscall: [/usr/lib/libobjc.A.dylib]",
        clear: "images.path@syscall: [a, b, c, d, e, f, g, h, i, j]",
    },
];

const A_HOST: &str =
    "A file that we make lands in the directory of another app, which runs ours inside itself.";

/// What the example decides about a login with such a finding.
pub(super) const fn example_decides(category: Category) -> &'static str {
    match category {
        Category::Hook | Category::Debugger | Category::Repackaging | Category::Resigning => "deny",
        Category::Cloner
        | Category::Emulator
        | Category::Root
        | Category::Jailbreak
        | Category::Simulator
        | Category::Policy
        | Category::App => "allow",
    }
}

/// The example's own rules in shadow that fire as well.
pub(super) const fn example_shadows(category: Category) -> &'static [&'static str] {
    match category {
        Category::Emulator | Category::Simulator => &["emulators"],
        Category::Cloner
        | Category::Root
        | Category::Hook
        | Category::Debugger
        | Category::Repackaging
        | Category::Jailbreak
        | Category::Resigning
        | Category::Policy
        | Category::App => &[],
    }
}
