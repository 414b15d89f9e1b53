//! A gateway policy, compiled as a whole or not at all; every problem is reported with its field path.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    App, CompiledRoute, DetectorEntry, Fault, GatewayPolicy, MAX_DETECTORS, MAX_ROUTES, MAX_RULES, Matcher,
    Mode, PolicyError, PolicyReadError, Require, Route, RouteTable, Rule, Scope, Side, Variables,
    WhenStoreDown, brake,
    detector::evaluated_digest,
    document::{MAX_KEYS, read},
    error::Errors,
    rule::{self, Action, CompiledRule, Decided, StepUpKind, Subject},
    trust::anchors,
    verify::{bounded, engine, lists, methods, named, origin, pattern, reason, short, unique},
};
use crate::{
    environment::Environment,
    facts::{FactId, FactSource, Platform},
};

/// A gateway policy, compiled.
#[derive(Debug, Clone)]
pub struct CompiledGateway {
    policy: GatewayPolicy,
    rules: Box<[CompiledRule]>,
    routes: RouteTable,
}

impl GatewayPolicy {
    /// The policy of a JSON text.
    ///
    /// # Errors
    /// [`PolicyReadError`] if it is too large, malformed or made for a newer engine.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyReadError> {
        read(json)
    }

    /// This policy, ready to decide.
    ///
    /// # Errors
    /// Every problem.
    pub fn compile(self) -> Result<CompiledGateway, Vec<PolicyError>> {
        let mut errors = Errors::default();
        engine(self.engine_min, &mut errors);
        lists(self.lists.len(), self.lists.iter(), &mut errors);
        self.limits.verify(&mut errors);
        self.verify_parts(&mut errors);
        let rules = self.compile_rules(&mut errors);
        let routes = self.compile_routes(&mut errors);
        let compiled = rules.map(|rules| CompiledGateway {
            policy: self,
            rules,
            routes: RouteTable::new(routes),
        });
        errors.into_result(compiled)
    }

    fn verify_parts(&self, errors: &mut Errors) {
        bounded("apps", self.apps.len(), MAX_ROUTES, errors);
        bounded("detectors", self.detectors.len(), MAX_DETECTORS, errors);
        bounded("rules", self.rules.len(), MAX_RULES, errors);
        bounded("routes", self.routes.len(), MAX_ROUTES, errors);
        bounded("step_up_issuers", self.step_up_issuers.len(), MAX_KEYS, errors);
        unique(self.apps.iter().map(|app| app.id.as_str()), "apps", errors);
        unique(self.rules.iter().map(|rule| rule.id.as_str()), "rules", errors);
        unique(
            self.routes.iter().map(|route| route.id.as_str()),
            "routes",
            errors,
        );
        for (index, app) in self.apps.iter().enumerate() {
            app.verify(&format!("apps[{index}]"), self.environment, errors);
        }
        for (index, written) in self.origins.iter().enumerate() {
            origin(written, self.environment, &format!("origins[{index}]"), errors);
        }
        if let Some(revocation) = &self.revocation {
            revocation.verify(errors);
        }
        anchors(&self.anchors, self.environment, errors);
        brake::listed(self, errors);
        for (name, issuer) in &self.step_up_issuers {
            let path = format!("step_up_issuers.{name}");
            named(name, &path, errors);
            bounded(
                &format!("{path}.jwks.keys"),
                issuer.jwks.keys.len(),
                MAX_KEYS,
                errors,
            );
            if issuer.issuer.is_empty() {
                errors.push(format_args!("{path}.issuer"), Fault::Empty);
            }
            if issuer.jwks.keys.is_empty() {
                errors.push(format_args!("{path}.jwks.keys"), Fault::Empty);
            }
        }
    }

    fn compile_rules(&self, errors: &mut Errors) -> Option<Box<[CompiledRule]>> {
        let scope = Scope::new(Side::Gateway, &self.lists, Variables::default());
        let mut rules = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let path = format!("rules[{index}]");
            reason(&rule.why, &format!("{path}.why"), errors);
            if rule.rollout_percent > 100 {
                errors.push(
                    format_args!("{path}.rollout_percent"),
                    Fault::OutOfRange { min: 0, max: 100 },
                );
            }
            for (at, id) in rule.routes.iter().flatten().enumerate() {
                let place = format!("{path}.routes[{at}]");
                match self.routes.iter().find(|route| route.id == *id) {
                    None => errors.push(
                        place,
                        Fault::Unknown {
                            what: "route",
                            name: short(id),
                        },
                    ),
                    Some(route) if route.require == Require::None => errors.push(place, PUBLIC_ROUTE),
                    Some(_) => {}
                }
            }
            self.verify_action(&rule.then, &path, errors);
            let single_devices = rule.then == Action::Allow && rule.when.asks(FactId::DEVICE_ID);
            if single_devices && rule.mode == Mode::Enforce && self.environment == Environment::Production {
                errors.push(format_args!("{path}.then"), QA_IN_PRODUCTION);
            }
            let matcher = Matcher::compile_at(&rule.when, &scope, &format!("{path}.when"), errors);
            rules.extend(matcher.map(|matcher| CompiledRule {
                rule: rule.clone(),
                matcher,
            }));
        }
        (rules.len() == self.rules.len()).then(|| rules.into())
    }

    fn verify_action(&self, action: &Action, path: &str, errors: &mut Errors) {
        let Action::StepUp(step_up) = action else { return };
        let place = format!("{path}.then.step_up.issuer");
        match (step_up.kind, &step_up.issuer) {
            (StepUpKind::Proof, Some(_)) => {
                errors.push(
                    place,
                    Fault::Shape {
                        message: "a step-up of kind `proof` has no issuer",
                    },
                );
            }
            (StepUpKind::User, Some(issuer)) if !self.step_up_issuers.contains_key(issuer) => {
                errors.push(
                    place,
                    Fault::Unknown {
                        what: "step-up issuer",
                        name: short(issuer),
                    },
                );
            }
            (StepUpKind::User, None) if self.step_up_issuers.is_empty() => {
                let message = "a step-up of kind `user` needs an issuer in `step_up_issuers`";
                errors.push(format_args!("{path}.then.step_up"), Fault::Shape { message });
            }
            (StepUpKind::Proof, None) | (StepUpKind::User, _) => {}
        }
    }

    fn compile_routes(&self, errors: &mut Errors) -> Vec<CompiledRoute> {
        let mut routes = Vec::new();
        for (index, route) in self.routes.iter().enumerate() {
            let path = format!("routes[{index}]");
            self.verify_route(route, &path, errors);
            let rules = self.rules_of(route);
            if let Some(pattern) = pattern(&route.path, &path, errors) {
                routes.push(CompiledRoute::new(route.clone(), pattern, &self.origins, rules));
            }
        }
        routes
    }

    fn verify_route(&self, route: &Route, path: &str, errors: &mut Errors) {
        methods(&route.methods, path, errors);
        if route.upstream.is_empty() {
            errors.push(format_args!("{path}.upstream"), Fault::Empty);
        }
        for (index, written) in route.origins.iter().enumerate() {
            origin(
                written,
                self.environment,
                &format!("{path}.origins[{index}]"),
                errors,
            );
        }
        for (index, app) in route.apps.iter().enumerate() {
            if !self.apps.iter().any(|known| known.id == *app) {
                errors.push(
                    format_args!("{path}.apps[{index}]"),
                    Fault::Unknown {
                        what: "app",
                        name: short(app),
                    },
                );
            }
        }
        for (index, id) in route.rules.iter().flatten().enumerate() {
            if !self.rules.iter().any(|rule| rule.id == *id) {
                errors.push(
                    format_args!("{path}.rules[{index}]"),
                    Fault::Unknown {
                        what: "rule",
                        name: short(id),
                    },
                );
            }
        }
        if !(1..=86_400).contains(&route.step_up_valid_s) {
            errors.push(
                format_args!("{path}.step_up_valid_s"),
                Fault::OutOfRange { min: 1, max: 86_400 },
            );
        }
        if route
            .limits
            .per_device_per_minute
            .is_some_and(|limit| !(1..=100_000).contains(&limit))
        {
            let place = format!("{path}.limits.per_device_per_minute");
            errors.push(place, Fault::OutOfRange { min: 1, max: 100_000 });
        }
        self.verify_harmony(route, path, errors);
    }

    /// Fields that contradict each other.
    fn verify_harmony(&self, route: &Route, path: &str, errors: &mut Errors) {
        let mut contradicts = |field: &str, broken: bool, code, message| {
            if broken {
                errors.push(
                    format_args!("{path}.{field}"),
                    Fault::Contradiction { code, message },
                );
            }
        };
        let open = route.when_store_down == WhenStoreDown::Open;
        contradicts(
            "when_store_down",
            open && route.single_use,
            "open-with-single-use",
            "`open` would let a single-use token pass again; use `closed`",
        );
        if route.require == Require::None {
            contradicts(
                "bind",
                !route.bind.is_empty(),
                "bind-without-token",
                "a public route has no token to bind",
            );
            contradicts(
                "single_use",
                route.single_use,
                "single-use-without-token",
                "a public route has no token",
            );
            contradicts(
                "apps",
                !route.apps.is_empty(),
                "apps-without-token",
                "a public route cannot tell apps apart",
            );
        } else {
            contradicts(
                "apps",
                route.apps.is_empty(),
                "no-apps",
                "name the apps whose tokens count here",
            );
            let no_origin = route.origins.is_empty() && self.origins.is_empty();
            contradicts(
                "origins",
                no_origin,
                "no-origin",
                "name the public origins, here or at the top",
            );
        }
    }

    /// The positions of the rules that are evaluated on a route.
    fn rules_of(&self, route: &Route) -> Vec<usize> {
        let applies = |rule: &Rule| {
            let meant = match &rule.routes {
                Some(routes) => routes.contains(&route.id),
                None => route.require == Require::Enforce,
            };
            let asked = route.rules.as_ref().is_none_or(|rules| rules.contains(&rule.id));
            meant && asked && rule.mode != Mode::Off && route.require != Require::None
        };
        self.rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| applies(rule))
            .map(|(index, _)| index)
            .collect()
    }
}

const QA_IN_PRODUCTION: Fault = Fault::Contradiction {
    code: "device-allow-in-production",
    message: "a production policy lets no single devices past its rules: test devices belong to development",
};

const PUBLIC_ROUTE: Fault = Fault::Contradiction {
    code: "rule-on-public-route",
    message: "rules are not evaluated on a route with `require: none`",
};

impl CompiledGateway {
    /// The policy as published.
    #[must_use]
    pub const fn policy(&self) -> &GatewayPolicy {
        &self.policy
    }

    /// This policy with other modes for the rules at these positions.
    pub(super) fn with_modes(&self, modes: &BTreeMap<usize, Mode>) -> Self {
        let mut changed = self.clone();
        for (position, mode) in modes {
            if let Some(rule) = changed.policy.rules.get_mut(*position) {
                rule.mode = *mode;
            }
            if let Some(compiled) = changed.rules.get_mut(*position) {
                compiled.rule.mode = *mode;
            }
        }
        let off = |position: &usize| modes.get(position) == Some(&Mode::Off);
        changed.routes.leave_out(off);
        changed
    }

    /// The routes.
    #[must_use]
    pub const fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// The app of an id.
    #[must_use]
    pub fn app(&self, id: &str) -> Option<&App> {
        self.policy.apps.iter().find(|app| app.id == id)
    }

    /// What the rules of a route decide over these facts. Allocates nothing unless a rule fires, but for patterns.
    #[must_use]
    pub fn decide(
        &self,
        route: &CompiledRoute,
        source: &dyn FactSource,
        subject: &Subject<'_>,
    ) -> Decided<'_> {
        rule::decide(&self.rules, route, source, subject)
    }

    /// The condition of a rule, by its position in the policy.
    #[must_use]
    pub fn condition(&self, rule: usize) -> Option<&Matcher> {
        self.rules.get(rule).map(|rule| &rule.matcher)
    }

    /// The names of the upstreams that routes use.
    #[must_use]
    pub fn upstreams(&self) -> BTreeSet<&str> {
        self.policy
            .routes
            .iter()
            .map(|route| route.upstream.as_str())
            .collect()
    }

    /// The digest that phones of `platform` state when they ran this policy's detectors.
    #[must_use]
    pub fn evaluated_digest(&self, platform: Platform) -> String {
        let ran = |entry: &DetectorEntry| entry.platform == platform && entry.mode != Mode::Off;
        evaluated_digest(
            self.policy
                .detectors
                .iter()
                .filter(|(_, entry)| ran(entry))
                .map(|(id, _)| id.as_str()),
        )
    }
}
