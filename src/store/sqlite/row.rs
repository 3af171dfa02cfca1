//! One record with everything the contract says about it, loaded by its row.

use std::{
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Reader,
    codes::{MSGID_DIFFERS, direction_out, flaws_out, scope_out, seq_out, state_out, time_out},
    guard::{self, Checked},
    open,
    pack::Unpacker,
};
use crate::{
    ids::{CompanyId, KeyVersion, Millis, RecordId, Seq},
    store::{
        Result, StoreError,
        contract::{ChatKey, Damage, Opened, Recalled, State, Stored},
    },
};

/// A row whose pages are in memory takes a tenth of a millisecond; one that is slower than this came from the disk.
const FROM_DISK: Duration = Duration::from_micros(500);
/// Rows that are read from the disk side by side.
const AHEAD: usize = 6;

impl Reader {
    /// Loads rows in the order given; unknown ones are left out.
    pub(super) fn load_all(&self, conn: &Connection, ids: &[i64]) -> Result<Vec<Stored>> {
        Ok(self.load_some(conn, ids, usize::MAX)?.0)
    }

    /// Loads rows in the order given until their bodies have that many bytes together, but at least one; says as well how many
    /// of the rows asked for were not looked at.
    pub(super) fn load_some(
        &self,
        conn: &Connection,
        ids: &[i64],
        bytes: usize,
    ) -> Result<(Vec<Stored>, usize)> {
        let (mut all, mut held) = (Vec::with_capacity(ids.len()), 0);
        for (place, id) in ids.iter().enumerate() {
            if held >= bytes {
                return Ok((all, ids.len() - place));
            }
            let began = Instant::now();
            if let Some(stored) = load(conn, Some(&self.unpacker), RecordId(*id))? {
                held += stored.opened.as_ref().map_or(0, |opened| opened.plaintext.len());
                all.push(stored);
            }
            if place == 0 && ids.len() > 2 && began.elapsed() > FROM_DISK {
                self.fetch(&ids[1..]);
            }
        }
        Ok((all, 0))
    }

    /// Has the system read what these rows need, several at a time: a row stands on half a dozen pages at random places,
    /// and the engine alone asks for one after the other. What is read here is thrown away, so neither its moment nor
    /// its failure matters.
    fn fetch(&self, ids: &[i64]) {
        let path = &self.path;
        thread::scope(|scope| {
            for share in ids.chunks(ids.len().div_ceil(AHEAD)) {
                scope.spawn(move || {
                    let Ok(conn) = open::connect_to_read(path) else {
                        return;
                    };
                    for id in share {
                        let _only_its_pages = load(&conn, None, RecordId(*id));
                    }
                });
            }
        });
    }
}

/// Loads a record; `None` when there is no such row. Without an unpacker its body is read and left out. What is wrong with
/// the row is part of what is loaded, so that one damaged row costs no other.
fn load(conn: &Connection, unpacker: Option<&Unpacker>, id: RecordId) -> Result<Option<Stored>> {
    let mut stored = match outside(conn, id) {
        Ok(Some(stored)) => stored,
        Ok(None) => return Ok(None),
        Err(StoreError::Damaged(what)) => {
            return Ok(Some(unreadable(id, what)));
        }
        Err(error) => return Err(error),
    };
    if stored.state == State::Opened {
        match opened(conn, unpacker, &stored) {
            Ok((opened, damage)) => {
                stored.sort_time = opened.time.map_or(0, |time| time.0);
                stored.opened = Some(opened);
                stored.damage = damage;
            }
            Err(StoreError::Damaged(what)) => stored.damage = Some(Damage::RowUnreadable(what)),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(stored))
}

/// A record of which nothing can be read, and why.
pub(super) fn unreadable(id: RecordId, what: String) -> Stored {
    Stored {
        id,
        company: CompanyId(0),
        seq: Seq(0),
        msgid: String::new(),
        key_version: KeyVersion(0),
        state: State::Opened,
        detail: String::new(),
        attempts: 0,
        landed_at: Millis(0),
        variants: 0,
        opened: None,
        damage: Some(Damage::RowUnreadable(what)),
        sort_time: 0,
    }
}

/// What is known of it before it is opened.
fn outside(conn: &Connection, id: RecordId) -> Result<Option<Stored>> {
    let mut statement = conn.prepare_cached(
        "SELECT company, seq, msgid, version, state, detail, attempts, landed_at,
           (SELECT count(*) FROM variant WHERE variant.record = record.id) FROM record WHERE id = ?",
    )?;
    let mut rows = statement.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Stored {
        id,
        company: CompanyId(row.get(0)?),
        seq: seq_out(row.get(1)?),
        msgid: row.get(2)?,
        key_version: KeyVersion(row.get(3)?),
        state: state_out(row.get(4)?)?,
        detail: row.get(5)?,
        attempts: row.get(6)?,
        landed_at: Millis(row.get(7)?),
        variants: row.get::<_, i64>(8)? as u64,
        opened: None,
        damage: None,
        sort_time: 0,
    }))
}

fn opened(
    conn: &Connection,
    unpacker: Option<&Unpacker>,
    stored: &Stored,
) -> Result<(Opened, Option<Damage>)> {
    let mut statement = conn.prepare_cached(guard::CHECKED)?;
    let mut rows = statement.query([stored.id.0])?;
    let Some(row) = rows.next()? else {
        return Err(StoreError::Damaged(guard::missing(conn, stored.id.0)?));
    };
    let msgid = row
        .get::<_, Option<String>>(20)?
        .unwrap_or_else(|| stored.msgid.clone());
    let time = row.get(10)?;
    let (plaintext, damage) = match unpacker {
        Some(unpacker) => {
            let checked = Checked::row(conn, unpacker, row, false)?;
            (checked.body.unwrap_or_default(), checked.damage)
        }
        None => (Vec::new(), None),
    };
    let opened = Opened {
        plaintext,
        action: row.get(26)?,
        msgtype: row.get(25)?,
        from: row.get(22)?,
        time: time_out(time),
        chat: chat_key(row.get(23)?, row.get(24)?)?,
        scope: scope_out(row.get(16)?)?,
        direction: direction_out(row.get(17)?)?,
        msgid_differs: row.get::<_, i64>(18)? & MSGID_DIFFERS != 0,
        flaws: flaws_out(row.get(19)?),
        recalls: row.get(27)?,
        recalled: recalled(conn, stored, &msgid, time)?,
        msgid,
    };
    Ok((opened, damage))
}

/// The earliest recall of a message, whichever of its two msgids it names.
fn recalled(conn: &Connection, stored: &Stored, inner: &str, time: i64) -> Result<Option<Recalled>> {
    let found = conn
        .prepare_cached(
            "SELECT rc.record, p.key, m.time FROM recall rc
               JOIN message m ON m.record = rc.record
               JOIN person p ON p.id = m.sender
             WHERE rc.company = ?1 AND rc.pre_msgid IN (?2, ?3) AND rc.record <> ?4
             ORDER BY m.time = 0, m.time, m.seq LIMIT 1",
        )?
        .query_row(
            params![stored.company.0, stored.msgid, inner, stored.id.0],
            |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?)),
        )
        .optional()?;
    Ok(found.map(|(record, by, at)| Recalled {
        record: RecordId(record),
        by,
        at: time_out(at),
        after_ms: if time == 0 || at == 0 {
            None
        } else {
            at.checked_sub(time)
        },
    }))
}

/// Reads a chat's columns back.
pub(super) fn chat_key(kind: i64, key: String) -> Result<Option<ChatKey>> {
    match kind {
        0 => Ok(None),
        1 => Ok(Some(ChatKey::Room(key))),
        _ => serde_json::from_str(&key)
            .map(|people| Some(ChatKey::People(people)))
            .map_err(|_| StoreError::Damaged("a chat's people cannot be read".into())),
    }
}
