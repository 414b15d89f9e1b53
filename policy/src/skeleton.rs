//! Commented beginnings of detectors, rules and routes, each with tests, for a person to change.
//!
//! Pasted into the example policy they compile, lint clean and pass their tests. They start in `shadow`: nothing that is
//! pasted refuses anybody. What a skeleton is given is put into YAML as it is, so only plain words are accepted.

mod samples;

use attest_core::{facts::Platform, policy::Category};

use self::samples::Sample;

/// A part of a skeleton, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The section of a policy source under which it is pasted, such as `detectors`.
    pub section: &'static str,
    /// What the reader should know about the place.
    pub note: &'static str,
    /// YAML: items of that section's list, indented by two.
    pub text: String,
}

/// Why there is no such skeleton.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkeletonError {
    /// Not a word that can be an id.
    #[error("`{id}`: an id is 1 to 64 of a-z, 0-9, `.`, `_` and `-`, and begins with a letter")]
    Id {
        /// What was given.
        id: String,
    },
    /// Nothing on this platform finds that.
    #[error("nothing on {platform} finds a {category}: {platform} has {among}")]
    Category {
        /// The category.
        category: &'static str,
        /// The platform.
        platform: &'static str,
        /// The platform's categories.
        among: String,
    },
}

impl SkeletonError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Id { .. } => "id-unfit",
            Self::Category { .. } => "category-platform",
        }
    }
}

/// The categories that a detector of this platform can have.
pub fn categories(platform: Platform) -> impl Iterator<Item = Category> {
    samples::SAMPLES
        .iter()
        .filter(move |sample| sample.platform == platform)
        .map(|sample| sample.category)
}

fn plain(id: &str) -> Result<(), SkeletonError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let begins = id.starts_with(|first: char| first.is_ascii_lowercase());
    if begins && id.len() <= 64 && id.bytes().all(fits) {
        Ok(())
    } else {
        Err(SkeletonError::Id {
            id: id.chars().take(80).collect(),
        })
    }
}

fn sample(platform: Platform, category: Category) -> Result<&'static Sample, SkeletonError> {
    samples::SAMPLES
        .iter()
        .find(|sample| sample.platform == platform && sample.category == category)
        .ok_or_else(|| SkeletonError::Category {
            category: category.as_str(),
            platform: platform.as_str(),
            among: categories(platform)
                .map(Category::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        })
}

/// A detector of this category, with a test that hits and one that is clear.
///
/// # Errors
/// [`SkeletonError`] if the id is no plain word or nothing on the platform finds the category.
pub fn detector(
    id: Option<&str>,
    platform: Platform,
    category: Category,
) -> Result<[Piece; 2], SkeletonError> {
    let sample = sample(platform, category)?;
    let id = id.map_or_else(|| format!("new.{}", category.as_str()), str::to_owned);
    plain(&id)?;
    let Sample {
        why,
        when,
        hit,
        clear,
        ..
    } = sample;
    let (platform, category) = (platform.as_str(), category.as_str());
    let detector = format!(
        "  - id: {id}   # what findings and rules call it; keep it once it is published
    platform: {platform}
    category: {category}   # what rules mostly ask for
    severity: medium   # info, low, medium, high, critical: how sure a hit makes you
    mode: shadow   # recorded without effect; `enforce` once you know whom it hits
    why: {why}
    # A fact that cannot be read makes a clause inconclusive, never clear. Where absence is normal, ask `exists` first.
    when:
{when}
"
    );
    let tests = format!(
        "  - name: {id} hits   # change it to what you saw on such a phone
    detector: {{id: {id}, facts: {{{hit}}}, expect: hit}}
  - name: {id} leaves a genuine phone alone
    detector: {{id: {id}, facts: {{{clear}}}, expect: clear}}
"
    );
    Ok([
        Piece {
            section: "detectors",
            note: "A detector: what phones look for. Their order does not matter.",
            text: detector,
        },
        tests_piece(tests),
    ])
}

/// A rule over findings of this category, with a test that shows it in shadow.
///
/// # Errors
/// [`SkeletonError::Id`] if the id is no plain word.
pub fn rule(id: Option<&str>, category: Category) -> Result<[Piece; 2], SkeletonError> {
    let id = id.map_or_else(|| format!("new-{}", category.as_str()), str::to_owned);
    plain(&id)?;
    let decision = samples::example_decides(category);
    let mut shadow = vec![id.as_str()];
    shadow.extend(samples::example_shadows(category));
    let shadow = shadow.join(", ");
    let category = category.as_str();
    let rule = format!(
        "  - id: {id}   # what explanations and logs call it
    mode: shadow   # counted without effect; then `enforce`
    rollout_percent: 100   # with `enforce`: 1, 10, 50, 100; the same device always falls on the same side
    routes: [login]   # without it: every route with `require: enforce`
    why: What you tell the customer who asks why this was refused.
    # Other facts: key.level, boot.state, patch.age_days, device.age_s, app.version, counter.device_requests_1m
    when:
      all:
        - {{fact: findings.category, op: any_eq, value: {category}}}
        - {{fact: findings.severity, op: any_in, value: [high, critical]}}
    then: deny   # or allow, {{step_up: {{kind: proof}}}}, {{step_up: {{kind: user, issuer: bank-otp}}}}
"
    );
    let tests = format!(
        "  - name: {id} is seen
    decision:
      request: {{method: POST, path: /v1/login, app: bank-android}}   # a request of one of its routes
      facts: {{findings.category: [{category}], findings.severity: [high]}}
      # What is decided while it is in shadow, and every rule in shadow that fires.
      expect: {{decision: {decision}, shadow: [{shadow}]}}
"
    );
    Ok([
        Piece {
            section: "rules",
            note: "A rule: what follows from findings and facts. The first that fires decides; this one goes to the top.",
            text: rule,
        },
        tests_piece(tests),
    ])
}

/// A route that asks for a token, with a test that passes it.
///
/// # Errors
/// [`SkeletonError::Id`] if the id is no plain word.
pub fn route(id: Option<&str>) -> Result<[Piece; 2], SkeletonError> {
    let id = id.unwrap_or("new-route");
    plain(id)?;
    let route = format!(
        "  - id: {id}   # what rules, logs and metrics call it
    methods: [GET]
    path: /v1/{id}   # `*` is one segment, `**` at the end any rest; the more specific pattern wins
    upstream: bank   # by its name in attest.toml
    require: enforce   # or observe: forward and count what has no token; or none: public
    apps: [bank-android, bank-ios]   # by their ids under `apps:`
    token: session   # or proof: signed by the hardware key for each request
    # bind: [body, query, authorization]   # what the token is good for, beside method and URL
    # single_use: true   # a token passes once; needs the store
    # min_policy: 7   # findings made under an older device policy do not count: the phone renews first
    limits: {{per_device_per_minute: 60}}
    when_store_down: closed   # or open: bans and counters cannot be asked for a while
"
    );
    let tests = format!(
        "  - name: a genuine phone reaches {id}
    decision:
      request: {{method: GET, path: /v1/{id}, app: bank-android}}
      expect: {{decision: allow}}
"
    );
    Ok([
        Piece {
            section: "routes",
            note: "A route: where requests go and what they need. What no route matches is refused.",
            text: route,
        },
        tests_piece(tests),
    ])
}

fn tests_piece(text: String) -> Piece {
    Piece {
        section: "tests",
        note: "Its tests: they run on every change, and a failing one keeps the policy from being used.",
        text,
    }
}

#[cfg(test)]
mod tests;
