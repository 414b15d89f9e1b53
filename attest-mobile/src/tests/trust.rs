//! What a phone trusts of a policy repository, from the configured root on, and what it makes of attacks on it.

use attest_core::problem::ProblemCode;

use super::repository::{Repository, Role};
use super::service::{problem, refuse_with};
use super::world::{READ, World, request};

#[test]
fn roots_are_followed_one_by_one_however_many_there_are() {
    for rotations in [1, 2, 31, 32, 33, 70] {
        let world = World::new();
        let root = world.service.root();
        world.service.change(|state| {
            for _ in 0..rotations {
                state.repository.rotate(|repository| {
                    repository.timestamp = Role::of(1, 1);
                    repository.targets = Role::of(3, 2);
                });
            }
        });
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        assert_eq!(attestor.status().policy_root, rotations + 1);
        let fetches = world.service.calls();
        let fetches = fetches.iter().filter(|call| *call == "bundle").count();
        assert_eq!(fetches, usize::try_from(rotations).unwrap().div_ceil(32));
        // Kept, and verified again from the configured root.
        assert_eq!(world.service.root(), root);
        world.service.change(|state| state.down = true);
        let attestor = world.attestor();
        drop(world.run(attestor.ready()));
        assert_eq!(
            (attestor.status().policy_root, attestor.status().policy_version),
            (rotations + 1, Some(1))
        );
    }
}

#[test]
fn new_keys_of_the_targets_end_a_fast_forward() {
    // Whoever stole the keys of the targets has used up all versions; only an owner with the root can help.
    let check = |change: &dyn Fn(&mut Repository), expect: u64| {
        let world = World::new();
        world.service.publish(u64::MAX);
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        assert_eq!(attestor.status().policy_version, Some(u64::MAX));
        world.service.change(|state| {
            state.policy.version = 7;
            state.repository.rotate(|repository| change(repository));
        });
        let outdated = refuse_with(&problem(ProblemCode::PolicyOutdated));
        let read = request("GET", READ);
        drop(world.run(attestor.send_with(&read, |_| std::future::ready(Ok::<_, ()>(outdated.clone())))));
        assert_eq!(attestor.status().policy_version, Some(expect));
        // The floor of the next process is that of this one.
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        assert_eq!(attestor.status().policy_version, Some(expect));
        assert_eq!(attestor.status().policy_root, 2);
    };
    check(&|repository| repository.targets = Role::of(2, 2), 7);
    check(&|repository| repository.timestamp = Role::of(1, 1), u64::MAX);
}
