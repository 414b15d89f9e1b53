//! What a targets role hands on, and to whom. A delegation that could be read in two ways is refused with the metadata it stands in.

use super::{
    RoleName,
    schema::{KeyHolders, Keys, holders, keys},
};
use crate::json::Json;
use crate::sorted::Sorted;

/// The most bits of a path's hash that choose one of the roles of a succinct delegation.
const MAX_BITS: u64 = 32;

/// What a role hands on, and to whom.
#[derive(Debug, Clone)]
pub(super) struct Delegation {
    /// Its role; for [`Scope::Bins`] what the names of its roles begin with.
    pub(super) name: String,
    pub(super) holders: KeyHolders,
    pub(super) terminating: bool,
    pub(super) scope: Scope,
}

/// Which targets a delegation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    Paths(Vec<String>),
    /// Lower-case hex prefixes of the SHA-256 of a target's path.
    HashPrefixes(Vec<String>),
    /// One role for each value of so many first bits of that hash (TAP 15, `succinct_roles`).
    Bins(u32),
}

/// The delegations of a targets role in their order; `None` if they are not unambiguous. A scheme that is not known here delegates
/// nothing.
pub(super) fn delegations(written: &Json) -> Option<Vec<Delegation>> {
    let keys = keys(written)?;
    match (written.member("roles"), written.member("succinct_roles")) {
        (Some(_), Some(_)) => None,
        (None, None) => Some(Vec::new()),
        (None, Some(bins)) => Some(vec![succinct(bins, &keys)?]),
        (Some(roles), None) => {
            let read: Vec<Delegation> = roles
                .list()?
                .iter()
                .map(|role| delegation(role, &keys))
                .collect::<Option<_>>()?;
            let names = read.iter().map(|role| (role.name.as_str(), ()));
            Sorted::distinct(names.collect())?;
            Some(read)
        }
    }
}

fn delegation(role: &Json, keys: &Keys) -> Option<Delegation> {
    let name = role.member("name")?.text()?;
    let scope = match (role.member("paths"), role.member("path_hash_prefixes")) {
        (Some(paths), None) => Scope::Paths(texts(paths)?),
        (None, Some(prefixes)) => Scope::HashPrefixes(texts(prefixes)?),
        _ => return None,
    };
    // A delegation by the name of a top-level role would be taken for it.
    let own = matches!(RoleName::named(name), RoleName::Delegated(_)) && !name.is_empty();
    own.then_some(())?;
    Some(Delegation {
        name: name.to_owned(),
        holders: holders(role, keys)?,
        terminating: role.member("terminating")?.boolean()?,
        scope,
    })
}

fn succinct(bins: &Json, keys: &Keys) -> Option<Delegation> {
    let bits = bins.member("bit_length")?.unsigned()?;
    Some(Delegation {
        name: bins.member("name_prefix")?.text()?.to_owned(),
        holders: holders(bins, keys)?,
        terminating: true,
        scope: Scope::Bins(
            u32::try_from(bits)
                .ok()
                .filter(|_| (1..=MAX_BITS).contains(&bits))?,
        ),
    })
}

fn texts(list: &Json) -> Option<Vec<String>> {
    list.list()?
        .iter()
        .map(|item| item.text().map(str::to_owned))
        .collect()
}
