//! Session tokens: a JWS with `alg` HS256, `typ` `attest-session+jwt` and the ticket as `kid`. A gateway opens the ticket,
//! finds the session key in it and needs nothing else.

use super::claims::TokenClaims;
use super::{TimeBounds, TokenError, Verified};
use crate::device::TokenKind;
use crate::jose::jws::{MAX_TOKEN_BYTES, read_claims};
use crate::jose::{Algorithm, Compact, JwsError, MacKey, Unsigned, VerifyingKey};
use crate::ticket::TicketKeys;

/// Media type of a session token.
pub const TYP: &str = "attest-session+jwt";

/// The token, MACed with the session key.
///
/// # Errors
/// [`JwsError::TooLarge`] if it exceeds the hard bound of a token even after findings were compacted.
pub fn mint(ticket: &str, session_key: &MacKey, claims: &TokenClaims) -> Result<String, JwsError> {
    let token = Unsigned::new(Algorithm::Hs256, TYP, Some(ticket), claims)?.mac(session_key);
    if token.len() > MAX_TOKEN_BYTES {
        Err(JwsError::TooLarge)
    } else {
        Ok(token)
    }
}

/// Verifies a session token against the fleet's ticket keys.
///
/// # Errors
/// [`TokenError`]: `Ticket(UnknownKey | UnknownEpoch | Sealed)` and `SessionExpired` mean that the phone should renew.
///
/// # Security
/// The witness says nothing about the request yet: call [`Verified::bind`]; nor whether the token was used before.
pub fn verify(
    token: &str,
    tickets: &mut TicketKeys,
    bounds: TimeBounds,
    now_s: u64,
) -> Result<Verified, TokenError> {
    let jws = Compact::parse(token, MAX_TOKEN_BYTES)?;
    if jws.header().alg != Algorithm::Hs256 {
        return Err(JwsError::Alg.into());
    }
    jws.header().expect_typ(TYP)?;
    let ticket = tickets.open(jws.header().kid.as_deref().ok_or(JwsError::UnknownKey)?, now_s)?;
    let payload = jws.verify(&VerifyingKey::Mac(MacKey::new(ticket.session_key.reveal())))?;
    let claims: TokenClaims = read_claims(&payload)?;
    if ticket.result.expires_at_s <= now_s {
        return Err(TokenError::SessionExpired);
    }
    claims.accept(&ticket.result.audience, bounds, now_s)?;
    Ok(Verified {
        kind: TokenKind::Session,
        result: ticket.result,
        claims,
    })
}
