//! What the platform said, as bytes: two bytes of flags for what is there, then that in the order of the flags. Nothing costs two
//! bytes.

use super::TicketError;
use super::bytes::{Reader, Writer};
use crate::appraisal::{
    AppleClaims, AttestedPackages, PatchLevel, PlatformClaims, PlayClaims, Verdict, Verdicts,
};
use crate::device::{BootState, KeyProvisioning};

const PACKAGES: u16 = 1;
const VERSION_CODE: u16 = 1 << 1;
const PROVISIONING: u16 = 1 << 2;
const BOOT_STATE: u16 = 1 << 3;
const BOOT_LOCK: u16 = 1 << 4;
/// The value of the lock, not its presence.
const LOCKED: u16 = 1 << 5;
const OS_VERSION: u16 = 1 << 6;
const OS_PATCH: u16 = 1 << 7;
const VENDOR_PATCH: u16 = 1 << 8;
const BOOT_PATCH: u16 = 1 << 9;
const DEVICES: u16 = 1 << 10;
const PLAY: u16 = 1 << 11;
const APPLE: u16 = 1 << 12;
const ALL: u16 = (1 << 13) - 1;

/// Above the positions of known verdicts: this plus a length, then so many bytes.
const SPELLED: u8 = 0x80;

/// Writes `claims`.
pub(super) fn write(claims: &PlatformClaims, out: &mut Writer) -> Result<(), TicketError> {
    let flag = |given: bool, flag: u16| if given { flag } else { 0 };
    let flags = flag(claims.attested_packages.count() > 0, PACKAGES)
        | flag(claims.app_version_code.is_some(), VERSION_CODE)
        | flag(claims.provisioning.is_some(), PROVISIONING)
        | flag(claims.boot_state.is_some(), BOOT_STATE)
        | flag(claims.boot_locked.is_some(), BOOT_LOCK)
        | flag(claims.boot_locked == Some(true), LOCKED)
        | flag(claims.os_version.is_some(), OS_VERSION)
        | flag(claims.os_patch.is_some(), OS_PATCH)
        | flag(claims.vendor_patch.is_some(), VENDOR_PATCH)
        | flag(claims.boot_patch.is_some(), BOOT_PATCH)
        | flag(claims.certificate_devices.is_some(), DEVICES)
        | flag(claims.play.is_some(), PLAY)
        | flag(claims.apple.is_some(), APPLE);
    out.bytes(&flags.to_be_bytes());
    if flags & PACKAGES != 0 {
        let (joined, more) = claims.attested_packages.parts();
        out.text(joined)?;
        out.bytes(&more.to_be_bytes());
    }
    if let Some(code) = claims.app_version_code {
        out.bytes(&code.to_be_bytes());
    }
    if let Some(provisioning) = claims.provisioning {
        out.bytes(&[provisioning.to_byte()]);
    }
    if let Some(state) = claims.boot_state {
        out.bytes(&[state.to_byte()]);
    }
    let patches = [claims.os_patch, claims.vendor_patch, claims.boot_patch];
    let numbers = patches.map(|patch| patch.map(PatchLevel::to_number));
    let numbers = [claims.os_version]
        .into_iter()
        .chain(numbers)
        .chain([claims.certificate_devices]);
    for number in numbers.flatten() {
        out.bytes(&number.to_be_bytes());
    }
    if let Some(play) = &claims.play {
        write_play(play, out)?;
    }
    if let Some(apple) = &claims.apple {
        write_apple(apple, out)?;
    }
    Ok(())
}

/// Reads what [`write`] made.
pub(super) fn read(input: &mut Reader<'_>) -> Result<PlatformClaims, TicketError> {
    let flags = u16::from_be_bytes(input.array()?);
    if flags & !ALL != 0 {
        return Err(TicketError::Malformed);
    }
    let has = |flag: u16| flags & flag != 0;
    let mut claims = PlatformClaims::default();
    if has(PACKAGES) {
        let joined = input.str()?;
        claims.attested_packages = AttestedPackages::from_parts(joined, u16::from_be_bytes(input.array()?));
    }
    if has(VERSION_CODE) {
        claims.app_version_code = Some(input.u64()?);
    }
    if has(PROVISIONING) {
        let provisioning = KeyProvisioning::from_byte(input.byte()?);
        claims.provisioning = Some(provisioning.ok_or(TicketError::Malformed)?);
    }
    if has(BOOT_STATE) {
        let state = BootState::from_byte(input.byte()?);
        claims.boot_state = Some(state.ok_or(TicketError::Malformed)?);
    }
    claims.boot_locked = has(BOOT_LOCK).then(|| has(LOCKED));
    if has(OS_VERSION) {
        claims.os_version = Some(input.u32()?);
    }
    for (flag, patch) in [
        (OS_PATCH, &mut claims.os_patch),
        (VENDOR_PATCH, &mut claims.vendor_patch),
        (BOOT_PATCH, &mut claims.boot_patch),
    ] {
        if has(flag) {
            let level = PatchLevel::from_attested(input.u32()?);
            *patch = Some(level.ok_or(TicketError::Malformed)?);
        }
    }
    if has(DEVICES) {
        claims.certificate_devices = Some(input.u32()?);
    }
    if has(PLAY) {
        claims.play = Some(Box::new(read_play(input)?));
    }
    if has(APPLE) {
        claims.apple = Some(Box::new(read_apple(input)?));
    }
    Ok(claims)
}

fn write_play(play: &PlayClaims, out: &mut Writer) -> Result<(), TicketError> {
    write_verdicts(play.device.iter(), out)?;
    write_verdicts(play.app.iter(), out)?;
    write_verdicts(play.licensing.iter(), out)?;
    write_verdicts(play.protect.iter(), out)?;
    write_verdicts(play.apps_detected.iter(), out)
}

fn read_play(input: &mut Reader<'_>) -> Result<PlayClaims, TicketError> {
    Ok(PlayClaims {
        device: read_verdicts(input)?.into(),
        app: read_verdicts(input)?.pop(),
        licensing: read_verdicts(input)?.pop(),
        protect: read_verdicts(input)?.pop(),
        apps_detected: Verdicts::from(read_verdicts(input)?),
    })
}

fn write_verdicts<'a>(
    verdicts: impl Iterator<Item = &'a Verdict>,
    out: &mut Writer,
) -> Result<(), TicketError> {
    let verdicts: Vec<&Verdict> = verdicts.collect();
    out.bytes(&[u8::try_from(verdicts.len()).map_err(|_| TicketError::TooLarge)?]);
    for verdict in verdicts {
        match verdict.index() {
            Some(index) => out.bytes(&[index]),
            None => {
                let len = u8::try_from(verdict.as_str().len()).map_err(|_| TicketError::TooLarge)?;
                out.bytes(&[SPELLED | len]);
                out.bytes(verdict.as_str().as_bytes());
            }
        }
    }
    Ok(())
}

fn read_verdicts(input: &mut Reader<'_>) -> Result<Vec<Verdict>, TicketError> {
    let count = input.byte()?;
    (0..count)
        .map(|_| {
            let first = input.byte()?;
            if first & SPELLED == 0 {
                return Verdict::at(first).ok_or(TicketError::Malformed);
            }
            input.str_of(usize::from(first & !SPELLED)).map(Verdict::new)
        })
        .collect()
}

fn write_apple(apple: &AppleClaims, out: &mut Writer) -> Result<(), TicketError> {
    let category = apple.validation_category;
    out.bytes(&[u8::from(category.is_some()) | u8::from(apple.bundle_version.is_some()) << 1]);
    if let Some(category) = category {
        out.bytes(&category.to_be_bytes());
    }
    apple
        .bundle_version
        .as_deref()
        .map_or(Ok(()), |version| out.text(version))
}

fn read_apple(input: &mut Reader<'_>) -> Result<AppleClaims, TicketError> {
    let flags = input.byte()?;
    if flags > 3 {
        return Err(TicketError::Malformed);
    }
    Ok(AppleClaims {
        validation_category: (flags & 1 != 0).then(|| input.u32()).transpose()?,
        bundle_version: (flags & 2 != 0).then(|| input.text()).transpose()?,
    })
}
