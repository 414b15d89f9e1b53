//! Asks through each view that is asked for, and tells a lie from a change.
//!
//! A process changes while it is looked at. Where both views are asked the same and answer differently, both are asked again: only if
//! each says the same as before does the difference stand. What never holds still is inconclusive.

use attest_core::facts::{FactRef, Observation};

use super::super::sys::{Deadline, Errno, Files, View};
use super::super::{Answers, Scope, view_of};

/// What one view says: an observation for each question, in their order.
pub(in crate::probes) type Read<'r> = &'r dyn Fn(&Files<'_>, &[&FactRef]) -> Vec<Observation>;

/// How often both views are asked before the difference is given up.
const ROUNDS: usize = 3;

/// The native view by which a question is asked.
pub(in crate::probes) fn native(question: &FactRef) -> Option<View> {
    view_of(question).and_then(View::of)
}

/// Answers `questions`, all of which ask for a native view.
pub(in crate::probes) fn answer(
    questions: &[&FactRef],
    scope: &Scope<'_>,
    answers: &mut Answers,
    read: Read<'_>,
) {
    let of = |view| -> Vec<&FactRef> {
        let asked = questions.iter().copied();
        asked.filter(|question| native(question) == Some(view)).collect()
    };
    let asked = [of(View::Libc), of(View::Syscall)];
    let ask = |view| observe(view, scope.deadline, &asked, read);
    let mut libc = ask(View::Libc);
    let mut syscall = ask(View::Syscall);
    let mut steady = false;
    for _ in 0..ROUNDS {
        if unequal(&asked, &libc, &syscall).is_empty() {
            steady = true;
            break;
        }
        let again = [ask(View::Libc), ask(View::Syscall)];
        let differing = unequal(&asked, &libc, &syscall);
        let [libc_again, syscall_again] = &again;
        if unequal(&asked, libc_again, syscall_again) == differing
            && differing.iter().all(|(left, right)| {
                libc_again.get(*left) == libc.get(*left) && syscall_again.get(*right) == syscall.get(*right)
            })
        {
            steady = true;
            break;
        }
        [libc, syscall] = again;
    }
    if !steady {
        for (at, _) in unequal(&asked, &libc, &syscall) {
            if let Some(unsteady) = libc.get_mut(at) {
                *unsteady = Errno::UNSTEADY.into();
            }
        }
    }
    let [of_libc, of_syscall] = asked;
    for (question, observation) in of_libc
        .into_iter()
        .zip(libc)
        .chain(of_syscall.into_iter().zip(syscall))
    {
        answers.put(question, observation);
    }
}

fn observe(
    view: View,
    deadline: &dyn Deadline,
    [libc, syscall]: &[Vec<&FactRef>; 2],
    read: Read<'_>,
) -> Vec<Observation> {
    let questions = match view {
        View::Libc => libc,
        View::Syscall => syscall,
    };
    if questions.is_empty() {
        return Vec::new();
    }
    match Files::through(view, deadline) {
        Ok(files) => read(&files, questions),
        Err(errno) => vec![errno.into(); questions.len()],
    }
}

/// Where both views were asked the same and answered differently: the places among the answers of each. An error is no difference.
fn unequal(
    [of_libc, of_syscall]: &[Vec<&FactRef>; 2],
    libc: &[Observation],
    syscall: &[Observation],
) -> Vec<(usize, usize)> {
    let same = |one: &FactRef, other: &FactRef| one.fact() == other.fact() && one.param() == other.param();
    let mut differing = Vec::new();
    for (at, (question, left)) in of_libc.iter().zip(libc).enumerate() {
        let mut others = of_syscall.iter().zip(syscall).enumerate();
        if let Some((other, (_, right))) = others.find(|(_, (other, _))| same(question, other))
            && left != right
            && !is_error(left)
            && !is_error(right)
        {
            differing.push((at, other));
        }
    }
    differing
}

const fn is_error(observation: &Observation) -> bool {
    matches!(observation, Observation::Error(_))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use attest_core::facts::Value;
    use attest_core::policy::Variables;

    use super::super::super::sys::Unlimited;
    use super::*;

    /// What is answered when the views say, one asking after the other, these numbers.
    fn check(said: [&[i64]; 2], expect: [Observation; 2]) {
        let questions: Vec<FactRef> = ["proc.tracer_pid@libc", "proc.tracer_pid@syscall"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let scope = Scope {
            deadline: &Unlimited,
            variables: &Variables::default(),
        };
        let asked = [Cell::new(0), Cell::new(0)];
        let mut answers = Answers::default();
        answer(
            &questions.iter().collect::<Vec<_>>(),
            &scope,
            &mut answers,
            &|files, _| {
                let view = usize::from(files.view() == View::Syscall);
                let at = asked[view].replace(asked[view].get() + 1);
                let number = said[view].get(at).or(said[view].last()).unwrap();
                vec![Value::Integer(*number).into()]
            },
        );
        let told: Vec<_> = answers
            .into_facts()
            .iter()
            .map(|(_, told)| told.clone())
            .collect();
        assert_eq!(told, expect, "{said:?}");
    }

    fn number(number: i64) -> Observation {
        Value::Integer(number).into()
    }

    #[test]
    fn a_difference_stands_only_if_both_views_stand_by_it() {
        check([&[1], &[1]], [number(1), number(1)]);
        check([&[1], &[2]], [number(1), number(2)]);
        // It changed in between, or only for a moment.
        check([&[1, 2], &[2]], [number(2), number(2)]);
        check([&[1], &[2, 1]], [number(1), number(1)]);
        // It never holds still: what one view says by itself is still known.
        check(
            [&[1, 3, 5, 7, 9], &[2, 4, 6, 8, 10]],
            [Errno::UNSTEADY.into(), number(8)],
        );
    }
}
