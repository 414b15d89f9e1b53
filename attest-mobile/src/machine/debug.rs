//! `Debug` of what passes through the machine: names and counts, because the values are evidence, keys, ids and replies.

use std::fmt;

use super::{Effect, Event, Loaded, Machine, Work};

macro_rules! shows_its_name {
    ($type:ident { $($variant:ident $fields:tt,)+ }) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant $fields => stringify!($variant),)+ })
            }
        }
    };
}

shows_its_name!(Effect {
    Load {},
    Send(_),
    Accept(_),
    Observe(_),
    Generate(_),
    Sign(_),
    Vouch(..),
    Store(..),
});

shows_its_name!(Event {
    Loaded(_),
    Replied(_),
    Accepted(_),
    Judged(_),
    KeyMade(_),
    Signed(_),
    Vouched(_),
    Stored(..),
});

shows_its_name!(Work {
    Idle {},
    Loading {},
    Fetching {},
    Resuming {},
    Accepting {},
    Rescanning {},
    Challenging(_),
    Scanning(_),
    Generating(_),
    Signing(_),
    Vouching(_),
    Presenting(_),
});

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("state", &self.state.is_some())
            .field("policy", &self.policy.is_some())
            .field("key", &self.key.is_some())
            .finish()
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("work", &self.work)
            .field("effects", &self.effects)
            .field("policy", &self.policy_floor)
            .field("enrolled", &self.registration.is_some())
            .field("sessions", &self.sessions)
            .field("wants", &self.wants)
            .finish_non_exhaustive()
    }
}
