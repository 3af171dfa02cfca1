//! `shiguan restore`: a new archive from a backup.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde_json::json;

use super::{
    Global,
    backup::{self as verb, Which},
    init::FILE,
    out,
    outcome::{Exit, Failure},
    render,
    words::Words,
};
use crate::{
    backup::{self, Folder, Manifest, Restored},
    config,
    ids::Millis,
    sanitize::value,
};

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the backups
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Folder for the archive: a new or an empty one
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// As of that time: the last backup then or before; 2026-03-01 (the end of that day), 2026-03-01 12:00, in the zone of
    /// the backup, or with an offset
    #[arg(long, value_name = "TIME", conflicts_with = "generation")]
    at: Option<String>,
    /// Number of the backup, as `backup list` shows it (default: the newest)
    #[arg(long, value_name = "N")]
    generation: Option<u64>,
    /// File with an identity (private key) that can read encrypted backups; may be given several times
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let words = verb::words(global);
    let folder = match Folder::to_read(&args.from) {
        Ok(folder) => folder,
        Err(error) => return verb::failed(error),
    };
    let which = match &args.at {
        None => Which::from_number(args.generation),
        Some(text) => Which::At(time(&folder, text)?),
    };
    let restored = verb::pick(&folder, &which).and_then(|(number, mut manifest)| {
        let opened = manifest.open(number, verb::identities(&args.identity)?)?;
        let restored = backup::restore(
            &folder,
            number,
            &manifest,
            opened.as_ref(),
            &args.dir,
            Millis::now(),
        )?;
        Ok((number, manifest, restored))
    });
    let (number, manifest, restored) = match restored {
        Ok(done) => done,
        Err(error) => return verb::failed(error),
    };
    let configuration = configure(args, &manifest, &restored);
    if args.json {
        let mut told = verb::manifest_json(number, &manifest, &verb::zone(&manifest));
        told["old_archive_id"] = json!(manifest.archive_id);
        told["archive_id"] = json!(restored.archive_id);
        told["epoch"] = json!(restored.contents.epoch);
        told["archive"] = json!(restored.database);
        told["configuration"] = json!(configuration);
        told["restored_files"] = json!(restored.files);
        told["damage"] = verb::damage_json(&restored.damage);
        told["files_to_fetch_again"] = json!(restored.waiting_again);
        out::json(&told);
    } else {
        tell(words, number, &manifest, &restored);
    }
    next(args, &restored, configuration.as_deref());
    let whole = restored.damage.is_empty() && restored.waiting_again == 0;
    Ok(if whole { Exit::Well } else { Exit::Waiting })
}

fn tell(words: Words, number: u64, manifest: &Manifest, restored: &Restored) {
    let time = render::time(Some(manifest.taken_at), &verb::zone(manifest));
    let zone = value(&manifest.zone);
    let database = restored.database.display();
    let records = render::number(restored.contents.records);
    let opened = render::number(restored.contents.opened);
    let (files, bytes) = (render::number(restored.files), render::bytes(restored.file_bytes));
    outln!(
        "{}",
        words.say(
            format!("已由第 {number} 代备份（{time} {zone}）恢复：{database}"),
            format!("restored from backup {number} ({time} {zone}): {database}")
        )
    );
    outln!(
        "{}",
        words.say(
            format!("{records} 条记录，其中已解密 {opened} 条；文件 {files} 个，{bytes}；数据库自检通过"),
            format!(
                "{records} records, {opened} of them opened; {files} files, {bytes}; the database passed its check"
            )
        )
    );
    for (name, cursor) in &restored.contents.companies {
        let name = value(name);
        outln!(
            "{}",
            words.say(
                format!("企业 {name}：下次从 seq {cursor} 之后继续拉取"),
                format!("company {name}: the next pull goes on after seq {cursor}")
            )
        );
    }
    let (new, old) = (&restored.archive_id, value(&manifest.archive_id));
    outln!(
        "{}",
        words.say(
            format!("存档编号 {new}（原为 {old}）"),
            format!("archive id {new} (it was {old})")
        )
    );
    if restored.waiting_again > 0 || !restored.damage.is_empty() {
        let again = render::number(restored.waiting_again);
        outln!(
            "{}",
            words.say(
                format!("备份中缺少 {again} 个消息文件，已改为待下载："),
                format!("{again} files of messages are missing in the backup and wait to be fetched again:")
            )
        );
        for damage in restored.damage.iter().take(10) {
            outln!("  {}: {}", damage.path, damage.what);
        }
    }
}

/// Writes the configuration of the archive beside it. Without one in the backup, or when it cannot be written, whoever
/// restores writes their own.
fn configure(args: &Args, manifest: &Manifest, restored: &Restored) -> Option<PathBuf> {
    let text = config::beside(manifest.configuration.as_deref()?, &restored.archive_id)?;
    let path = args.dir.join(FILE);
    let head = "# Of the archive that was backed up, for the restored one beside it. Look at the paths on another machine.\n\n";
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .ok()?;
    file.write_all(head.as_bytes())
        .and_then(|()| file.write_all(text.as_bytes()))
        .ok()?;
    Some(path)
}

/// What to type next.
fn next(args: &Args, restored: &Restored, configuration: Option<&Path>) {
    let dir = std::path::absolute(&args.dir).unwrap_or_else(|_| args.dir.clone());
    if let Some(path) = configuration {
        errln!(
            "next: look through {0} (keys and secrets are not in a backup), then `shiguan --config {0} pull` brings what came \
             since, as far as WeCom still has it (five days)",
            path.display()
        );
        errln!(
            "  or set archive.folder = \"{}\" in another configuration",
            dir.display()
        );
        return;
    }
    errln!(
        "next: set archive.folder = \"{0}\" in the configuration (and store.archive_id = \"{1}\", where it is set), with the \
         private keys where it names them;",
        dir.display(),
        restored.archive_id
    );
    errln!("  then `shiguan pull` brings what came since, as far as WeCom still has it (five days)");
}

/// A time as typed, in the zone of the newest backup.
fn time(folder: &Folder, text: &str) -> Result<Millis, Failure> {
    let generations = folder.generations().map_err(Failure::run)?;
    let newest = generations
        .iter()
        .rev()
        .find_map(|generation| generation.manifest.as_ref().ok());
    let zone = newest.map_or(TimeZone::UTC, verb::zone);
    moment(text.trim(), &zone).ok_or_else(|| {
        Failure::usage(format!("--at {}: this is no time", value(text)))
            .hint("write 2026-03-01, 2026-03-01 12:00 or 2026-03-01T12:00:00+08:00")
    })
}

fn moment(text: &str, zone: &TimeZone) -> Option<Millis> {
    if let Ok(stamp) = text.parse::<Timestamp>() {
        // Backups are dated to the millisecond; a second covers all of its own.
        let whole = !text.contains('.');
        return Some(Millis(stamp.as_millisecond() + if whole { 999 } else { 0 }));
    }
    let (date, spare): (DateTime, i64) = if text.contains(':') {
        let spare = if text.matches(':').count() == 1 {
            59_999
        } else {
            999
        };
        (text.parse().ok()?, spare)
    } else {
        let date: Date = text.parse().ok()?;
        (date.at(23, 59, 59, 0), 999)
    };
    let stamp = date.to_zoned(zone.clone()).ok()?.timestamp();
    Some(Millis(stamp.as_millisecond() + spare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_covers_what_it_names() {
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
        let at = |text: &str| moment(text, &zone).map(|at| at.0);
        let noon = "2026-03-01T04:00:00Z"
            .parse::<Timestamp>()
            .expect("a time")
            .as_millisecond();
        assert_eq!(at("2026-03-01 12:00"), Some(noon + 59_999));
        assert_eq!(at("2026-03-01T12:00:00"), Some(noon + 999));
        assert_eq!(at("2026-03-01T12:00:00+08:00"), Some(noon + 999));
        assert_eq!(at("2026-03-01T04:00:00.250Z"), Some(noon + 250));
        assert_eq!(at("2026-03-01"), Some(noon + 12 * 3_600_000 - 1));
        for odd in ["", "yesterday", "2026-13-01", "12:00", "2026-03-01 25:00"] {
            assert_eq!(at(odd), None, "{odd}");
        }
    }
}
