//! `shiguan keys`: make a pair, add one, list them, check them against what is stored.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::{
    Global,
    context::{Context, Quiet},
    out,
    outcome::{Exit, Failure},
    render::Table,
    retry,
};
use crate::{
    config::Company,
    ids::{CompanyId, KeyVersion},
    line,
    record::{Reason, Waiting},
    sanitize::value,
    store::{Reader, contract::Pending},
    unseal::{KeyRing, OpenRing, SealedKey, keyring, open_keys},
};

/// Records of each version that `check` tries.
const SAMPLE: usize = 20;

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Which company of the configuration (needed when there are several)
    #[arg(long, global = true, value_name = "NAME")]
    company: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a 2048-bit pair, keep the private half, print the public half for the admin console
    Generate {
        /// The version that the console (管理工具 > 会话内容存档) shows after the upload: one more than the last
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
    /// Take over a private key in PEM form; what waited for it is opened at once
    Add {
        /// The PEM file (PKCS#1 or PKCS#8, with or without passphrase)
        file: PathBuf,
        /// The version that the console shows beside the public key
        #[arg(long, value_name = "N")]
        version: u32,
        /// Only add; leave opening to the next pull
        #[arg(long)]
        no_open: bool,
    },
    /// List versions with fingerprint, first and last seq, and how many records wait
    List {
        /// One JSON object per version
        #[arg(long)]
        json: bool,
    },
    /// Try each key on records already stored
    Check {
        /// One JSON object per version
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::No)?;
    let companies = context.companies(args.company.as_deref())?;
    let [company] = companies[..] else {
        let names: Vec<&str> = companies.iter().map(|company| company.name.as_str()).collect();
        return Err(
            Failure::usage(format!("several companies are configured: {}", names.join(", ")))
                .hint("say which with --company NAME"),
        );
    };
    match &args.verb {
        Verb::Generate { version } => generate(&context, company, *version),
        Verb::Add {
            file,
            version,
            no_open,
        } => add(&context, company, file, *version, *no_open),
        Verb::List { json } => list(&context, company, *json),
        Verb::Check { json } => check(&context, company, *json),
    }
}

fn generate(context: &Context, company: &Company, version: Option<u32>) -> Result<Exit, Failure> {
    super::init::make_private(&company.keys)?;
    let ring = context.ring(company)?;
    let newest = ring.versions().iter().map(|key| key.version.0).max().unwrap_or(0);
    let version = version.unwrap_or(newest + 1);
    let key = keyring::generate(2048).map_err(Failure::run)?;
    let passphrase = context.passphrase(company)?;
    let written = keyring::write(&company.keys, KeyVersion(version), &key, passphrase.as_ref())?;
    for line in key.public_pem().trim_end().lines() {
        outln!("{line}");
    }
    errln!(
        "version {version}: private key in {} (fingerprint {})",
        written.file.display(),
        key.fingerprint()
    );
    errln!(
        "next: paste the public key above into the admin console (管理工具 > 会话内容存档 > 消息加密公钥). The console then"
    );
    errln!(
        "shows a version number; if it is not {version}, rename the file to v<that number>.pem. Keep the old keys: they"
    );
    errln!("open what was sealed before.");
    Ok(Exit::Well)
}

fn add(
    context: &Context,
    company: &Company,
    file: &PathBuf,
    version: u32,
    no_open: bool,
) -> Result<Exit, Failure> {
    let pem = std::fs::read(file)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    let passphrase = context.passphrase(company)?;
    let key = keyring::import(&pem, passphrase.as_ref())
        .map_err(|fault| Failure::usage(format!("{} {fault}", file.display())))?;
    let written = keyring::write(&company.keys, KeyVersion(version), &key, passphrase.as_ref())?;
    let state = if written.fresh {
        "added"
    } else {
        "was there already"
    };
    outln!(
        "version {version} {state}: fingerprint {} in {}",
        key.fingerprint(),
        written.file.display()
    );
    if no_open || !context.database().exists() {
        return Ok(Exit::Well);
    }
    retry::reopen(context, Some(&company.name), Vec::new(), false)
}

fn list(context: &Context, company: &Company, as_json: bool) -> Result<Exit, Failure> {
    let ring = context.ring(company)?;
    let usage = match context.database().exists() {
        true => {
            let reader = context.reader()?;
            match reader.company_id(&company.name)? {
                Some(id) => reader.key_usage(id)?,
                None => Vec::new(),
            }
        }
        false => Vec::new(),
    };
    let keys = ring.versions();
    let mut versions: Vec<KeyVersion> = keys
        .iter()
        .map(|key| key.version)
        .chain(usage.iter().map(|usage| usage.version))
        .collect();
    versions.sort_unstable();
    versions.dedup();

    let mut table = Table::new(["version", "key", "records", "first seq", "last seq", "waiting"]);
    for version in versions {
        let fingerprint = keys
            .iter()
            .find(|key| key.version == version)
            .map(|key| key.fingerprint.to_string());
        let used = usage.iter().find(|usage| usage.version == version);
        let number = |pick: fn(&crate::store::contract::KeyUsage) -> u64| used.map_or(0, pick);
        let (records, waiting) = (number(|usage| usage.records), number(|usage| usage.waiting));
        let (first, last) = (
            used.map(|usage| usage.first_seq.0),
            used.map(|usage| usage.last_seq.0),
        );
        if as_json {
            out::json(
                &json!({"version": version.0, "fingerprint": fingerprint, "records": records,
                        "first_seq": first, "last_seq": last, "waiting": waiting}),
            );
        } else {
            let shown = |seq: Option<u64>| seq.map_or("-".into(), |seq| line!("{}", seq));
            table.row([
                line!("{}", version.0),
                fingerprint.map_or("no private key".into(), |print| value(&print[..16])),
                line!("{}", records),
                shown(first),
                shown(last),
                line!("{}", waiting),
            ]);
        }
    }
    for stray in ring.strays() {
        if as_json {
            out::json(
                &json!({"not_looked_at": stray.file, "version": stray.version.map(|version| version.0),
                        "finding": stray.to_string()}),
            );
        }
    }
    if !as_json {
        out::table(&table);
        for stray in ring.strays() {
            outln!("{stray}");
        }
    }
    Ok(Exit::Well)
}

fn check(context: &Context, company: &Company, as_json: bool) -> Result<Exit, Failure> {
    let ring = context.ring(company)?;
    let reader = context.reader()?;
    let Some(id) = reader.company_id(&company.name)? else {
        return Err(
            Failure::run(format!("nothing of company {} is stored yet", company.name))
                .hint("run `shiguan pull` first"),
        );
    };
    let spare = Spare::new(context, company, &reader, id)?;
    let mut all_well = true;
    for usage in reader.key_usage(id)? {
        let sample = reader.sample_sealed(id, usage.version, SAMPLE)?;
        let finding = try_key(context, &ring, &sample)?;
        all_well &= finding.wrong == 0;
        let fits = match finding.wrong {
            0 => None,
            _ => spare.fitting(usage.version, &sample)?,
        };
        if as_json {
            out::json(
                &json!({"version": usage.version.0, "tried": sample.len(), "opened": finding.opened,
                        "wrong": finding.wrong, "finding": finding.text,
                        "opened_by": fits.as_ref().map(|fit| &fit.file),
                        "do": fits.as_ref().map(|fit| &fit.advice)}),
            );
        } else {
            outln!("version {}: {}", usage.version, finding.text);
            if let Some(fit) = fits {
                outln!("{}", fit.text());
            }
        }
    }
    for stray in ring.strays() {
        if as_json {
            out::json(
                &json!({"not_looked_at": stray.file, "version": stray.version.map(|version| version.0),
                        "finding": stray.to_string()}),
            );
        } else {
            outln!("{stray}");
        }
    }
    Ok(if all_well { Exit::Well } else { Exit::Waiting })
}

/// What trying a key on a sample showed.
pub(super) struct Finding {
    pub(super) opened: usize,
    pub(super) wrong: usize,
    pub(super) text: String,
}

pub(super) fn try_key(
    context: &Context,
    ring: &KeyRing,
    sample: &[crate::store::contract::Pending],
) -> Result<Finding, Failure> {
    let open = ring.prepare(context.implementation()?, context.config.unseal.threads)?;
    let items: Vec<SealedKey<'_>> = sample
        .iter()
        .map(|pending| SealedKey {
            version: pending.sealed.key_version,
            random_key: &pending.sealed.random_key,
        })
        .collect();
    let results = open_keys(&open, &items);
    let opened = results.iter().filter(|result| result.is_ok()).count();
    let first: Option<&Waiting> = results.iter().find_map(|result| result.as_ref().err());
    let text = match first {
        None => format!("opens all {opened} records tried"),
        Some(cause) => format!(
            "opens {opened} of {} records tried; first cause: {}",
            sample.len(),
            cause.detail
        ),
    };
    Ok(Finding {
        opened,
        wrong: sample.len() - opened,
        text,
    })
}

/// Every key that is there, to be tried on records of versions that it is not filed under: the version is typed by hand,
/// and a file by another name is not looked at.
pub(super) struct Spare {
    open: OpenRing,
    /// Under which version each is in `open`, its file, and whether it also opens the records of its own version.
    candidates: Vec<(KeyVersion, PathBuf, bool)>,
    folder: PathBuf,
}

/// A key that opens the records of a version and is filed elsewhere.
pub(super) struct Fit {
    version: KeyVersion,
    file: PathBuf,
    advice: String,
}

impl Fit {
    pub(super) fn advice(&self) -> &str {
        &self.advice
    }

    pub(super) fn text(&self) -> String {
        format!(
            "version {}: the key in {} opens them: {}",
            self.version,
            name_of(&self.file),
            self.advice
        )
    }
}

impl Spare {
    pub(super) fn new(
        context: &Context,
        company: &Company,
        reader: &Reader,
        id: CompanyId,
    ) -> Result<Self, Failure> {
        let mut ring = context.ring(company)?;
        let passphrase = context.passphrase(company)?;
        let mut candidates: Vec<(KeyVersion, PathBuf, bool)> = ring
            .versions()
            .iter()
            .filter_map(|key| Some((key.version, ring.file(key.version)?.to_owned(), false)))
            .collect();
        // Numbers that no upload has, from the end.
        let mut number = u32::MAX;
        for stray in ring.strays().to_vec() {
            if let Ok(key) = keyring::read_file(&stray.file, passphrase.as_ref()) {
                let version = KeyVersion(number);
                number -= 1;
                if ring.insert(version, key).is_ok() {
                    candidates.push((version, stray.file, false));
                }
            }
        }
        let open = ring.prepare(context.implementation()?, context.config.unseal.threads)?;
        let mut spare = Self {
            open,
            candidates: Vec::new(),
            folder: company.keys.clone(),
        };
        for usage in reader.key_usage(id)? {
            if let Some(candidate) = candidates.iter_mut().find(|one| one.0 == usage.version) {
                let sample = reader.sample_sealed(id, usage.version, 5)?;
                candidate.2 = spare.opens(candidate.0, &sample);
            }
        }
        spare.candidates = candidates;
        Ok(spare)
    }

    /// More than half: single records may be damaged themselves, and a wrong key opens none.
    fn opens(&self, version: KeyVersion, sample: &[Pending]) -> bool {
        let items: Vec<SealedKey<'_>> = sample
            .iter()
            .map(|pending| SealedKey {
                version,
                random_key: &pending.sealed.random_key,
            })
            .collect();
        let opened = open_keys(&self.open, &items)
            .iter()
            .filter(|one| one.is_ok())
            .count();
        opened * 2 > sample.len()
    }

    /// The key that opens these records of `version`, which is not the one filed under it.
    pub(super) fn fitting(&self, version: KeyVersion, sample: &[Pending]) -> Result<Option<Fit>, Failure> {
        let found = self
            .candidates
            .iter()
            .find(|(other, ..)| *other != version && self.opens(*other, sample));
        Ok(found.map(|(_, file, used)| {
            let wanted = keyring::file_name(version);
            let occupied = self
                .candidates
                .iter()
                .find(|(other, ..)| *other == version)
                .map(|(_, there, _)| name_of(there));
            let step = if *used { "copy" } else { "rename" };
            let mut advice = format!("{step} it to {wanted}");
            if let Some(there) = occupied {
                advice +=
                    &format!(", after moving the present {there}, which does not open them, out of the way");
            }
            Fit {
                version,
                file: file.clone(),
                advice: format!(
                    "{advice} (in {}), then type: shiguan retry",
                    self.folder.display()
                ),
            }
        }))
    }
}

fn name_of(file: &Path) -> String {
    file.file_name().map_or_else(
        || file.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// What keeps the company's records closed although the key may be there: files that are not looked at, and keys under the
/// number of another version. Empty when nothing waits for a key.
pub(super) fn misplaced(context: &Context, company: &Company) -> Result<Vec<String>, Failure> {
    let reader = context.reader()?;
    let Some(id) = reader.company_id(&company.name)? else {
        return Ok(Vec::new());
    };
    let waits = reader
        .waiting(Some(id))?
        .iter()
        .any(|(reason, count)| matches!(reason, Reason::NoKey | Reason::KeyMismatch) && *count > 0);
    if !waits {
        return Ok(Vec::new());
    }
    let spare = Spare::new(context, company, &reader, id)?;
    let mut found = Vec::new();
    for usage in reader.key_usage(id)? {
        let sample = reader.sample_sealed(id, usage.version, 5)?;
        if usage.waiting > 0 && !sample.is_empty() && !spare.opens(usage.version, &sample) {
            found.extend(spare.fitting(usage.version, &sample)?.map(|fit| fit.text()));
        }
    }
    let strays = keyring::strays(&company.keys)?;
    found.extend(
        strays
            .iter()
            .filter(|stray| stray.instead.is_none())
            .map(ToString::to_string),
    );
    Ok(found)
}

/// Tells of [`misplaced`] keys; what cannot be looked at is told elsewhere.
pub(super) fn tell_misplaced(context: &Context, only: Option<&str>) {
    if !context.database().exists() {
        return;
    }
    for company in context.companies(only).unwrap_or_default() {
        for text in misplaced(context, company).unwrap_or_default() {
            errln!("{}: {text}", company.name);
        }
    }
}
