//! The team in an executable's code signature, which App Store packages have and provisioning profiles they have not.

/// Load commands that are looked at.
const MAX_COMMANDS: u32 = 4096;
/// Parts of a code signature that are looked at.
const MAX_PARTS: u32 = 64;
/// Teams have ten characters.
const MAX_TEAM_BYTES: usize = 64;

const FAT: u32 = 0xcafe_babe;
const MACHO_64: u32 = 0xfeed_facf;
const HEADER_64_BYTES: usize = 32;
const CODE_SIGNATURE: u32 = 0x1d;
const SUPER_BLOB: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
/// The first version of a code directory that names a team.
const VERSION_WITH_TEAM: u32 = 0x2_0200;

fn be(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn le(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn size(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

/// The team that the first architecture's code signature names.
pub(super) fn team(executable: &[u8]) -> Option<String> {
    let image = if be(executable, 0)? == FAT {
        executable.get(size(be(executable, 16)?)?..)?
    } else {
        executable
    };
    let signature = code_signature(image)?;
    if be(signature, 0)? != SUPER_BLOB {
        return None;
    }
    (0..be(signature, 8)?.min(MAX_PARTS)).find_map(|index| {
        let at = size(index)?.checked_mul(8)?.checked_add(12 + 4)?;
        team_of_directory(signature.get(size(be(signature, at)?)?..)?)
    })
}

/// What the load command for the code signature points to.
fn code_signature(image: &[u8]) -> Option<&[u8]> {
    if le(image, 0)? != MACHO_64 {
        return None;
    }
    let mut at = HEADER_64_BYTES;
    for _ in 0..le(image, 16)?.min(MAX_COMMANDS) {
        if le(image, at)? == CODE_SIGNATURE {
            let start = size(le(image, at.checked_add(8)?)?)?;
            let bytes = size(le(image, at.checked_add(12)?)?)?;
            return image.get(start..start.checked_add(bytes)?);
        }
        at = at.checked_add(size(le(image, at.checked_add(4)?)?)?)?;
    }
    None
}

fn team_of_directory(directory: &[u8]) -> Option<String> {
    if be(directory, 0)? != CODE_DIRECTORY || be(directory, 8)? < VERSION_WITH_TEAM {
        return None;
    }
    let start = be(directory, 48).filter(|offset| *offset != 0)?;
    let text = directory.get(size(start)?..)?;
    let end = text.iter().take(MAX_TEAM_BYTES).position(|byte| *byte == 0)?;
    let team = std::str::from_utf8(text.get(..end)?).ok()?;
    let plain = !team.is_empty() && team.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| team.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An executable of one load command and a signature that names a team.
    fn image(version: u32, team: &[u8]) -> Vec<u8> {
        let mut directory: Vec<u8> = [CODE_DIRECTORY, 52, version].map(u32::to_be_bytes).concat();
        directory.resize(48, 0);
        directory.extend(52_u32.to_be_bytes());
        directory.extend(team);
        let mut signature = [SUPER_BLOB, 0, 1, 0, 20].map(u32::to_be_bytes).concat();
        signature.extend(directory);
        let length = u32::try_from(signature.len()).unwrap();
        let mut image = [MACHO_64, 0, 0, 0, 2, 0, 0, 0, 0x19, 8]
            .map(u32::to_le_bytes)
            .concat();
        image.extend([CODE_SIGNATURE, 16, 56, length].map(u32::to_le_bytes).concat());
        image.extend(signature);
        image
    }

    #[test]
    fn the_team_of_a_code_signature() {
        let check = |executable: &[u8], expect: Option<&str>| assert_eq!(team(executable).as_deref(), expect);
        let thin = image(0x2_0400, b"A1B2C3D4E5\0");
        check(&thin, Some("A1B2C3D4E5"));
        let fat = [FAT, 1, 0, 0, 28, 0, 0].map(u32::to_be_bytes).concat();
        check(&[fat, thin.clone()].concat(), Some("A1B2C3D4E5"));
        check(&image(0x2_0100, b"A1B2C3D4E5\0"), None);
        check(&image(0x2_0400, b"\0"), None);
        check(&image(0x2_0400, b"A1B2\n\0"), None);
        check(&image(0x2_0400, b"A1B2C3D4E5"), None);
        for end in 0..thin.len() {
            check(&thin[..end], None);
        }
    }
}
