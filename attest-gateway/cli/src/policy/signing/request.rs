//! What travels between machines: a request with everything that its signer has to see, and the signatures that come back. Neither
//! holds anything secret; neither is trusted more than what it carries can be verified.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use attest_core::encoding::{base64url, from_base64url, hex, sha256};
use attest_policy::repository::{PublishedPolicy, Repository, Signature, Signed as _, write_whole};
use serde::{Deserialize, Serialize};

use super::{Document, Draft, Folder, Need, Stop};
use crate::input;

/// The largest request that is read: a policy twice, with its tests.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// What somebody is asked to sign.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Its name, which the signatures carry too.
    pub(crate) request: String,
    pub(crate) documents: Vec<Asked>,
    /// What people call the keys.
    pub(crate) names: BTreeMap<String, String>,
    /// What the documents name, by SHA-256.
    artifacts: BTreeMap<String, String>,
    /// The root and policy of now, to be compared with.
    now: BTreeMap<String, String>,
}

/// One document of a request. Bytes travel as base64url, so that no editor or transport changes one of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pub(crate) draft: Draft,
    metadata: String,
    pub(crate) needs: Vec<Need>,
}

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signatures {
    /// The name of the request.
    pub(crate) signatures_of: String,
    pub(crate) signatures: BTreeMap<Draft, Vec<Signature>>,
}

impl Asked {
    pub(crate) fn document(&self) -> Result<Document, Stop> {
        let bytes = from_base64url(&self.metadata)
            .map_err(|error| Stop::unusable(format!("{}: {error}", self.draft)))?;
        Document::from_bytes(self.draft, &bytes)
            .map_err(|error| Stop::unusable(format!("{}: {error}", self.draft)))
    }
}

impl Request {
    /// The name of the request that these drafts make; a policy and the way back from it are one.
    pub(crate) fn name(draft: Draft, document: &Document) -> String {
        match draft {
            Draft::Root => format!("root-{}", document.version()),
            Draft::Targets => format!("targets-{}", document.version()),
            Draft::Undo => format!("targets-{}", document.version().saturating_sub(1)),
            Draft::Brake => format!("brake-{}", document.version()),
        }
    }

    /// A request to sign these drafts.
    pub(crate) fn of(folder: &Folder, name: &str, drafts: &[Draft]) -> Result<Self, Stop> {
        let mut request = Self {
            request: name.to_owned(),
            documents: Vec::new(),
            names: folder.settings.names.clone(),
            artifacts: BTreeMap::new(),
            now: BTreeMap::new(),
        };
        for draft in drafts {
            let Some(document) = folder.drafts.get(draft) else {
                continue;
            };
            if let Some(targets) = document.targets() {
                for bytes in folder.artifacts("drafts", &targets.signed)?.into_values() {
                    request
                        .artifacts
                        .insert(hex(sha256(&[&bytes])), base64url(&bytes));
                }
            }
            request.documents.push(Asked {
                draft: *draft,
                metadata: base64url(document.to_bytes()?),
                needs: folder.needs(*draft)?.0,
            });
        }
        if let Some(published) = &folder.published {
            let newest = published.roots.last_key_value().map(|(_, root)| root);
            let policy = ["device.json", "gateway.json"].map(|name| (name, published.artifacts.get(name)));
            for (name, bytes) in [("root.json", newest)].into_iter().chain(policy) {
                request
                    .now
                    .extend(bytes.map(|bytes| (name.to_owned(), base64url(bytes))));
            }
        }
        Ok(request)
    }

    /// Where it is kept in the folder.
    pub(crate) fn path(folder: &Folder, name: &str) -> PathBuf {
        folder.path("requests").join(format!("{name}.json"))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Stop> {
        write_json(path, self)
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Stop> {
        read_json(path, "a request as `attest policy sign` writes it to requests/")
    }

    /// What a document names; each is what the document says it is.
    pub(crate) fn artifacts(&self, document: &Document) -> Result<BTreeMap<String, Vec<u8>>, Stop> {
        let mut artifacts = BTreeMap::new();
        for (name, described) in document
            .targets()
            .iter()
            .flat_map(|targets| &targets.signed.targets)
        {
            let hash = described.hashes.get("sha256").map_or("", String::as_str);
            let bytes = self
                .artifacts
                .get(hash)
                .and_then(|text| from_base64url(text).ok());
            let bytes = bytes.filter(|bytes| described.is(bytes));
            let missing = || {
                Stop::refused(format!(
                    "the request does not carry the `{name}` that would be signed; ask for a new one"
                ))
            };
            artifacts.insert(name.clone(), bytes.ok_or_else(missing)?);
        }
        Ok(artifacts)
    }

    /// The root of now, if one was published.
    pub(crate) fn root_now(&self) -> Option<Vec<u8>> {
        from_base64url(self.now.get("root.json")?).ok()
    }

    /// The policy of now, if one was published.
    pub(crate) fn policy_now(&self) -> Option<PublishedPolicy> {
        let now = |name: &str| Some((name.to_owned(), from_base64url(self.now.get(name)?).ok()?));
        let artifacts = [now("device.json")?, now("gateway.json")?].into();
        let repository = Repository {
            artifacts,
            ..Repository::default()
        };
        repository.policy().ok()
    }
}

impl Signatures {
    pub(crate) fn write(&self, path: &Path) -> Result<(), Stop> {
        write_json(path, self)
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Stop> {
        read_json(path, "signatures as `attest policy sign REQUEST` writes them")
    }

    /// Takes them into the drafts. Every one must be good: a bad one says that something went wrong on the way.
    pub(crate) fn attach(&self, folder: &mut Folder) -> Result<(), Stop> {
        for (draft, signatures) in &self.signatures {
            let stale = || {
                Stop::refused(format!(
                    "{}: nothing of this name is being signed any more; was it published, or changed?",
                    self.signatures_of
                ))
            };
            let (needs, keys) = folder.needs(*draft)?;
            let mut document = folder.drafts.get(draft).cloned().ok_or_else(stale)?;
            if Request::name(*draft, &document) != self.signatures_of {
                return Err(stale());
            }
            for signature in signatures {
                let name = folder.settings.name(&signature.keyid);
                if !needs.iter().any(|need| need.keyids.contains(&signature.keyid)) {
                    return Err(Stop::refused(format!(
                        "{draft}: nobody needs the signature of {name}"
                    )));
                }
                document.attach(signature.clone());
                if !document.signed_by(&keys).contains(&signature.keyid) {
                    return Err(Stop::refused(format!(
                        "{draft}: the signature of {name} is not of this draft; it was changed after the request was made\n  \
                         Carry the new request from {} to who signs.",
                        folder.path("requests").display()
                    )));
                }
            }
            folder.put(*draft, document, &BTreeMap::new())?;
        }
        Ok(())
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Stop> {
    let mut json = serde_json::to_vec_pretty(value).map_err(|error| Stop::unusable(error.to_string()))?;
    json.push(b'\n');
    Ok(write_whole(path, &json)?)
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path, expected: &str) -> Result<T, Stop> {
    let bytes = input::file(path, MAX_BYTES).map_err(|error| Stop::file(path, error))?;
    let bytes = bytes.ok_or_else(|| Stop::file(path, format!("larger than {MAX_BYTES} bytes")))?;
    serde_json::from_slice(&bytes).map_err(|error| Stop::file(path, format!("expected {expected}: {error}")))
}

/// The version that a document has, for people.
pub(super) fn title(draft: Draft, document: &Document) -> String {
    let version = document.version();
    match (draft, document) {
        (Draft::Root, Document::Root(root)) => {
            format!("root version {version}, until {}", root.signed.header().expires)
        }
        (_, Document::Targets(targets)) => {
            let until = &targets.signed.header().expires;
            match draft {
                Draft::Undo => format!("undo, as targets version {version}, until {until}"),
                Draft::Brake => format!("brake version {version}"),
                Draft::Root | Draft::Targets => format!("targets version {version}, until {until}"),
            }
        }
        (_, Document::Root(_)) => format!("{draft} version {version}"),
    }
}
