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
    backup::{self, Checked, CopyFile, Damage, Error, Folder, Generation, Manifest, Options, Pruned, Taken},
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
    let ended = (|| {
        let folder = Folder::to_write(dir)?;
        let options = Options {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            zone: context.config.archive.timezone_name.clone(),
            configuration: configuration(&context),
            now: Millis::now(),
            most_log: args.max_log_mib << 20,
        };
        let taken = backup::take(&context.database(), &folder, &options, &mut copy)?;
        let checked = match args.verify {
            true => Some(backup::verify(&folder, &taken.manifest)?),
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
    let companies: Map<String, Value> = manifest
        .companies
        .iter()
        .map(|company| (company.name.clone(), json!({"cursor": company.cursor})))
        .collect();
    json!({
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
            None => words.say("完整", "whole").into(),
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
        let (number, manifest) = pick(&folder, &Which::from_number(args.generation))?;
        let checked = backup::verify(&folder, &manifest)?;
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
    let text = match found {
        0 => words.say(
            format!("第 {number} 代已逐字节核对，完好：{parts} 个部分，{bytes}；数据库自检通过"),
            format!("backup {number} was read in full and is sound: {parts} parts, {bytes}; the database passed its check"),
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
    let pruned = Folder::to_read(&args.dir)
        .map(drop)
        .and_then(|()| Folder::to_write(&args.dir))
        .and_then(|folder| backup::prune(&folder, args.keep as usize));
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
        Error::NotBackups { .. } | Error::NotEmpty { .. } | Error::NoGeneration { .. } => {
            Failure::usage(error)
        }
        Error::Store(error) => error.into(),
        error => Failure::run(error),
    }
}
