//! Tags of the authorization lists in a KeyDescription, and the values in them that matter here.

/// SET OF INTEGER: what the key may do.
pub const PURPOSE: u32 = 1;
/// INTEGER.
pub const ALGORITHM: u32 = 2;
/// INTEGER.
pub const KEY_SIZE: u32 = 3;
/// SET OF INTEGER.
pub const DIGEST: u32 = 5;
/// SET OF INTEGER.
pub const PADDING: u32 = 6;
/// INTEGER.
pub const EC_CURVE: u32 = 10;
/// INTEGER, from version 500.
pub const ML_DSA_VARIANT: u32 = 11;
/// NULL.
pub const ROLLBACK_RESISTANCE: u32 = 303;
/// NULL.
pub const NO_AUTH_REQUIRED: u32 = 503;
/// NULL: any app may use the key.
pub const ALL_APPLICATIONS: u32 = 600;
/// INTEGER, milliseconds on most phones.
pub const CREATION_TIME: u32 = 701;
/// INTEGER.
pub const ORIGIN: u32 = 702;
/// SEQUENCE.
pub const ROOT_OF_TRUST: u32 = 704;
/// INTEGER such as 150000.
pub const OS_VERSION: u32 = 705;
/// INTEGER, year and month.
pub const OS_PATCH_LEVEL: u32 = 706;
/// OCTET STRING around a SEQUENCE.
pub const APPLICATION_ID: u32 = 709;
/// OCTET STRING.
pub const ID_BRAND: u32 = 710;
/// INTEGER, year, month and mostly day.
pub const VENDOR_PATCH_LEVEL: u32 = 718;
/// INTEGER, year, month and mostly day.
pub const BOOT_PATCH_LEVEL: u32 = 719;
/// OCTET STRING, from version 400.
pub const MODULE_HASH: u32 = 724;

/// Purpose: sign.
pub const SIGN: i64 = 2;
/// Purpose: verify.
pub const VERIFY: i64 = 3;
/// Purpose: attest other keys.
pub const ATTEST_KEY: i64 = 7;
/// Digest.
pub const SHA_256: i64 = 4;
/// Level: the operating system.
pub const SOFTWARE: i64 = 0;
/// Level: the trusted execution environment.
pub const TRUSTED_ENVIRONMENT: i64 = 1;
/// Level: a security chip.
pub const STRONG_BOX: i64 = 2;
/// Origin: made where it lives.
pub const GENERATED: i64 = 0;
/// Origin: brought there.
pub const IMPORTED: i64 = 2;
/// Boot state: the maker's system.
pub const VERIFIED: i64 = 0;
/// Boot state: the owner's own key.
pub const SELF_SIGNED: i64 = 1;
/// Boot state: anything may run.
pub const UNVERIFIED: i64 = 2;
