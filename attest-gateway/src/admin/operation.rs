//! Every operation, in one table: the router and the OpenAPI document are both made from it, so there is no route that is not
//! documented and no document of a route that is not there.

use axum::routing::MethodFilter;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::ask::{Answering, Ask, Reply};
use super::calls::{bans, decisions, devices, events, policy, state};
use super::model;
use super::problem::AdminProblem;
use crate::config::Scope;
use crate::policy::repository::RepositoryFiles;

/// Under which path all operations are.
pub(crate) const BASE: &str = "/admin/v1";

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Its stable id; also its label in metrics, and after `admin-` its kind in events.
    pub id: &'static str,
    /// `GET`, `POST` or `DELETE`.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// What a token must allow; `None` needs no token.
    pub scope: Option<Scope>,
    /// What it does.
    pub summary: &'static str,
    /// Parameters in path and query.
    pub parameters: &'static [Parameter],
    pub(super) request: Option<Shape>,
    pub(super) answers: &'static [Answer],
    /// Takes more than `admin.body_max_bytes`, which suits every other call.
    pub(super) body_max_bytes: Option<usize>,
    /// Needs no token from loopback where the configuration says so.
    pub(super) opens_on_loopback: bool,
    pub(super) call: fn(Ask) -> Answering,
}

/// A method of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes something.
    Post,
    /// Takes something back.
    Delete,
}

impl Method {
    /// As it is spelled in a request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// A parameter of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Whether it is a number.
    pub is_number: bool,
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) meaning: &'static str,
    /// `None` where the body is text.
    pub(super) shape: Option<Shape>,
}

/// The schema of a type that travels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: fn() -> std::borrow::Cow<'static, str>,
    pub(super) collect: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    pub(super) const fn of<T: ToSchema>() -> Self {
        Self {
            name: T::name,
            collect: collect::<T>,
        }
    }
}

fn collect<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// Metadata, and a policy with its tests, as JSON in JSON.
const PUSH_MAX_BYTES: usize = 16 << 20;

const LIMIT: Parameter = number("limit", "At most so many; 100 without it, 1000 at most.");

const fn text(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter {
        name,
        meaning,
        is_number: false,
    }
}

const fn number(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter {
        name,
        meaning,
        is_number: true,
    }
}

const fn ok<T: ToSchema>(meaning: &'static str) -> Answer {
    Answer {
        status: 200,
        meaning,
        shape: Some(Shape::of::<T>()),
    }
}

/// The answer of what need not wait.
fn at_once(answer: Result<Reply, AdminProblem>) -> Answering {
    Box::pin(std::future::ready(answer))
}

/// What reads, changes nothing and takes nothing, to be varied.
const fn reading(id: &'static str, path: &'static str, call: fn(Ask) -> Answering) -> Operation {
    Operation {
        id,
        method: Method::Get,
        path,
        scope: Some(Scope::Read),
        summary: "",
        parameters: &[],
        request: None,
        answers: &[],
        body_max_bytes: None,
        opens_on_loopback: false,
        call,
    }
}

/// Every operation.
#[must_use]
pub const fn operations() -> &'static [Operation] {
    OPERATIONS
}

static OPERATIONS: &[Operation] = &[
    Operation {
        scope: None,
        summary: "Whether the process answers.",
        answers: &[ok::<model::Health>("It does.")],
        ..reading("health", "/health", |ask| at_once(state::health(&ask)))
    },
    Operation {
        scope: None,
        summary: "Whether requests should be sent here: a policy is in force, the store answers, the gateway is not draining.",
        answers: &[
            ok::<model::Ready>("They should."),
            Answer {
                status: 503,
                meaning: "They should not.",
                shape: Some(Shape::of::<model::Ready>()),
            },
        ],
        ..reading("ready", "/ready", |ask| Box::pin(state::ready(ask)))
    },
    Operation {
        summary: "The gateway at a glance.",
        answers: &[ok::<model::Status>("Its status.")],
        ..reading("status", "/status", |ask| Box::pin(state::status(ask)))
    },
    Operation {
        summary: "Metrics in Prometheus' text format; without a token from loopback where `admin.metrics_without_token` is set.",
        answers: &[Answer {
            status: 200,
            meaning: "The metrics of docs/operations.md.",
            shape: None,
        }],
        opens_on_loopback: true,
        ..reading("metrics", "/metrics", |ask| Box::pin(state::metrics(ask)))
    },
    Operation {
        summary: "The policy in force, and why the file is not, if it is not.",
        answers: &[ok::<model::PolicyView>("The policy.")],
        ..reading("policy", "/policy", |ask| at_once(policy::show(&ask)))
    },
    Operation {
        method: Method::Post,
        scope: Some(Scope::Operate),
        summary: "Looks at the policy file now instead of at the next poll.",
        answers: &[ok::<model::Reloaded>("What was found.")],
        ..reading("policy-reload", "/policy/reload", |ask| {
            Box::pin(policy::reload(ask))
        })
    },
    Operation {
        method: Method::Post,
        scope: Some(Scope::Publish),
        summary: "Takes a signed policy repository, verifies it like any other source and puts its policy into force, if it is good: \
                  the answer is 200 with a verdict either way.",
        request: Some(Shape::of::<RepositoryFiles>()),
        body_max_bytes: Some(PUSH_MAX_BYTES),
        answers: &[ok::<model::Pushed>(
            "What became of it: `ack` or `nack` with code and reason.",
        )],
        ..reading("policy-push", "/policy/repository", |ask| {
            Box::pin(policy::push(ask))
        })
    },
    Operation {
        summary: "The keys in use by their public names, generations and epochs; never a secret.",
        answers: &[ok::<model::KeysView>("The keys.")],
        ..reading("keys", "/keys", |ask| at_once(state::keys(&ask)))
    },
    Operation {
        summary: "Recent decisions with what decided them, newest first: a sample, at most 16 a second, core and outcome.",
        parameters: &[
            LIMIT,
            text("route", "Only of this route."),
            text(
                "code",
                "Only with this code; `allow` and `public` for requests without one.",
            ),
        ],
        answers: &[ok::<model::DecisionList>("The decisions.")],
        ..reading("decisions", "/decisions", |ask| at_once(decisions::list(&ask)))
    },
    Operation {
        summary: "What stands behind a support code.",
        parameters: &[text(
            "code",
            "The code as the user read it; case, spaces and hyphens do not matter.",
        )],
        answers: &[ok::<model::Explanation>("The explanation.")],
        ..reading("explain", "/explain/{code}", |ask| {
            at_once(decisions::explain(&ask))
        })
    },
    Operation {
        summary: "Registered devices in the order of their ids, or the one that `pseudonym` and `app` name.",
        parameters: &[
            LIMIT,
            text(
                "after",
                "Only devices after this id: the `next` of the page before.",
            ),
            text(
                "pseudonym",
                "The pseudonym that a backend was told; `app` is needed with it.",
            ),
            text("app", "The app of the pseudonym."),
        ],
        answers: &[ok::<model::DeviceList>("A page of devices.")],
        ..reading("devices", "/devices", |ask| Box::pin(devices::list(ask)))
    },
    Operation {
        summary: "One registered device.",
        parameters: &[text("id", "The device's id.")],
        answers: &[ok::<model::DeviceView>("The device.")],
        ..reading("device", "/devices/{id}", |ask| Box::pin(devices::show(ask)))
    },
    Operation {
        summary: "Every ban and cut of sessions that is kept.",
        answers: &[ok::<model::BanList>("The bans.")],
        ..reading("bans", "/bans", |ask| Box::pin(bans::list(ask)))
    },
    Operation {
        method: Method::Post,
        scope: Some(Scope::Operate),
        summary: "Bans a device, an app or everyone, or cuts their sessions. In force in this gateway when it answers.",
        request: Some(Shape::of::<model::NewBan>()),
        answers: &[Answer {
            status: 201,
            meaning: "It is durable and in force.",
            shape: Some(Shape::of::<model::BanView>()),
        }],
        ..reading("ban-add", "/bans", |ask| Box::pin(bans::add(ask)))
    },
    Operation {
        method: Method::Delete,
        scope: Some(Scope::Operate),
        summary: "Lifts the `banned` of a scope. Sessions that were cut stay cut: phones have renewed by themselves.",
        parameters: &[text("id", "`all`, `app:<app>` or `device:<device>`.")],
        answers: &[ok::<model::Lifted>("It is lifted, durably.")],
        ..reading("ban-lift", "/bans/{id}", |ask| Box::pin(bans::lift(ask)))
    },
    Operation {
        summary: "The newest events: enrolments, refused enrolments, and every call here that changed something or tried to.",
        parameters: &[LIMIT],
        answers: &[ok::<model::EventList>("The events.")],
        ..reading("events", "/events", |ask| Box::pin(events::list(ask)))
    },
    Operation {
        summary: "This description.",
        answers: &[Answer {
            status: 200,
            meaning: "An OpenAPI 3.1 document.",
            shape: None,
        }],
        ..reading("openapi", "/openapi.json", |ask| at_once(state::openapi(&ask)))
    },
];
