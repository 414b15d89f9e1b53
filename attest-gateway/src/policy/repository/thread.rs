//! The thread that follows a repository beside the request cores. It alone changes what is in force; whoever wants something
//! of it sends a command, which is never kept waiting by a source that is slow.

use std::sync::{Arc, mpsc as answers};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::files::RepositoryFiles;
use super::follow::{Follower, Refreshed};
use super::source::Source;
use super::watch::Watch;
use crate::faults::Fault;
use crate::gateway::Gateway;
use crate::keys::Keys;

/// How often a brake's end is looked for.
const TICK: Duration = Duration::from_millis(200);
/// Commands that may wait; operators are few.
const COMMANDS: usize = 16;

/// What can be asked of the thread.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take this repository, if it is good.
    Push(RepositoryFiles, answers::Sender<Refreshed>),
    /// Look at the source now.
    Look(answers::Sender<Refreshed>),
    /// Go by these keys.
    Keys(Arc<Keys>, answers::Sender<Result<(), String>>),
}

/// What the thread starts with.
#[derive(Debug)]
pub(crate) struct Parked {
    follower: Follower,
    source: Source,
    commands: mpsc::Receiver<Command>,
}

impl Parked {
    /// Everything but the gateway, and where commands are sent.
    pub(crate) fn new(follower: Follower, source: Source) -> (Self, mpsc::Sender<Command>) {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let parked = Self {
            follower,
            source,
            commands,
        };
        (parked, sender)
    }
}

/// The running thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Following {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Following {
    /// Starts it.
    ///
    /// # Errors
    /// The system's reason.
    pub(crate) fn start(parked: Box<Parked>, gateway: Arc<Gateway>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("policy".to_owned())
            .spawn(move || runtime.block_on(parked.follow(&gateway, stopped)))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends within the compilation and tests of one policy.
            let _panicked = thread.join().is_err();
        }
    }
}

impl Parked {
    async fn follow(mut self, gateway: &Gateway, mut stopped: oneshot::Receiver<()>) {
        for verdict in self.follower.take_untold() {
            gateway.note_verdict(&verdict);
        }
        let mut watch = Watch::default();
        loop {
            let step = tokio::select! {
                biased;
                _ = &mut stopped => return,
                command = self.commands.recv() => match command {
                    Some(command) => Step::Command(command),
                    None => return,
                },
                step = wait(&mut watch, &self.source, &mut self.follower, gateway) => step,
            };
            match step {
                Step::Command(command) => self.obey(command, &mut watch, gateway).await,
                Step::Change if gateway.faults.has(Fault::IgnorePolicyChange) => {}
                Step::Change => {
                    let refreshed = tokio::select! {
                        biased;
                        _ = &mut stopped => return,
                        command = self.commands.recv() => match command {
                            Some(command) => Err(command),
                            None => return,
                        },
                        refreshed = self.follower.refresh(&self.source) => Ok(refreshed),
                    };
                    match refreshed {
                        Ok(refreshed) => {
                            watch.went(refreshed.is_sound());
                            note(&refreshed, gateway);
                        }
                        Err(command) => {
                            // What was broken off is begun again.
                            watch.went(false);
                            self.obey(command, &mut watch, gateway).await;
                        }
                    }
                }
            }
        }
    }

    async fn obey(&mut self, command: Command, watch: &mut Watch, gateway: &Gateway) {
        // Whoever asked may have gone; what was asked is done all the same.
        let _heard = match command {
            Command::Push(held, answer) => {
                let refreshed = self.follower.refresh(&Source::Held(held)).await;
                note(&refreshed, gateway);
                answer.send(refreshed).is_ok()
            }
            Command::Look(answer) => {
                watch.reads(&self.source);
                let refreshed = self.follower.refresh(&self.source).await;
                note(&refreshed, gateway);
                answer.send(refreshed).is_ok()
            }
            Command::Keys(keys, answer) => answer.send(self.follower.take_keys(keys)).is_ok(),
        };
    }
}

enum Step {
    Change,
    Command(Command),
}

/// Waits until the source is worth reading, and ends brakes meanwhile.
async fn wait(watch: &mut Watch, source: &Source, follower: &mut Follower, gateway: &Gateway) -> Step {
    let pause = Duration::from_millis(gateway.live().config.policy.poll_ms);
    let change = watch.change(source, pause);
    tokio::pin!(change);
    loop {
        tokio::select! {
            () = &mut change => return Step::Change,
            () = tokio::time::sleep(TICK) => {
                if let Some(verdict) = follower.tick() {
                    gateway.note_verdict(&verdict);
                }
            }
        }
    }
}

fn note(refreshed: &Refreshed, gateway: &Gateway) {
    for verdict in &refreshed.news {
        gateway.note_verdict(verdict);
    }
}
