//! `shiguan media export`: copies of the files of some messages, with a manifest that says what each is and where it
//! belongs. Names are made here: what a sender wrote is part of one, made harmless, behind seq and digest.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    super::{
        context::Quiet,
        out,
        understood::{self, Notes},
    },
    Context, Exit, Failure, Global, Words, file_json, render,
};
use crate::{
    ids::Seq,
    media::{Vault, safe, vault::hex},
    sanitize,
    store::{
        Reader,
        contract::{Content, Filter, MediaFile, Order},
    },
};

/// Arguments of `media export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which messages: a query as in `search`, or a seq
    #[arg(value_name = "QUERY|SEQ", allow_hyphen_values = true)]
    query: String,
    /// Folder for the copies; made when it is not there, and must be empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print one JSON object per file, as in the manifest
    #[arg(long)]
    json: bool,
}

/// What lists the copies.
const MANIFEST: &str = "manifest.jsonl";
/// Messages read at once.
const PAGE: usize = 500;

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let words = Words(context.language);
    let reader = context.reader()?;
    let filter = match args.query.parse() {
        Ok(seq) => Filter::Seq(Seq(seq), Seq(seq)),
        Err(_) => {
            let understood = understood::read(&context, &args.query, false)?;
            let total = reader.count(&understood.filter)?;
            Notes::gather(&context, &reader, &understood, total, false)?.tell(words)?;
            understood.filter
        }
    };
    let vault = context.vault()?;
    let taken = fs::read_dir(&args.to).is_ok_and(|mut entries| entries.next().is_some());
    if taken {
        return Err(
            Failure::usage(format!("{} is not empty", args.to.display())).hint("name a new folder with --to")
        );
    }
    super::super::init::make_private(&args.to)?;
    let (files, damaged) = wanted(&reader, filter)?;
    let mut export = Export {
        folder: &args.to,
        vault: &vault,
        manifest: Vec::new(),
        written: HashSet::new(),
        copied: 0,
        bytes: 0,
        left_out: 0,
        failed: 0,
    };
    let companies: HashSet<i64> = files.iter().map(|file| file.company.0).collect();
    let runtime = context.runtime()?;
    for file in &files {
        let company = reader.company_name(file.company)?;
        let prefix = match (&company, companies.len()) {
            (Some(name), 2..) => format!("{name}-"),
            _ => String::new(),
        };
        let mut line = file_json(&context, company, file);
        runtime.block_on(export.one(file, &prefix, &mut line))?;
        if args.json {
            out::json(&line);
        }
        export.manifest.push(line);
    }
    let manifest = write_beside(&args.to, MANIFEST, |out| {
        export
            .manifest
            .iter()
            .try_for_each(|line| writeln!(out, "{}", sanitize::json::to_string(line)?))
    })?;
    let (copied, bytes, left_out) = (
        render::number(export.copied),
        render::bytes(export.bytes),
        render::number(export.left_out),
    );
    errln!(
        "{}",
        words.say(
            format!(
                "已导出 {copied} 个文件（{bytes}）；{left_out} 个没有内容可导出；清单 {}",
                manifest.display()
            ),
            format!(
                "{copied} files copied ({bytes}); {left_out} have no bytes to copy; manifest {}",
                manifest.display()
            )
        )
    );
    if export.failed > 0 {
        return Err(Failure::run(format!(
            "{} files that the archive says are kept could not be copied; the manifest says why",
            export.failed
        )));
    }
    if damaged > 0 {
        errln!("{}", super::super::damage::total(words, damaged));
    }
    Ok(if export.left_out + damaged > 0 {
        Exit::Waiting
    } else {
        Exit::Well
    })
}

/// The files of all messages that the filter finds, the earliest first, and how many of the messages are damaged.
fn wanted(reader: &Reader, filter: Filter) -> Result<(Vec<MediaFile>, u64), Failure> {
    let filter = Filter::And(vec![filter, Filter::HasMedia]);
    let (mut files, mut after, mut damaged) = (Vec::new(), None, 0);
    loop {
        let page = reader.page(&filter, Order::OldestFirst, after, PAGE)?;
        for hit in &page.hits {
            damaged += u64::from(hit.damage.is_some());
            files.extend(reader.media_files(hit.id)?);
        }
        after = page.next;
        if after.is_none() {
            return Ok((files, damaged));
        }
    }
}

struct Export<'a> {
    folder: &'a Path,
    vault: &'a Vault,
    manifest: Vec<serde_json::Value>,
    written: HashSet<String>,
    copied: u64,
    bytes: u64,
    left_out: u64,
    failed: u64,
}

impl Export<'_> {
    /// Copies a file, and for a voice what browsers play; says under which names.
    async fn one(
        &mut self,
        file: &MediaFile,
        prefix: &str,
        line: &mut serde_json::Value,
    ) -> Result<(), Failure> {
        let Some(kept) = &file.fetched else {
            self.left_out += 1;
            line["copy"] = json!(null);
            return Ok(());
        };
        let given = file.filename.as_deref().unwrap_or(&file.kind);
        match self.copy(file, prefix, given, &kept.content).await? {
            Ok(name) => line["copy"] = json!(name),
            Err(why) => line["not_copied"] = json!(why),
        }
        if let Some(playable) = &kept.playable {
            match self.copy(file, prefix, &format!("{given}.wav"), playable).await? {
                Ok(name) => line["playable_copy"] = json!(name),
                Err(why) => line["not_copied"] = json!(why),
            }
        }
        Ok(())
    }

    async fn copy(
        &mut self,
        file: &MediaFile,
        prefix: &str,
        given: &str,
        content: &Content,
    ) -> Result<Result<String, String>, Failure> {
        let name = name(file, prefix, given, content);
        if !self.written.insert(name.to_lowercase()) {
            return Ok(Ok(name));
        }
        let beside = self.folder.join(format!(".{name}.part"));
        let mut out = BufWriter::new(create(&beside)?);
        let copied = self.vault.copy(&content.sha256, &mut out).await;
        let done = match copied {
            Ok(bytes) => {
                out.flush()?;
                out.get_ref().sync_all()?;
                fs::rename(&beside, self.folder.join(&name))?;
                self.copied += 1;
                self.bytes += bytes;
                Ok(name)
            }
            Err(error) => {
                fs::remove_file(&beside)?;
                self.failed += 1;
                Err(error.to_string())
            }
        };
        Ok(done)
    }
}

/// `SEQ-ORD-DIGEST-name.ending`: sorted as the messages are, and never the same for two contents.
fn name(file: &MediaFile, prefix: &str, given: &str, content: &Content) -> String {
    let mut given = safe(given);
    let has = |ending: &str| given.to_lowercase().ends_with(&format!(".{ending}"));
    let dotted = given
        .rsplit_once('.')
        .is_some_and(|(_, ending)| (1..=8).contains(&ending.len()));
    // A name without an ending gets the one its bytes deserve; a name with one stays as the sender wrote it.
    if !content.ending.is_empty() && !dotted && !has(&content.ending) {
        given = format!("{given}.{}", content.ending);
    }
    format!(
        "{prefix}{}-{}-{}-{given}",
        file.seq,
        file.ord,
        hex(&content.sha256[..6])
    )
}

fn write_beside(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<PathBuf, Failure> {
    let (beside, path) = (folder.join(format!(".{name}.part")), folder.join(name));
    let mut out = BufWriter::new(create(&beside)?);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    fs::rename(&beside, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}

fn create(path: &Path) -> Result<File, Failure> {
    Ok(OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?)
}
