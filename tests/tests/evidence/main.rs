//! Platform evidence, over the corpus of real and derived objects where it is there.

#[cfg(test)]
mod android;
#[cfg(test)]
mod apple;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod play;
