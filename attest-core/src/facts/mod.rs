//! The closed set of facts that a policy may ask about, and how a question and its answer look.
//!
//! One table ([`FactId::all`]) names every fact with its parameter, type, views, platforms and origin. A question is a
//! [`FactRef`] (`name(param)@view`), an answer borrows from its [`FactSource`]. Nothing here probes, reads or decides.

mod reference;
mod registry;
mod source;
mod value;

pub use self::{
    reference::{FactRef, FactRefError, MAX_PARAM_BYTES},
    registry::{Fact, FactId, Kind, Origin, Platform, Platforms, View},
    source::{Answer, FactMap, FactSource, Head, NOT_OBSERVED, Observation, RowList, TextList},
    value::{Row, Value},
};
