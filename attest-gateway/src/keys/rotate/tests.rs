//! A rotation on disk, and what is left of it whenever the plug is pulled.

use super::*;
use ring::rand::SystemRandom;
use std::collections::BTreeSet;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    Keys::generate(&SystemRandom::new())
        .unwrap()
        .write(folder.path())
        .unwrap();
    folder
}

fn rotation(directory: &Path, family: Family, step: Step) -> Rotation<'_> {
    Rotation {
        directory,
        family,
        step,
        overlap: None,
        now_s: 1_000,
    }
}

/// What a gateway would do with these keys: who is accepted, and what is made.
fn meaning(directory: &Path) -> (Vec<String>, BTreeSet<String>) {
    let keys = Keys::read(directory, &SystemRandom::new()).unwrap();
    let kids = |set: attest_core::jose::JwkSet| set.keys.into_iter().filter_map(|key| key.kid);
    let accepted = kids(keys.attestation_jwks())
        .chain(kids(keys.assertion_jwks()))
        .chain(keys.ticket.accepted.iter().map(|n| format!("ticket {n}")))
        .chain(keys.support.accepted.iter().map(|n| format!("support {n}")));
    let used = vec![
        keys.attestation.current.kid.clone(),
        keys.assertion.current.kid.clone(),
        format!("ticket {}", keys.ticket.current),
        format!("support {}", keys.support.current),
    ];
    let accepted: BTreeSet<_> = accepted.collect();
    assert!(used.iter().all(|one| accepted.contains(one)));
    (used, accepted)
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_rotation_publishes_uses_and_retires() {
    let rng = SystemRandom::new();
    for family in Family::ALL {
        let folder = folder();
        let fresh = names(folder.path());
        let (used, accepted) = meaning(folder.path());
        let run = |step| rotation(folder.path(), family, step).run(&rng);
        run(Step::Publish).unwrap();
        let (published_used, published) = meaning(folder.path());
        assert_eq!(published_used, used, "{family:?}: nothing uses it yet");
        assert!(published.is_superset(&accepted) && published.len() == accepted.len() + 1);
        let taken = run(Step::Use).unwrap();
        assert_eq!((taken.before.current, taken.after.current), (1, 2));
        assert_ne!(meaning(folder.path()).0, used);
        assert_eq!(meaning(folder.path()).1, published);
        let retired = run(Step::Retire).unwrap();
        let (now_used, now) = meaning(folder.path());
        assert_eq!((now.len(), now_used.len()), (accepted.len(), 4));
        assert_eq!(
            retired.removed,
            family.file_name(1).into_iter().collect::<Vec<_>>()
        );
        let emergency = run(Step::Emergency).unwrap();
        assert_eq!(emergency.after.accepted, [3]);
        let new = family.file_name(3).unwrap();
        let mut expect = fresh;
        if let Some(old) = family.file_name(1) {
            expect.remove(&old);
        }
        expect.insert(new.clone());
        assert_eq!(names(folder.path()), expect);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.path().join(new))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}

#[test]
fn a_new_ticket_generation_is_unknown_to_whoever_has_the_old_files() {
    let (rng, folder) = (SystemRandom::new(), folder());
    let old = Keys::read(folder.path(), &rng).unwrap();
    rotation(folder.path(), Family::Ticket, Step::Emergency)
        .run(&rng)
        .unwrap();
    let new = Keys::read(folder.path(), &rng).unwrap();
    assert_ne!(
        old.fleet
            .subkey(attest_core::fleet::KeyUse::Ticket, new.ticket.current),
        new.secret(Family::Ticket, new.ticket.current)
            .subkey(attest_core::fleet::KeyUse::Ticket, new.ticket.current)
    );
    assert_eq!(
        old.fleet.reveal(),
        new.fleet.reveal(),
        "pseudonyms stay what they are"
    );
}

#[test]
fn steps_that_come_too_early_change_nothing() {
    let (rng, folder) = (SystemRandom::new(), folder());
    let overlap = Overlap {
        use_after_s: 60,
        retire_after_s: 900,
    };
    let run = |step, now_s| {
        Rotation {
            overlap: Some(overlap),
            now_s,
            ..rotation(folder.path(), Family::Ticket, step)
        }
        .run(&rng)
        .map(|_| ())
        .map_err(|error| error.to_string())
    };
    let early = |left_s| Err(format!("too early: the step before it needs {left_s} s more"));
    assert_eq!(run(Step::Publish, 1_000), Ok(()));
    assert_eq!(run(Step::Use, 1_059), early(1));
    assert_eq!(run(Step::Use, 1_060), Ok(()));
    assert_eq!(run(Step::Retire, 1_900), early(60));
    assert_eq!(run(Step::Retire, 1_960), Ok(()));
    // An emergency waits for nothing.
    assert_eq!(run(Step::Publish, 1_960), Ok(()));
    assert_eq!(run(Step::Emergency, 1_960), Ok(()));
}

#[test]
fn two_rotations_at_once_are_one_after_the_other() {
    let folder = folder();
    let _held = Disk::lock(folder.path()).unwrap();
    let error = rotation(folder.path(), Family::Ticket, Step::Publish)
        .run(&SystemRandom::new())
        .unwrap_err();
    assert_eq!(error.code(), "rotation-busy");
}

/// Every operation of every step is where the plug is pulled once.
#[test]
fn an_interruption_leaves_the_state_before_or_after_and_the_next_step_clears_up() {
    let rng = SystemRandom::new();
    let mut interruptions = 0;
    // One of each sort: with a file for each generation, and without one for the first.
    for family in [Family::Attestation, Family::Ticket] {
        for (steps, step) in [
            (&[][..], Step::Publish),
            (&[Step::Publish][..], Step::Use),
            (&[Step::All][..], Step::Retire),
            (&[][..], Step::All),
            (&[Step::Publish][..], Step::Emergency),
        ] {
            for operations in 0.. {
                let folder = folder();
                for step in steps {
                    rotation(folder.path(), family, *step).run(&rng).unwrap();
                }
                let before = meaning(folder.path());
                let rotation = rotation(folder.path(), family, step);
                let disk = Disk::lock(folder.path()).unwrap();
                disk.pull_the_plug_after(operations);
                if rotation.run_on(&disk, &rng).is_ok() {
                    break;
                }
                drop(disk);
                interruptions += 1;
                let left = meaning(folder.path());
                let fleet = FleetFile::read(folder.path()).unwrap();
                let taken = fleet.of(family).changed_at_s == Some(1_000) && left != before;
                if left == before {
                    // Not taken: it can be taken now.
                    assert!(!taken);
                    rotation.run(&rng).unwrap();
                } else {
                    let expect = match step {
                        Step::Use | Step::Retire => left.1.is_subset(&before.1),
                        Step::Publish | Step::All => left.1.len() == before.1.len() + 1,
                        Step::Emergency => left.1.len() + 1 == before.1.len(),
                    };
                    assert!(expect, "{family:?} {step:?} after {operations} operations");
                }
                // Whatever was left over goes with the next step that is taken.
                Rotation {
                    step: Step::Emergency,
                    ..rotation
                }
                .run(&rng)
                .unwrap();
                let generations = FleetFile::read(folder.path()).unwrap();
                let referred: BTreeSet<_> = generations
                    .of(family)
                    .accepted
                    .iter()
                    .filter_map(|number| family.file_name(*number))
                    .collect();
                let of_family: BTreeSet<_> = names(folder.path())
                    .into_iter()
                    .filter(|name| name.starts_with(family.as_str()))
                    .collect();
                assert_eq!(of_family, referred, "{family:?} {step:?} after {operations}");
            }
        }
    }
    assert!(interruptions > 50, "{interruptions}");
}
