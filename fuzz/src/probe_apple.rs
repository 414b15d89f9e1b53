//! Mach-O files, code signatures, property lists and provisioning profiles.

use attest_mobile::probes::parse::{entitlements, kinfo, macho, plist, provision};

/// No list of names is longer than its bound, and what a profile's envelope holds is a property list by itself.
pub fn probe_apple(data: &[u8]) -> bool {
    let image = macho::image(data);
    let placed = image.ok().and_then(|image| image.signature);
    let signature = entitlements::signature(placed.and_then(|span| span.of(data)).unwrap_or(data));
    if let Ok(signature) = &signature {
        let names = signature.entitlements().len();
        assert!(names <= 2 * entitlements::MAX_ENTITLEMENTS, "more entitlements than the bound");
    }
    let architectures = macho::architectures(data);
    if let Ok(architectures) = &architectures {
        assert!(architectures.len() <= 16, "more architectures than the bound");
    }
    let profile = provision::profile(data);
    if let Ok(profile) = &profile {
        assert!(profile.teams.len() <= provision::MAX_NAMES, "more teams than the bound");
        assert!(profile.app_id.is_none() || !profile.entitlements.is_empty(), "an entitlement without its name");
    }
    let process = kinfo::process(data);
    assert!(process.is_err() || data.len() == 648, "a process of another structure");
    let list = plist::plist(data);
    image.is_ok() || signature.is_ok() || architectures.is_ok() || profile.is_ok() || list.is_ok()
}
