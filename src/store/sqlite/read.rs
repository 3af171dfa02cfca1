//! Looking things up: a record, a msgid, what was said around it, a whole conversation.

use super::{Reader, codes::time_out, row};
use crate::{
    ids::{CompanyId, RecordId},
    message::{Chat, Media, fold_id},
    secret::Secret,
    store::{
        Result,
        contract::{ChatId, ChatRow, Hit, Order, PageKey, Stored},
    },
};

impl Reader {
    /// A record by its row.
    pub fn message(&self, id: RecordId) -> Result<Option<Stored>> {
        let view = self.view()?;
        row::load(&view, id)
    }

    /// Every record with this msgid, outer or inner, opened or not, in the order of their rows.
    /// There may be several: nothing promises that a msgid comes once.
    pub fn by_msgid(&self, msgid: &str) -> Result<Vec<Stored>> {
        let view = self.view()?;
        let ids = view
            .prepare_cached(
                "SELECT id FROM record WHERE msgid = ?1 UNION SELECT record FROM message WHERE msgid = ?1
                 ORDER BY 1",
            )?
            .query_map([msgid], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        load_all(&view, &ids)
    }

    /// The files of a record, in the order they stand in it.
    pub fn media(&self, id: RecordId) -> Result<Vec<Media>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT kind, sdkfileid, md5, size, filename, seconds, depth FROM media WHERE record = ? ORDER BY ord",
        )?;
        let rows = statement.query_map([id.0], |row| {
            Ok(Media {
                kind: row.get(0)?,
                sdkfileid: Secret::new(row.get::<_, String>(1)?),
                md5: row.get(2)?,
                size: row.get::<_, Option<i64>>(3)?.map(|size| size as u64),
                filename: row.get(4)?,
                seconds: row.get::<_, Option<i64>>(5)?.map(|seconds| seconds as u64),
                depth: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The conversation around a record, earliest first: up to `before` messages, the record itself, up to `after`.
    /// A record that is not opened, or in no chat, stands alone; an unknown row gives nothing.
    pub fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Vec<Stored>> {
        let view = self.view()?;
        let side = |compare: &str, order: &str, limit: usize| -> Result<Vec<i64>> {
            let sql = format!(
                "SELECT m.record FROM message m JOIN message o ON o.record = ?1
                 WHERE m.chat = o.chat AND o.chat <> 0
                   AND (m.time, m.seq, m.record) {compare} (o.time, o.seq, o.record)
                 ORDER BY m.time {order}, m.seq {order}, m.record {order} LIMIT ?2"
            );
            let mut statement = view.prepare_cached(&sql)?;
            let rows = statement.query_map([id.0, limit as i64], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let mut ids = side("<", "DESC", before)?;
        ids.reverse();
        ids.push(id.0);
        ids.extend(side(">", "ASC", after)?);
        load_all(&view, &ids)
    }

    /// All conversations, the one that was active last first.
    pub fn chats(&self) -> Result<Vec<ChatRow>> {
        self.chat_rows("1", &[])
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
        self.chat_rows(
            "((c.kind = 1 AND c.key = ?1) OR (c.kind = 2 AND c.key = ?2))",
            &[&name, &people],
        )
    }

    fn chat_rows(&self, which: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<ChatRow>> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT c.id, c.company, c.kind, c.key, count(*), min(nullif(m.time, 0)), max(m.time)
             FROM chat c JOIN message m ON m.chat = c.id WHERE c.id <> 0 AND {which}
             GROUP BY c.id ORDER BY max(m.time) DESC, c.id"
        ))?;
        let mut rows = statement.query(values)?;
        let mut chats = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(key) = row::chat_key(row.get(2)?, row.get(3)?)? else {
                continue;
            };
            chats.push(ChatRow {
                id: ChatId(row.get(0)?),
                company: CompanyId(row.get(1)?),
                key,
                messages: row.get::<_, i64>(4)? as u64,
                first: row.get::<_, Option<i64>>(5)?.and_then(time_out),
                last: time_out(row.get(6)?),
            });
        }
        Ok(chats)
    }

    /// One page of a conversation.
    pub fn chat_page(
        &self,
        chat: ChatId,
        order: Order,
        after: Option<PageKey>,
        limit: usize,
    ) -> Result<Vec<Hit>> {
        let view = self.view()?;
        let (behind, direction) = super::search::behind(order, after.is_some());
        let mut statement = view.prepare_cached(&format!(
            "SELECT m.record FROM message m WHERE m.chat = :chat AND {behind}
             ORDER BY m.time {direction}, m.seq {direction}, m.record {direction} LIMIT :limit"
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut values: Vec<(&str, &dyn rusqlite::ToSql)> = vec![(":chat", &chat.0), (":limit", &limit)];
        if let Some(key) = &after {
            values.extend([(":time", &key.time as &dyn rusqlite::ToSql), (":id", &key.id.0)]);
        }
        let ids = statement
            .query_map(&values[..], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        load_all(&view, &ids)
    }
}

/// Loads rows in the order given; unknown ones are left out.
pub(super) fn load_all(conn: &rusqlite::Connection, ids: &[i64]) -> Result<Vec<Stored>> {
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        all.extend(row::load(conn, RecordId(*id))?);
    }
    Ok(all)
}
