//! Where kept files lie: one object per content, named by its SHA-256, in a folder or in an S3-compatible bucket.
//!
//! A name says what must be in it, so writing twice is writing once, and every reader can check what it reads. A file
//! comes into a folder by rename within it, after it and before its folder were synced; into a bucket by an upload that
//! is there whole or not at all. Beginnings lie in `.begun`, always on this machine.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig, WriteMultipart,
    aws::AmazonS3Builder, local::LocalFileSystem, path::Path as Name,
};
use sha2::{Digest as _, Sha256};

use super::{download::is_full, private};
use crate::secret::Secret;

/// The folder of beginnings.
const BEGUN: &str = ".begun";
/// Where objects go that are not what their names say.
const DAMAGED: &str = ".damaged";
/// Bytes of one part of an upload; the least S3 takes is 5 MiB.
const PART: usize = 8 << 20;

/// Both digests of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Its name.
    pub sha256: [u8; 32],
    /// What messages announce.
    pub md5: [u8; 16],
}

impl Digest {
    /// The MD5 as messages write it.
    pub fn md5_hex(&self) -> String {
        hex(&self.md5)
    }
}

/// An S3-compatible bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// `https://host`; none for Amazon's own.
    pub endpoint: Option<String>,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub region: String,
    /// In front of every object's name; may be empty.
    pub prefix: String,
    /// The bucket is part of the path and not of the host.
    pub path_style: bool,
    /// Who we are there.
    pub access_key: Secret,
    /// The proof.
    pub secret_key: Secret,
}

/// Where the vault is.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder of this machine.
    Folder,
    /// A bucket.
    Bucket(Box<Bucket>),
}

/// Why the vault did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The folder cannot be used.
    #[error("cannot use the media folder {}: {cause}; check that it belongs to this user and has room", path.display())]
    Folder {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The store behind the interface said no.
    #[error("the media store did not {doing}: {cause}")]
    Store {
        /// What was asked of it.
        doing: &'static str,
        /// What it said.
        cause: String,
        /// It had no room.
        full: bool,
    },
    /// The service is there and has no such bucket.
    #[error("the media store has no bucket {name}; make it there, or correct media.s3_bucket")]
    NoBucket {
        /// Its name.
        name: String,
    },
    /// It holds something else under this name, or a part of it.
    #[error(
        "the media store holds other bytes under {name}; fetch the file again while WeCom has it, or restore a backup"
    )]
    Damaged {
        /// The content's SHA-256.
        name: String,
    },
    /// It holds nothing under this name.
    #[error("the media store does not hold {name}, which the archive says is kept; restore it from a backup")]
    Missing {
        /// The content's SHA-256.
        name: String,
    },
    /// Another process fetches this company's files.
    #[error("another process is fetching the files of {company}")]
    Busy {
        /// The company's name.
        company: String,
    },
}

impl VaultError {
    /// True when there was no room for what was to be kept.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Folder { cause, .. } => is_full(cause),
            Self::Store { full, .. } => *full,
            _ => false,
        }
    }
}

/// The vault, opened.
#[derive(Debug, Clone)]
pub struct Vault {
    store: Arc<dyn ObjectStore>,
    folder: PathBuf,
    /// In front of every object's name.
    prefix: Name,
    /// Beginnings lie in the same file system and only need another name.
    renames: bool,
}

/// The right to fetch a company's files on this machine; ends with the process, however that ends.
#[derive(Debug)]
pub struct Turn {
    folder: PathBuf,
    _lock: File,
}

impl Vault {
    /// Opens it; `folder` holds the beginnings in any case. Asks nothing of a bucket yet.
    pub fn open(folder: &Path, place: &Place) -> Result<Self, VaultError> {
        let unusable = |cause| VaultError::Folder {
            path: folder.to_owned(),
            cause,
        };
        private::folder(folder).map_err(unusable)?;
        let folder = fs::canonicalize(folder).map_err(unusable)?;
        let (store, prefix, renames): (Arc<dyn ObjectStore>, _, _) = match place {
            Place::Folder => {
                let local = LocalFileSystem::new_with_prefix(&folder).map_err(store("open"))?;
                (Arc::new(local.with_fsync(true)), Name::default(), true)
            }
            Place::Bucket(bucket) => {
                let prefix = bucket.prefix()?;
                (Arc::new(bucket.connect()?), prefix, false)
            }
        };
        Ok(Self {
            store,
            folder,
            prefix,
            renames,
        })
    }

    /// Takes the turn of fetching for a company, unless another process has it.
    pub fn turn(&self, company: &str) -> Result<Turn, VaultError> {
        let folder = self.folder.join(BEGUN).join(company);
        let unusable = |cause| VaultError::Folder {
            path: folder.clone(),
            cause,
        };
        private::folder(&folder).map_err(unusable)?;
        let tightened = private::tighten(&self.folder);
        if tightened > 0 {
            tracing::info!(
                event = "media.tightened",
                tightened,
                "files and folders are for their owner only now"
            );
        }
        // The folder itself is what is locked: there is no lock file that could stay behind.
        let lock = File::open(&folder).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Turn { folder, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(VaultError::Busy {
                company: company.to_owned(),
            }),
            Err(fs::TryLockError::Error(cause)) => Err(unusable(cause)),
        }
    }

    /// Takes a whole and synced file in; its beginning is gone afterwards. What is there already is not written again
    /// in a bucket, and is replaced by itself in a folder.
    pub async fn keep(&self, beginning: &Path, sha256: &[u8; 32], bytes: u64) -> Result<(), VaultError> {
        let name = self.name(sha256);
        if self.renames {
            let from = beginning
                .strip_prefix(&self.folder)
                .ok()
                .and_then(|inside| Name::parse(inside.to_string_lossy()).ok())
                .ok_or_else(|| VaultError::Folder {
                    path: beginning.to_owned(),
                    cause: io::Error::other("a beginning lies outside of the media folder"),
                })?;
            self.make_private(beginning, sha256)?;
            return self
                .store
                .rename(&from, &name)
                .await
                .map_err(store("take a file in"));
        }
        if self.size(sha256).await? != Some(bytes) {
            self.upload(beginning, &name, bytes).await?;
            if self.size(sha256).await? != Some(bytes) {
                return Err(VaultError::Damaged { name: hex(sha256) });
            }
        }
        remove(beginning)
    }

    /// The file that is renamed, and the folder that it comes into, are for their owner only.
    fn make_private(&self, beginning: &Path, sha256: &[u8; 32]) -> Result<(), VaultError> {
        let unusable = |cause| VaultError::Folder {
            path: beginning.to_owned(),
            cause,
        };
        private::folder(&self.folder.join(&hex(sha256)[..2])).map_err(unusable)?;
        private::own(beginning).map_err(unusable)
    }

    async fn upload(&self, from: &Path, name: &Name, bytes: u64) -> Result<(), VaultError> {
        let unusable = |cause| VaultError::Folder {
            path: from.to_owned(),
            cause,
        };
        let said = store("take a file in");
        let mut file = File::open(from).map_err(unusable)?;
        if bytes <= PART as u64 {
            let mut data = Vec::with_capacity(bytes as usize);
            file.read_to_end(&mut data).map_err(unusable)?;
            self.store.put(name, PutPayload::from(data)).await.map_err(said)?;
            return Ok(());
        }
        let upload = self.store.put_multipart(name).await.map_err(&said)?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut part = vec![0; PART];
        loop {
            // Two parts under way at most, so that memory stays flat.
            if let Err(error) = writer.wait_for_capacity(2).await {
                let _unfinished = writer.abort().await;
                return Err(said(error));
            }
            match file.read(&mut part).map_err(unusable)? {
                0 => break,
                read => writer.write(&part[..read]),
            }
        }
        writer.finish().await.map_err(said)?;
        Ok(())
    }

    /// How large a kept content is; `None` when it is not there.
    pub async fn size(&self, sha256: &[u8; 32]) -> Result<Option<u64>, VaultError> {
        match self.store.head(&self.name(sha256)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(store("say what it holds")(error)),
        }
    }

    /// Moves what lies under a content's name to `.damaged`, so that the content can be kept anew and nothing is deleted.
    /// True when there was anything.
    pub async fn set_aside(&self, sha256: &[u8; 32]) -> Result<bool, VaultError> {
        let aside = self.prefix.clone().join(DAMAGED).join(hex(sha256).as_str());
        match self.store.rename(&self.name(sha256), &aside).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(store("set a damaged file aside")(error)),
        }
    }

    /// Writes a content out, and checks that it is what its name says.
    pub async fn copy(&self, sha256: &[u8; 32], out: &mut (dyn Write + Send)) -> Result<u64, VaultError> {
        let said = store("give a file out");
        let found = match self.store.get(&self.name(sha256)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(VaultError::Missing { name: hex(sha256) });
            }
            Err(error) => return Err(said(error)),
        };
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let size = found.meta.size;
        let name = self.name(sha256);
        // By ranges: the same few megabytes whatever the size.
        let mut at = 0;
        while at < size {
            let end = size.min(at + PART as u64);
            let data = self.store.get_range(&name, at..end).await.map_err(&said)?;
            if data.is_empty() {
                break;
            }
            hash.update(&data);
            out.write_all(&data).map_err(|cause| VaultError::Folder {
                path: PathBuf::from("the copy"),
                cause,
            })?;
            bytes += data.len() as u64;
            at += data.len() as u64;
        }
        if hash.finalize().as_slice() != sha256 {
            return Err(VaultError::Damaged { name: hex(sha256) });
        }
        Ok(bytes)
    }

    /// `ab/abcd…`: 256 folders, so that none gets too full.
    fn name(&self, sha256: &[u8; 32]) -> Name {
        let hex = hex(sha256);
        self.prefix.clone().join(&hex[..2]).join(hex.as_str())
    }
}

impl Turn {
    /// Where the beginning of a file lies.
    pub fn beginning(&self, file: i64) -> PathBuf {
        self.folder.join(file.to_string())
    }

    /// Removes every beginning but these; returns how many. What cannot be removed stays and harms nobody.
    pub fn sweep(&self, wanted: &[i64]) -> Result<u64, VaultError> {
        let unusable = |cause| VaultError::Folder {
            path: self.folder.clone(),
            cause,
        };
        let mut swept = 0;
        for entry in fs::read_dir(&self.folder).map_err(unusable)? {
            let entry = entry.map_err(unusable)?;
            let known = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if !known.is_some_and(|file: i64| wanted.contains(&file)) {
                match remove(&entry.path()) {
                    Ok(()) => swept += 1,
                    Err(error) => {
                        tracing::warn!(event = "media.not_swept", cause = %error, "a beginning stays")
                    }
                }
            }
        }
        Ok(swept)
    }
}

/// Where the beginnings of files lie, in the folder of the vault.
pub fn staging(folder: &Path) -> PathBuf {
    folder.join(BEGUN)
}

/// Removes a file; one that is not there is removed.
pub fn remove(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(VaultError::Folder {
            path: path.to_owned(),
            cause,
        }),
        _ => Ok(()),
    }
}

impl Bucket {
    /// In front of every object's name.
    pub(super) fn prefix(&self) -> Result<Name, VaultError> {
        Name::parse(&self.prefix).map_err(|cause| VaultError::Store {
            doing: "open",
            cause: cause.to_string(),
            full: false,
        })
    }

    pub(super) fn connect(&self) -> Result<impl ObjectStore + 'static, VaultError> {
        let plain = self
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.name)
            .with_region(&self.region)
            .with_access_key_id(self.access_key.expose())
            .with_secret_access_key(self.secret_key.expose())
            .with_virtual_hosted_style_request(!self.path_style)
            .with_allow_http(plain)
            .with_client_options(
                ClientOptions::new()
                    .with_allow_http(plain)
                    .with_connect_timeout(Duration::from_secs(10))
                    .with_timeout(Duration::from_secs(300)),
            )
            .with_retry(RetryConfig {
                max_retries: 4,
                retry_timeout: Duration::from_secs(60),
                ..RetryConfig::default()
            });
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        builder.build().map_err(store("open"))
    }
}

/// The credentials never stand in what the interface says; the request's address may, and is no secret.
pub(super) fn store(doing: &'static str) -> impl Fn(object_store::Error) -> VaultError {
    move |cause| {
        let mut causes =
            std::iter::successors(Some(&cause as &dyn std::error::Error), |cause| cause.source());
        VaultError::Store {
            doing,
            cause: cause.to_string(),
            full: causes.any(|cause| cause.downcast_ref().is_some_and(is_full)),
        }
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    #[tokio::test]
    async fn what_goes_in_comes_out_and_leaves_no_beginning() {
        let scratch = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&scratch.path().join("media"), &Place::Folder).expect("a vault");
        let turn = vault.turn("acme").expect("a turn");
        let bytes = vec![7; PART + 3];
        let name = sha(&bytes);
        for file in [1, 2] {
            let beginning = turn.beginning(file);
            fs::write(&beginning, &bytes).expect("written");
            vault
                .keep(&beginning, &name, bytes.len() as u64)
                .await
                .expect("kept");
            assert!(!beginning.exists());
        }
        use std::os::unix::fs::MetadataExt;
        let folder = vault.folder.join(&hex(&name)[..2]);
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(hex(&name)))), (0o700, 0o600));
        let mut out = Vec::new();
        assert_eq!(
            vault.copy(&name, &mut out).await.expect("copied"),
            bytes.len() as u64
        );
        assert_eq!(out, bytes);
        assert_eq!(vault.size(&sha(b"other")).await.expect("asked"), None);
        assert!(matches!(
            vault.copy(&sha(b"other"), &mut out).await,
            Err(VaultError::Missing { .. })
        ));
        let path = vault.folder.join(&hex(&name)[..2]).join(hex(&name));
        fs::write(path, b"something else").expect("damaged");
        assert!(matches!(
            vault.copy(&name, &mut Vec::new()).await,
            Err(VaultError::Damaged { .. })
        ));
        assert!(vault.set_aside(&name).await.expect("set aside"));
        assert!(!vault.set_aside(&name).await.expect("nothing is left"));
        assert_eq!(vault.size(&name).await.expect("asked"), None);
        let aside = vault.folder.join(DAMAGED).join(hex(&name));
        assert_eq!(fs::read(aside).expect("kept"), b"something else");
    }

    #[test]
    fn one_turn_at_a_time_and_beginnings_nobody_knows_go() {
        let scratch = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(scratch.path(), &Place::Folder).expect("a vault");
        let turn = vault.turn("acme").expect("a turn");
        assert!(matches!(vault.turn("acme"), Err(VaultError::Busy { .. })));
        assert!(vault.turn("other").is_ok());
        for file in ["1", "2", "2.wav", "x"] {
            fs::write(turn.folder.join(file), b"x").expect("written");
        }
        assert_eq!(turn.sweep(&[2]).expect("swept"), 3);
        assert!(turn.beginning(2).exists() && !turn.beginning(1).exists());
        drop(turn);
        assert!(vault.turn("acme").is_ok());
    }

    #[test]
    fn credentials_do_not_print() {
        let bucket = Bucket {
            endpoint: Some("http://127.0.0.1:1".to_owned()),
            name: "b".to_owned(),
            region: "r".to_owned(),
            prefix: String::new(),
            path_style: true,
            access_key: Secret::new("CANARYaccess"),
            secret_key: Secret::new("CANARYsecret"),
        };
        let scratch = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(scratch.path(), &Place::Bucket(Box::new(bucket.clone()))).expect("a vault");
        assert!(!format!("{bucket:?}").contains("CANARY"));
        // The interface itself prints its access key's id only where its own credentials are; ours stay out.
        assert!(!vault.prefix.to_string().contains("CANARY"));
    }
}
