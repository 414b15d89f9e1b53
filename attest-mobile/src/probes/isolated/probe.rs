//! The view `isolated`: the same questions, answered by the isolated process about itself: `mounts.line`, `mounts.rows`, `path.exists`.
//!
//! A rooting tool takes its mounts away from the apps that it hides from, one by one; a process of another uid keeps them. What the two
//! see is not alike on genuine phones either (storage, and the data of other apps), so a detector asks this view for what should be
//! nowhere and never for a difference.
//!
//! Without the process there is no such view: `ENOSYS`. After an exchange that failed there is none until another socket is handed over.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attest_core::facts::{FactId, FactMap, FactRef, View};
use ring::rand::SecureRandom;

use super::{IsolatedError, Nonce, ask};
use crate::probes::sys::Errno;
use crate::probes::{Answers, Lifetime, Probe, Scope};

/// The probe of the isolated process. Its clones share one socket: one of them is for the collector, the other for whoever binds the
/// service.
#[derive(Clone)]
pub struct Isolated {
    channel: Arc<Mutex<Option<UnixStream>>>,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

impl Isolated {
    /// Without a process yet.
    #[must_use]
    pub fn new(random: Arc<dyn SecureRandom + Send + Sync>) -> Self {
        Self {
            channel: Arc::default(),
            random,
        }
    }

    /// Takes the app's end of a socket to the process, in the place of an earlier one.
    pub fn connect(&self, channel: UnixStream) {
        *self.lock() = Some(channel);
    }

    fn lock(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange(&self, questions: &[FactRef], scope: &Scope<'_>) -> Result<FactMap, Errno> {
        // Whoever holds it is another scan, whose exchange ends with its deadline.
        let mut channel = self.channel.try_lock().map_err(|_| Errno::UNSTEADY)?;
        let open = channel.as_ref().ok_or(Errno::NO_SUCH_VIEW)?;
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce).map_err(|_| Errno::SENSELESS)?;
        ask(open, &Nonce::new(nonce), questions, scope.deadline).map_err(|error: IsolatedError| {
            *channel = None;
            error.into()
        })
    }
}

impl Probe for Isolated {
    fn name(&self) -> &'static str {
        "isolated"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::MOUNTS_LINE, FactId::MOUNTS_ROWS, FactId::PATH_EXISTS]
    }

    fn cost_us(&self) -> u32 {
        4_000
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Seconds(60)
    }

    fn takes(&self, question: &FactRef) -> bool {
        question.view() == Some(View::Isolated)
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        // There it is asked by system call: nobody is to stand between.
        let there =
            |question: &&FactRef| FactRef::new(question.fact(), question.param(), Some(View::Syscall));
        let asked: Result<Vec<FactRef>, _> = questions.iter().map(there).collect();
        let said = asked
            .map_err(|_| Errno::UNFIT)
            .and_then(|asked| Ok((self.exchange(&asked, scope)?, asked)));
        match said {
            Ok((said, asked)) => {
                for (question, asked) in questions.iter().zip(asked) {
                    if let Some((_, observation)) = said.iter().find(|(answered, _)| **answered == asked) {
                        answers.put(question, observation.clone());
                    }
                }
            }
            Err(errno) => questions.iter().for_each(|question| answers.put(question, errno)),
        }
    }
}

impl std::fmt::Debug for Isolated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Isolated").finish_non_exhaustive()
    }
}
