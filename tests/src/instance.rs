//! One running `attest gateway run`: its log, its limits, its end. Dropping it kills it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::binary::attest;

/// Nothing that a test waits for takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running gateway.
#[derive(Debug)]
pub struct Instance {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    log: watch::Receiver<String>,
}

impl Instance {
    /// Runs the gateway of this configuration until it serves.
    ///
    /// # Errors
    /// What it printed, if it ended instead.
    pub fn start(config: &Path) -> Result<Self, String> {
        Self::start_limited(config, ":")
    }

    /// Runs the gateway after a command of the shell, such as one that sets limits.
    ///
    /// # Errors
    /// What it printed, if it ended instead.
    pub fn start_limited(config: &Path, limit: &str) -> Result<Self, String> {
        // A process that meets its file size limit is killed by a signal, which a full disk never sends.
        let script = format!("trap '' XFSZ; {limit}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]);
        command.arg(attest()).args(["gateway", "run", "--config"]);
        let mut child = command
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let (heard, log) = watch::channel(String::new());
        let reading = std::thread::spawn(move || {
            let mut line = Vec::new();
            while matches!(errors.read_until(b'\n', &mut line), Ok(1..)) {
                heard.send_modify(|log| log.push_str(&String::from_utf8_lossy(&line)));
                line.clear();
            }
        });
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).map_err(|error| error.to_string())?;
        let address = line.trim_end().rsplit("//").next().map(str::parse);
        if let Some(Ok(address)) = address {
            // Nobody else reads it; a full pipe would stop the gateway.
            std::thread::spawn(move || drop(out.read_to_end(&mut Vec::new())));
            return Ok(Self { child, address, log });
        }
        let _code = child.wait();
        let _panicked = reading.join().is_err();
        Err(log.borrow().clone())
    }

    /// Everything that it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.borrow().clone()
    }

    /// Waits until it has logged `part`, and returns the whole log.
    pub async fn logged(&self, part: &str) -> String {
        self.logged_times(part, 1).await
    }

    /// Waits until it has logged `part` this many times since it began, and returns the whole log.
    pub async fn logged_times(&self, part: &str, times: usize) -> String {
        let mut log = self.log.clone();
        let said = async {
            log.wait_for(|log| log.matches(part).count() >= times)
                .await
                .is_ok()
        };
        let said = timeout(PATIENCE, said).await;
        assert!(said == Ok(true), "it never logged {part:?}: {}", self.log());
        self.log()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success(), "kill -{name}");
    }

    /// Changes its soft limit of a resource (`fsize`, `nofile`), as `prlimit` names them.
    pub fn limit(&self, resource: &str, soft: &str) {
        let pid = self.child.id().to_string();
        let changed = Command::new("prlimit")
            .args(["--pid", &pid, &format!("--{resource}={soft}:")])
            .output()
            .expect("prlimit is part of util-linux");
        assert!(changed.status.success(), "{changed:?}");
    }

    /// Kills it without a word, as a power cut would.
    pub fn dies(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end and waits until it has; its exit code and its log.
    pub async fn ends(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        let mut log = self.log.clone();
        // Its standard error closes with it.
        let closed = async { while log.changed().await.is_ok() {} };
        let ended = timeout(PATIENCE, closed).await;
        assert!(ended.is_ok(), "it does not end: {}", self.log());
        let code = self.child.wait().unwrap().code();
        (code, self.log())
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Resident memory, KiB.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// Open descriptors, nearly all of them sockets under load. The kernel tells their number at once; an older one has them counted,
    /// which costs the gateway's machine more the more there are.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        let told = std::fs::metadata(&folder).map_or(0, |folder| folder.len());
        match usize::try_from(told) {
            Ok(told @ 1..) => told,
            _ => std::fs::read_dir(&folder).map_or(0, Iterator::count),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _gone = self.child.kill().is_err();
        let _reaped = self.child.wait().is_err();
    }
}
