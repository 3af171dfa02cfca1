//! Files of messages: found out behind the watermark, handed out by deadline, settled.
//!
//! Finding out happens apart from opening, so that messages never wait for it: records up to the watermark have been
//! looked at, those of them that were not open then are remembered, and a batch is one transaction.

mod discover;
mod list;
mod settle;

pub(super) use discover::OPEN_THEN;
pub(super) use settle::pending_again;

use crate::store::{
    Result, StoreError,
    contract::{MediaAsk, MediaState},
};

/// Numbers once used keep their meaning for ever.
pub(super) fn state_in(state: MediaState) -> i64 {
    match state {
        MediaState::Pending => 0,
        MediaState::Partial => 1,
        MediaState::Kept => 2,
        MediaState::Differs => 3,
        MediaState::Expired => 4,
        MediaState::Refused => 5,
        MediaState::Gone => 6,
    }
}

fn state_out(column: i64) -> Result<MediaState> {
    MediaState::ALL
        .into_iter()
        .find(|state| state_in(*state) == column)
        .ok_or_else(|| StoreError::Damaged(format!("a file has the unknown state {column}")))
}

/// The records, among those that carry files, for which `media:` is true.
pub(super) struct Answer {
    /// Records with a file in one of the asked states.
    records: std::collections::HashSet<i64>,
    /// Nothing was found out yet behind this row, nor about `unread`: such files are pending.
    watermark: Option<i64>,
    unread: std::collections::HashSet<i64>,
}

impl Answer {
    pub(super) fn to(conn: &rusqlite::Connection, ask: MediaAsk) -> Result<Self> {
        let (which, pending) = match ask {
            MediaAsk::Missing => ("state NOT IN (2, 3)".to_owned(), true),
            MediaAsk::In(state) => (
                format!("state = {}", state_in(state)),
                state == MediaState::Pending,
            ),
        };
        let ids = |sql: &str| -> Result<std::collections::HashSet<i64>> {
            let mut statement = conn.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        Ok(Self {
            records: ids(&format!("SELECT DISTINCT record FROM media_file WHERE {which}"))?,
            watermark: if pending {
                Some(discover::watermark(conn)?)
            } else {
                None
            },
            unread: if pending {
                ids("SELECT record FROM media_unread")?
            } else {
                std::collections::HashSet::new()
            },
        })
    }

    pub(super) fn holds(&self, record: i64) -> bool {
        self.records.contains(&record)
            || self.watermark.is_some_and(|watermark| record > watermark)
            || self.unread.contains(&record)
    }
}
