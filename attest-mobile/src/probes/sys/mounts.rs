//! The flags of the mount that a path lies on, out of the list of all mounts: Apple's platforms.
//!
//! Apple counts `statfs` among the calls about free space, for which an app has to state one of Apple's reasons, and none of those is ours.
//! The list of mounts holds the flags, too. A path that is not there has the flags of the mount that it would lie on.

#[cfg(target_vendor = "apple")]
use std::{ffi::CStr, mem::MaybeUninit};

#[cfg(target_vendor = "apple")]
use super::Errno;

/// As many as are read; an iPhone has about ten.
#[cfg(target_vendor = "apple")]
const MOUNTS: usize = 64;

/// The room for them.
#[cfg(target_vendor = "apple")]
pub(super) type Room = [libc::statfs; MOUNTS];

/// The flags, by a call that writes the list and returns how many it wrote.
#[cfg(target_vendor = "apple")]
pub(super) fn flags_at(
    path: &CStr,
    call: impl FnOnce(&mut Room) -> Result<usize, Errno>,
) -> Result<u64, Errno> {
    // SAFETY: they consist of integers, for which zeros are values.
    let mut room: Box<Room> = Box::new(unsafe { MaybeUninit::zeroed().assume_init() });
    let count = call(&mut room)?;
    let mounts = room.get(..count).ok_or(Errno::SENSELESS)?;
    let named: Vec<(Vec<u8>, u64)> = mounts
        .iter()
        .map(|mount| {
            let name = mount.f_mntonname.iter().map(|byte| byte.cast_unsigned());
            (name.take_while(|byte| *byte != 0).collect(), mount.f_flags.into())
        })
        .collect();
    let named = named.iter().map(|(name, flags)| (name.as_slice(), *flags));
    deepest(path.to_bytes(), named).ok_or(Errno::SENSELESS)
}

/// The flags of the mount with the longest name that the path begins with; of equal ones the last, which lies over the others.
fn deepest<'a>(path: &[u8], mounts: impl Iterator<Item = (&'a [u8], u64)>) -> Option<u64> {
    let above = |name: &[u8]| match path.strip_prefix(name) {
        Some(rest) => name.ends_with(b"/") || rest.is_empty() || rest.starts_with(b"/"),
        None => false,
    };
    let around = mounts.filter(|(name, _)| !name.is_empty() && above(name));
    around.max_by_key(|(name, _)| name.len()).map(|(_, flags)| flags)
}

#[cfg(test)]
mod tests {
    use super::deepest;

    #[test]
    fn a_path_has_the_flags_of_the_deepest_mount_around_it() {
        let mounts: [(&[u8], u64); 5] = [
            (b"/", 1),
            (b"/private/var", 2),
            (b"/dev", 3),
            (b"", 9),
            (b"/dev", 4),
        ];
        let check = |path: &[u8], expect| assert_eq!(deepest(path, mounts.into_iter()), expect, "{path:?}");
        check(b"/", Some(1));
        check(b"/Applications", Some(1));
        check(b"/private/var", Some(2));
        check(b"/private/var/mobile", Some(2));
        check(b"/private/various", Some(1));
        check(b"/dev/null", Some(4));
        check(b"relative", None);
        assert_eq!(deepest(b"/", std::iter::empty()), None);
    }
}
