//! Notices that a source may have changed. It is only a hint: what is there is verified by who follows it, and who follows it
//! looks from time to time without any hint, so that a lost one costs little.

use std::time::Duration;

use http::HeaderValue;
use tokio::time::{Instant, sleep_until};

use super::directory::Look;
use super::source::Source;
use super::web::Asked;

/// Without any hint the source is read this often: a new root needs no new timestamp.
const ANYWAY: Duration = Duration::from_secs(60);
/// A source that was refused or away is looked at again at least this often, even if it seems the same.
const AGAIN_MAX: Duration = Duration::from_secs(5);

/// What was noticed of a source so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    look: Option<Look>,
    /// When a folder was looked at last: commands in between make it no more often.
    looked: Option<Instant>,
    etag: Option<HeaderValue>,
    failures: u32,
    /// When the last change was noticed: a server that tells of one at each question is not followed faster than a plain one.
    noticed: Option<Instant>,
}

impl Watch {
    /// Tells how the last refresh went: after one that failed, the next look comes soon, and then less and less so.
    pub(super) const fn went(&mut self, well: bool) {
        self.failures = if well { 0 } else { self.failures.saturating_add(1) };
    }

    /// Takes note of a source that is read now, asked for by somebody: what it has is no change.
    pub(super) fn reads(&mut self, source: &Source) {
        if let Source::Directory(directory) = source {
            self.looked = Some(Instant::now());
            self.look = Some(directory.look());
        }
    }

    /// Waits until the source is worth reading again.
    pub(super) async fn change(&mut self, source: &Source, pause: Duration) {
        let again = match self.failures {
            0 => ANYWAY,
            failures => pause
                .saturating_mul(2_u32.saturating_pow(failures.min(16)))
                .min(AGAIN_MAX),
        };
        let due = Instant::now() + again;
        match source {
            Source::Directory(directory) => loop {
                if let Some(looked) = self.looked {
                    sleep_until(looked + pause).await;
                }
                self.looked = Some(Instant::now());
                let look = directory.look();
                if self.look.as_ref() != Some(&look) {
                    self.look = Some(look);
                    return;
                }
                if Instant::now() >= due {
                    return;
                }
            },
            Source::Web(web) => loop {
                let asked = Instant::now();
                let answer = tokio::select! {
                    answer = web.ask("metadata/timestamp.json", self.etag.as_ref()) => answer,
                    () = sleep_until(due) => return,
                };
                match answer {
                    Ok(Asked::Same) => {}
                    Ok(Asked::Other(etag)) => {
                        let same = etag.is_some() && etag == self.etag;
                        self.etag = etag;
                        if !same {
                            if let Some(noticed) = self.noticed {
                                sleep_until(noticed + pause).await;
                            }
                            self.noticed = Some(Instant::now());
                            return;
                        }
                    }
                    Err(_) if self.failures == 0 => return,
                    Err(_) => {
                        sleep_until(due).await;
                        return;
                    }
                }
                // A server that waits with its answer is asked again at once.
                sleep_until(asked + pause).await;
            },
            Source::Held(_) => std::future::pending().await,
        }
    }
}
