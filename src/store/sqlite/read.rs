//! Looking things up: a record, a msgid, what was said around it, a whole conversation.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, ToSql};

use super::{
    Reader,
    codes::time_out,
    index::{Asker, Entry, Expr, Kind, term},
    row, search,
};
use crate::{
    ids::{CompanyId, RecordId},
    message::{self, Chat, Media, fold_id},
    store::{
        Result, StoreError,
        contract::{ChatId, ChatRow, Hit, Order, PageKey, Stored},
    },
};

impl Reader {
    /// A record by its row.
    pub fn message(&self, id: RecordId) -> Result<Option<Stored>> {
        let view = self.view()?;
        Ok(self.load_all(&view, &[id.0])?.pop())
    }

    /// Every record with this msgid, outer or inner, opened or not, in the order of their rows.
    /// There may be several: nothing promises that a msgid comes once. Records that are not opened are few, and
    /// all of them are looked at.
    pub fn by_msgid(&self, msgid: &str) -> Result<Vec<Stored>> {
        let view = self.view()?;
        let mut ids = view
            .prepare_cached(
                "SELECT id FROM record INDEXED BY record_sealed WHERE state = 0 AND msgid = ?1
                 UNION ALL SELECT id FROM record INDEXED BY record_waiting WHERE state >= 2 AND msgid = ?1",
            )?
            .query_map([msgid], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        let opened = search::named(&view, &HashSet::from([msgid]))?;
        ids.extend(opened.into_iter().map(|named| named.record));
        ids.sort_unstable();
        self.load_all(&view, &ids)
    }

    /// What `DecryptData` last returned for a record, with success, that is not its message; verbatim.
    pub fn answer(&self, id: RecordId) -> Result<Option<Vec<u8>>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT dictionary, body FROM answer WHERE record = ?")?;
        let mut rows = statement.query([id.0])?;
        match rows.next()? {
            Some(row) => Ok(Some(self.unpacker.body(&self.conn, row, 0, 1)?)),
            None => Ok(None),
        }
    }

    /// The files of a record, in the order they stand in it: read from its bytes.
    pub fn media(&self, id: RecordId) -> Result<Vec<Media>> {
        let stored = self.message(id)?;
        let damage = stored.as_ref().and_then(|stored| stored.damage.as_ref());
        if let Some(damage) = damage.filter(|damage| damage.withholds_text()) {
            return Err(StoreError::Damaged(format!("record {id}: {damage}")));
        }
        let opened = stored.and_then(|stored| stored.opened);
        Ok(opened.map_or_else(Vec::new, |opened| message::read(&opened.plaintext).media))
    }

    /// The conversation around a record, earliest first: up to `before` messages, the record itself, up to `after`.
    /// A record that is not opened, or in no chat, stands alone; an unknown row gives nothing.
    pub fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Vec<Stored>> {
        let view = self.view()?;
        let found = view
            .prepare_cached("SELECT chat, seq, time FROM message WHERE record = ? AND chat <> 0")?
            .query_row([id.0], |row| {
                let (record, seq, time) = (id.0, row.get(1)?, row.get(2)?);
                Ok((row.get(0)?, Entry { record, seq, time }))
            })
            .optional()?;
        let Some((chat, here)) = found else {
            return self.load_all(&view, &[id.0]);
        };
        let asker = Asker::new(&view)?;
        let chat = Expr::Any(vec![term(Kind::Chat, chat)]);
        let earlier = asker.page(&chat, Order::NewestFirst, Some(here), before)?;
        let later = asker.page(&chat, Order::OldestFirst, Some(here), after)?;
        let ids: Vec<i64> = earlier
            .iter()
            .rev()
            .chain([&here])
            .chain(&later)
            .map(|entry| entry.record)
            .collect();
        self.load_all(&view, &ids)
    }

    /// All conversations, the one that was active last first.
    pub fn chats(&self) -> Result<Vec<ChatRow>> {
        let view = self.view()?;
        let mut seen: HashMap<i64, Activity> = HashMap::new();
        Asker::new(&view)?.times(Kind::Chat, |chat, time| seen.entry(chat).or_default().add(time))?;
        chat_rows(&view, "1", &[], |chat| {
            Ok(seen.get(&chat).copied().unwrap_or_default())
        })
    }

    /// The conversations that `name` can mean: a `roomid`, or the people of a talk without a room, separated by
    /// commas in any order. Several companies may have one each.
    pub fn chats_named(&self, name: &str) -> Result<Vec<ChatRow>> {
        let mut people: Vec<String> = name
            .split([',', '，'])
            .map(|id| fold_id(id.trim()).into_owned())
            .collect();
        people.sort_unstable();
        people.dedup();
        let (_, people) = super::intern::chat_columns(&Chat::People(people));
        let view = self.view()?;
        let asker = Asker::new(&view)?;
        chat_rows(
            &view,
            "((kind = 1 AND key = ?1) OR (kind = 2 AND key = ?2))",
            &[&name, &people],
            |chat| {
                let mut activity = Activity::default();
                let only = Expr::Any(vec![term(Kind::Chat, chat)]);
                asker.each(&only, |_, _, entry| activity.add(entry.time))?;
                Ok(activity)
            },
        )
    }

    /// One page of a conversation. Read forwards, it is shorter than `limit` when messages are long; only an empty page is the
    /// end.
    pub fn chat_page(
        &self,
        chat: ChatId,
        order: Order,
        after: Option<PageKey>,
        limit: usize,
    ) -> Result<Vec<Hit>> {
        let view = self.view()?;
        let bytes = match order {
            Order::OldestFirst => search::PAGE_BYTES,
            // Its reader turns the page round, so it has to be whole.
            Order::NewestFirst => usize::MAX,
        };
        let chat = Expr::Any(vec![term(Kind::Chat, chat.0)]);
        Ok(self.found(&view, &chat, order, after, limit, bytes)?.0)
    }
}

/// How much there is of a conversation, and from when to when.
#[derive(Clone, Copy, Default)]
struct Activity {
    messages: u64,
    /// 0 for none.
    first: i64,
    last: i64,
}

impl Activity {
    fn add(&mut self, time: i64) {
        self.last = if self.messages == 0 {
            time
        } else {
            self.last.max(time)
        };
        self.messages += 1;
        if time != 0 && (self.first == 0 || time < self.first) {
            self.first = time;
        }
    }
}

fn chat_rows(
    conn: &Connection,
    which: &str,
    values: &[&dyn ToSql],
    activity: impl Fn(i64) -> Result<Activity>,
) -> Result<Vec<ChatRow>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT id, company, kind, key FROM chat WHERE id <> 0 AND {which} ORDER BY id"
    ))?;
    let mut rows = statement.query(values)?;
    let mut chats = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(key) = row::chat_key(row.get(2)?, row.get(3)?)? else {
            continue;
        };
        let id = row.get(0)?;
        let seen = activity(id)?;
        if seen.messages > 0 {
            chats.push((
                seen.last,
                ChatRow {
                    id: ChatId(id),
                    company: CompanyId(row.get(1)?),
                    key,
                    messages: seen.messages,
                    first: time_out(seen.first),
                    last: time_out(seen.last),
                },
            ));
        }
    }
    chats.sort_by_key(|(last, chat)| (std::cmp::Reverse(*last), chat.id));
    Ok(chats.into_iter().map(|(_, chat)| chat).collect())
}
