//! Texts that repeat are kept once: words, people, chats, audiences. What is known survives the transaction only
//! when it was committed, so that a rolled-back row is never remembered.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use crate::{ids::CompanyId, message::Chat, store::Result};

/// Names of one kind beyond this many are forgotten and looked up again.
const MOST: usize = 50_000;

/// Rows by name. Rows of names are never removed or renumbered, so what is known stays true.
#[derive(Default)]
pub(super) struct Names {
    words: HashMap<String, i64>,
    people: HashMap<String, i64>,
    chats: HashMap<(CompanyId, i64, String), i64>,
    audiences: HashMap<Vec<u8>, i64>,
}

/// Finds or makes rows, remembering those of this transaction.
pub(super) struct Interner<'t> {
    tx: &'t Transaction<'t>,
    names: Names,
}

impl<'t> Interner<'t> {
    /// Begins with what is known from before.
    pub(super) fn new(tx: &'t Transaction<'t>, mut names: Names) -> Self {
        if names.people.len() > MOST || names.chats.len() > MOST || names.audiences.len() > MOST {
            names = Names::default();
        }
        Self { tx, names }
    }

    /// What is known now; to be kept once the transaction is committed.
    pub(super) fn into_names(self) -> Names {
        self.names
    }

    pub(super) fn word(&mut self, text: &str) -> Result<i64> {
        if let Some(&id) = self.names.words.get(text) {
            return Ok(id);
        }
        let id = find_or_make(
            self.tx,
            "SELECT id FROM word WHERE text = ?",
            "INSERT INTO word (text) VALUES (?)",
            [text],
        )?;
        self.names.words.insert(text.to_owned(), id);
        Ok(id)
    }

    /// `key` is folded already.
    pub(super) fn person(&mut self, key: &str) -> Result<i64> {
        if let Some(&id) = self.names.people.get(key) {
            return Ok(id);
        }
        let id = find_or_make(
            self.tx,
            "SELECT id FROM person WHERE key = ?",
            "INSERT INTO person (key) VALUES (?)",
            [key],
        )?;
        self.names.people.insert(key.to_owned(), id);
        Ok(id)
    }

    /// `kind` and `key` as [`chat_columns`] makes them.
    pub(super) fn chat(&mut self, company: CompanyId, kind: i64, key: &str) -> Result<i64> {
        let name = (company, kind, key.to_owned());
        if let Some(&id) = self.names.chats.get(&name) {
            return Ok(id);
        }
        let id = find_or_make(
            self.tx,
            "SELECT id FROM chat WHERE company = ?1 AND kind = ?2 AND key = ?3",
            "INSERT INTO chat (company, kind, key) VALUES (?1, ?2, ?3)",
            params![company.0, kind, key],
        )?;
        self.names.chats.insert(name, id);
        Ok(id)
    }

    /// `people` is folded, sorted and without repetition, `hash` is [`audience_hash`] of it.
    pub(super) fn audience(&mut self, hash: &[u8], people: &[String]) -> Result<i64> {
        if people.is_empty() {
            return Ok(0);
        }
        if let Some(&id) = self.names.audiences.get(hash) {
            return Ok(id);
        }
        let known = self
            .tx
            .prepare_cached("SELECT id FROM audience WHERE hash = ?")?
            .query_row([hash], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                self.tx
                    .prepare_cached("INSERT INTO audience (hash) VALUES (?)")?
                    .execute([hash])?;
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
        self.names.audiences.insert(hash.to_owned(), id);
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
pub(super) fn audience_hash(people: &[String]) -> Vec<u8> {
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
