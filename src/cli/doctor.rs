//! `shiguan doctor`: looks at everything that must be in order, says what it measured, what is likely wrong,
//! and what to do about it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use super::{
    Global,
    context::{Context, Quiet},
    keys::{self, Spare},
    out,
    outcome::{Exit, Failure},
    render,
    words::Words,
};
use crate::{
    backup,
    clock::Verdict,
    config::{Company, Schedule},
    ids::{Millis, wall},
    media,
    record::Reason,
    source,
    store::{
        Reader,
        contract::{Coverage, verify::Round},
    },
    unseal::{KeyRing, Stray, keyring::file_name},
};

mod library;
mod online;
mod outside;
mod vault;

/// What the comments of the configuration show in place of a company's id.
const EXAMPLE_CORPID: &str = "ww0123456789abcdef";

/// How long a library may take to load before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Look at this library instead of the configured one (needs no configuration)
    #[arg(long, value_name = "LIBRARY")]
    sdk: Option<PathBuf>,
    /// Also ask WeCom: token, permitted members, its clock, and one record through the SDK; changes nothing
    #[arg(long)]
    online: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Good,
    Warning,
    Bad,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
struct Finding {
    check: String,
    status: Status,
    /// What was measured.
    value: String,
    /// Why it is so, as far as can be told.
    cause: Option<String>,
    /// What to do.
    fix: Option<String>,
    /// Records may be lost, or never be read, while it lasts.
    endangers: bool,
}

impl Finding {
    fn good(check: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            status: Status::Good,
            value: value.into(),
            cause: None,
            fix: None,
            endangers: false,
        }
    }

    fn bad(check: &str, value: impl Into<String>, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            status: Status::Bad,
            value: value.into(),
            cause: Some(cause.into()),
            fix: Some(fix.into()),
            endangers: false,
        }
    }

    fn warning(
        check: &str,
        value: impl Into<String>,
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Warning,
            ..Self::bad(check, value, cause, fix)
        }
    }

    /// The same, said of something that puts records at risk.
    fn endangering(self) -> Self {
        Self {
            endangers: self.status != Status::Good,
            ..self
        }
    }
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut findings = Vec::new();
    let mut unacknowledged = false;
    match &args.sdk {
        Some(path) if !there(&global.config) => findings.extend(library::look(&runtime, path, None)?),
        asked => {
            let context = Context::begin(global, Quiet::Warnings)?;
            findings.push(Finding::good(
                "configuration",
                global.config.display().to_string(),
            ));
            findings.extend(archive(&context)?);
            let incidents = incidents(&context);
            unacknowledged = !incidents.is_empty();
            findings.extend(incidents);
            for company in context.companies(None)? {
                let library = match asked {
                    Some(path) => Ok(path.clone()),
                    None => context.library(company),
                };
                match library {
                    Ok(path) => {
                        let pinned = company.sdk.sha256.as_deref().filter(|_| asked.is_none());
                        let found = library::look(&runtime, &path, pinned)?;
                        // Without the configured one nothing is pulled.
                        findings.extend(found.into_iter().map(|finding| match asked {
                            None if finding.status == Status::Bad => finding.endangering(),
                            _ => finding,
                        }));
                    }
                    Err(failure) => findings.push(
                        Finding::bad(
                            "library",
                            "not set",
                            failure.to_string(),
                            "set sdk.library to the path of libWeWorkFinanceSdk_C.so",
                        )
                        .endangering(),
                    ),
                }
                // One company that cannot be looked at is a finding, and no reason to look at no other.
                match company_findings(&context, company) {
                    Ok(found) => findings.extend(found),
                    Err(failure) => findings.push(
                        Finding::bad(
                            &format!("company ({})", company.name),
                            "could not be looked at",
                            failure.to_string(),
                            "set this right first",
                        )
                        .endangering(),
                    ),
                }
            }
            findings.push(Finding::good(
                "time zone",
                render::zone_line(Words(context.language), &context.zone).to_string(),
            ));
            findings.extend(vault::look(&context, &runtime));
            findings.extend(outside::look(&context)?);
            if args.online {
                findings.extend(online::look(&context, &runtime)?);
            }
        }
    }
    findings.push(clock());
    let bad = findings.iter().any(|finding| finding.status == Status::Bad);
    print(&findings, bad, args.json);
    if findings.iter().any(|finding| finding.endangers) {
        return Ok(Exit::Waiting);
    }
    if bad {
        return Err(Failure::told());
    }
    Ok(if unacknowledged { Exit::Waiting } else { Exit::Well })
}

/// What happened, cannot be undone, and was not acknowledged.
fn incidents(context: &Context) -> Vec<Finding> {
    // A database that does not read is another finding.
    let Ok(open) = super::alert::unacknowledged(context) else {
        return Vec::new();
    };
    open.into_iter()
        .map(|(id, company, text)| {
            Finding::warning(
                &format!("incident {id} ({company})"),
                text,
                "it happened, and nobody has taken note of it",
                format!("look into it, then: shiguan alert ack {id} --by NAME"),
            )
        })
        .collect()
}

fn print(findings: &[Finding], bad: bool, as_json: bool) {
    if as_json {
        let list: Vec<_> = findings
            .iter()
            .map(|finding| {
                json!({"check": finding.check, "status": finding.status.as_str(), "value": finding.value,
                       "cause": finding.cause, "fix": finding.fix, "endangers_records": finding.endangers})
            })
            .collect();
        out::json(&json!({"ok": !bad, "findings": list}));
        return;
    }
    for finding in findings {
        outln!(
            "{:8} {}: {}",
            finding.status.as_str(),
            finding.check,
            finding.value
        );
        if let Some(cause) = &finding.cause {
            outln!("         why: {cause}");
        }
        if let Some(fix) = &finding.fix {
            outln!("         do:  {fix}");
        }
    }
}

fn archive(context: &Context) -> Result<Vec<Finding>, Failure> {
    let mut findings = vec![headroom(context)];
    let database = context.database();
    if let Err(failure) = context.check_place() {
        findings.push(
            Finding::bad(
                "archive",
                database.display().to_string(),
                failure.to_string(),
                "mount its disk, or correct archive.folder or store.archive_id; nothing is written until then",
            )
            .endangering(),
        );
        return Ok(findings);
    }
    if let Err(error) = database.try_exists() {
        findings.push(
            Finding::bad(
                "archive",
                database.display().to_string(),
                format!("nobody can say whether it is there: {error}"),
                format!(
                    "give {} to the user that runs shiguan",
                    context.config.archive.folder.display()
                ),
            )
            .endangering(),
        );
        return Ok(findings);
    }
    if !database.exists() {
        findings.push(Finding::good("archive", "none yet; `shiguan pull` makes it"));
        return Ok(findings);
    }
    let reader = match Reader::open(&database) {
        Ok(reader) => reader,
        Err(error) => {
            findings.push(
                Finding::bad(
                    "archive",
                    database.display().to_string(),
                    error.to_string(),
                    "restore a backup (`shiguan restore`), or use the version of shiguan that wrote it",
                )
                .endangering(),
            );
            return Ok(findings);
        }
    };
    let coverage = reader.coverage()?;
    findings.push(Finding::good(
        "archive",
        format!(
            "{}: {} records, {} opened",
            database.display(),
            coverage.records,
            coverage.opened
        ),
    ));
    findings.extend(aside(&coverage));
    if let Some(id) = reader.archive_id()? {
        findings.push(Finding::good(
            "archive id",
            match context.config.store.archive_id {
                Some(_) => format!("{id}, as store.archive_id requires"),
                None => format!(
                    "{id}; store.archive_id can require it, so that no new archive is begun in its place"
                ),
            },
        ));
    }
    let problems = reader.integrity()?;
    findings.push(match problems.first() {
        None => Finding::good("integrity", "database and text index are sound"),
        Some(first) => Finding::bad(
            "integrity",
            format!("{} problems, the first: {first}", problems.len()),
            "the file was damaged below the program: disk, copy while running, or another writer",
            "stop all runs, keep the archive folder, restore the last backup into a new one (`shiguan restore`) and pull there",
        )
        .endangering(),
    });
    findings.push(verified(context, &reader)?);
    let mode =
        std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&context.config.archive.folder)?) & 0o777;
    findings.push(if mode & 0o077 == 0 {
        Finding::good("archive permissions", format!("{mode:o}"))
    } else {
        let folder = context.config.archive.folder.display();
        Finding::warning(
            "archive permissions",
            format!("{mode:o}"),
            "others on this machine can reach the conversations",
            format!("chmod 700 {folder}"),
        )
    });
    findings.extend(open_files(&context.config.archive.folder));
    findings.extend(backups(context));
    Ok(findings)
}

/// Where backups went, and whether others can read them there.
fn backups(context: &Context) -> Vec<Finding> {
    let places = backup::Memory::of(&context.config.archive.folder).places();
    places
        .into_iter()
        // A medium that is not here cannot be looked at.
        .filter(|place| place.dir.is_dir())
        .map(|place| {
            let encrypted = backup::Folder::is_encrypted(&place.dir);
            let remote = backup::remote(&place.dir);
            let value = format!(
                "{}: last at {} ({}), {}{}",
                place.dir.display(),
                render::time(Some(place.taken_at), &context.zone),
                context.zone.iana_name().unwrap_or("configured zone"),
                if encrypted { "encrypted" } else { "not encrypted" },
                remote.as_ref().map_or_else(String::new, |kind| format!(", on another machine ({kind})"))
            );
            match (encrypted, remote) {
                (false, Some(_)) => Finding::warning(
                    "backups",
                    value,
                    "whoever runs or copies that share can read every message in them",
                    "set backup.recipients (public keys of age), back up into a new folder, and remove this one when that is \
                     enough",
                ),
                _ => Finding::good("backups", value),
            }
        })
        .collect()
}

/// Files straight in the archive's folder that others may read or write: the database, its journal, tokens.
fn open_files(folder: &Path) -> Option<Finding> {
    let mut open: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let about = entry.metadata();
            about.is_ok_and(|about| {
                about.is_file() && std::os::unix::fs::MetadataExt::mode(&about) & 0o077 != 0
            })
        })
        .map(|entry| entry.path().display().to_string())
        .collect();
    open.sort();
    if open.is_empty() {
        return None;
    }
    Some(Finding::warning(
        "archive files",
        format!("{} with permissions for others: {}", open.len(), open.join(", ")),
        "whoever reaches the folder can read the conversations in them",
        format!("chmod go= {}", open.join(" ")),
    ))
}

/// When the archive was last verified whole, and what was found.
fn verified(context: &Context, reader: &Reader) -> Result<Finding, Failure> {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let state = reader.verify_state()?;
    let last = match &state.last {
        None => "not yet; `shiguan verify` does it now, `shiguan run` by daily shares".to_owned(),
        Some(round) => format!(
            "whole at {} ({}), {} findings",
            render::time(Some(Millis(round.ended)), &context.zone),
            context.zone.iana_name().unwrap_or("configured zone"),
            render::number(round.found)
        ),
    };
    let found = state.found_lately();
    if found > 0 {
        return Ok(Finding::bad(
            "verified",
            format!("{last}; {} findings lately", render::number(found)),
            "what is stored is not what was written: a failing disk or memory, or another writer",
            "shiguan verify names all of it, shiguan repair mends what has a source; test the disk",
        )
        .endangering());
    }
    let days = i64::from(context.config.store.verify_days);
    let is_late = |round: &Round| days > 0 && Millis::now().0 - round.ended > 2 * days * DAY_MS;
    Ok(match &state.last {
        Some(round) if is_late(round) => Finding::warning(
            "verified",
            last,
            "`shiguan run` has not gone through the archive within twice `store.verify_days`",
            "shiguan verify, and keep shiguan run going",
        ),
        _ => Finding::good("verified", last),
    })
}

/// What is kept aside or was never received: nothing that `integrity` could see.
fn aside(coverage: &Coverage) -> Vec<Finding> {
    let aside = &coverage.aside;
    let mut findings = Vec::new();
    let mut add = |check: &str, count: u64, value: &str, cause: &str, fix: &str| {
        if count > 0 {
            findings.push(Finding::bad(check, format!("{count} {value}"), cause, fix).endangering());
        }
    };
    let waits = coverage
        .waiting
        .iter()
        .filter(|(reason, _)| *reason == Reason::Unreadable);
    add(
        "unreadable answers",
        waits.map(|(_, count)| count).sum(),
        "records",
        "DecryptData returned 0 and gave no message of the record",
        "shiguan waiting --reason unreadable; shiguan retry, or another build of the SDK",
    );
    add(
        "strays",
        aside.strays,
        "items without a usable seq",
        "an answer of GetChatData held items whose place in the stream nobody knows",
        "shiguan waiting lists them; tell WeCom's support the time of the call (shiguan runs)",
    );
    add(
        "holes",
        aside.unpullable,
        "holes: records that GetChatData cannot deliver",
        "the SDK fails on them each time; WeCom deletes them after five days",
        "shiguan pull --gaps, with another build of the SDK if there is one",
    );
    add(
        "ranges not seen",
        aside.unseen,
        "ranges of the stream",
        "somebody began a pull above the place where the last one ended",
        "shiguan pull --gaps, within five days",
    );
    if aside.lost > 0 {
        findings.push(Finding::warning(
            "ranges lost",
            format!("{} ranges of the stream", aside.lost),
            "WeCom deleted them before they were pulled",
            "shiguan runs says which and why",
        ));
    }
    if aside.doubtful_seqs > 0 {
        findings.push(Finding::warning(
            "seqs in doubt",
            format!("{} records", aside.doubtful_seqs),
            "their seq cannot be right; they are opened and searchable, and the cursor did not follow them",
            "shiguan runs says when they came",
        ));
    }
    findings
}

fn headroom(context: &Context) -> Finding {
    let folder = &context.config.archive.folder;
    room_at("disk", folder, context, "", "archive.folder").unwrap_or_else(|| {
        Finding::warning(
            "disk",
            "unknown",
            "the file system does not say how much is free",
            "check the mount of archive.folder",
        )
    })
}

/// Whether `store.disk_headroom_mib` is free where a folder is; nothing when the file system does not say. `key` names the
/// folder in the configuration, `meanwhile` is added to the cause.
fn room_at(check: &str, folder: &Path, context: &Context, meanwhile: &str, key: &str) -> Option<Finding> {
    let (free, wanted) = (media::free(folder)? >> 20, context.config.store.disk_headroom_mib);
    let value = format!("{free} MiB free at {}", folder.display());
    Some(if free >= wanted {
        Finding::good(check, value)
    } else {
        Finding::bad(
            check,
            value,
            format!("less than store.disk_headroom_mib = {wanted}{meanwhile}"),
            format!("free space, or move {key} to a larger disk"),
        )
        .endangering()
    })
}

fn company_findings(context: &Context, company: &Company) -> Result<Vec<Finding>, Failure> {
    let label = |what: &str| format!("{what} ({})", company.name);
    let mut findings = Vec::new();
    if let Some(fault) = company.corpid_fault().filter(|_| company.mock_corpus.is_none()) {
        findings.push(
            Finding::bad(
                &label("corpid"),
                company.corpid.clone(),
                "it is the placeholder that `shiguan init` wrote",
                fault,
            )
            .endangering(),
        );
    } else if company.corpid == EXAMPLE_CORPID && company.mock_corpus.is_none() {
        findings.push(Finding::warning(
            &label("corpid"),
            company.corpid.clone(),
            "it is the example of the configuration's own comments",
            "write 企业ID there, from the page 我的企业 of the admin console",
        ));
    }
    match context.secret(company) {
        Ok(_) => findings.push(Finding::good(label("secret"), "present")),
        Err(error) => findings.push(
            Finding::bad(
                &label("secret"),
                "cannot be used",
                error.to_string(),
                "write the archive's Secret (管理工具 > 会话内容存档) into the file, chmod 600",
            )
            .endangering(),
        ),
    }
    let passphrase = match context.passphrase(company) {
        Ok(passphrase) => passphrase,
        Err(error) => {
            findings.push(
                Finding::bad(
                    &label("key passphrase"),
                    "cannot be used",
                    error.to_string(),
                    "write the passphrase of the private keys into the file, chmod 600",
                )
                .endangering(),
            );
            return Ok(findings);
        }
    };
    let ring = match KeyRing::load_dir(&company.keys, passphrase.as_ref()) {
        Ok(ring) => ring,
        Err(error) => {
            let advice = error.advice();
            findings.push(
                Finding::bad(
                    &label("keys"),
                    company.keys.display().to_string(),
                    error.to_string(),
                    advice,
                )
                .endangering(),
            );
            return Ok(findings);
        }
    };
    for stray in ring.strays() {
        findings.push(misnamed(&label("key file"), stray));
    }
    let versions: Vec<String> = ring
        .versions()
        .iter()
        .map(|key| key.version.to_string())
        .collect();
    let (none, named) = (
        versions.is_empty(),
        ring.strays().iter().any(|stray| stray.instead.is_none()),
    );
    findings.push(if none {
        let value = format!("none in {}", company.keys.display());
        let cause = "without a private key nothing can be opened (records are still kept)";
        let fix = if named {
            "rename the key file that is named above"
        } else if is_known(context, company) {
            "find the key pair whose public half stands in the admin console, and type: shiguan keys add FILE --version N"
        } else {
            "shiguan keys generate, or shiguan keys add FILE --version N"
        };
        Finding::bad(&label("keys"), value, cause, fix).endangering()
    } else {
        Finding::good(label("keys"), format!("versions {}", versions.join(", ")))
    });
    findings.extend(schedule(company));
    if context.database().exists() {
        findings.extend(keys_against_store(context, company, &ring)?);
    }
    Ok(findings)
}

/// A file that seems to be a key and is not used.
fn misnamed(check: &str, stray: &Stray) -> Finding {
    let value = stray.file.display().to_string();
    let cause = stray.to_string();
    match (&stray.instead, stray.version) {
        (Some(instead), _) => Finding::warning(
            check,
            value,
            cause,
            format!(
                "nothing, if {} is the right key (shiguan keys check); then move this one out of the folder",
                instead.display()
            ),
        ),
        (None, Some(version)) => Finding::bad(
            check,
            value,
            cause,
            format!(
                "mv '{}' '{}'",
                stray.file.display(),
                beside(&stray.file, &file_name(version))
            ),
        )
        .endangering(),
        (None, None) => Finding::bad(
            check,
            value,
            cause,
            format!(
                "mv '{}' '{}'",
                stray.file.display(),
                beside(&stray.file, "v<N>.pem")
            ),
        )
        .endangering(),
    }
}

fn beside(file: &Path, name: &str) -> String {
    file.with_file_name(name).display().to_string()
}

/// Whether the archive holds something of this company.
fn is_known(context: &Context, company: &Company) -> bool {
    context.database().exists()
        && context
            .reader()
            .is_ok_and(|reader| matches!(reader.company_id(&company.name), Ok(Some(_))))
}

/// True when something is at the path, or nobody may say whether there is.
fn there(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// A schedule with pauses that leave less than a day of WeCom's five; longer ones are refused by the configuration.
fn schedule(company: &Company) -> Option<Finding> {
    const FOUR_DAYS_MS: i64 = 4 * 24 * 60 * 60 * 1000;
    let Schedule::Cron(line) = &company.pull.schedule else {
        return None;
    };
    line.pause_of(FOUR_DAYS_MS)?;
    Some(
        Finding::warning(
            &format!("schedule ({})", company.name),
            format!("pull.cron = \"{line}\" pauses for four days or longer"),
            "WeCom keeps records for five days: one failed pull after such a pause loses some",
            "pull at least once a day",
        )
        .endangering(),
    )
}

/// Each version seen in the archive: is its key there, and is it the right one?
fn keys_against_store(context: &Context, company: &Company, ring: &KeyRing) -> Result<Vec<Finding>, Failure> {
    let reader = context.reader()?;
    let Some(id) = reader.company_id(&company.name)? else {
        return Ok(Vec::new());
    };
    let mut findings = Vec::new();
    let spare = Spare::new(context, company, &reader, id)?;
    for usage in reader.key_usage(id)? {
        let check = format!("key version {} ({})", usage.version, company.name);
        let sample = reader.sample_sealed(id, usage.version, 5)?;
        let tried = keys::try_key(context, ring, &sample)?;
        if tried.wrong > 0
            && let Some(fit) = spare.fitting(usage.version, &sample)?
        {
            let value = format!("{}; {} records wait", tried.text, usage.waiting);
            findings.push(Finding::bad(&check, value, fit.text(), fit.advice()).endangering());
            continue;
        }
        findings.push(if tried.wrong == 0 {
            Finding::good(check, tried.text)
        } else {
            Finding::bad(
                &check,
                format!("{}; {} records wait", tried.text, usage.waiting),
                "the private key of this version is missing, or belongs to another upload",
                format!(
                    "find the key pair of version {0} and type: shiguan keys add FILE --version {0}",
                    usage.version
                ),
            )
            .endangering()
        });
    }
    let now = Millis::now();
    findings.push(clock_beside(
        &crate::archive::clock_verdict(&reader, id, now)?,
        &company.name,
    ));
    if let Some(covered) = reader.covered_until(id, now)? {
        let window = crate::archive::Window::at(covered, now);
        let value = format!("WeCom's five days: {}", window.left_in_words());
        findings.push(if window.in_danger(company.pull.window_warning_hours) {
            Finding::warning(
                &format!("window ({})", company.name),
                value,
                "no pull has reached the end of the stream for too long",
                "shiguan pull, then keep `shiguan run` going",
            )
            .endangering()
        } else {
            Finding::good(format!("window ({})", company.name), value)
        });
    }
    Ok(findings)
}

/// A clock that is off dates every landing wrongly and refuses TLS.
fn clock() -> Finding {
    /// 2025-01-01, before the first release: no honest clock is earlier.
    const FLOOR: i64 = 1_735_689_600_000;
    let now = Millis::now();
    let value = format!("{} UTC", render::time(Some(now), &jiff::tz::TimeZone::UTC));
    if let Some(ms) = wall::shift_ms() {
        Finding::warning(
            "clock",
            value,
            format!("SHIGUAN_TEST_CLOCK moves the clock of this program by {ms} ms"),
            "unset SHIGUAN_TEST_CLOCK; it is for tests",
        )
    } else if now.0 < FLOOR {
        Finding::bad(
            "clock",
            value,
            "the clock of this machine is in the past",
            "set it; use NTP",
        )
    } else {
        Finding::good("clock", value)
    }
}

/// The clock against what the archive knows of the time.
fn clock_beside(verdict: &Verdict, name: &str) -> Finding {
    let check = format!("clock ({name})");
    match verdict {
        Verdict::Agreed => Finding::good(check, "confirmed by others"),
        Verdict::Unwitnessed => Finding::good(check, "nothing there to compare it with"),
        Verdict::Doubtful { by, why } => Finding::bad(
            &check,
            format!("contradicted by {by}"),
            format!("{why}; until that is cleared nothing is deleted and no file is given up by time"),
            "compare the time of this machine with another one and set it (NTP); if it is right, the next pull that \
             brings messages of the last hour confirms it, or an answer of WeCom's server API",
        ),
    }
}
