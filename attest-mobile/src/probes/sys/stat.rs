//! What the platform says about something at a path, in the same form whoever was asked.

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its kind; `None` for one that is not known here.
    pub kind: Option<Kind>,
    /// Permission bits, with set-uid, set-gid and sticky.
    pub mode: u32,
    /// The owner's uid.
    pub uid: u32,
    /// The number of the device that it is on, as the platform counts them.
    pub dev: u64,
    /// The inode number.
    pub ino: u64,
    /// Its size in bytes, where it has one.
    pub size: u64,
}

impl Stat {
    pub(super) const fn new(mode: u32, uid: u32, dev: u64, ino: u64, size: u64) -> Self {
        Self {
            kind: Kind::of(mode),
            mode: mode & 0o7777,
            uid,
            dev,
            ino,
            size,
        }
    }

    /// The device as `/proc/PID/maps` writes it, such as `fe:00`.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[must_use]
    pub fn maps_dev(&self) -> String {
        // The kernel's new_encode_dev(): minor 0–7, major 8–19, the rest of the minor 20–31.
        let major = (self.dev >> 8) & 0xfff;
        let minor = (self.dev & 0xff) | ((self.dev >> 12) & 0xf_ff00);
        format!("{major:02x}:{minor:02x}")
    }
}

/// The kind of a thing in a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// The word for it in the fact `path.type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Dir => "dir",
            Self::Link => "link",
            Self::Char => "char",
            Self::Block => "block",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
        }
    }

    /// The same bits on every platform that we run on.
    const fn of(mode: u32) -> Option<Self> {
        Some(match mode & 0o170_000 {
            0o010_000 => Self::Fifo,
            0o020_000 => Self::Char,
            0o040_000 => Self::Dir,
            0o060_000 => Self::Block,
            0o100_000 => Self::File,
            0o120_000 => Self::Link,
            0o140_000 => Self::Socket,
            _ => return None,
        })
    }

    /// True if opening or reading it could wait, or could change something.
    pub(super) const fn is_active(self) -> bool {
        matches!(self, Self::Char | Self::Block | Self::Fifo | Self::Socket)
    }
}
