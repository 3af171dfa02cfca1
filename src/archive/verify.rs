//! Verifying an archive: all of it at once, a sample, or the share of a day.
//!
//! Records and the index are read by a reading half of their own, so nothing that lands waits; files come from the vault. The
//! share of a day goes on where the last one ended, see [`Slice`].

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use md5::{Digest, Md5};
use rand::Rng;

use super::{Desk, Error};
use crate::{
    ids::{CompanyId, Millis, RecordId},
    media::{Vault, VaultError},
    store::{
        Reader,
        contract::{
            Content,
            verify::{About, Fault, Finding, Repair, Round, Slice, Verified},
        },
    },
};

/// Records in one part.
const RECORDS: usize = 500;
/// Files asked for at once.
const FILES: usize = 100;

/// What to verify, and who hears of it.
pub struct Verify<'a> {
    /// A reading half of its own.
    pub reader: &'a Reader,
    /// Where the files are; `None`: they are left out.
    pub vault: Option<&'a Vault>,
    /// Only this company's records.
    pub company: Option<CompanyId>,
    /// Files of messages sent before then are not to be had from WeCom any more.
    pub fetchable_since: Millis,
    /// Hears of each finding.
    pub tell: &'a mut dyn FnMut(&Finding) -> io::Result<()>,
    /// Hears how much was looked at so far.
    pub progress: &'a mut dyn FnMut(&Verified),
    /// True when it is to end early.
    pub stopped: &'a dyn Fn() -> bool,
}

/// What came of verifying.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How much was looked at.
    pub verified: Verified,
    /// How much is damaged.
    pub found: u64,
    /// Files that could not be looked at, because the store behind the vault did not answer.
    pub unreachable: u64,
    /// It ended early, so it says nothing about the rest.
    pub stopped: bool,
    /// How long each part took, when all of it was verified.
    pub took: Took,
}

/// How long the parts of verifying took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Took {
    /// The database's structure, rows against their copies, and rules between tables.
    pub structure: Duration,
    /// Records with their bodies and sealed originals.
    pub records: Duration,
    /// The search index beside the terms of the bodies.
    pub index: Duration,
    /// Files.
    pub files: Duration,
}

impl Verify<'_> {
    /// Everything.
    pub async fn whole(&mut self) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        let mut clock = Instant::now();
        let mut lap = || std::mem::replace(&mut clock, Instant::now()).elapsed();
        for finding in self.reader.verify_structure()? {
            self.found(&mut verdict, &finding)?;
        }
        verdict.took.structure = lap();
        let last = self.reader.last_record()?;
        let mut after = Some(RecordId(0));
        while let Some(from) = after {
            let part = self.reader.verify_records(self.company, from, RECORDS)?;
            self.add(&mut verdict, &part.findings, part.verified)?;
            after = part.next;
            if self.ends(&mut verdict) {
                return Ok(verdict);
            }
        }
        verdict.took.records = lap();
        let mut after = Some(0);
        while let Some(from) = after {
            let part = self.reader.verify_segment(from, last)?;
            self.add(&mut verdict, &part.findings, part.verified)?;
            after = part.next;
            if self.ends(&mut verdict) {
                return Ok(verdict);
            }
        }
        for finding in self.reader.verify_index_coverage()? {
            self.found(&mut verdict, &finding)?;
        }
        verdict.took.index = lap();
        let mut after = 0;
        loop {
            let contents = self.reader.file_contents(after, FILES)?;
            let Some((last, _)) = contents.last() else { break };
            after = *last;
            for (_, content) in &contents {
                self.file(&mut verdict, content).await?;
                if self.ends(&mut verdict) {
                    return Ok(verdict);
                }
            }
        }
        verdict.took.files = lap();
        Ok(verdict)
    }

    /// So many records and so many files at random.
    pub async fn sample(&mut self, count: u64) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        let last = self.reader.last_record()?;
        let draw = |last: i64| rand::rng().random_range(1..=last.max(1));
        for _ in 0..count {
            let Some(record) = self.reader.record_from(RecordId(draw(last.0)))? else {
                break;
            };
            let part = self.reader.verify_record(record)?;
            self.add(&mut verdict, &part.findings, part.verified)?;
            if self.ends(&mut verdict) {
                return Ok(verdict);
            }
        }
        let last = self.reader.last_content()?;
        for _ in 0..count {
            let drawn = self.reader.file_contents(draw(last) - 1, 1)?;
            let Some((_, content)) = drawn.first() else { break };
            self.file(&mut verdict, content).await?;
            if self.ends(&mut verdict) {
                break;
            }
        }
        Ok(verdict)
    }

    /// The next share of a round: so many records, segments of the index and files that the whole archive is through after
    /// `days` of them. A round ends with what concerns the file as a whole.
    pub async fn slice(&mut self, slice: &mut Slice, days: u32, now: Millis) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        if slice.began == 0 {
            *slice = Slice {
                began: now.0,
                until: self.reader.last_record()?.0,
                last: slice.last.take(),
                ..Slice::default()
            };
        }
        let days = i64::from(days.max(1));
        let share = |all: i64| all / days + 1;
        let records = share(slice.until);
        let contents = share(self.reader.last_content()?);
        let end = slice.record.saturating_add(records).min(slice.until);
        while slice.record < end {
            let part = self
                .reader
                .verify_records(None, RecordId(slice.record), RECORDS)?;
            self.add(&mut verdict, &part.findings, part.verified)?;
            slice.note(&part.findings);
            slice.record = part.next.map_or(slice.until, |next| next.0);
            if self.ends(&mut verdict) {
                return Ok(verdict);
            }
        }
        // Merges write segments anew all the time, so the share is counted in records and not in segments.
        while !slice.segments_done && i64::try_from(verdict.verified.indexed).unwrap_or(i64::MAX) < records {
            let part = self.reader.verify_segment(slice.segment, RecordId(slice.until))?;
            self.add(&mut verdict, &part.findings, part.verified)?;
            slice.note(&part.findings);
            match part.next {
                Some(next) => slice.segment = next,
                None => slice.segments_done = true,
            }
            if self.ends(&mut verdict) {
                return Ok(verdict);
            }
        }
        for _ in 0..contents {
            let next = self.reader.file_contents(slice.content, 1)?;
            let Some((id, content)) = next.first() else {
                slice.contents_done = true;
                break;
            };
            if let Some(finding) = self.file(&mut verdict, content).await? {
                slice.note(&[finding]);
            }
            slice.content = *id;
            if self.ends(&mut verdict) {
                return Ok(verdict);
            }
        }
        slice.at = now.0;
        if slice.record >= slice.until && slice.segments_done && slice.contents_done {
            let mut findings = self.reader.verify_structure()?;
            findings.extend(self.reader.verify_index_coverage()?);
            for finding in &findings {
                self.found(&mut verdict, finding)?;
            }
            slice.note(&findings);
            slice.last = Some(Round {
                began: slice.began,
                ended: now.0,
                found: slice.found,
                what: std::mem::take(&mut slice.what),
            });
            *slice = Slice {
                at: now.0,
                last: slice.last.take(),
                ..Slice::default()
            };
        }
        Ok(verdict)
    }

    /// Is a kept file there, with the bytes that were kept?
    async fn file(&mut self, verdict: &mut Verdict, content: &Content) -> Result<Option<Finding>, Error> {
        let Some(vault) = self.vault else { return Ok(None) };
        let fault = match check_file(vault, content).await {
            Ok(fault) => fault,
            Err(error) => {
                tracing::warn!(event = "verify.unreachable", cause = %error, "a file could not be verified");
                verdict.unreachable += 1;
                return Ok(None);
            }
        };
        verdict.verified.files += 1;
        verdict.verified.file_bytes += content.bytes;
        (self.progress)(&verdict.verified);
        let Some(fault) = fault else { return Ok(None) };
        let has_source = self
            .reader
            .content_has_source(&content.sha256, self.fetchable_since)?;
        let finding = Finding {
            about: About::File(content.sha256),
            fault,
            repair: if has_source { Repair::File } else { Repair::Backup },
        };
        self.found(verdict, &finding)?;
        Ok(Some(finding))
    }

    fn add(&mut self, verdict: &mut Verdict, findings: &[Finding], verified: Verified) -> Result<(), Error> {
        verdict.verified += verified;
        findings
            .iter()
            .try_for_each(|finding| self.found(verdict, finding))?;
        (self.progress)(&verdict.verified);
        Ok(())
    }

    fn found(&mut self, verdict: &mut Verdict, finding: &Finding) -> Result<(), Error> {
        verdict.found += 1;
        (self.tell)(finding).map_err(Error::Told)
    }

    fn ends(&self, verdict: &mut Verdict) -> bool {
        verdict.stopped = (self.stopped)();
        verdict.stopped
    }
}

/// What is wrong with a kept file, if anything is; an error when the store behind the vault did not answer.
pub async fn check_file(vault: &Vault, content: &Content) -> Result<Option<Fault>, VaultError> {
    let mut digest = Md5Writer(Md5::new());
    match vault.copy(&content.sha256, &mut digest).await {
        Ok(bytes) if bytes == content.bytes && digest.0.finalize().as_slice() == content.md5 => Ok(None),
        Ok(_) | Err(VaultError::Damaged { .. }) => Ok(Some(Fault::FileChanged)),
        Err(VaultError::Missing { .. }) => Ok(Some(Fault::FileMissing)),
        Err(error) => Err(error),
    }
}

/// Has lost files fetched again, those of messages sent since then: what is there with another size or, `thorough`ly, with
/// other bytes, is set aside. Returns how many files wait to be fetched because of it.
pub async fn refetch_lost(
    desk: &Desk,
    vault: &Vault,
    contents: Vec<Content>,
    since: Millis,
    thorough: bool,
) -> Result<u64, Error> {
    let mut back = 0;
    for content in contents {
        let size = vault.size(&content.sha256).await;
        let is_whole = match size {
            Ok(Some(bytes)) if bytes == content.bytes && thorough => {
                check_file(vault, &content).await?.is_none()
            }
            Ok(size) => size == Some(content.bytes),
            // Nobody can tell at the moment; that is no reason not to fetch others.
            Err(_) if !thorough => true,
            Err(error) => return Err(error.into()),
        };
        if !is_whole {
            vault.set_aside(&content.sha256).await?;
            let sha256 = content.sha256;
            back += desk.ask(move |store| store.media_lost(&sha256, since)).await??;
        }
    }
    Ok(back)
}

struct Md5Writer(Md5);

impl Write for Md5Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
