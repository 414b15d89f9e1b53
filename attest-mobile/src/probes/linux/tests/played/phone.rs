//! A phone on which a test plays: a root directory with an app's own folders, and a process in it that scans itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Set for a process that is to play.
pub(super) const ROLE: &str = "ATTEST_TEST_PHONE_";

/// What the player says before each detector that hits although no probe is missing.
pub(super) const WHOLE: &str = "-";

const HOOK: &str = include_str!("../../../sys/tests/hook.c");

/// Where this program is found on the phone, if a test does not say otherwise.
const PROGRAM: &str = "/program";

/// Makes the root out of this machine's and a folder of its own, and goes there. What the shell cannot do here is told on its
/// standard error, before the player is ready.
const ENTER: &str = r#"
set -e
root=$1; program=$2
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
for name in bin sbin lib lib64 lib32 usr etc proc; do
    if [ -L "/$name" ]; then cp -P "/$name" "$root/$name"
    elif [ -d "/$name" ]; then mkdir -p "$root/$name"; mount --rbind "/$name" "$root/$name"; fi
done
mkdir -p "$root/dev" "$root$ATTEST_TEST_PHONE_program"
for name in null zero random urandom; do : > "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
mount --bind "$(dirname "$program")" "$root$ATTEST_TEST_PHONE_program"
if [ -n "$ATTEST_TEST_PHONE_mount" ]; then
    set -- $ATTEST_TEST_PHONE_mount
    mkdir -p "$root$2"; mount -t tmpfs "$1" "$root$2"
fi
if [ -n "$ATTEST_TEST_PHONE_proc" ]; then
    # This shell becomes the player, so that what /proc says of it is what the player reads.
    set -- $ATTEST_TEST_PHONE_proc
    mount --bind "$root$1" "$(echo "$root/proc/$2" | sed "s,/self/,/$$/,")"
fi
ip link set lo up
# An app has no rights of root's, and may only search where the apps' directories lie.
chmod 0111 "$root/data/data"
exec chroot "$root" setpriv --inh-caps=-all --bounding-set="-all$ATTEST_TEST_PHONE_may" \
    env LD_PRELOAD="$PRELOAD" $ATTEST_TEST_PHONE_env "$ATTEST_TEST_PHONE_program/$(basename "$program")" \
    --exact probes::linux::tests::played::player::plays --nocapture
"#;

/// The detectors that hit: with all probes by [`WHOLE`], and by the name of each probe that is left out.
pub(super) type Hits = BTreeMap<String, BTreeSet<String>>;

/// A phone.
pub(super) struct Phone {
    folder: TempDir,
    settings: BTreeMap<String, String>,
    preload: String,
    traced: bool,
}

impl Phone {
    /// One with the bank's app on it.
    pub(super) fn new() -> Self {
        let phone = Self {
            folder: tempfile::tempdir().unwrap(),
            settings: BTreeMap::new(),
            preload: String::new(),
            traced: false,
        };
        fs::write(phone.folder.path().join("enter.sh"), ENTER).unwrap();
        phone
            .with_folder("/data/data/com.bank.app/cache")
            .with_folder("/system/bin")
            .with_folder("/tmp")
            .with_file("/data/app/com.bank.app-1/base.apk")
            .set("data_dir", "/data/data/com.bank.app")
            .set("apk", "/data/app/com.bank.app-1/base.apk")
            .set("program", PROGRAM)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path.trim_start_matches('/'))
    }

    /// With a folder.
    pub(super) fn with_folder(self, path: &str) -> Self {
        fs::create_dir_all(self.at(path)).unwrap();
        self
    }

    /// With a file of one page.
    pub(super) fn with_file(self, path: &str) -> Self {
        self.with_content(path, &[b'x'; 4096])
    }

    /// With a file of this content.
    pub(super) fn with_content(self, path: &str, content: &[u8]) -> Self {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, content).unwrap();
        self
    }

    /// With a library that a loader loads, made of this source.
    pub(super) fn with_library(self, path: &str, source: &str) -> Self {
        let (at, written) = (self.at(path), self.folder.path().join("library.c"));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(&written, source).unwrap();
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&at, &written])
            .status()
            .unwrap();
        assert!(compiled.success());
        self
    }

    /// Without a folder that every phone has here.
    pub(super) fn without_folder(self, path: &str) -> Self {
        fs::remove_dir_all(self.at(path)).unwrap();
        self
    }

    /// With a setting of the hook (`HOOK_…`) or of the player.
    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a C library that lies.
    pub(super) fn hooked(self) -> Self {
        self.with_library("/hook.so", HOOK).preloaded("/hook.so")
    }

    /// With a library that is loaded before all others, if it is there.
    pub(super) fn preloaded(mut self, path: &str) -> Self {
        path.clone_into(&mut self.preload);
        self
    }

    /// With a debugger that is attached before the scan: this test.
    pub(super) const fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// The detectors that hit, also without each of these probes; `None` if this machine has no such place to play.
    pub(super) fn scan(self, without: &BTreeSet<&str>) -> Option<Hits> {
        let without: Vec<&str> = without.iter().copied().collect();
        let phone = self.set("without", &without.join(","));
        let mut child = phone.begin();
        // The player waits for a line, so that whoever attaches does so before it looks.
        let is_traced = !phone.traced || attached(&child);
        let mut told = child.stdin.take().unwrap();
        told.write_all(b"go\n").ok();
        drop(told);
        let output = child.wait_with_output().unwrap();
        // As it was, so that it can be removed.
        fs::set_permissions(phone.at("/data/data"), fs::Permissions::from_mode(0o755)).unwrap();
        let (text, errors) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        let missing = ["unshare:", "mount:", "ip:", "setpriv:"];
        if !text.contains("ready") && missing.iter().any(|program| errors.contains(program)) {
            eprintln!("absent: 1 phone is not played, for there is no root to play in: {errors}");
            return None;
        }
        assert!(
            output.status.success() && text.contains("scanned"),
            "{text}{errors}"
        );
        if !is_traced {
            eprintln!("absent: 1 debugger is not played, for this test may not trace its child");
            return None;
        }
        let mut hits = Hits::new();
        for (without, id) in text
            .lines()
            .filter_map(|line| line.split_once("hit ")?.1.split_once(' '))
        {
            hits.entry(without.to_owned()).or_default().insert(id.to_owned());
        }
        Some(hits)
    }

    fn begin(&self) -> Child {
        let mut command = Command::new("unshare");
        command
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "--propagation",
                "private",
                "--net",
                "sh",
            ])
            .arg(self.folder.path().join("enter.sh"))
            .arg(self.folder.path().join("root"))
            .arg(std::env::current_exe().unwrap())
            .env("PRELOAD", &self.preload)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for (name, value) in &self.settings {
            let role = if name.starts_with("HOOK_") { "" } else { ROLE };
            command.env(format!("{role}{name}"), value);
        }
        command.spawn().unwrap()
    }
}

/// Becomes the tracer of the process, which goes on undisturbed.
#[expect(unsafe_code, reason = "to trace is a call of the C library")]
fn attached(child: &Child) -> bool {
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // The process became another program several times; it is the player once it has said so.
    let program = Path::new("/proc").join(pid.to_string()).join("exe");
    let mine = std::env::current_exe().unwrap();
    let name = mine.file_name();
    while fs::read_link(&program).is_ok_and(|program| program.file_name() != name) {
        std::thread::yield_now();
    }
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: it changes nothing of this process.
    unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, nothing, nothing) == 0 }
}
