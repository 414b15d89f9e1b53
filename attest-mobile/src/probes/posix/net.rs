//! The network of this phone: `net.port_banner`, `net.interfaces`. Nothing leaves the phone, and no address is read.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{list, text};
use super::super::sys::{Errno, Files, interface_names};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::by_view;

/// What asks a D-Bus server, such as Frida's, which ways to sign in it has: it answers `REJECTED`.
const GREETING: &[u8] = b"\0AUTH\r\n";
/// Bytes of an answer that are told.
const BANNER_BYTES: usize = 64;
/// What one port may take.
const PATIENCE_MS: u16 = 5;
/// Ports that are asked in one scan.
const MAX_PORTS: usize = 16;

#[derive(Debug)]
pub(in crate::probes) struct Net {
    patience_ms: u16,
}

impl Default for Net {
    fn default() -> Self {
        Self::with_patience(PATIENCE_MS)
    }
}

impl Net {
    pub(in crate::probes) const fn with_patience(patience_ms: u16) -> Self {
        Self { patience_ms }
    }
}

impl Probe for Net {
    fn name(&self) -> &'static str {
        "net"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::NET_PORT_BANNER, FactId::NET_INTERFACES]
    }

    fn cost_us(&self) -> u32 {
        130
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Seconds(60)
    }

    fn takes(&self, question: &FactRef) -> bool {
        by_view::native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        let mut ports = 0;
        for question in questions {
            let observation = match (question.param(), by_view::native(question)) {
                (None, _) => interfaces(),
                (Some(_), _) if ports == MAX_PORTS => continue,
                (Some(port), Some(view)) => {
                    ports += 1;
                    Files::through(view, scope.deadline)
                        .and_then(|files| banner(&files, port, self.patience_ms))
                        .unwrap_or_else(Observation::from)
                }
                (Some(_), None) => continue,
            };
            answers.put(question, observation);
        }
    }
}

fn interfaces() -> Observation {
    match interface_names() {
        Ok(names) => {
            let shown = |name: &Vec<u8>| String::from_utf8_lossy(name).into_owned();
            list(names.value.iter().map(shown).collect(), names.truncated)
        }
        Err(errno) => errno.into(),
    }
}

/// The first line that comes.
fn banner(files: &Files<'_>, port: &str, patience_ms: u16) -> Result<Observation, Errno> {
    let port: u16 = port.parse().map_err(|_| Errno::UNFIT)?;
    let Some(answered) = files.banner(port, GREETING, BANNER_BYTES, patience_ms)? else {
        return Ok(Observation::Absent);
    };
    let line = answered.split(|byte| matches!(byte, b'\r' | b'\n' | 0)).next();
    Ok(text(String::from_utf8_lossy(line.unwrap_or_default())))
}
