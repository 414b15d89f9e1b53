//! Packages that the tests sign and map.

use std::fs;
use std::path::{Path, PathBuf};

use attest_core::encoding::sha256;
use attest_core::facts::{Observation, Value};
use attest_core::policy::Variables;
use attest_core::signing_block::{SchemeKind, SdkRange};

use self::forge::{Identity, SignerParts};
use super::super::super::parse::tests::forge as archive;
use super::super::mapping::{Mapping, Part, Use, ask, ask_until};
use super::*;

#[path = "../../../../../attest-core/src/signing_block/forge.rs"]
#[expect(dead_code, reason = "the signing block's own tests make more of it")]
mod forge;

const ENTRIES: [(&str, &[u8]); 2] = [
    ("AndroidManifest.xml", b"manifest"),
    ("lib/arm64-v8a/libattest.so", b"\x7fELF"),
];

/// A package whose signing block has these entries.
fn package(entries: &[Vec<u8>]) -> Vec<u8> {
    archive::zip(&ENTRIES, &forge::block(&entries.concat()), b"")
}

fn scheme(kind: SchemeKind, signers: &[(&Identity, u32, u32)]) -> Vec<u8> {
    let parts: Vec<_> = signers
        .iter()
        .map(|(key, min, max)| {
            let mut parts = SignerParts::new(kind, key);
            if kind != SchemeKind::V2 {
                let range = Some(SdkRange { min: *min, max: *max });
                (parts.sdk, parts.unsigned_sdk) = (range, range);
            }
            parts
        })
        .collect();
    forge::entry(kind.id(), &forge::scheme(&parts))
}

/// A mapped package, which is the app's own.
struct Installed {
    _folder: tempfile::TempDir,
    path: PathBuf,
    variables: Variables,
    _mapping: Mapping,
}

impl Installed {
    fn new(apk: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base.apk");
        fs::write(&path, apk).unwrap();
        Self {
            variables: Variables::default().with("own_apk", path.to_str().unwrap()),
            _mapping: mapped(&path),
            _folder: folder,
            path,
        }
    }

    /// What both views say.
    fn both(&self, probe: Apk, question: &str) -> Observation {
        let [libc, syscall] =
            ["libc", "syscall"].map(|view| ask(&probe, &format!("{question}@{view}"), &self.variables));
        assert_eq!(libc, syscall, "{question}");
        libc.unwrap()
    }

    fn signers(&self, sdk: Option<u32>) -> Observation {
        self.both(Apk { sdk }, "apk.signers")
    }

    fn same_file(&self) -> Observation {
        ask(&Apk::default(), "apk.same_file", &self.variables).unwrap()
    }
}

fn mapped(path: &Path) -> Mapping {
    let part = Part {
        offset: 0,
        at: 0,
        bytes: 64,
        is_for: Use::Read,
    };
    Mapping::of(path, &[part])
}

fn texts(items: &[&str]) -> Observation {
    Value::List(items.iter().map(|item| (*item).to_owned()).collect()).into()
}

fn of(keys: &[&Identity]) -> Observation {
    let digests = keys.iter().map(|key| hex(&sha256(&[&key.certificate])));
    Value::List(digests.collect()).into()
}

fn is(value: bool) -> Observation {
    Value::Boolean(value).into()
}

#[test]
fn signers_are_those_that_android_goes_by() {
    let [old, new, third] = [1, 2, 3].map(Identity::new);
    let latest = u32::try_from(i32::MAX).unwrap();
    let [v2, v3, v31] = SchemeKind::ALL;
    let all = Installed::new(&package(&[
        scheme(v2, &[(&old, 0, 0), (&third, 0, 0)]),
        scheme(v3, &[(&old, 28, 32)]),
        scheme(v31, &[(&third, 34, 34), (&new, 35, latest)]),
    ]));
    assert_eq!(
        all.both(Apk::default(), "apk.schemes"),
        texts(&["v2", "v3", "v3.1"])
    );
    assert_eq!(all.signers(Some(24)), of(&[&old, &third]));
    assert_eq!(all.signers(Some(27)), of(&[&old, &third]));
    assert_eq!(all.signers(Some(28)), of(&[&old]));
    assert_eq!(all.signers(Some(32)), of(&[&old]));
    assert_eq!(all.signers(Some(34)), of(&[&third]));
    assert_eq!(all.signers(Some(99)), of(&[&new]));
    assert_eq!(all.signers(None), of(&[&third, &new]));
    // Nobody has installed it on this version.
    assert_eq!(all.signers(Some(33)), Observation::Error(libc::EIO));
    assert_eq!(all.signers(Some(23)), Observation::Error(libc::EIO));
    // v3.1 begins later than v3 ends.
    let rotated = Installed::new(&package(&[
        scheme(v3, &[(&old, 28, latest)]),
        scheme(v31, &[(&new, 35, latest)]),
    ]));
    assert_eq!(rotated.signers(Some(33)), of(&[&old]));
    assert_eq!(rotated.signers(Some(35)), of(&[&new]));
}

#[test]
fn a_signer_who_did_not_sign_is_none() {
    let [own, other] = [4, 5].map(Identity::new);
    let mut claimed = SignerParts::new(SchemeKind::V2, &other);
    claimed.certificates = vec![own.certificate.clone()];
    let claimed = forge::entry(SchemeKind::V2.id(), &forge::scheme(&[claimed]));
    let claims = Installed::new(&package(&[claimed]));
    assert_eq!(claims.signers(None), Observation::Error(libc::EIO));
    assert_eq!(claims.both(Apk::default(), "apk.schemes"), texts(&["v2"]));
    let unsigned = Installed::new(&archive::zip(&ENTRIES, b"", b""));
    assert_eq!(unsigned.signers(None), Observation::Absent);
    assert_eq!(unsigned.both(Apk::default(), "apk.schemes"), texts(&[]));
    let broken = Installed::new(&[package(&[]), vec![0; 70_000]].concat());
    for question in ["apk.signers", "apk.schemes", "apk.entry_exists(a)"] {
        assert_eq!(
            broken.both(Apk::default(), question),
            Observation::Error(libc::EIO),
            "{question}"
        );
    }
}

#[test]
fn entries_of_the_mapped_package() {
    let installed = Installed::new(&package(&[]));
    let exists = |entry: &str| installed.both(Apk::default(), &format!("apk.entry_exists({entry})"));
    assert_eq!(exists("lib/arm64-v8a/libattest.so"), is(true));
    assert_eq!(exists("assets/xposed_init"), is(false));
    // Through the platform's API another probe asks.
    assert_eq!(
        ask(&Apk::default(), "apk.entry_exists(a)", &installed.variables),
        None
    );
    // Several at once, the same one by both views among them.
    let questions = [
        "a@libc",
        "AndroidManifest.xml@syscall",
        "AndroidManifest.xml@libc",
        "b@syscall",
    ]
    .map(|question| {
        let (entry, view) = question.split_once('@').unwrap();
        format!("apk.entry_exists({entry})@{view}")
            .parse::<FactRef>()
            .unwrap()
    });
    let mut answers = Answers::default();
    let scope = Scope {
        deadline: &|| false,
        variables: &installed.variables,
    };
    Apk::default().answer(&questions.each_ref(), &scope, &mut answers);
    let facts = answers.into_facts();
    let told = questions.map(|question| {
        facts
            .iter()
            .find(|(asked, _)| **asked == question)
            .unwrap()
            .1
            .clone()
    });
    assert_eq!(told, [is(false), is(true), is(true), is(false)]);
}

#[test]
fn another_file_at_the_mapped_path_is_seen() {
    let [own, other] = [6, 7].map(Identity::new);
    let of_key = |key| package(&[scheme(SchemeKind::V2, &[(key, 0, 0)])]);
    let installed = Installed::new(&of_key(&own));
    assert_eq!(
        (installed.same_file(), installed.signers(None)),
        (is(true), of(&[&own]))
    );
    // What an update leaves: the mapped file is gone, so nothing is said of what is there now.
    let next = installed.path.with_extension("next");
    fs::write(&next, of_key(&other)).unwrap();
    fs::rename(&next, &installed.path).unwrap();
    let gone = Variables::default().with("own_apk", format!("{} (deleted)", installed.path.display()));
    let told = ask(&Apk::default(), "apk.same_file", &gone);
    assert_eq!(told, Some(Observation::Error(libc::ESTALE)));
    assert_eq!(installed.same_file(), Observation::Absent);
}

/// Somebody with root puts one package over the other's path, so that its name stays and what it leads to is another.
#[test]
fn a_package_that_is_mounted_over_is_seen() {
    let [own, other] = [8, 9].map(Identity::new);
    let of_key = |key| package(&[scheme(SchemeKind::V2, &[(key, 0, 0)])]);
    let installed = Installed::new(&of_key(&own));
    let fake = installed.path.with_extension("fake");
    fs::write(&fake, of_key(&other)).unwrap();
    let mount = |arguments: &[&Path]| {
        std::process::Command::new("mount")
            .args(arguments)
            .output()
            .is_ok_and(|told| told.status.success())
    };
    if !mount(&[Path::new("--bind"), &fake, &installed.path]) {
        eprintln!("absent: a mounted package is not asked for, for nothing can be mounted here");
        return;
    }
    let told = (installed.same_file(), installed.signers(None));
    let unmounted = std::process::Command::new("umount").arg(&installed.path).status();
    assert!(unmounted.unwrap().success());
    assert_eq!(told, (is(false), of(&[&other])));
    assert_eq!(installed.same_file(), is(true));
}

/// Set for the process that has an overlay: its folder.
const OVERLAID: &str = "ATTEST_TEST_OVERLAID";

/// A file system of two others, whose lower one is not that of the upper one.
const OVERLAY: &str = r#"
set -e
cd "$1"; program=$2
mkdir upper merged
mount -t tmpfs upper upper
mkdir upper/upper upper/work
mount -t overlay overlay -o lowerdir=lower,upperdir=upper/upper,workdir=upper/work merged
exec "$program" --exact probes::linux::apk::tests::a_package_on_an_overlay_is_the_file_that_is_mapped --nocapture
"#;

/// There the memory map numbers files otherwise than `stat` does, and no file is another for that.
#[test]
fn a_package_on_an_overlay_is_the_file_that_is_mapped() {
    if let Some(folder) = std::env::var_os(OVERLAID) {
        return on_overlay(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("lower")).unwrap();
    let key = Identity::new(11);
    for name in ["base.apk", "other.apk"] {
        let apk = package(&[scheme(SchemeKind::V2, &[(&key, 0, 0)])]);
        fs::write(folder.path().join("lower").join(name), apk).unwrap();
    }
    fs::write(folder.path().join("overlay.sh"), OVERLAY).unwrap();
    let told = std::process::Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "--propagation",
            "private",
            "sh",
        ])
        .arg(folder.path().join("overlay.sh"))
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .env(OVERLAID, folder.path())
        .output()
        .unwrap();
    let [text, errors] = [&told.stdout, &told.stderr].map(|told| String::from_utf8_lossy(told));
    if !text.contains("running 1 test") && (errors.contains("mount:") || errors.contains("unshare:")) {
        eprintln!("absent: a package on an overlay is not asked for, for there is none: {errors}");
        return;
    }
    assert!(
        told.status.success() && text.contains("1 passed"),
        "{text}{errors}"
    );
}

fn on_overlay(folder: &Path) {
    let at = |name: &str| folder.join("merged").join(name);
    let installed = Installed {
        variables: Variables::default().with("own_apk", at("base.apk").to_str().unwrap()),
        _mapping: mapped(&at("base.apk")),
        _folder: tempfile::tempdir().unwrap(),
        path: at("base.apk"),
    };
    let files = Files::through(crate::probes::sys::View::Syscall, &crate::probes::sys::Unlimited).unwrap();
    let stat = files.stat(at("base.apk").to_str().unwrap().as_bytes()).unwrap();
    let numbered = maps::with_regions(&files, |map| {
        let path = at("base.apk");
        let region = map
            .value
            .iter()
            .find(|region| Path::new(region.path.as_ref()) == path);
        region.map(|region| (region.ino, region.dev.to_owned())).unwrap()
    });
    assert_ne!(
        numbered,
        Ok((stat.ino, stat.maps_dev())),
        "this overlay has no numbers of its own"
    );
    assert_eq!(installed.same_file(), is(true));
    // Another file of the same overlay at its path is still another one.
    let mounted = std::process::Command::new("mount")
        .arg("--bind")
        .args([at("other.apk"), at("base.apk")])
        .status();
    assert!(mounted.unwrap().success());
    assert_eq!(installed.same_file(), is(false));
}

#[test]
fn without_an_own_package_or_time_nothing_is_said() {
    for question in [
        "apk.signers",
        "apk.schemes",
        "apk.same_file",
        "apk.entry_exists(a)@syscall",
    ] {
        let variables = Variables::default().with("package", "com.nobody.has.this");
        assert_eq!(
            ask(&Apk::default(), question, &variables),
            Some(Observation::Absent)
        );
        let stopped = ask_until(&Apk::default(), question, &variables, &|| true);
        assert_eq!(stopped, Some(Observation::Error(libc::ECANCELED)));
    }
}

#[test]
fn of_a_large_package_little_is_read() {
    let key = Identity::new(10);
    let small = package(&[scheme(SchemeKind::V2, &[(&key, 0, 0)])]);
    let installed = Installed::new(&small);
    // The rest is a hole of gigabytes before the block, which is moved behind it.
    let hole = 3_u32 << 30;
    let end = small.len() - 22;
    let directory = u32::from_le_bytes(small[end + 16..end + 20].try_into().unwrap());
    let mut moved = small;
    moved[end + 16..end + 20].copy_from_slice(&(directory + hole).to_le_bytes());
    let file = fs::File::options().write(true).open(&installed.path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &moved, u64::from(hole)).unwrap();
    assert_eq!(installed.signers(None), of(&[&key]));
    assert_eq!(
        installed.both(Apk::default(), "apk.entry_exists(AndroidManifest.xml)"),
        is(true)
    );
}
