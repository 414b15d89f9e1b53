//! What the kernel says of a process: status, name of a thread, command line, environment, processors, context.

use attest_mobile::probes::parse::{cmdline, comm, cpuinfo, environ, selinux, status};

/// No result holds more than its bounds, and what is not ended is told.
pub fn probe_process(data: &[u8]) -> bool {
    let fields = status::status(data);
    let name = comm::thread_name(data);
    let lines = cpuinfo::cpu_lines(data);
    let ended = data.ends_with(b"\n");
    assert!(ended || (fields.truncated && name.truncated && lines.truncated), "a cut text that looks whole");
    assert!(lines.value.len() <= cpuinfo::MAX_LINES, "more lines than the bound");
    let arguments = cmdline::arguments(data);
    assert!(arguments.value.len() <= cmdline::MAX_ARGUMENTS, "more arguments than the bound");
    let variables = environ::variables(data);
    assert!(variables.value.len() <= environ::MAX_VARIABLES, "more variables than the bound");
    assert!(variables.value.iter().all(|variable| !variable.name.is_empty()), "a variable without a name");
    let context = selinux::context(data);
    assert!(context.truncated || !context.value.text.is_empty(), "an empty context that looks whole");
    let _: bool = name.truncated;
    !fields.truncated || !lines.truncated || !arguments.truncated || !variables.truncated
}
