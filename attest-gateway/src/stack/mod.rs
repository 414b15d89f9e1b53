//! The request path as one list of layers, read top to bottom. Each layer takes one kind of request and hands on the next, so that
//! a skipped layer is a type error: nothing reaches [`forward::Forward`] but [`admit::Admitted`].
//!
//! | position | layer | why here |
//! |---|---|---|
//! | 0 | [`observe`] | outermost: the only one that sees a request's end, whatever became of it |
//! | 1 | [`rescue`] | sheds before any work; every refusal below becomes a response in one place |
//! | 2 | [`authority`] | before anything reads host or target: one of each, in every protocol |
//! | 3 | [`hygiene`] | before anything reads a header: ours and hop-by-hop ones are gone, credentials are taken out |
//! | 4 | [`target`] | before anything compares a path: one reading only |
//! | 5 | [`service`] | calls of the attestation service leave here: they carry no token |
//! | 6 | [`route`] | the cheapest refusal of foreign requests, and what the rest needs to know |
//! | 7 | [`verify`] | authenticity before any state is touched or body read |
//! | 8 | [`bind`] | the token belongs to this request; bodies are read only for authentic tokens |
//! | 9 | [`decide`] | rules over facts that are all authentic by now |
//! | 10 | [`spend`] | last of the refusals: a refused request must not use its token up |
//! | 11 | [`admit`] | the only maker of `Admitted`; adds what the backend is told |
//! | 12 | [`forward`] | the upstream |

pub mod admit;
mod attestations;
pub mod authority;
pub mod bind;
mod core;
pub mod decide;
mod facts;
pub mod forward;
pub mod hygiene;
pub mod observe;
mod read;
pub mod rescue;
pub mod route;
pub mod service;
pub mod spend;
pub mod step;
mod suspects;
pub mod target;
pub mod verify;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

use tower::ServiceBuilder;

pub(crate) use self::core::Core;
pub(crate) use self::read::whole_body;
use crate::gateway::Gateway;

/// The peer of a connection, where it is known.
pub type PeerAddress = Option<std::net::SocketAddr>;

use self::step::StepLayer;

/// The stack of one core, outermost first.
#[must_use]
pub fn stack(gateway: Arc<Gateway>) -> observe::Observe<rescue::Rescue<impl Clone + step::Layered>> {
    let core = Rc::new(Core::new(gateway));
    ServiceBuilder::new()
        .layer(observe::ObserveLayer::new(&core))
        .layer(rescue::RescueLayer::new(&core))
        .layer(StepLayer::new(authority::Authority))
        .layer(StepLayer::new(hygiene::Hygiene::new(&core)))
        .layer(StepLayer::new(target::Target))
        .layer(service::ServiceLayer::new(&core))
        .layer(StepLayer::new(route::FindRoute::new(&core)))
        .layer(StepLayer::new(verify::Verify::new(&core)))
        .layer(bind::BindLayer::new(&core))
        .layer(StepLayer::new(decide::Decide::new(&core)))
        .layer(StepLayer::new(spend::Spend::new(&core)))
        .layer(StepLayer::new(admit::Admit::new(&core)))
        .service(forward::Forward::new(&core))
}
