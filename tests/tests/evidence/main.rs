//! Platform evidence, over the corpus of real and derived objects where it is there.

mod android;
mod apple;
mod corpus;
mod play;
