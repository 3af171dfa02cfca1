//! `shiguan init`: a commented configuration and the folders it names.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::outcome::{Exit, Failure};
use crate::config::{self, CompanyTemplate, TemplateOptions};

/// Name of the file that `init` writes.
pub(super) const FILE: &str = "shiguan.toml";

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for the configuration and the archive
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Add a company `mock` that pulls from this corpus with its keys, ready to run
    #[arg(long, value_name = "CORPUS")]
    mock: Option<PathBuf>,
    /// Name of the company section to prepare
    #[arg(long, value_name = "NAME", default_value = "acme", conflicts_with = "mock")]
    company: String,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let file = write(&args.dir, args.mock.as_deref(), &args.company)?;
    outln!("{}", file.display());
    match &args.mock {
        Some(_) => errln!("next: shiguan --config {} pull", file.display()),
        None => {
            let file = file.display();
            errln!("next: fill in corpid and secret file, set sdk.library, then");
            errln!(
                "  shiguan --config {file} keys generate    (paste the public key into the admin console)"
            );
            errln!("  shiguan --config {file} doctor");
            errln!("  shiguan --config {file} pull");
        }
    }
    Ok(Exit::Well)
}

/// Writes `DIR/shiguan.toml` and its folders; never over an existing file.
pub(super) fn write(dir: &Path, mock: Option<&Path>, company: &str) -> Result<PathBuf, Failure> {
    make_private(dir)?;
    let template = match mock {
        Some(corpus) => {
            let corpus = corpus.canonicalize().map_err(|error| {
                Failure::usage(format!("no corpus at {}: {error}", corpus.display()))
                    .hint("make one with `shiguan mock generate --out DIR --messages N --seed S`")
            })?;
            let text = |path: PathBuf| path.to_string_lossy().into_owned();
            CompanyTemplate {
                name: "mock".to_owned(),
                corpid: "ww0000000000000000".to_owned(),
                keys: Some(text(corpus.join("keys"))),
                mock_corpus: Some(text(corpus)),
                ..CompanyTemplate::default()
            }
        }
        None => {
            make_private(&dir.join("keys").join(company))?;
            make_private(&dir.join("secrets"))?;
            CompanyTemplate {
                name: company.to_owned(),
                corpid: "ww…".to_owned(),
                secret_file: Some(format!("secrets/{company}")),
                keys: Some(format!("keys/{company}")),
                ..CompanyTemplate::default()
            }
        }
    };
    make_private(&dir.join("data"))?;
    let path = dir.join(FILE);
    let opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::usage(format!("{} is already there", path.display()))
                .hint("choose another --dir; an existing configuration is never overwritten"));
        }
        Err(error) => return Err(Failure::run(format!("cannot write {}: {error}", path.display()))),
    };
    file.write_all(
        config::template(&TemplateOptions {
            company: Some(template),
            folder: None,
        })
        .as_bytes(),
    )?;
    file.sync_all()?;
    Ok(path)
}

/// The archive holds conversations and keys: nobody but its owner reads these folders.
pub(super) fn make_private(dir: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Failure::run(format!("cannot make {}: {error}", dir.display())))
}
