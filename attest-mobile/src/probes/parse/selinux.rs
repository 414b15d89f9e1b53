//! The security context of a process, `/proc/PID/attr/current`: the fact `proc.selinux`.

use std::borrow::Cow;

use super::{Parsed, lines};

/// Bytes of a context; the kernel writes at most a page.
pub const MAX_BYTES: usize = 4096;

/// A context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context<'a> {
    /// All of it, such as `u:r:untrusted_app:s0:c180,c256,c512,c768`.
    pub text: Cow<'a, str>,
    /// The domain, such as `untrusted_app`; `None` if it has not SELinux's form, as under another security module.
    pub domain: Option<Cow<'a, str>>,
}

/// The context. The NUL or newline that the kernel may end it with is not part of it; an empty one is truncated.
#[must_use]
pub fn context(text: &[u8]) -> Parsed<Context<'_>> {
    let read = text.get(..MAX_BYTES).unwrap_or(text);
    let ended = read.strip_suffix(&[0]).unwrap_or(read);
    let context = ended.strip_suffix(b"\n").unwrap_or(ended);
    let mut parts = context.split(|byte| *byte == b':');
    let (domain, level) = (parts.nth(2), parts.next());
    Parsed {
        value: Context {
            text: lines::lossy(context),
            domain: domain.filter(|_| level.is_some()).map(lines::lossy),
        },
        truncated: context.is_empty() || read.len() < text.len() || context.contains(&0),
    }
}
