//! What the commands over a policy repository share: the folder of who publishes, keys at rest, and signatures that come together on
//! several machines. Nothing of it decides whom a gateway or phone trusts: they verify by themselves.

mod assemble;
mod document;
mod folder;
mod gateways;
mod keyfile;
mod keyring;
mod passphrase;
mod request;
mod settings;
mod settle;
mod stop;
mod words;

pub(super) use self::{
    assemble::{Change, assemble},
    document::{Document, Draft, Need, missing},
    folder::Folder,
    gateways::Gateways,
    keyring::{Keyring, NewKey, public_key},
    request::{Request, Signatures},
    settings::{Expiries, Settings, default_threshold},
    settle::{deliver, published_line, settle},
    stop::Stop,
    words::list,
};
