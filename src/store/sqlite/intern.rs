//! Texts that repeat are kept once: words, people, chats, audiences. One [`Interner`] lives as long as one
//! transaction, so that a rolled-back row is never remembered.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use crate::{ids::CompanyId, message::Chat, store::Result};

/// Finds or makes rows, remembering those of this transaction.
pub(super) struct Interner<'t> {
    tx: &'t Transaction<'t>,
    words: HashMap<String, i64>,
    people: HashMap<String, i64>,
    chats: HashMap<(CompanyId, Chat), i64>,
    audiences: HashMap<Vec<u8>, i64>,
}

impl<'t> Interner<'t> {
    pub(super) fn new(tx: &'t Transaction<'t>) -> Self {
        Self {
            tx,
            words: HashMap::new(),
            people: HashMap::new(),
            chats: HashMap::new(),
            audiences: HashMap::new(),
        }
    }

    pub(super) fn word(&mut self, text: &str) -> Result<i64> {
        if let Some(&id) = self.words.get(text) {
            return Ok(id);
        }
        let id = find_or_make(
            self.tx,
            "SELECT id FROM word WHERE text = ?",
            "INSERT INTO word (text) VALUES (?)",
            [text],
        )?;
        self.words.insert(text.to_owned(), id);
        Ok(id)
    }

    /// `key` is folded already.
    pub(super) fn person(&mut self, key: &str) -> Result<i64> {
        if let Some(&id) = self.people.get(key) {
            return Ok(id);
        }
        let id = find_or_make(
            self.tx,
            "SELECT id FROM person WHERE key = ?",
            "INSERT INTO person (key) VALUES (?)",
            [key],
        )?;
        self.people.insert(key.to_owned(), id);
        Ok(id)
    }

    pub(super) fn chat(&mut self, company: CompanyId, chat: Option<&Chat>) -> Result<i64> {
        let Some(chat) = chat else { return Ok(0) };
        if let Some(&id) = self.chats.get(&(company, chat.clone())) {
            return Ok(id);
        }
        let (kind, key) = chat_columns(chat);
        let id = find_or_make(
            self.tx,
            "SELECT id FROM chat WHERE company = ?1 AND kind = ?2 AND key = ?3",
            "INSERT INTO chat (company, kind, key) VALUES (?1, ?2, ?3)",
            params![company.0, kind, key],
        )?;
        self.chats.insert((company, chat.clone()), id);
        Ok(id)
    }

    /// `people` is folded, sorted and without repetition.
    pub(super) fn audience(&mut self, people: &[String]) -> Result<i64> {
        if people.is_empty() {
            return Ok(0);
        }
        let hash = audience_hash(people);
        if let Some(&id) = self.audiences.get(&hash) {
            return Ok(id);
        }
        let known = self
            .tx
            .prepare_cached("SELECT id FROM audience WHERE hash = ?")?
            .query_row([&hash], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                self.tx
                    .prepare_cached("INSERT INTO audience (hash) VALUES (?)")?
                    .execute([&hash])?;
                let id = self.tx.last_insert_rowid();
                for person in people {
                    let person = self.person(person)?;
                    self.tx
                        .prepare_cached("INSERT INTO audience_member (person, audience) VALUES (?, ?)")?
                        .execute([person, id])?;
                }
                id
            }
        };
        self.audiences.insert(hash, id);
        Ok(id)
    }
}

/// The `kind` and `key` of a chat's row.
pub(super) fn chat_columns(chat: &Chat) -> (i64, String) {
    match chat {
        Chat::Room(id) => (1, id.clone()),
        Chat::People(people) => (2, serde_json::json!(people).to_string()),
    }
}

/// SHA-256 over the ids with their lengths.
fn audience_hash(people: &[String]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for person in people {
        hash.update((person.len() as u64).to_le_bytes());
        hash.update(person.as_bytes());
    }
    hash.finalize().to_vec()
}

fn find_or_make(
    tx: &Transaction<'_>,
    find: &str,
    make: &str,
    values: impl rusqlite::Params + Clone,
) -> Result<i64> {
    let known = tx
        .prepare_cached(find)?
        .query_row(values.clone(), |row| row.get(0))
        .optional()?;
    match known {
        Some(id) => Ok(id),
        None => {
            tx.prepare_cached(make)?.execute(values)?;
            Ok(tx.last_insert_rowid())
        }
    }
}
