//! What the kernel says about this process. Nothing where it does not say it in Linux's words.

use std::fs;

/// The kernel's ticks per second as user space sees them, on every Linux that this is built for.
const TICKS_PER_S: u64 = 100;

/// Seconds of CPU time, whole ones.
pub(super) fn cpu_s() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name may hold anything but is the last thing in parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_S)
}

/// Bytes of memory in use.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Open file descriptors.
pub(super) fn open_fds() -> Option<u64> {
    u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

/// File descriptors that may be open.
pub(super) fn max_fds() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_understood() {
        assert!(cpu_s().is_some());
        assert!(resident_bytes().unwrap() > 100_000);
        assert!((3..=max_fds().unwrap()).contains(&open_fds().unwrap()));
    }
}
