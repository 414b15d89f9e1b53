//! The natives of `attest.mobile.Development`, which tests on a virtual machine call. Never shipped.

mod bytes;
mod detectors;

use std::sync::Arc;
use std::thread;

use attest_core::facts::{FactMap, FactRef};
use attest_core::policy::Variables;
use attest_mobile::probes::java::{self as java, Java, Object, probes};
use attest_mobile::probes::sys::Unlimited;
use attest_mobile::probes::{Answers, Scope};
use jni::errors::{Error, ThrowRuntimeExAndDefault};
use jni::objects::{JClass, JObject, JString};
use jni::{Env, EnvUnowned};
use serde_json::{Map, Value};

/// Part of every library that was built with these entries.
pub const MARKER: &str = "attest-library-dev-entries-are-here";

/// Keeps it from being left out.
#[used]
static KEPT: &str = MARKER;

/// Answers a JSON list of questions on a thread that is attached for it.
// SAFETY: no other function of this name is linked: it is that of a class which is ours.
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_attest_mobile_Development_answer<'local>(
    mut env: EnvUnowned<'local>,
    entry: JClass<'local>,
    context: JObject<'local>,
    questions: JString<'local>,
) -> JString<'local> {
    let outcome = env.with_env(|env| {
        let (java, questions) = begin(env, &entry, &context, &questions)?;
        let answers = thread::scope(|scope| scope.spawn(|| answer(&java, &questions)).join());
        env.new_string(answers.map_err(|_| refused("the thread panicked"))?)
    });
    outcome.resolve::<ThrowRuntimeExAndDefault>()
}

/// The same on the calling thread.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_attest_mobile_Development_answerHere<'local>(
    mut env: EnvUnowned<'local>,
    entry: JClass<'local>,
    context: JObject<'local>,
    questions: JString<'local>,
) -> JString<'local> {
    let outcome = env.with_env(|env| {
        let (java, questions) = begin(env, &entry, &context, &questions)?;
        env.new_string(answer(&java, &questions))
    });
    outcome.resolve::<ThrowRuntimeExAndDefault>()
}

/// The same as often as `rounds`, within this one call.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_attest_mobile_Development_repeat<'local>(
    mut env: EnvUnowned<'local>,
    entry: JClass<'local>,
    context: JObject<'local>,
    questions: JString<'local>,
    rounds: i32,
) -> JString<'local> {
    let outcome = env.with_env(|env| {
        let (java, questions) = begin(env, &entry, &context, &questions)?;
        let mut last = String::new();
        for _ in 0..rounds {
            last = answer(&java, &questions);
        }
        env.new_string(last)
    });
    outcome.resolve::<ThrowRuntimeExAndDefault>()
}

/// What hits by what Java says, with all probes and without each of them: a JSON list of `- ID` and `PROBE ID`. The packs are a JSON list
/// of texts.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_attest_mobile_Development_hits<'local>(
    mut env: EnvUnowned<'local>,
    entry: JClass<'local>,
    context: JObject<'local>,
    packs: JString<'local>,
) -> JString<'local> {
    let outcome = env.with_env(|env| {
        let java = captured(env, &entry, &context)?;
        let packs: Vec<String> =
            serde_json::from_str(&packs.try_to_string(env)?).map_err(|_| refused("no JSON list of texts"))?;
        let hits = thread::scope(|scope| {
            let found = || {
                let detectors = detectors::detectors(&packs)?;
                let questions = detectors::questions(&detectors);
                let all = probes(&java);
                let mut found = Vec::new();
                for without in all.iter().map(|probe| probe.name()).chain(["-"]) {
                    let hits = detectors::hits(&detectors, &facts(&java, &questions, without));
                    found.extend(hits.iter().map(|id| format!("{without} {id}")));
                }
                Some(found)
            };
            scope.spawn(found).join()
        });
        let hits = hits.map_err(|_| refused("the thread panicked"))?;
        env.new_string(Value::from(hits.ok_or_else(|| refused("no pack"))?).to_string())
    });
    outcome.resolve::<ThrowRuntimeExAndDefault>()
}

/// The names of all probes that ask Java: a JSON list.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_attest_mobile_Development_probes<'local>(
    mut env: EnvUnowned<'local>,
    entry: JClass<'local>,
    context: JObject<'local>,
) -> JString<'local> {
    let outcome = env.with_env(|env| {
        let java = captured(env, &entry, &context)?;
        let names: Vec<_> = probes(&java).iter().map(|probe| probe.name()).collect();
        env.new_string(Value::from(names).to_string())
    });
    outcome.resolve::<ThrowRuntimeExAndDefault>()
}

/// The app and the virtual machine, as the native method is given them.
fn captured(env: &Env<'_>, entry: &JClass<'_>, context: &JObject<'_>) -> Result<Arc<Java>, Error> {
    // SAFETY: all three are good on this thread until the native method returns.
    let (captured, entry, context) = unsafe {
        (
            java::Env::from_raw(env.get_raw()),
            Object::from_raw(entry.as_raw()),
            Object::from_raw(context.as_raw()),
        )
    };
    let mut captured = captured.ok_or_else(|| refused("no virtual machine"))?;
    let java = Java::capture(&mut captured, &entry, &context);
    Ok(Arc::new(java.map_err(|error| refused(error.code()))?))
}

fn begin(
    env: &Env<'_>,
    entry: &JClass<'_>,
    context: &JObject<'_>,
    questions: &JString<'_>,
) -> Result<(Arc<Java>, Vec<FactRef>), Error> {
    let java = captured(env, entry, context)?;
    let questions: Vec<String> =
        serde_json::from_str(&questions.try_to_string(env)?).map_err(|_| refused("no JSON list of texts"))?;
    let questions = questions
        .iter()
        .map(|question| question.parse().map_err(|_| refused(question)))
        .collect::<Result<_, _>>()?;
    Ok((java, questions))
}

fn refused(what: &str) -> Error {
    Error::ParseFailed(what.to_owned())
}

/// Observations by question; one that no probe took is not among them.
fn answer(java: &Arc<Java>, questions: &[FactRef]) -> String {
    shown(&facts(java, questions, ""))
}

fn facts(java: &Arc<Java>, questions: &[FactRef], without: &str) -> FactMap {
    let scope = Scope {
        deadline: &Unlimited,
        variables: &Variables::default(),
    };
    let mut answers = Answers::default();
    for probe in probes(java).iter().filter(|probe| probe.name() != without) {
        let taken: Vec<&FactRef> = questions
            .iter()
            .filter(|question| probe.facts().contains(&question.fact()) && probe.takes(question))
            .collect();
        if !taken.is_empty() {
            probe.answer(&taken, &scope, &mut answers);
        }
    }
    answers.into_facts()
}

fn shown(facts: &FactMap) -> String {
    let facts = facts
        .iter()
        .filter_map(|(question, said)| Some((question.to_string(), serde_json::to_value(said).ok()?)));
    Value::Object(facts.collect::<Map<_, _>>()).to_string()
}
