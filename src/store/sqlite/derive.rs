//! Everything the store keeps about an opened record besides its bytes. All of it follows from the message, so
//! it can be thrown away and written again by a later version (promise 4).

use rusqlite::{Transaction, params};

use super::{
    codes::{MSGID_DIFFERS, SENDER_RECEIVES, carries, direction_in, flaws_in, scope_in},
    intern::Interner,
};
use crate::{
    ids::{CompanyId, RecordId},
    message::{Message, Place, fold_id},
    store::Result,
    words,
};

/// What is known about the record before its message is read.
pub(super) struct Told<'a> {
    pub record: RecordId,
    pub company: CompanyId,
    /// As in the column.
    pub seq: i64,
    pub outer_msgid: &'a str,
}

/// Writes the rows of one message.
pub(super) fn write(
    tx: &Transaction<'_>,
    interner: &mut Interner<'_>,
    told: &Told<'_>,
    message: &Message,
    msgid_differs: bool,
) -> Result<()> {
    let from = fold_id(&message.from).into_owned();
    let to: Vec<String> = message.to.iter().map(|id| fold_id(id).into_owned()).collect();
    let sender_receives = to.contains(&from);
    let mut people: Vec<String> = to
        .into_iter()
        .chain([from.clone()])
        .filter(|id| !id.is_empty())
        .collect();
    people.sort_unstable();
    people.dedup();

    let flags = carries(message)
        + i64::from(sender_receives) * SENDER_RECEIVES
        + i64::from(msgid_differs) * MSGID_DIFFERS;
    let inner_msgid = (message.msgid != told.outer_msgid).then_some(&message.msgid);
    tx.prepare_cached(
        "INSERT INTO message (record, company, seq, time, sender, chat, audience, type, action, scope, direction,
           flags, flaws, msgid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        told.record.0,
        told.company.0,
        told.seq,
        message.time.map_or(0, |time| time.0),
        interner.person(&from)?,
        interner.chat(told.company, message.chat.as_ref())?,
        interner.audience(&people)?,
        interner.word(&message.msgtype)?,
        interner.word(&message.action)?,
        scope_in(message.scope),
        direction_in(message.direction),
        flags,
        flaws_in(message.flaws),
        inner_msgid
    ])?;
    write_media(tx, told.record, message)?;
    if let Some(target) = message.recalls.as_deref().filter(|target| !target.is_empty()) {
        tx.prepare_cached("INSERT INTO recall (record, company, pre_msgid) VALUES (?, ?, ?)")?
            .execute(params![told.record.0, told.company.0, target])?;
    }
    write_index(tx, told.record, message)
}

fn write_media(tx: &Transaction<'_>, record: RecordId, message: &Message) -> Result<()> {
    for (ord, media) in message.media.iter().enumerate() {
        tx.prepare_cached(
            "INSERT INTO media (record, ord, kind, sdkfileid, md5, size, filename, seconds, depth)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            record.0,
            ord as i64,
            media.kind,
            media.sdkfileid.expose(),
            media.md5,
            media.size.map(|size| size as i64),
            media.filename,
            media.seconds.map(|seconds| seconds as i64),
            media.depth
        ])?;
    }
    Ok(())
}

fn write_index(tx: &Transaction<'_>, record: RecordId, message: &Message) -> Result<()> {
    // The columns of the table, in the order of `Place::ALL`.
    let mut columns: [String; Place::ALL.len()] = Default::default();
    for segment in &message.segments {
        let nowhere = segment.places.is_empty();
        for (place, column) in Place::ALL.into_iter().zip(&mut columns) {
            if segment.places.contains(place) || (nowhere && place == Place::Other) {
                words::terms_into(&segment.text, column);
            }
        }
    }
    if columns.iter().all(String::is_empty) {
        return Ok(());
    }
    let [text, filename, forwarded, quote, card, link, other] =
        columns.map(|column| (!column.is_empty()).then_some(column));
    tx.prepare_cached(
        "INSERT INTO text_index (rowid, text, filename, forwarded, quote, card, link, other)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        record.0, text, filename, forwarded, quote, card, link, other
    ])?;
    Ok(())
}
