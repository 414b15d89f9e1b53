//! CPU time of the gateway's threads as the kernel keeps it, so that load generators on the same machine do not count.

use std::error::Error;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The ids of this process's threads whose names begin with one of these.
pub(crate) fn named(prefixes: &[&str]) -> Outcome<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc/self/task")? {
        let path = entry?.path();
        let name = std::fs::read_to_string(path.join("comm"))?;
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            let id = path
                .file_name()
                .and_then(|id| id.to_str())
                .ok_or("no thread id")?;
            found.push(id.parse()?);
        }
    }
    if found.is_empty() {
        return Err("this measurement reads /proc and runs on Linux only".into());
    }
    Ok(found)
}

/// Time that these threads have spent on CPUs, nanoseconds.
pub(crate) fn cpu_ns(threads: &[u32]) -> Outcome<u64> {
    let mut sum = 0;
    for thread in threads {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))?;
        let spent = stat.split_ascii_whitespace().next().ok_or("no schedstat")?;
        sum += spent.parse::<u64>()?;
    }
    Ok(sum)
}
