//! HTTP/2 as frames: sends what a well-behaved client refuses to send, and reads what comes back.

use std::io;

use crate::wire::Wire;

/// How a client begins.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
pub mod kind {
    #![expect(missing_docs, reason = "RFC 9113 section 6 documents them")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// The stream ends here.
pub const END_STREAM: u8 = 1;
/// The fields end here; for PING and SETTINGS: an acknowledgement is bit 1.
pub const END_HEADERS: u8 = 4;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [
        length.get(1..).unwrap(),
        &[kind, flags],
        &stream.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// The field block of a request, without Huffman and without the dynamic table (RFC 7541).
#[must_use]
pub fn fields(method: &str, path: &str, authority: &str, more: &[(&str, &str)]) -> Vec<u8> {
    fn text(text: &str) -> Vec<u8> {
        let length = u8::try_from(text.len())
            .ok()
            .filter(|length| *length < 127)
            .unwrap();
        [&[length], text.as_bytes()].concat()
    }
    // Names of the static table: 1 is `:authority`, 2 `:method`, 4 `:path`; 0x86 is `:scheme: http`.
    let mut block = [
        vec![0x02],
        text(method),
        vec![0x86, 0x04],
        text(path),
        vec![0x01],
        text(authority),
    ]
    .concat();
    for (name, value) in more {
        block.extend([vec![0x00], text(name), text(value)].concat());
    }
    block
}

/// A client's HTTP/2 connection in cleartext.
#[derive(Debug)]
pub struct Frames {
    wire: Wire,
    authority: String,
}

impl Frames {
    /// Connects and says hello with these settings.
    pub async fn open(authority: &str, settings: &[(u16, u32)]) -> Self {
        let mut wire = Wire::open(authority).await;
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        let hello = [PREFACE, &frame(kind::SETTINGS, 0, 0, &settings)].concat();
        assert!(wire.send(hello).await);
        Self {
            wire,
            authority: authority.to_owned(),
        }
    }

    /// Sends bytes; whether the other side still took them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.wire.send(bytes).await
    }

    /// Sends a request without a body.
    pub async fn get(&mut self, stream: u32, path: &str) -> bool {
        let block = fields("GET", path, &self.authority, &[]);
        self.send(frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, &block))
            .await
    }

    /// The next frame; `None` when the other side closed.
    pub async fn next(&mut self) -> Option<Frame> {
        let head: [u8; 9] = self.exactly(9).await.ok()?.try_into().ok()?;
        let [a, b, c, kind, flags, s, t, u, v] = head;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap();
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes([s, t, u, v]),
            payload: self.exactly(length).await.ok()?,
        })
    }

    /// The next frame that `wanted` accepts; `None` when the other side closed before.
    pub async fn find(&mut self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if wanted(&frame) {
                return Some(frame);
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.wire.unread().len() < length {
            if !self.wire.more().await {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.wire.unread().split_off(length);
        Ok(std::mem::replace(self.wire.unread(), rest))
    }
}
