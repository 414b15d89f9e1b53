//! Asks through each view that is asked for, and tells a lie from a change.
//!
//! A process changes while it is looked at. Where both views are asked the same and answer differently, the first one is asked
//! again: only if it says the same as before does the difference stand. What never holds still is inconclusive.

use attest_core::facts::{FactRef, Observation};

use super::super::sys::{Deadline, Errno, Files, View};
use super::super::{Answers, Scope, view_of};

/// What one view says: an observation for each question, in their order.
pub(super) type Read<'r> = &'r dyn Fn(&Files<'_>, &[&FactRef]) -> Vec<Observation>;

/// How often both views are asked before the difference is given up.
const ROUNDS: usize = 3;

/// The native view by which a question is asked.
pub(super) fn native(question: &FactRef) -> Option<View> {
    view_of(question).and_then(View::of)
}

/// Answers `questions`, all of which ask for a native view.
pub(super) fn answer(questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers, read: Read<'_>) {
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
        let again = ask(View::Libc);
        let differing = unequal(&asked, &libc, &syscall);
        if differing.iter().all(|at| again.get(*at) == libc.get(*at)) {
            steady = true;
            break;
        }
        libc = again;
        syscall = ask(View::Syscall);
    }
    if !steady {
        for at in unequal(&asked, &libc, &syscall) {
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

/// Where among the questions to the C library the same one to the kernel was answered otherwise. An error is no difference.
fn unequal(
    [of_libc, of_syscall]: &[Vec<&FactRef>; 2],
    libc: &[Observation],
    syscall: &[Observation],
) -> Vec<usize> {
    let same = |one: &FactRef, other: &FactRef| one.fact() == other.fact() && one.param() == other.param();
    let mut differing = Vec::new();
    for (at, (question, left)) in of_libc.iter().zip(libc).enumerate() {
        let pair = of_syscall
            .iter()
            .zip(syscall)
            .find(|(other, _)| same(question, other));
        if let Some((_, right)) = pair
            && left != right
            && !is_error(left)
            && !is_error(right)
        {
            differing.push(at);
        }
    }
    differing
}

const fn is_error(observation: &Observation) -> bool {
    matches!(observation, Observation::Error(_))
}
