//! Is a row what was written? Guards over columns, and what is wrong when they do not fit.
//!
//! The body proves itself by its salted SHA-256. A guard, 64 bits of XXH3, binds it to the row: it covers the columns of the
//! message with the names they stand for, the columns of the record that no body tells, and that SHA-256, so two exchanged
//! bodies are noticed as well. Rows of older programs have no guard; their columns are compared with what the body says. Guards
//! that were written before the columns of [`Handling`] were covered still fit; a row gets a new one when it is derived again.

use rusqlite::{Connection, OptionalExtension, Row};
use twox_hash::XxHash3_64;

use super::{codes::MSGID_DIFFERS, derive::Derived, pack::Unpacker, settle::salted};
use crate::{
    message::{self, Message},
    store::{Result, StoreError, contract::Damage},
};

/// XXH3 of some parts, each with its length.
pub(super) struct Sum(Vec<u8>);

impl Sum {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(512))
    }

    pub(super) fn number(&mut self, number: i64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as i64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn optional(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.bytes(text.as_bytes()),
            None => self.number(-1),
        }
    }

    fn optional_number(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.number(1).number(number),
            None => self.number(0),
        }
    }

    pub(super) fn value(&self) -> i64 {
        XxHash3_64::oneshot(&self.0) as i64
    }
}

/// How a record was opened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Handling<'a> {
    pub attempts: i64,
    pub tried_key: Option<&'a str>,
    pub sdk_build: Option<i64>,
    pub settled_at: Option<i64>,
    pub detail: &'a str,
}

/// Everything a guard covers, by the names of the columns.
pub(super) struct Guarded<'a> {
    pub record: i64,
    pub company: i64,
    pub seq: i64,
    pub twin: i64,
    pub msgid: &'a str,
    pub version: i64,
    pub landed_at: i64,
    pub landed_sha256: &'a [u8],
    pub body_sha256: &'a [u8],
    pub time: i64,
    pub sender: (i64, &'a str),
    /// Row, kind, key.
    pub chat: (i64, i64, &'a str),
    pub audience: i64,
    pub msgtype: (i64, &'a str),
    pub action: (i64, &'a str),
    pub scope: i64,
    pub direction: i64,
    pub flags: i64,
    pub flaws: i64,
    pub inner_msgid: Option<&'a str>,
    pub recalls: Option<&'a str>,
    pub handling: Handling<'a>,
}

impl Guarded<'_> {
    pub(super) fn guard(&self) -> i64 {
        let mut sum = self.sum();
        let handling = &self.handling;
        sum.number(handling.attempts)
            .optional_number(handling.sdk_build)
            .optional_number(handling.settled_at)
            .optional(handling.tried_key)
            .bytes(handling.detail.as_bytes());
        sum.value()
    }

    /// True when this guard was written for what the columns say.
    fn fits(&self, guard: i64) -> bool {
        guard == self.guard() || guard == self.sum().value()
    }

    fn sum(&self) -> Sum {
        let mut sum = Sum::new();
        for number in [
            self.record,
            self.company,
            self.seq,
            self.twin,
            self.version,
            self.landed_at,
            self.time,
            self.sender.0,
            self.chat.0,
            self.chat.1,
            self.audience,
            self.msgtype.0,
            self.action.0,
            self.scope,
            self.direction,
            self.flags,
            self.flaws,
        ] {
            sum.number(number);
        }
        for text in [
            self.msgid,
            self.sender.1,
            self.chat.2,
            self.msgtype.1,
            self.action.1,
        ] {
            sum.bytes(text.as_bytes());
        }
        sum.bytes(self.landed_sha256)
            .bytes(self.body_sha256)
            .optional(self.inner_msgid)
            .optional(self.recalls);
        sum
    }
}

/// The columns that [`Checked::of`] reads, of `record r`, by its row.
pub(super) const CHECKED: &str = "SELECT r.id, r.company, r.seq, r.twin, r.msgid, r.version, r.landed_at, r.sha256, m.company, m.seq,
    m.time, m.sender, m.chat, m.audience, m.type, m.action, m.scope, m.direction, m.flags, m.flaws, m.msgid, m.guard,
    s.key, c.kind, c.key, t.text, a.text, (SELECT pre_msgid FROM recall WHERE recall.record = r.id),
    p.dictionary, p.body, p.salt, p.sha256, r.attempts, r.tried_key, r.sdk_build, r.settled_at, r.detail
  FROM record r JOIN message m ON m.record = r.id JOIN plaintext p ON p.record = r.id
    JOIN person s ON s.id = m.sender JOIN chat c ON c.id = m.chat
    JOIN word t ON t.id = m.type JOIN word a ON a.id = m.action
  WHERE r.id = ?";

/// An opened record, compared with what was written of it.
pub(super) struct Checked {
    /// Its body, when that is the one that was opened for it.
    pub body: Option<Vec<u8>>,
    pub damage: Option<Damage>,
    pub has_digest: bool,
    pub has_guard: bool,
    /// Columns of a sound row that this version of the program derives otherwise; only when it was read thoroughly.
    pub differing: Vec<&'static str>,
}

impl Checked {
    /// Reads an opened record and everything that says whether it is what was written. A row that cannot be read is damage
    /// of that row; an error is the engine's.
    pub(super) fn of(conn: &Connection, unpacker: &Unpacker, record: i64) -> Result<Self> {
        Self::read(conn, unpacker, record, false)
    }

    /// The same, and what this version of the program would write otherwise.
    pub(super) fn thoroughly(conn: &Connection, unpacker: &Unpacker, record: i64) -> Result<Self> {
        Self::read(conn, unpacker, record, true)
    }

    /// False when the row could not be read at all.
    pub(super) fn is_readable(&self) -> bool {
        !matches!(self.damage, Some(Damage::RowUnreadable(_)))
    }

    fn read(conn: &Connection, unpacker: &Unpacker, record: i64, thoroughly: bool) -> Result<Self> {
        let read = || -> Result<Option<Self>> {
            let mut statement = conn.prepare_cached(CHECKED)?;
            let mut rows = statement.query([record])?;
            match rows.next()? {
                Some(row) => Ok(Some(Self::row(conn, unpacker, row, thoroughly)?)),
                None => Ok(None),
            }
        };
        match read() {
            Ok(Some(checked)) => Ok(checked),
            Ok(None) => Ok(Self::unreadable(missing(conn, record)?)),
            Err(StoreError::Damaged(what)) => Ok(Self::unreadable(what)),
            Err(error) => Err(error),
        }
    }

    fn unreadable(what: String) -> Self {
        Self {
            body: None,
            damage: Some(Damage::RowUnreadable(what)),
            has_digest: false,
            has_guard: false,
            differing: Vec::new(),
        }
    }

    /// Out of a row of [`CHECKED`].
    pub(super) fn row(
        conn: &Connection,
        unpacker: &Unpacker,
        row: &Row<'_>,
        thoroughly: bool,
    ) -> Result<Self> {
        let mut checked = Self {
            body: None,
            damage: None,
            has_digest: false,
            has_guard: false,
            differing: Vec::new(),
        };
        let digest = row
            .get::<_, Option<Vec<u8>>>(30)?
            .zip(row.get::<_, Option<Vec<u8>>>(31)?);
        checked.has_digest = digest.is_some();
        let guard: Option<i64> = row.get(21)?;
        checked.has_guard = guard.is_some();
        let landed_sha256: Vec<u8> = row.get(7)?;
        let body_sha256 = digest.as_ref().map_or(&[][..], |(_, sha256)| sha256);
        let guarded = guarded(row, &landed_sha256, body_sha256)?;
        let own: (i64, i64) = (row.get(8)?, row.get(9)?);
        let body = match unpacker.body(conn, row, 28, 29) {
            Ok(body) => body,
            Err(StoreError::Damaged(what)) => {
                checked.damage = Some(Damage::BodyUnreadable(what));
                return Ok(checked);
            }
            Err(error) => return Err(error),
        };
        if let Some((salt, sha256)) = &digest
            && salted(salt, &body).as_slice() != sha256
        {
            checked.damage = Some(Damage::BodyChanged);
            return Ok(checked);
        }
        let same_row = own == (guarded.company, guarded.seq);
        let fits = match guard {
            Some(guard) => same_row && guarded.fits(guard),
            // Nothing but the body says what the columns should be.
            None => false,
        };
        if (fits || guard.is_none()) && thoroughly {
            let derived = Derived::new(&message::read(&body), guarded.flags & MSGID_DIFFERS != 0);
            checked.differing = derived.differing(&guarded);
        }
        if !fits {
            checked.damage = misfit(&guarded, guard.is_some(), same_row, &body);
        }
        let is_its_own = checked
            .damage
            .as_ref()
            .is_none_or(|damage| !damage.withholds_text());
        checked.body = is_its_own.then_some(body);
        Ok(checked)
    }
}

/// What a guard covers, out of a row of [`CHECKED`].
fn guarded<'r>(row: &'r Row<'_>, landed_sha256: &'r [u8], body_sha256: &'r [u8]) -> Result<Guarded<'r>> {
    let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    let optional = |column: usize| {
        row.get_ref(column)?
            .as_str_or_null()
            .map_err(rusqlite::Error::from)
    };
    Ok(Guarded {
        record: row.get(0)?,
        company: row.get(1)?,
        seq: row.get(2)?,
        twin: row.get(3)?,
        msgid: text(4)?,
        version: row.get(5)?,
        landed_at: row.get(6)?,
        landed_sha256,
        body_sha256,
        time: row.get(10)?,
        sender: (row.get(11)?, text(22)?),
        chat: (row.get(12)?, row.get(23)?, text(24)?),
        audience: row.get(13)?,
        msgtype: (row.get(14)?, text(25)?),
        action: (row.get(15)?, text(26)?),
        scope: row.get(16)?,
        direction: row.get(17)?,
        flags: row.get(18)?,
        flaws: row.get(19)?,
        inner_msgid: optional(20)?,
        recalls: optional(27)?,
        handling: Handling {
            attempts: row.get(32)?,
            tried_key: optional(33)?,
            sdk_build: row.get(34)?,
            settled_at: row.get(35)?,
            detail: text(36)?,
        },
    })
}

/// Why a row is not there as a whole.
pub(super) fn missing(conn: &Connection, record: i64) -> Result<String> {
    for (table, column) in [("message", "record"), ("plaintext", "record")] {
        let found: Option<i64> = conn
            .prepare_cached(&format!("SELECT 1 FROM {table} WHERE {column} = ?"))?
            .query_row([record], |row| row.get(0))
            .optional()?;
        if found.is_none() {
            return Ok(format!("it is opened and has no row in `{table}`"));
        }
    }
    Ok("it names a person, a conversation, a type or an action that is not there".to_owned())
}

/// False when the message names another msgid than the columns; a message or columns without one say nothing.
pub(super) fn is_named(message: &Message, outer: &str, inner: Option<&str>) -> bool {
    let named = [Some(outer), inner];
    message.msgid.is_empty()
        || named.contains(&Some(message.msgid.as_str()))
        || named.into_iter().flatten().all(str::is_empty)
}

/// The body of an opened record, if it is what was opened for it.
pub(super) fn genuine_body(conn: &Connection, unpacker: &Unpacker, record: i64) -> Result<Vec<u8>> {
    let checked = Checked::of(conn, unpacker, record)?;
    checked.body.ok_or_else(|| {
        let damage = checked
            .damage
            .map_or_else(String::new, |damage| damage.to_string());
        StoreError::Damaged(format!("record {record}: {damage}"))
    })
}

/// Which columns are not what the body says. A guard that does not fit is damage in any case.
fn misfit(columns: &Guarded<'_>, is_guarded: bool, same_row: bool, body: &[u8]) -> Option<Damage> {
    let message = message::read(body);
    if !is_named(&message, columns.msgid, columns.inner_msgid) {
        return Some(Damage::OtherMessage);
    }
    let derived = Derived::new(&message, columns.flags & MSGID_DIFFERS != 0);
    let mut wrong = derived.differing(columns);
    if !is_guarded {
        // Versions of the program may have read these differently, and only a guard tells that from rot.
        wrong.retain(|name| !["scope", "direction", "flags", "recalls"].contains(name));
    }
    if !same_row {
        wrong.push("seq");
    }
    if wrong.is_empty() && is_guarded {
        // None of the columns that follow from the body: one of those that no body tells.
        wrong.push("record");
    }
    (!wrong.is_empty()).then_some(Damage::Columns(wrong))
}

/// Writes the guard of a row as it is, of which the caller knows that it is right. False when its body has no digest.
pub(super) fn write_guard(conn: &Connection, record: i64) -> Result<bool> {
    let guard = {
        let mut statement = conn.prepare_cached(CHECKED)?;
        let mut rows = statement.query([record])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        let Some(body_sha256) = row.get::<_, Option<Vec<u8>>>(31)? else {
            return Ok(false);
        };
        let landed_sha256: Vec<u8> = row.get(7)?;
        guarded(row, &landed_sha256, &body_sha256)?.guard()
    };
    conn.prepare_cached("UPDATE message SET guard = ? WHERE record = ?")?
        .execute([guard, record])?;
    Ok(true)
}
