//! The folder of who publishes a policy. It holds nothing secret, so it can be kept where others see it:
//!
//! `settings.json` · `repository/` what was published · `drafts/` what is being signed · `undo/` the signed way back · `requests/` what
//! other machines are asked to sign · `root.json` the first root, for gateways and apps.
//!
//! Every file is written whole or not at all. A draft that a publication has overtaken is no draft any more, so a command that was
//! interrupted is just run again. Two commands at once are refused.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use attest_policy::repository::{
    BRAKE_ROLE, Delegations, Described, KeyIds, Metadata, PublicKey, Repository, Root, Signed as _, Targets,
    write_whole,
};

use super::{Document, Draft, Need, Settings, Stop};
use crate::input;

const SETTINGS: &str = "settings.json";

/// No file of the folder beside the repository is larger.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The folder, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) published: Option<Repository>,
    pub(crate) drafts: BTreeMap<Draft, Document>,
    /// Held as long as the folder is open.
    _lock: File,
}

impl Folder {
    /// A new folder, which must be empty or not there. Nothing but the lock is written yet.
    pub(crate) fn create(path: &Path, settings: Settings) -> Result<Self, Stop> {
        let failed = |error| Stop::file(path, error);
        fs::create_dir_all(path).map_err(failed)?;
        let mut entries = fs::read_dir(path).map_err(failed)?;
        if entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != ".lock")) {
            let mend = format!(
                "there is something already; `attest policy keys` changes keys, `attest policy sign {}` signs",
                path.display()
            );
            return Err(Stop::file(path, mend));
        }
        Ok(Self {
            path: path.to_owned(),
            settings,
            published: None,
            drafts: BTreeMap::new(),
            _lock: lock(path)?,
        })
    }

    /// The folder that `init` made.
    pub(crate) fn open(path: &Path) -> Result<Self, Stop> {
        let mend = || {
            format!(
                "there is no policy repository\n  Make one: attest policy init {} --keys KEYDIR",
                path.display()
            )
        };
        if !path.join(SETTINGS).exists() {
            return Err(Stop::file(path, mend()));
        }
        let lock = lock(path)?;
        let settings = read(&path.join(SETTINGS))?.ok_or_else(|| Stop::file(path, mend()))?;
        let settings =
            serde_json::from_slice(&settings).map_err(|error| Stop::file(&path.join(SETTINGS), error))?;
        let repository = path.join("repository");
        let published = repository
            .join("metadata/timestamp.json")
            .exists()
            .then(|| Repository::read_from(&repository))
            .transpose()?;
        let mut folder = Self {
            path: path.to_owned(),
            settings,
            published,
            drafts: BTreeMap::new(),
            _lock: lock,
        };
        for draft in Draft::ALL {
            let file = folder.draft_path(draft);
            if let Some(bytes) = read(&file)? {
                let document =
                    Document::from_bytes(draft, &bytes).map_err(|error| Stop::file(&file, error))?;
                if document.version() > folder.published_version(draft) {
                    folder.drafts.insert(draft, document);
                }
            }
        }
        Ok(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn display(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Writes the settings.
    pub(crate) fn remember(&self) -> Result<(), Stop> {
        let mut json =
            serde_json::to_vec_pretty(&self.settings).map_err(|error| Stop::unusable(error.to_string()))?;
        json.push(b'\n');
        Ok(write_whole(&self.path.join(SETTINGS), &json)?)
    }

    fn draft_path(&self, draft: Draft) -> PathBuf {
        self.path.join("drafts").join(format!("{draft}.json"))
    }

    /// Keeps a draft, and what it names.
    pub(crate) fn put(
        &mut self,
        draft: Draft,
        document: Document,
        artifacts: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Stop> {
        self.put_artifacts("drafts", artifacts)?;
        write_whole(&self.draft_path(draft), &document.to_bytes()?)?;
        self.drafts.insert(draft, document);
        Ok(())
    }

    /// Gives a draft up.
    pub(crate) fn drop_draft(&mut self, draft: Draft) -> Result<(), Stop> {
        self.drafts.remove(&draft);
        remove(&self.draft_path(draft))
    }

    fn put_artifacts(&self, folder: &str, artifacts: &BTreeMap<String, Vec<u8>>) -> Result<(), Stop> {
        for (name, bytes) in artifacts {
            write_whole(&self.artifact_path(folder, name, &Described::of(bytes)), bytes)?;
        }
        Ok(())
    }

    fn artifact_path(&self, folder: &str, name: &str, described: &Described) -> PathBuf {
        let hash = described.hashes.get("sha256").map_or("", String::as_str);
        self.path
            .join(folder)
            .join("files")
            .join(format!("{hash}.{}", name.replace('/', "%2F")))
    }

    /// What a role names, from its draft or from what was published.
    pub(crate) fn artifacts(
        &self,
        folder: &str,
        targets: &Targets,
    ) -> Result<BTreeMap<String, Vec<u8>>, Stop> {
        let mut artifacts = BTreeMap::new();
        for (name, described) in &targets.targets {
            let published = self
                .published
                .as_ref()
                .and_then(|published| published.artifacts.get(name));
            let bytes = match published.filter(|bytes| described.is(bytes)) {
                Some(bytes) => bytes.clone(),
                None => {
                    let path = self.artifact_path(folder, name, described);
                    let bytes = read(&path)?.filter(|bytes| described.is(bytes));
                    bytes.ok_or_else(|| {
                        Stop::file(
                            &path,
                            format!("`{name}` is missing or was changed; sign the policy again"),
                        )
                    })?
                }
            };
            artifacts.insert(name.clone(), bytes);
        }
        Ok(artifacts)
    }

    /// Keeps the signed way back from what is about to be published; without one, that from before is useless and goes.
    pub(crate) fn keep_undo(&self) -> Result<(), Stop> {
        let file = self.path.join("undo/targets.json");
        match self.drafts.get(&Draft::Undo) {
            Some(document) => {
                if let Some(targets) = document.targets() {
                    self.put_artifacts("undo", &self.artifacts("drafts", &targets.signed)?)?;
                }
                Ok(write_whole(&file, &document.to_bytes()?)?)
            }
            None => remove(&file),
        }
    }

    /// The signed way back.
    pub(crate) fn undo(&self) -> Result<Option<Metadata<Targets>>, Stop> {
        let file = self.path.join("undo/targets.json");
        let Some(bytes) = read(&file)? else {
            return Ok(None);
        };
        Metadata::from_bytes(&bytes)
            .map(Some)
            .map_err(|error| Stop::file(&file, error))
    }

    /// The newest root that was published.
    pub(crate) fn published_root(&self) -> Result<Option<Metadata<Root>>, Stop> {
        let newest = self
            .published
            .as_ref()
            .and_then(|published| published.roots.last_key_value());
        Ok(newest.map(|(_, bytes)| Metadata::from_bytes(bytes)).transpose()?)
    }

    /// The root that the next publication is verified by.
    pub(crate) fn root(&self) -> Result<Metadata<Root>, Stop> {
        if let Some(Document::Root(root)) = self.drafts.get(&Draft::Root) {
            return Ok(root.clone());
        }
        let missing = || {
            Stop::file(
                &self.path("drafts/root.json"),
                "there is no root; run `attest policy init` in a new folder",
            )
        };
        self.published_root()?.ok_or_else(missing)
    }

    /// A targets role that was published.
    pub(crate) fn published_role(&self, role: &str) -> Result<Option<Metadata<Targets>>, Stop> {
        let bytes = self
            .published
            .as_ref()
            .and_then(|published| published.metadata.get(role));
        Ok(bytes.map(|bytes| Metadata::from_bytes(bytes)).transpose()?)
    }

    fn published_version(&self, draft: Draft) -> u64 {
        let of_role = |role| {
            self.published_role(role)
                .ok()
                .flatten()
                .map_or(0, |role| role.signed.header().version)
        };
        match draft {
            Draft::Root => self
                .published_root()
                .ok()
                .flatten()
                .map_or(0, |root| root.signed.header().version),
            Draft::Targets | Draft::Undo => of_role("targets"),
            Draft::Brake => of_role(BRAKE_ROLE),
        }
    }

    /// The highest version of `targets` that was published, or signed as a way back from it.
    pub(crate) fn last_targets(&self) -> Result<u64, Stop> {
        let undo = self.undo()?.map_or(0, |undo| undo.signed.header().version);
        Ok(self.published_version(Draft::Targets).max(undo))
    }

    /// Whose signatures a draft needs, and the keys that they are verified with.
    pub(crate) fn needs(&self, draft: Draft) -> Result<(Vec<Need>, BTreeMap<String, PublicKey>), Stop> {
        let root = self.root()?;
        let mut keys = root.signed.keys.clone();
        let needs = match draft {
            Draft::Root => {
                let own = Need::new("root", &root.signed.roles.root);
                let before = self.published_root()?;
                let before =
                    before.filter(|before| before.signed.header.version < root.signed.header.version);
                let mut needs = vec![own];
                if let Some(before) = before {
                    keys.extend(before.signed.keys);
                    needs.insert(0, Need::new("the root before", &before.signed.roles.root));
                }
                needs
            }
            Draft::Targets | Draft::Undo => vec![Need::new("targets", &root.signed.roles.targets)],
            Draft::Brake => {
                let delegations = self.delegations_in_force()?;
                keys.extend(delegations.keys.clone());
                let role = delegations.roles.into_iter().find(|role| role.name == BRAKE_ROLE);
                let role = role.ok_or_else(|| {
                    Stop::refused("no published policy hands anything to `brake` yet; publish one first")
                })?;
                let held = KeyIds {
                    keyids: role.keyids,
                    threshold: role.threshold,
                    other: BTreeMap::new(),
                };
                vec![Need::new(BRAKE_ROLE, &held)]
            }
        };
        Ok((needs, keys))
    }

    /// To whom `targets` hands on, as it is about to be or was published.
    fn delegations_in_force(&self) -> Result<Delegations, Stop> {
        let published = self.published_role("targets")?;
        Ok(published
            .and_then(|targets| targets.signed.delegations)
            .unwrap_or_default())
    }
}

fn lock(path: &Path) -> Result<File, Stop> {
    let file = path.join(".lock");
    let opened = File::options()
        .create(true)
        .append(true)
        .open(&file)
        .map_err(|error| Stop::file(&file, error))?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(fs::TryLockError::WouldBlock) => Err(Stop::refused(format!(
            "{}: another command is at work here; try again when it has ended",
            path.display()
        ))),
        Err(fs::TryLockError::Error(error)) => Err(Stop::file(&file, error)),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Stop> {
    match input::file(path, MAX_BYTES) {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        Ok(None) => Err(Stop::file(path, format!("larger than {MAX_BYTES} bytes"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Stop::file(path, error)),
    }
}

fn remove(path: &Path) -> Result<(), Stop> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Stop::file(path, error)),
        _ => Ok(()),
    }
}
