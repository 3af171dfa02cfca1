//! `shiguan backup`: take, list, verify and prune backups; give a copy an id of its own.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::{
    Global,
    context::{Context, Quiet},
    out::{self, Page},
    outcome::{Exit, Failure},
    render::{self, Table},
    words::Words,
};
use crate::{
    backup::{
        self, Checked, CopyFile, Damage, Depth, Encrypting, Error, Folder, Generation, Identities, Manifest,
        Memory, Options, Place, Pruned, Recipients, Taken,
    },
    config,
    ids::Millis,
    line,
    media::{Vault, vault::VaultError},
    message::Language,
    sanitize::{Line, value},
    store::Store,
};

/// Damaged parts that a person is shown.
const SHOWN: usize = 10;

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    /// Folder of the backups, on another disk; made when it is not there
    #[arg(value_name = "DIR", required = true)]
    dir: Option<PathBuf>,
    /// Read the new backup again afterwards, every byte, and check the database in it
    #[arg(long)]
    verify: bool,
    /// Remove old backups afterwards, all but so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// How far the database's write-ahead log may grow while the backup reads the database, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    max_log_mib: u64,
    /// Encrypt for this public key (age1…) instead of those in the configuration; may be given several times
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Vec<String>,
    /// Encrypt for the public keys in this file, one a line
    #[arg(long, value_name = "FILE")]
    recipients_file: Option<PathBuf>,
    /// With --verify: file with an identity (private key) that can read encrypted backups; without it their stored bytes
    /// are checked
    #[arg(long, value_name = "FILE", requires = "verify")]
    identity: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the backups in a folder
    List(ListArgs),
    /// Read a backup, every byte, and check the database in it
    Verify(VerifyArgs),
    /// Remove old backups, and what only they need
    Prune(PruneArgs),
    /// Give this archive an id of its own: it is a copy, and is to run beside its original
    Adopt(AdoptArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Folder of the backups
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// One JSON object per backup
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// Folder of the backups
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Number of the backup, as `backup list` shows it (default: the newest)
    #[arg(long, value_name = "N")]
    generation: Option<u64>,
    /// File with an identity (private key) that can read encrypted backups; without it their stored bytes are checked
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct PruneArgs {
    /// Folder of the backups
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// How many backups stay, the newest ones that are whole
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct AdoptArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    match (&args.verb, &args.dir) {
        (Some(Verb::List(args)), _) => list(global, args),
        (Some(Verb::Verify(args)), _) => verify(global, args),
        (Some(Verb::Prune(args)), _) => prune(global, args),
        (Some(Verb::Adopt(args)), _) => adopt(global, args),
        (None, Some(dir)) => take(global, args, dir),
        (None, None) => Err(Failure::usage("name the folder of the backups")),
    }
}

fn take(global: &Global, args: &Args, dir: &Path) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let words = Words(context.language);
    // Says what is wrong with the archive before a folder is made for its backups.
    drop(context.reader()?);
    let runtime = context.runtime()?;
    let mut vault: Option<Vault> = None;
    let mut copy: Box<CopyFile<'_>> = Box::new(|sha256, out| {
        if vault.is_none() {
            vault = Some(context.vault().map_err(|error| Error::Vault(error.to_string()))?);
        }
        let Some(vault) = &vault else { return Ok(0) };
        runtime
            .block_on(vault.copy(sha256, out))
            .map_err(|error| match error {
                VaultError::Missing { ref name } | VaultError::Damaged { ref name } => {
                    Error::Damaged(vec![Damage::new(name, error.to_string())])
                }
                error => Error::Vault(error.to_string()),
            })
    });
    let recipients = recipients(&context, args)?;
    let memory = Memory::of(&context.config.archive.folder);
    let ended = (|| {
        let identities = identities(&args.identity)?;
        let encrypting = recipients.as_ref().map(|recipients| Encrypting {
            recipients,
            memory: &memory,
        });
        let folder = Folder::to_write(dir, encrypting.as_ref())?;
        if folder.begins_anew() {
            errln!(
                "note: {} is not known to this archive by its key, which lies in {}: everything is written again; earlier \
                 backups stay as they are",
                dir.display(),
                context.config.archive.folder.join("backup-state").display()
            );
        }
        let options = Options {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            zone: context.config.archive.timezone_name.clone(),
            configuration: configuration(&context),
            now: Millis::now(),
            most_log: args.max_log_mib << 20,
        };
        let mut taken = backup::take(&context.database(), &folder, &options, &mut copy)?;
        remember(&memory, dir, &taken);
        let checked = match args.verify {
            true => {
                let opened = match identities {
                    Some(identities) => taken.manifest.open(taken.number, Some(identities))?,
                    None => None,
                };
                Some(backup::verify(&folder, &taken.manifest, opened.as_ref())?)
            }
            false => None,
        };
        // A backup that is not sound is no reason to remove others.
        let sound = checked.as_ref().is_none_or(Checked::is_sound);
        let pruned = match args.keep.filter(|_| sound) {
            Some(keep) => match backup::prune(&folder, keep as usize) {
                // Somebody reads old backups; the next backup removes them.
                Err(Error::InUse { .. }) => None,
                pruned => Some(pruned?),
            },
            None => None,
        };
        Ok((taken, checked, pruned))
    })();
    let (taken, checked, pruned) = match ended {
        Ok(done) => done,
        Err(error) => return failed(error),
    };
    if args.keep.is_some() && pruned.is_none() {
        errln!("note: old backups were not removed: another process reads them, or the new one is not sound");
    }
    if args.json {
        let mut told = taken_json(&taken, &context.zone);
        told["dir"] = json!(dir);
        told["verified"] = json!(checked.as_ref().map(Checked::is_sound));
        told["depth"] = json!(checked.as_ref().map(|checked| checked.depth.as_str()));
        told["damage"] = json!(checked.as_ref().map_or_else(Vec::new, damage));
        told["pruned"] = json!(pruned.as_ref().map(pruned_json));
        out::json(&told);
    } else {
        tell(words, &taken, &context.zone);
        if let Some(checked) = &checked {
            tell_checked(words, taken.number, checked);
        }
        if let Some(pruned) = &pruned {
            tell_pruned(words, pruned);
        }
    }
    let sound = checked.as_ref().is_none_or(Checked::is_sound);
    Ok(match sound && taken.manifest.files.missing.is_empty() {
        true => Exit::Well,
        false => Exit::Waiting,
    })
}

/// For whom backups are encrypted: as typed, or as configured.
fn recipients(context: &Context, args: &Args) -> Result<Option<Recipients>, Failure> {
    let typed = Recipients::parse(&args.recipient.join(" ")).map_err(failure)?;
    let listed = match &args.recipients_file {
        None => None,
        Some(path) => match Recipients::from_file(path).map_err(failure)? {
            None => return Err(Failure::usage(format!("{} names no recipient", path.display()))),
            listed => listed,
        },
    };
    let configured = context.config.backup.recipients.as_deref().unwrap_or_default();
    let all = match (typed, listed) {
        (Some(typed), Some(listed)) => Some(typed.and(listed)),
        (None, None) => Recipients::parse(configured).map_err(failure)?,
        (typed, listed) => typed.or(listed),
    };
    let example = config::keys::EXAMPLE_RECIPIENT;
    if all
        .as_ref()
        .is_some_and(|all| all.names().iter().any(|name| name == example))
    {
        return Err(Failure::usage(format!(
            "{example} is the example of the configuration, and nobody here can decrypt what is encrypted for it"
        ))
        .hint("make a key elsewhere with `age-keygen` and write its public half into backup.recipients"));
    }
    Ok(all)
}

/// The private keys for reading; none when no file is named.
pub(super) fn identities(files: &[PathBuf]) -> backup::Result<Option<Identities>> {
    let mut all: Option<Identities> = None;
    for file in files {
        let more = Identities::from_file(file)?;
        all = Some(match all {
            None => more,
            Some(all) => all.and(more),
        });
    }
    Ok(all)
}

/// So that the doctor knows where backups lie.
fn remember(memory: &Memory, dir: &Path, taken: &Taken) {
    let place = Place {
        dir: std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned()),
        taken_at: taken.manifest.taken_at,
        encrypted: taken.manifest.is_encrypted(),
    };
    if let Err(error) = memory.remember(place) {
        tracing::warn!(event = "backup.not_remembered", %error, "the doctor will not know where this backup lies");
    }
}

/// The configuration's file, so that it reads the same elsewhere. What was set by flags and variables is not in it.
fn configuration(context: &Context) -> Option<String> {
    let file = std::path::absolute(context.config.file()).ok()?;
    let text = std::fs::read_to_string(&file).ok()?;
    config::portable(&text, file.parent()?)
}

fn tell(words: Words, taken: &Taken, zone: &TimeZone) {
    let Manifest {
        records,
        database,
        files,
        ..
    } = &taken.manifest;
    let time = render::time(Some(taken.manifest.taken_at), zone);
    let zone = &taken.manifest.zone;
    let (number, records) = (taken.number, render::number(*records));
    let (whole, new) = (
        render::bytes(taken.manifest.database_bytes()),
        render::bytes(database.written),
    );
    let (contents, fresh) = (render::number(files.contents), render::number(taken.new_files));
    outln!(
        "{}",
        words.say(
            format!("第 {number} 代备份，{time} ({zone})：{records} 条记录"),
            format!("backup {number}, {time} ({zone}): {records} records")
        )
    );
    outln!(
        "{}",
        words.say(
            format!("数据库 {whole}，本次写入 {new}；文件 {contents} 个，本次新增 {fresh} 个"),
            format!("database {whole}, {new} written now; {contents} files, {fresh} of them new")
        )
    );
    let held = render::span(i64::try_from(taken.held.as_millis()).unwrap_or(i64::MAX));
    let log = render::bytes(taken.log_grew);
    outln!(
        "{}",
        words.say(
            format!("读取数据库用时 {held}，其间预写日志增长 {log}"),
            format!("the database was read in {held}; its write-ahead log grew by {log} meanwhile")
        )
    );
    if let Some(encryption) = &taken.manifest.encryption {
        let recipients = encryption.recipients.join(", ");
        outln!(
            "{}",
            words.say(
                format!("已加密，可解密的公钥：{recipients}"),
                format!("encrypted for {recipients}")
            )
        );
    }
    let missing = files.missing.len();
    if missing > 0 {
        outln!(
            "{}",
            words.say(
                format!("缺少 {missing} 个文件：存档记为已保存，但存储中没有完整内容"),
                format!("{missing} files are missing: the archive says that they are kept, and its vault does not have them whole")
            )
        );
        for name in files.missing.iter().take(SHOWN) {
            outln!("  {name}");
        }
        errln!(
            " hint: `shiguan media list` shows them; fetch them again while WeCom has them (`shiguan media get SEQ`)"
        );
    }
}

fn taken_json(taken: &Taken, zone: &TimeZone) -> Value {
    let mut told = manifest_json(taken.number, &taken.manifest, zone);
    told["base"] = json!(taken.base);
    told["files"]["new"] = json!(taken.new_files);
    told["held_ms"] = json!(u64::try_from(taken.held.as_millis()).unwrap_or(u64::MAX));
    told["log_grew"] = json!(taken.log_grew);
    told
}

/// A backup for programs.
pub(super) fn manifest_json(number: u64, manifest: &Manifest, zone: &TimeZone) -> Value {
    // Of an encrypted one that nobody opened, nothing says which they are.
    let companies = match manifest.companies.is_empty() && manifest.is_encrypted() {
        true => Value::Null,
        false => manifest
            .companies
            .iter()
            .map(|company| (company.name.clone(), json!({"cursor": company.cursor})))
            .collect::<Map<String, Value>>()
            .into(),
    };
    let recipients = manifest
        .encryption
        .as_ref()
        .map(|encryption| &encryption.recipients);
    json!({
        "recipients": recipients,
        "generation": number,
        "archive_id": manifest.archive_id,
        "epoch": manifest.epoch,
        "taken_at": render::time_json(Some(manifest.taken_at), zone),
        "zone": manifest.zone,
        "program": manifest.program,
        "migration": manifest.migration,
        "records": manifest.records,
        "opened": manifest.opened,
        "companies": companies,
        "database": {
            "bytes": manifest.database_bytes(),
            "pages": manifest.database.pages,
            "page_size": manifest.database.page_size,
            "chunks": manifest.database.objects,
            "written": manifest.database.written,
        },
        "files": {
            "known": manifest.files.known,
            "contents": manifest.files.contents,
            "bytes": manifest.files.bytes,
            "written": manifest.files.written,
            "missing": manifest.files.missing,
        },
    })
}

fn list(global: &Global, args: &ListArgs) -> Result<Exit, Failure> {
    let words = words(global);
    let folder = match Folder::to_read(&args.dir) {
        Ok(folder) => folder,
        Err(error) => return failed(error),
    };
    let generations = folder.generations().map_err(failure)?;
    let mut exit = Exit::Well;
    let mut table = Table::new([
        words.say("代", "backup"),
        words.say("时间", "taken"),
        words.say("时区", "zone"),
        words.say("记录", "records"),
        words.say("数据库", "database"),
        words.say("文件", "files"),
        words.say("写入", "written"),
        words.say("状态", "state"),
    ]);
    let mut out = Page::begin();
    for Generation { number, manifest } in &generations {
        let (manifest, damage) = match manifest {
            Ok(manifest) => (
                Some(manifest),
                backup::check(&folder, manifest).map_err(failure)?.damage,
            ),
            Err(Error::Damaged(damage)) => (None, damage.clone()),
            Err(error) => (None, vec![Damage::new("", error.to_string())]),
        };
        if !damage.is_empty() {
            exit = Exit::Waiting;
        }
        if args.json {
            let mut told = match manifest {
                Some(manifest) => manifest_json(*number, manifest, &zone(manifest)),
                None => json!({"generation": number}),
            };
            told["whole"] = json!(damage.is_empty());
            told["damage"] = damage_json(&damage);
            out.json(&told)?;
            continue;
        }
        let state = match damage.first() {
            None => match manifest.is_some_and(Manifest::is_encrypted) {
                true => words.say("完整，已加密", "whole, encrypted").into(),
                false => words.say("完整", "whole").into(),
            },
            Some(first) => words.say(
                line!("损坏：{} 处，首处 {}", damage.len(), value(&first.path)),
                line!(
                    "damaged: {} parts, the first {}",
                    damage.len(),
                    value(&first.path)
                ),
            ),
        };
        let cell = |of: &dyn Fn(&Manifest) -> Line| manifest.map_or("-".into(), of);
        table.row([
            line!("{}", *number),
            cell(&|manifest| render::time(Some(manifest.taken_at), &zone(manifest))),
            cell(&|manifest| value(&manifest.zone)),
            cell(&|manifest| render::number(manifest.records)),
            cell(&|manifest| render::bytes(manifest.database_bytes())),
            cell(&|manifest| render::number(manifest.files.contents)),
            cell(&|manifest| render::bytes(manifest.database.written + manifest.files.written)),
            state,
        ]);
    }
    if !args.json {
        out.table(&table)?;
        if generations.is_empty() {
            out.line(words.say("没有备份", "no backups"))?;
        }
    }
    Ok(exit)
}

fn verify(global: &Global, args: &VerifyArgs) -> Result<Exit, Failure> {
    let words = words(global);
    let verified = (|| {
        let folder = Folder::to_read(&args.dir)?;
        let (number, mut manifest) = pick(&folder, &Which::from_number(args.generation))?;
        let opened = match identities(&args.identity)? {
            Some(identities) => manifest.open(number, Some(identities))?,
            None => None,
        };
        let checked = backup::verify(&folder, &manifest, opened.as_ref())?;
        Ok((number, manifest, checked))
    })();
    let (number, manifest, checked) = match verified {
        Ok(done) => done,
        Err(error) => return failed(error),
    };
    if args.json {
        out::json(&json!({
            "generation": number,
            "taken_at": render::time_json(Some(manifest.taken_at), &zone(&manifest)),
            "zone": manifest.zone,
            "sound": checked.is_sound(),
            "depth": checked.depth.as_str(),
            "parts": checked.parts,
            "bytes": checked.bytes,
            "damage": damage(&checked),
        }));
    } else {
        tell_checked(words, number, &checked);
    }
    Ok(match checked.is_sound() {
        true => Exit::Well,
        false => Exit::Waiting,
    })
}

fn tell_checked(words: Words, number: u64, checked: &Checked) {
    let (parts, bytes) = (render::number(checked.parts), render::bytes(checked.bytes));
    let damage = damage(checked);
    let found = damage.len();
    let text = match (found, checked.depth) {
        (0, Depth::Database) => words.say(
            format!("第 {number} 代已逐字节核对，完好：{parts} 个部分，{bytes}；数据库自检通过"),
            format!("backup {number} was read in full and is sound: {parts} parts, {bytes}; the database passed its check"),
        ),
        (0, Depth::Content) => words.say(
            format!("第 {number} 代已解密并逐字节核对，与备份时一致：{parts} 个部分，{bytes}"),
            format!("backup {number} was decrypted and read in full, and is what was backed up: {parts} parts, {bytes}"),
        ),
        (0, Depth::Stored) => words.say(
            format!("第 {number} 代的密文已逐字节核对，与写入时一致：{parts} 个部分，{bytes}；内容未解密 (--identity)"),
            format!(
                "backup {number} was read in full and its encrypted bytes are what was written: {parts} parts, {bytes}; nothing \
                 was decrypted (--identity)"
            ),
        ),
        _ => words.say(
            format!("第 {number} 代已损坏，{found} 处（共核对 {parts} 个部分，{bytes}）："),
            format!("backup {number} is damaged, {found} parts of {parts} ({bytes} read):"),
        ),
    };
    outln!("{text}");
    for one in damage.iter().take(SHOWN) {
        let text = |key: &str| value(one[key].as_str().unwrap_or_default());
        outln!("  {}: {}", text("path"), text("what"));
    }
    if found > SHOWN {
        outln!("  … {}", found - SHOWN);
    }
    if found > 0 {
        errln!(
            " hint: take a new backup: what is missing in this one is written anew; an older generation may be whole (`shiguan backup list`)"
        );
    }
}

fn damage(checked: &Checked) -> Vec<Value> {
    let findings = checked
        .findings
        .iter()
        .map(|what| json!({"path": "archive.db", "what": what}));
    let parts = checked
        .damage
        .iter()
        .map(|one| json!({"path": one.path, "what": one.what}));
    parts.chain(findings).collect()
}

pub(super) fn damage_json(damage: &[Damage]) -> Value {
    damage
        .iter()
        .map(|one| json!({"path": one.path, "what": one.what}))
        .collect()
}

fn prune(global: &Global, args: &PruneArgs) -> Result<Exit, Failure> {
    // A folder that is not there is not made for this.
    let pruned = Folder::to_prune(&args.dir).and_then(|folder| backup::prune(&folder, args.keep as usize));
    match pruned {
        Ok(pruned) if args.json => out::json(&pruned_json(&pruned)),
        Ok(pruned) => tell_pruned(words(global), &pruned),
        Err(error) => return failed(error),
    }
    Ok(Exit::Well)
}

fn pruned_json(pruned: &Pruned) -> Value {
    json!({"removed": pruned.removed, "kept": pruned.kept, "freed": pruned.freed})
}

fn tell_pruned(words: Words, pruned: &Pruned) {
    let (removed, kept) = (pruned.removed.len(), pruned.kept.len());
    let freed = render::bytes(pruned.freed);
    outln!(
        "{}",
        words.say(
            format!("删除旧备份 {removed} 代，保留 {kept} 代，释放 {freed}"),
            format!("{removed} old backups removed, {kept} left, {freed} freed")
        )
    );
}

fn adopt(global: &Global, args: &AdoptArgs) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    drop(context.reader()?);
    // Without a claim, because the original may be running; with a new id nobody else can have one.
    let mut store = Store::open(&context.database())?;
    let old = store.archive_id()?;
    let new = store.begin_epoch(None, None, Millis::now())?;
    if args.json {
        out::json(&json!({"archive_id": new, "old_archive_id": old}));
    } else {
        let old = old.unwrap_or_default();
        outln!(
            "{}",
            Words(context.language).say(
                format!("此存档的新编号：{new}（原为 {old}）"),
                format!("this archive is now {new} (it was {old})")
            )
        );
    }
    if context.config.store.archive_id.is_some() {
        errln!(
            "next: store.archive_id = \"{new}\" in {}",
            global.config.display()
        );
    }
    Ok(Exit::Well)
}

/// Which backup is asked for.
pub(super) enum Which {
    /// The newest that can be read.
    Newest,
    /// By its number.
    Number(u64),
    /// The last one at that time or before.
    At(Millis),
}

impl Which {
    pub(super) fn from_number(number: Option<u64>) -> Self {
        number.map_or(Self::Newest, Self::Number)
    }
}

/// The backup that is asked for. The newest one by its number is not passed over when it is damaged.
pub(super) fn pick(folder: &Folder, which: &Which) -> backup::Result<(u64, Manifest)> {
    let none = |what: String| Error::NoGeneration {
        path: folder.path().into(),
        what,
    };
    let mut generations = folder.generations()?;
    generations.reverse();
    for generation in generations {
        let wanted = match which {
            Which::Newest => true,
            Which::Number(number) => generation.number == *number,
            Which::At(time) => match &generation.manifest {
                Ok(manifest) => manifest.taken_at <= *time,
                Err(_) => false,
            },
        };
        if wanted {
            return Ok((generation.number, generation.manifest?));
        }
    }
    Err(match which {
        Which::Newest => none("holds no backup yet".to_owned()),
        Which::Number(number) => none(format!(
            "holds no backup {number}; `shiguan backup list` shows which"
        )),
        Which::At(_) => {
            none("holds no backup of that time or before; `shiguan backup list` shows which".to_owned())
        }
    })
}

/// The zone a backup's times are shown in.
pub(super) fn zone(manifest: &Manifest) -> TimeZone {
    TimeZone::get(&manifest.zone).unwrap_or(TimeZone::UTC)
}

/// The language, also where there is no configuration: backups are read on other machines.
pub(super) fn words(global: &Global) -> Words {
    let language = global.language.map(Language::from);
    let configured = || Context::load(global).ok().map(|context| context.language);
    Words(language.or_else(configured).unwrap_or(Language::Chinese))
}

/// Damage is told and ends with 3, what was typed wrongly with 2, the rest with 1.
pub(super) fn failed(error: Error) -> Result<Exit, Failure> {
    if error.is_damage() {
        errln!("error: {error}");
        errln!(
            " hint: `shiguan backup list` shows which backups are whole; `shiguan restore --generation N` takes one of them"
        );
        return Ok(Exit::Waiting);
    }
    Err(failure(error))
}

fn failure(error: Error) -> Failure {
    match error {
        Error::NotBackups { .. }
        | Error::NotEmpty { .. }
        | Error::NoGeneration { .. }
        | Error::Recipient { .. }
        | Error::IdentityFile { .. }
        | Error::Encrypted { .. }
        | Error::InTheClear { .. }
        | Error::OtherRecipients { .. }
        | Error::NoIdentity { .. } => Failure::usage(error),
        Error::Store(error) => error.into(),
        error => Failure::run(error),
    }
}
