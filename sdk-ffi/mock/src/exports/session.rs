//! Which corpus a call is about: the one the environment names, opened once per process.

use std::{
    collections::HashMap,
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    CORPUS_VARIABLE, Error,
    corpus::MANIFEST,
    engine::{Engine, code},
    faults::{FAULTS_FILE, Faults},
};

/// What a handle knows.
#[derive(Default)]
pub(super) enum Session {
    /// `Init` has not been called.
    #[default]
    New,
    /// Initialised, and the corpus is there.
    Open(Arc<Engine>),
    /// Initialised, and the corpus cannot be used; the reason was said on stderr.
    Broken,
}

/// Files that, when they change, make a corpus another one: inode, length, changed when.
type Stamp = [Option<(u64, u64, i64, i64)>; 2];

type Opened = HashMap<PathBuf, (Stamp, Arc<Engine>)>;

static OPENED: Mutex<Option<Opened>> = Mutex::new(None);

impl Session {
    /// `Init`: looks for the corpus. Like the real one it succeeds in any case; what is wrong shows at the first
    /// call that needs a server.
    pub(super) fn initialise(&mut self) {
        *self = match current_folder()
            .ok_or(Error::NoCorpus)
            .and_then(|folder| open(&folder, true))
        {
            Ok(engine) => Self::Open(engine),
            Err(error) => {
                say(&error);
                Self::Broken
            }
        };
    }

    /// The corpus of an initialised handle, or the return code that its absence gives. A handle never initialised
    /// goes to the network without credentials (finance-sdk §3.2), which fails.
    pub(super) fn engine(&self) -> Result<&Engine, i32> {
        match self {
            Self::New => Err(code::NETWORK),
            Self::Open(engine) => Ok(engine),
            Self::Broken => Err(code::SYSTEM),
        }
    }
}

/// What `DecryptData` has to consult: the corpus in use, only for its faults and counters. Decryption needs none,
/// so a missing corpus is no error; a faults file that cannot be understood is.
pub(super) fn for_decryption() -> Result<Option<Arc<Engine>>, i32> {
    let Some(folder) = current_folder() else {
        return Ok(None);
    };
    let faults = folder.join(FAULTS_FILE);
    match open(&folder, false) {
        Ok(engine) => Ok(Some(engine)),
        Err(_) if !faults.exists() || Faults::load(&faults).is_ok_and(|faults| faults.rules.is_empty()) => {
            Ok(None)
        }
        Err(error) => {
            say(&error);
            Err(code::SYSTEM)
        }
    }
}

fn current_folder() -> Option<PathBuf> {
    env::var_os(CORPUS_VARIABLE)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Opens a corpus, or finds it opened. With `anew` a corpus whose manifest or faults have changed is opened again
/// (and its calls count from 1 again); without, what is open stays, since this is asked for every record.
fn open(folder: &Path, anew: bool) -> Result<Arc<Engine>, Error> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let opened = opened.get_or_insert_default();
    if !anew && let Some((_, engine)) = opened.get(folder) {
        return Ok(engine.clone());
    }
    let stamp = [MANIFEST, FAULTS_FILE].map(|name| {
        let about = fs::metadata(folder.join(name)).ok()?;
        Some((about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
    });
    match opened.get(folder) {
        Some((known, engine)) if *known == stamp => Ok(engine.clone()),
        _ => {
            let engine = Arc::new(Engine::open(folder)?);
            opened.insert(folder.to_owned(), (stamp, engine.clone()));
            Ok(engine)
        }
    }
}

fn say(error: &Error) {
    eprintln!("sdk-mock: {error}");
}
