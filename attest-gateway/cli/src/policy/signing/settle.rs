//! What follows whenever drafts changed: own keys sign what they may, requests are written for what is missing, and all of it is said.

use std::{collections::BTreeMap, fs, io};

use attest_core::encoding::hex;
use attest_policy::repository::{Metadata, Repository, Root, Signature, Signed as _, write_whole};

use super::{
    Document, Draft, Folder, Gateways, Keyring, Request, Stop, list, missing,
    request::title,
    words::{Context, describe},
};
use crate::out::{Exit, Out, printable};

/// Says what these drafts are, signs them with own keys, asks for the rest. True if none of them misses anything any more. One that
/// misses nothing is only told of if it is among the news.
pub(crate) fn settle(
    folder: &mut Folder,
    keyring: Option<&Keyring>,
    drafts: &[Draft],
    news: &[Draft],
    out: &mut Out<'_>,
) -> Result<bool, Stop> {
    for draft in drafts {
        if let Some(document) = folder.drafts.get(draft).cloned() {
            one(folder, keyring, *draft, document, news.contains(draft), out)?;
        }
    }
    let mut asked: BTreeMap<String, Vec<Draft>> = BTreeMap::new();
    for (draft, document) in &folder.drafts {
        let (needs, keys) = folder.needs(*draft)?;
        if !missing(&document.signed_by(&keys), &needs).is_empty() {
            asked
                .entry(Request::name(*draft, document))
                .or_default()
                .push(*draft);
        }
    }
    requests(folder, &asked)?;
    asked.retain(|_, open| open.iter().any(|draft| drafts.contains(draft)));
    for name in asked.keys() {
        let path = Request::path(folder, name);
        writeln!(
            out.out,
            "\nCarry {} to who is missing; there:",
            printable(&path.display().to_string())
        )?;
        writeln!(out.out, "  attest policy sign {name}.json --keys KEYDIR")?;
        writeln!(out.out, "and with the file that it writes, here:")?;
        writeln!(out.out, "  attest policy sign {} --attach FILE", folder.display())?;
    }
    Ok(asked.is_empty())
}

fn one(
    folder: &mut Folder,
    keyring: Option<&Keyring>,
    draft: Draft,
    mut document: Document,
    is_news: bool,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let (needs, keys) = folder.needs(draft)?;
    let before = document.signed_by(&keys);
    if missing(&before, &needs).is_empty() && !is_news {
        return Ok(());
    }
    show(folder, draft, &document, out)?;
    if let Some(keyring) = keyring {
        for id in needs.iter().flat_map(|need| &need.keyids) {
            if !document.signed_by(&keys).contains(id)
                && let Some(signature) = signature(keyring, id, &document)?
            {
                document.attach(signature);
            }
        }
    }
    let signed = document.signed_by(&keys);
    if signed != before {
        folder.put(draft, document.clone(), &BTreeMap::new())?;
    }
    let name = |id: &str| folder.settings.name(id);
    if !signed.is_empty() {
        writeln!(out.out, "  signed by {}", printable(&list(&signed, &name)))?;
    }
    let open = missing(&signed, &needs);
    for (need, count, ids) in &open {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let text = format!(
            "  {count} of {} signatures for {}; missing: {}",
            need.threshold,
            need.of,
            list(&ids, &name)
        );
        writeln!(out.out, "{}", printable(&text))?;
    }
    if open.is_empty() && draft == Draft::Root && document.version() == 1 {
        write_whole(&folder.path("root.json"), &document.to_bytes()?)?;
    }
    Ok(())
}

fn show(folder: &Folder, draft: Draft, document: &Document, out: &mut Out<'_>) -> Result<(), Stop> {
    let artifacts = match document.targets() {
        Some(targets) => folder.artifacts("drafts", &targets.signed)?,
        None => BTreeMap::new(),
    };
    let root = folder.published_root()?.map(|root| root.signed);
    let policy = folder
        .published
        .as_ref()
        .and_then(|published| published.policy().ok());
    let context = Context {
        name: &|id| folder.settings.name(id),
        root: root.as_ref(),
        policy: policy.as_ref(),
    };
    describe(draft, document, &artifacts, &context, out)
}

/// Exactly the requests that are open are there.
fn requests(folder: &Folder, asked: &BTreeMap<String, Vec<Draft>>) -> Result<(), Stop> {
    for (name, drafts) in asked {
        Request::of(folder, name, drafts)?.write(&Request::path(folder, name))?;
    }
    let directory = folder.path("requests");
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Stop::file(&directory, error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| Stop::file(&directory, error))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let ours = path.extension().is_some_and(|extension| extension == "json");
        if ours && !asked.contains_key(name.as_ref()) {
            fs::remove_file(&path).map_err(|error| Stop::file(&path, error))?;
        }
    }
    Ok(())
}

/// The signature of a key over a document, if the key is here.
fn signature(keyring: &Keyring, id: &str, document: &Document) -> Result<Option<Signature>, Stop> {
    let Some(key) = keyring.unlock(id)? else {
        return Ok(None);
    };
    let sig = hex(key.sign(&document.message()?, keyring.rng())?);
    Ok(Some(Signature {
        keyid: id.to_owned(),
        sig,
    }))
}

impl Request {
    /// Says what is asked for, and signs it with the keys that are here.
    pub(crate) fn sign(
        &self,
        keyring: &Keyring,
        out: &mut Out<'_>,
    ) -> Result<BTreeMap<Draft, Vec<Signature>>, Stop> {
        let root = self.root_now();
        let root: Option<Metadata<Root>> = root.map(|root| Metadata::from_bytes(&root)).transpose()?;
        let root = root.map(|root| root.signed);
        let policy = self.policy_now();
        let name = |id: &str| {
            let known = keyring
                .name(id)
                .map(str::to_owned)
                .or_else(|| self.names.get(id).cloned());
            known.unwrap_or_else(|| format!("key {}", id.chars().take(8).collect::<String>()))
        };
        let context = Context {
            name: &name,
            root: root.as_ref(),
            policy: policy.as_ref(),
        };
        let mut documents = Vec::new();
        for asked in &self.documents {
            let document = asked.document()?;
            if Self::name(asked.draft, &document) != self.request {
                let found = title(asked.draft, &document);
                return Err(Stop::refused(format!(
                    "the request calls itself {}, and asks for {found}",
                    self.request
                )));
            }
            describe(asked.draft, &document, &self.artifacts(&document)?, &context, out)?;
            documents.push((asked, document));
        }
        // Everything was shown before the first key is opened.
        let mut signatures: BTreeMap<Draft, Vec<Signature>> = BTreeMap::new();
        let mut asked_of = Vec::new();
        for (asked, document) in &documents {
            for id in asked.needs.iter().flat_map(|need| &need.keyids) {
                asked_of.push(id.clone());
                let known = signatures
                    .get(&asked.draft)
                    .is_some_and(|known| known.iter().any(|one| one.keyid == *id));
                if !known && let Some(signature) = signature(keyring, id, document)? {
                    signatures.entry(asked.draft).or_default().push(signature);
                }
            }
        }
        if signatures.is_empty() {
            asked_of.sort_unstable();
            asked_of.dedup();
            return Err(Stop::refused(format!(
                "none of your keys is asked for; those that are: {}",
                list(&asked_of, &name)
            )));
        }
        Ok(signatures)
    }
}

/// Hands what is published on, to folders and gateways.
pub(crate) fn deliver(
    repository: &Repository,
    to: &[std::path::PathBuf],
    gateways: &Gateways,
    out: &mut Out<'_>,
) -> Result<Exit, Stop> {
    for directory in to {
        repository.write_to(directory)?;
        writeln!(
            out.out,
            "written to {}",
            printable(&directory.display().to_string())
        )?;
    }
    gateways.push(repository, out)
}

/// The version and expiry of what was published, in a line.
pub(crate) fn published_line(repository: &Repository) -> Result<String, Stop> {
    let timestamp =
        Metadata::<attest_policy::repository::Timestamp>::from_bytes(&repository.timestamp)?.signed;
    let policy = match repository.policy() {
        Ok(policy) => format!("policy version {}", policy.gateway.version),
        Err(_) => "no policy yet".to_owned(),
    };
    let root = repository.roots.keys().next_back().copied().unwrap_or_default();
    let header = timestamp.header();
    Ok(format!(
        "{policy}, root {root}, timestamp {} until {}",
        header.version, header.expires
    ))
}
