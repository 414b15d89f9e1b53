//! The thread that takes lines to the disk. Whoever offers a line never waits; what is queued at the end is written.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use super::file::LogFile;
use super::{DecisionLogError, Shared};
use crate::clock::Clock;
use crate::config;
use crate::telemetry::Quiet;

/// At most one warning, and one attempt to open the file again, in this time.
const WARNING_MS: u64 = 10_000;

/// The thread and the way to it.
#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Queue(SyncSender<Message>);

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Nobody offers lines any more.
    End,
}

impl Queue {
    /// False if the line was not taken.
    pub(super) fn offer(&self, line: Vec<u8>) -> bool {
        self.0.try_send(Message::Line(line)).is_ok()
    }
}

impl Writer {
    pub(super) fn start(
        config: &config::DecisionLog,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DecisionLogError> {
        let file = LogFile::open(&config.file, config.file_max_bytes, config.files_max)
            .map_err(DecisionLogError::File)?;
        let (queue, offered) = sync_channel(config.queue_len);
        let write = Write {
            file,
            shared,
            clock,
            warning: Quiet::new(WARNING_MS),
        };
        let thread = std::thread::Builder::new()
            .name("decisions".to_owned())
            .spawn(move || write.run(&offered))
            .map_err(DecisionLogError::Thread)?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    pub(super) fn queue(&self) -> Queue {
        Queue(self.queue.clone())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Waits for room: the thread makes some, or is gone.
        let told = self.queue.send(Message::End).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| told) {
            let _panicked = thread.join().is_err();
        }
    }
}

struct Write {
    file: LogFile,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    warning: Quiet,
}

impl Write {
    fn run(mut self, offered: &Receiver<Message>) {
        loop {
            let message = match offered.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    // Whoever reads the file sees all of what there is, as soon as there is a pause.
                    self.flush();
                    let Ok(message) = offered.recv() else { break };
                    message
                }
            };
            match message {
                Message::Line(line) => self.write(&line),
                Message::End => break,
            }
        }
        while let Ok(Message::Line(line)) = offered.try_recv() {
            self.write(&line);
        }
        self.flush();
    }

    fn write(&mut self, line: &[u8]) {
        match self.file.write(line, self.clock.monotonic_ms()) {
            Ok(()) => {
                self.shared.counts.written.fetch_add(1, Relaxed);
            }
            Err(error) => self.failed(&error),
        }
    }

    fn flush(&mut self) {
        if let Err(error) = self.file.flush() {
            self.failed(&error);
        }
    }

    fn failed(&self, error: &std::io::Error) {
        self.shared.counts.dropped.fetch_add(1, Relaxed);
        if let Some(suppressed) = self.warning.speaks(self.clock.monotonic_ms()) {
            tracing::warn!(%error, suppressed, "the decision log cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use attest_policy::replay::DAY_S;

    use super::super::{Counts, tag::Tags};
    use super::*;
    use crate::clock::ManualClock;
    use crate::config::{Ratio, RecordedFacts};

    #[test]
    fn a_full_queue_takes_no_line_and_lets_nobody_wait() {
        let (sender, receiver) = sync_channel(1);
        let queue = Queue(sender);
        assert!(queue.offer(b"a\n".to_vec()));
        assert!(!queue.offer(b"b\n".to_vec()));
        drop(receiver);
        assert!(!queue.offer(b"c\n".to_vec()));
    }

    #[test]
    fn what_was_taken_is_written_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let config = config::DecisionLog {
            file: folder.path().join("d"),
            queue_len: 128,
            ..config::DecisionLog::default()
        };
        let shared = Arc::new(Shared {
            passes: Ratio::from_per_million(0),
            facts: RecordedFacts::All,
            tags: Tags::default(),
            counts: Counts::default(),
        });
        let clock = Arc::new(ManualClock::at(DAY_S));
        let writer = Writer::start(&config, Arc::clone(&shared), clock).unwrap();
        let queue = writer.queue();
        for number in 0..100 {
            assert!(queue.offer(format!("{number}\n").into_bytes()));
        }
        drop(writer);
        let expect: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(std::fs::read_to_string(&config.file).unwrap(), expect);
        assert_eq!(shared.counts.written.load(Relaxed), 100);
        assert!(!queue.offer(b"late\n".to_vec()), "nobody writes it any more");
    }
}
