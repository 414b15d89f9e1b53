//! The rules one by one, over chains that are forged here and spoilt one field at a time.

mod chain;
mod description;
pub(crate) mod forge;
mod hostile;

use self::forge::{NOW_S, Scene};
use super::*;
use crate::verifier::VerdictCode;

/// What a scene's chain is judged, with its root as the only anchor.
fn judged(scene: &Scene, parameters: &Parameters<'_>) -> Result<Facts, Error> {
    let chain = scene.chain();
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    verify(&chain, parameters, &scene.anchors(), None, NOW_S)
}

/// A code in words, or `ok`.
fn word(outcome: &Result<Facts, Error>) -> &'static str {
    outcome
        .as_ref()
        .map_or_else(|error| error.code().as_str(), |_| "ok")
}

fn check(scene: &Scene, parameters: &Parameters<'_>, expect: &str) {
    let outcome = judged(scene, parameters);
    assert_eq!(word(&outcome), expect, "{outcome:?}");
}

/// A scene with something spoilt.
fn spoilt(mut scene: Scene, spoil: impl FnOnce(&mut Scene)) -> Scene {
    spoil(&mut scene);
    scene
}

#[test]
fn every_code_of_the_module_can_be_met() {
    let documented = include_str!("../mod.rs");
    for code in VerdictCode::ALL {
        let apple_or_play = matches!(
            code,
            VerdictCode::Environment | VerdictCode::Nonce | VerdictCode::KeyId | VerdictCode::Counter
        );
        let of_parameters = include_str!("../parameters.rs").contains(&format!("`{code}`"));
        assert_eq!(
            documented.contains(&format!("`{code}`")) || of_parameters,
            !apple_or_play,
            "{code}"
        );
    }
}
