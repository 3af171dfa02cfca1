//! Questions about files: what to fetch next, what there is, how much.

use rusqlite::{Connection, Row, ToSql, params};

use super::{
    super::{Reader, codes::seq_out},
    state_in, state_out,
};
use crate::{
    ids::{CompanyId, Millis, RecordId, Seq},
    message,
    secret::Secret,
    store::{
        Result, StoreError,
        contract::{Content, Fetched, FileId, MediaFile, MediaList, MediaState, MediaTask, Stored},
    },
};

const FILE: &str =
    "SELECT f.id, f.company, f.record, r.seq, r.msgid, f.ord, f.kind, f.filename, f.md5, f.size, f.since,
    f.state, f.detail, f.attempts, f.next_try, f.have, c.sha256, c.md5, c.bytes, c.mime, c.ending, c.silent,
    p.sha256, p.md5, p.bytes, p.mime, p.ending
  FROM media_file f JOIN record r ON r.id = f.record
    LEFT JOIN media_content c ON c.id = f.content LEFT JOIN media_content p ON p.id = c.playable";

/// Longer than any pause between two tries of a file.
const LONGEST_PAUSE_MS: i64 = 2 * 60 * 60 * 1000;

impl Reader {
    /// Files to fetch now, those first whose time ends first; each handle once. `busy` are under way already.
    ///
    /// Files with setbacks come behind all others, those with the fewest first: a file that makes a pass end is not the
    /// first of the next one.
    pub fn media_due(
        &self,
        company: CompanyId,
        only: Option<RecordId>,
        now: Millis,
        busy: &[FileId],
        most: usize,
    ) -> Result<Vec<MediaTask>> {
        let view = self.view()?;
        // A try further off than any pause was put off by a clock that was ahead.
        let farthest = now.0.saturating_add(LONGEST_PAUSE_MS);
        let mut tasks: Vec<MediaTask> = Vec::new();
        let mut handles: Vec<Vec<u8>> = Vec::new();
        // Two questions: the first needs no sorting, and most of the time it is enough.
        for which in ["f.setbacks = 0 ORDER BY", "f.setbacks > 0 ORDER BY f.setbacks,"] {
            let mut statement = view.prepare_cached(&format!(
                "SELECT f.id, f.record, f.ord, f.md5, f.size, f.since, f.attempts, f.differed, f.have, f.cursor, f.handle,
                   f.setbacks, f.next_try
                 FROM media_file f INDEXED BY media_file_due
                 WHERE f.company = ?1 AND f.state < 2 AND (f.next_try <= ?2 OR f.next_try > ?4)
                   AND (?3 IS NULL OR f.record = ?3) AND {which} f.since, f.id"
            ))?;
            let mut rows =
                statement.query(params![company.0, now.0, only.map(|record| record.0), farthest])?;
            while tasks.len() < most {
                let Some(row) = rows.next()? else { break };
                let (id, handle) = (FileId(row.get(0)?), row.get::<_, Vec<u8>>(10)?);
                let under_way =
                    busy.contains(&id) || handles.contains(&handle) || shared(&view, company, &handle, busy)?;
                if under_way {
                    continue;
                }
                tasks.push(self.task(&view, row)?);
                handles.push(handle);
            }
        }
        Ok(tasks)
    }

    /// The handle is read from the body each time: it is kept nowhere else. A body that is damaged costs its own files.
    fn task(&self, view: &Connection, row: &Row<'_>) -> Result<MediaTask> {
        let (record, ord): (i64, i64) = (row.get(1)?, row.get(2)?);
        let (seq, body, unreadable) = match self.load_all(view, &[record]) {
            Ok(mut stored) => match stored.pop() {
                Some(Stored {
                    seq,
                    damage: Some(damage),
                    ..
                }) if damage.withholds_text() => (
                    seq,
                    Vec::new(),
                    Some(format!("its message cannot be read: {damage}")),
                ),
                Some(Stored {
                    seq,
                    opened: Some(opened),
                    ..
                }) => (seq, opened.plaintext, None),
                Some(Stored { seq, .. }) => (
                    seq,
                    Vec::new(),
                    Some("its message is not open at present".to_owned()),
                ),
                None => (
                    Seq(0),
                    Vec::new(),
                    Some("its message is not there any more".to_owned()),
                ),
            },
            Err(StoreError::Damaged(what)) => (
                Seq(0),
                Vec::new(),
                Some(format!("its message cannot be read: {what}")),
            ),
            Err(error) => return Err(error),
        };
        let file = message::read(&body).media.into_iter().nth(ord as usize);
        Ok(MediaTask {
            id: FileId(row.get(0)?),
            seq,
            handle: file.map(|file| file.sdkfileid).unwrap_or_default(),
            unreadable,
            md5: row.get(3)?,
            size: row.get::<_, Option<i64>>(4)?.map(i64::unsigned_abs),
            since: Millis(row.get(5)?),
            attempts: row.get(6)?,
            setbacks: row.get(11)?,
            next_try: Millis(row.get(12)?),
            differed: row.get(7)?,
            have: row.get::<_, i64>(8)?.unsigned_abs(),
            cursor: Secret::new(row.get::<_, String>(9)?),
        })
    }

    /// When a file of this company was last kept, as far as the latest thousand that were kept say so.
    pub fn media_last_kept(&self, company: CompanyId) -> Result<Option<Millis>> {
        let view = self.view()?;
        let last: Option<i64> = view
            .prepare_cached(
                "SELECT max(settled_at) FROM (SELECT settled_at FROM media_file
                 WHERE company = ? AND state IN (2, 3) ORDER BY id DESC LIMIT 1000)",
            )?
            .query_row([company.0], |row| row.get(0))?;
        Ok(last.map(Millis))
    }

    /// Every file that is begun: what may lie in the folder of beginnings.
    pub fn media_begun(&self, company: CompanyId) -> Result<Vec<FileId>> {
        let view = self.view()?;
        let mut statement =
            view.prepare_cached("SELECT id FROM media_file WHERE company = ? AND state = ? AND have > 0")?;
        let ids = statement.query_map(params![company.0, state_in(MediaState::Partial)], |row| {
            row.get(0)
        })?;
        Ok(ids.map(|id| id.map(FileId)).collect::<Result<_, _>>()?)
    }

    /// Files sent before then that are still to be fetched: how many, counted to `most`, and when the first of them was sent.
    pub fn media_unfetched(
        &self,
        company: CompanyId,
        before: Millis,
        most: u64,
    ) -> Result<(u64, Option<Millis>)> {
        let view = self.view()?;
        let found = view
            .prepare_cached(
                "SELECT count(*), min(since) FROM (SELECT since FROM media_file INDEXED BY media_file_due
                 WHERE company = ? AND state < 2 AND since < ? ORDER BY since LIMIT ?)",
            )?
            .query_row([company.0, before.0, most.min(1 << 62) as i64], |row| {
                Ok((
                    row.get::<_, i64>(0)?.unsigned_abs(),
                    row.get::<_, Option<i64>>(1)?,
                ))
            })?;
        Ok((found.0, found.1.map(Millis)))
    }

    /// How many files are in which state; states without files are left out.
    pub fn media_counts(&self, company: Option<CompanyId>) -> Result<Vec<(MediaState, u64)>> {
        let view = self.view()?;
        let mut statement = view.prepare_cached(
            "SELECT state, count(*) FROM media_file WHERE ?1 IS NULL OR company = ?1 GROUP BY state ORDER BY state",
        )?;
        let mut rows = statement.query([company.map(|company| company.0)])?;
        let mut counts = Vec::new();
        while let Some(row) = rows.next()? {
            counts.push((state_out(row.get(0)?)?, row.get::<_, i64>(1)?.unsigned_abs()));
        }
        Ok(counts)
    }

    /// A page of files, in the order they were found out.
    pub fn media_list(&self, which: &MediaList, most: usize) -> Result<Vec<MediaFile>> {
        let after = which.after.map_or(0, |file| file.0);
        files(
            &*self.view()?,
            "f.id > ?1 AND (?2 IS NULL OR f.company = ?2) AND (?3 IS NULL OR f.state = ?3) ORDER BY f.id LIMIT ?4",
            params![
                after,
                which.company.map(|company| company.0),
                which.state.map(state_in),
                i64::try_from(most).unwrap_or(i64::MAX)
            ],
        )
    }

    /// The files of a record that have been found out, in reading order.
    pub fn media_files(&self, record: RecordId) -> Result<Vec<MediaFile>> {
        files(&*self.view()?, "f.record = ?1 ORDER BY f.ord", params![record.0])
    }
}

/// True when one of the busy files has this handle.
fn shared(conn: &Connection, company: CompanyId, handle: &[u8], busy: &[FileId]) -> Result<bool> {
    let mut statement = conn.prepare_cached("SELECT id FROM media_file WHERE company = ? AND handle = ?")?;
    let mut rows = statement.query(params![company.0, handle])?;
    while let Some(row) = rows.next()? {
        if busy.contains(&FileId(row.get(0)?)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn files(conn: &Connection, which: &str, values: &[&dyn ToSql]) -> Result<Vec<MediaFile>> {
    let mut statement = conn.prepare_cached(&format!("{FILE} WHERE {which}"))?;
    let mut rows = statement.query(values)?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        let fetched = match content(row, 16)? {
            Some(kept) => Some(Fetched {
                content: kept,
                silent: row.get(21)?,
                playable: content(row, 22)?,
            }),
            None => None,
        };
        files.push(MediaFile {
            id: FileId(row.get(0)?),
            company: CompanyId(row.get(1)?),
            record: RecordId(row.get(2)?),
            seq: seq_out(row.get(3)?),
            msgid: row.get(4)?,
            ord: row.get(5)?,
            kind: row.get(6)?,
            filename: row.get(7)?,
            md5: row.get(8)?,
            size: row.get::<_, Option<i64>>(9)?.map(i64::unsigned_abs),
            since: Millis(row.get(10)?),
            state: state_out(row.get(11)?)?,
            detail: row.get(12)?,
            attempts: row.get(13)?,
            next_try: Millis(row.get(14)?),
            have: row.get::<_, i64>(15)?.unsigned_abs(),
            fetched,
        });
    }
    Ok(files)
}

fn content(row: &Row<'_>, first: usize) -> Result<Option<Content>> {
    let Some(sha256) = row.get(first)? else {
        return Ok(None);
    };
    Ok(Some(Content {
        sha256,
        md5: row.get(first + 1)?,
        bytes: row.get::<_, i64>(first + 2)?.unsigned_abs(),
        mime: row.get(first + 3)?,
        ending: row.get(first + 4)?,
    }))
}
