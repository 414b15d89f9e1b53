//! What a phone trusts of a policy repository, from the configured root on, and what it makes of attacks on it.

use super::repository::Role;
use super::world::World;

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
