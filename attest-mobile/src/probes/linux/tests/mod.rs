//! Each family against this machine, by every view that it has. What a view is told when somebody lies to it, or joins
//! the process, is tested with the shipped detectors in `played`.

mod around;
mod files;
mod inside;
mod played;

use attest_core::facts::{FactMap, FactRef, Head, Observation, Row, Value};
use attest_core::policy::Variables;

use super::super::sys::{Errno, Unlimited};
use super::super::{Answers, Probe, Scope};
use super::probes;

/// What a probe answers to these questions.
fn answers(probe: &dyn Probe, variables: &Variables, asked: &[&str]) -> FactMap {
    let questions: Vec<FactRef> = asked.iter().map(|text| text.parse().unwrap()).collect();
    let taken: Vec<&FactRef> = questions
        .iter()
        .filter(|question| probe.takes(question))
        .collect();
    let scope = Scope {
        deadline: &Unlimited,
        variables,
    };
    let mut answers = Answers::default();
    probe.answer(&taken, &scope, &mut answers);
    answers.into_facts()
}

/// What the probes answer to one question by both views, which must be the same.
fn both(fact: &str, variables: &Variables) -> Observation {
    let asked = [format!("{fact}@libc"), format!("{fact}@syscall")];
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let probes = probes();
    let id = asked[0].parse::<FactRef>().unwrap().fact();
    let probe = probes.iter().find(|probe| probe.facts().contains(&id)).unwrap();
    let facts = answers(probe.as_ref(), variables, &asked);
    let told: Vec<_> = facts.iter().map(|(_, observation)| observation.clone()).collect();
    assert_eq!(told.len(), 2, "{fact}: {told:?}");
    assert_eq!(told[0], told[1], "{fact}");
    told[0].clone()
}

/// What each view answers, asked by itself: the process changes while tests run beside each other.
fn each(fact: &str) -> [Observation; 2] {
    ["libc", "syscall"].map(|view| {
        let asked = format!("{fact}@{view}");
        let id = asked.parse::<FactRef>().unwrap().fact();
        let probes = probes();
        let probe = probes.iter().find(|probe| probe.facts().contains(&id)).unwrap();
        let facts = answers(probe.as_ref(), &Variables::default(), &[&asked]);
        facts.iter().next().unwrap().1.clone()
    })
}

fn here(fact: &str) -> Observation {
    both(fact, &Variables::default())
}

fn items(observation: Observation) -> Vec<String> {
    let Observation::Value(Value::List(items)) = observation else {
        panic!("no list: {observation:?}");
    };
    items
}

fn rows(observation: Observation) -> Vec<Row> {
    let Observation::Value(Value::Rows(rows)) = observation else {
        panic!("no rows: {observation:?}");
    };
    rows
}

fn text(value: &str) -> Observation {
    Value::Text(value.to_owned()).into()
}

fn integer(value: impl TryInto<i64>) -> Observation {
    Value::Integer(value.try_into().ok().unwrap()).into()
}

fn head(items: &[&str]) -> Observation {
    Observation::ListHead(Head(items.iter().map(|item| (*item).to_owned()).collect()))
}

fn error(errno: Errno) -> Observation {
    Observation::Error(errno.number())
}

#[test]
fn families_share_no_fact_and_say_what_they_cost() {
    let probes = probes();
    let mut facts: Vec<_> = probes.iter().flat_map(|probe| probe.facts()).collect();
    let count = facts.len();
    facts.sort();
    facts.dedup();
    assert_eq!(facts.len(), count);
    assert!(
        probes
            .iter()
            .all(|probe| probe.cost_us() > 0 && !probe.name().is_empty())
    );
    let mut names: Vec<_> = probes.iter().map(|probe| probe.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), probes.len());
}

#[test]
fn a_deadline_that_has_passed_leaves_nothing_clear() {
    let variables = Variables::default()
        .with("data_dir", "/nowhere")
        .with("own_apk", "/nowhere.apk");
    let over = || true;
    let scope = Scope {
        deadline: &over,
        variables: &variables,
    };
    for probe in probes() {
        // These two do not ask the kernel anything that takes time.
        if matches!(probe.name(), "environment" | "images") {
            continue;
        }
        for fact in probe.facts() {
            let param = fact.entry().param.map(|_| "SIGSEGV");
            let view =
                Some(attest_core::facts::View::Syscall).filter(|view| fact.entry().views.contains(view));
            let question = FactRef::new(*fact, param, view).unwrap();
            if !probe.takes(&question) || view.is_none() {
                continue;
            }
            let mut answers = Answers::default();
            probe.answer(&[&question], &scope, &mut answers);
            for (question, observation) in answers.into_facts().iter() {
                assert!(
                    matches!(observation, Observation::Error(_)),
                    "{question}: {observation:?}"
                );
            }
        }
    }
}
