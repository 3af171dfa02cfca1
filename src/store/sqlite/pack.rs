//! Bodies made small: zstd with a dictionary of the archive's own, and base64 as the bytes it stands for. What
//! comes out is what went in, to the byte.
//!
//! The dictionary is trained once from the first bodies and kept in the archive by its number; a body names the
//! dictionary it was packed with, so a later one changes nothing that is written.

use std::{
    cell::RefCell,
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rusqlite::{
    Connection, OptionalExtension, Row, ToSql, params,
    types::{ToSqlOutput, ValueRef},
};
use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::get_frame_content_size,
};

use crate::store::{Result, StoreError};

/// Measured in docs/performance-store.md; packing runs on threads that are not the writer's.
const LEVEL: i32 = 3;
/// Bodies a dictionary is trained from.
pub(super) const SAMPLES: u64 = 2_000;
/// Bytes of a body that go into its training.
const SAMPLE: usize = 4_096;
/// Packed bodies whose unused memory is at least this much give it back: room is made for the worst case.
const UNUSED: usize = 16 * 1024;
/// Bytes of a dictionary.
const DICTIONARY: usize = 64 * 1024;
/// A body says its own length; nobody's word for more than this is taken.
const MOST: u64 = 1 << 31;
/// `dictionary` of a body that is packed without one.
const NO_DICTIONARY: i64 = 0;

/// The dictionary new bodies are packed with.
struct Current {
    /// Tells dictionaries of several archives apart within this process.
    serial: u64,
    id: i64,
    bytes: Vec<u8>,
}

/// Packs bodies on any thread; clones share the dictionary, also one that is trained later.
#[derive(Clone, Default)]
pub struct Packer {
    current: Arc<RwLock<Option<Arc<Current>>>>,
}

/// A body as it is written.
pub(super) struct Packed {
    /// `None`: the bytes as they are.
    pub dictionary: Option<i64>,
    pub data: Vec<u8>,
}

thread_local! {
    /// One per thread: making one costs more than packing many bodies. With the serial of its dictionary.
    static COMPRESSOR: RefCell<Option<(u64, Compressor<'static>)>> = const { RefCell::new(None) };
}

impl Packer {
    /// With the archive's newest dictionary.
    pub(super) fn load(conn: &Connection) -> Result<Self> {
        let packer = Self::default();
        packer.refresh(conn)?;
        Ok(packer)
    }

    pub(super) fn refresh(&self, conn: &Connection) -> Result<()> {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let found = conn
            .query_row(
                "SELECT id, bytes FROM dictionary ORDER BY id DESC LIMIT 1",
                [],
                |row| {
                    Ok(Arc::new(Current {
                        serial: SERIAL.fetch_add(1, Ordering::Relaxed),
                        id: row.get(0)?,
                        bytes: row.get(1)?,
                    }))
                },
            )
            .optional()?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }

    fn current(&self) -> Option<Arc<Current>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn has_dictionary(&self) -> bool {
        self.current().is_some()
    }

    pub(super) fn pack(&self, body: &[u8]) -> Packed {
        let current = self.current();
        // Level and library may refuse; the bytes as they are cost nothing but room.
        match compress(current.as_deref(), body).filter(|packed| packed.len() < body.len()) {
            Some(mut data) => {
                if data.capacity() - data.len() >= UNUSED {
                    data.shrink_to_fit();
                }
                Packed {
                    dictionary: Some(current.map_or(NO_DICTIONARY, |current| current.id)),
                    data,
                }
            }
            None => Packed {
                dictionary: None,
                data: body.to_vec(),
            },
        }
    }
}

fn compress(current: Option<&Current>, body: &[u8]) -> Option<Vec<u8>> {
    let serial = current.map_or(0, |current| current.serial);
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|(ready, _)| *ready != serial) {
            let mut compressor = match current {
                Some(current) => Compressor::with_dictionary(LEVEL, &current.bytes),
                None => Compressor::new(LEVEL),
            }
            .ok()?;
            // The row names the dictionary; saying it again costs four bytes per body.
            compressor.include_dictid(false).ok()?;
            *slot = Some((serial, compressor));
        }
        slot.as_mut()?.1.compress(body).ok()
    })
}

/// Unpacks bodies for one reader; knows the dictionaries it met.
#[derive(Default)]
pub(super) struct Unpacker {
    ready: RefCell<HashMap<i64, Decompressor<'static>>>,
}

impl Unpacker {
    /// The body in two columns of a row: `dictionary` and `body`.
    pub(super) fn body(
        &self,
        conn: &Connection,
        row: &Row<'_>,
        dictionary: usize,
        body: usize,
    ) -> Result<Vec<u8>> {
        let data = row.get_ref(body)?.as_blob().map_err(rusqlite::Error::from)?;
        let Some(id) = row.get::<_, Option<i64>>(dictionary)? else {
            return Ok(data.to_vec());
        };
        let length = unpacked_length(row, dictionary, body)?;
        let mut ready = self.ready.borrow_mut();
        let decompressor = match ready.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let bytes: Vec<u8> = if id == NO_DICTIONARY {
                    Vec::new()
                } else {
                    conn.query_row("SELECT bytes FROM dictionary WHERE id = ?", [id], |row| {
                        row.get(0)
                    })
                    .optional()?
                    .ok_or_else(|| damaged("its dictionary is missing"))?
                };
                let made = Decompressor::with_dictionary(&bytes);
                place.insert(made.map_err(|error| damaged(&error.to_string()))?)
            }
        };
        decompressor
            .decompress(data, length)
            .ok()
            .filter(|body| body.len() == length)
            .ok_or_else(|| damaged("its bytes have changed"))
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("a body cannot be unpacked: {what}"))
}

/// Bytes of the body in two columns of a row, as it was before it was packed.
pub(super) fn unpacked_length(row: &Row<'_>, dictionary: usize, body: usize) -> Result<usize> {
    let data = row.get_ref(body)?.as_blob().map_err(rusqlite::Error::from)?;
    if row.get::<_, Option<i64>>(dictionary)?.is_none() {
        return Ok(data.len());
    }
    match get_frame_content_size(data) {
        Ok(Some(length)) if length <= MOST => Ok(length as usize),
        _ => Err(damaged("its length is missing")),
    }
}

/// Trains a dictionary from the first bodies and keeps it. False when they are too few or too odd for one.
pub(super) fn train(conn: &Connection, unpacker: &Unpacker) -> Result<bool> {
    let mut samples = Vec::new();
    let mut statement = conn.prepare("SELECT dictionary, body FROM plaintext ORDER BY record LIMIT ?")?;
    let mut rows = statement.query([SAMPLES as i64])?;
    while let Some(row) = rows.next()? {
        let mut body = unpacker.body(conn, row, 0, 1)?;
        // A few monstrous bodies must not be all there is.
        body.truncate(SAMPLE);
        // Nor must their memory be kept.
        body.shrink_to_fit();
        samples.push(body);
    }
    if (samples.len() as u64) < SAMPLES {
        return Ok(false);
    }
    let Ok(bytes) = zstd::dict::from_samples(&samples, DICTIONARY) else {
        return Ok(false);
    };
    conn.execute("INSERT INTO dictionary (bytes) VALUES (?)", params![bytes])?;
    Ok(true)
}

/// A text on its way into a column: as the bytes it is the base64 of, where it is that to the character.
pub(super) enum Kept<'t> {
    Bytes(Vec<u8>),
    Text(&'t str),
}

/// Strict base64 has one spelling, so what decodes comes back the same.
pub(super) fn keep(text: &str) -> Kept<'_> {
    STANDARD.decode(text).map_or(Kept::Text(text), Kept::Bytes)
}

impl ToSql for Kept<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// The way back from the column.
pub(super) fn kept(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    match row.get_ref(column)? {
        ValueRef::Blob(bytes) => Ok(STANDARD.encode(bytes)),
        _ => row.get(column),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(packer: &Packer, conn: &Connection, body: &[u8]) -> Vec<u8> {
        let packed = packer.pack(body);
        conn.query_row_and_then("SELECT ?1, ?2", params![packed.dictionary, packed.data], |row| {
            Unpacker::default().body(conn, row, 0, 1)
        })
        .expect("unpacked")
    }

    fn archive() -> (Connection, Packer) {
        let conn = Connection::open_in_memory().expect("opened");
        conn.execute_batch(
            "CREATE TABLE dictionary (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
             CREATE TABLE plaintext (record INTEGER PRIMARY KEY, dictionary INTEGER, body BLOB NOT NULL);",
        )
        .expect("made");
        for n in 0..SAMPLES {
            let body = format!(
                r#"{{"msgid":"{n}_17567","action":"send","from":"a{}","tolist":["b"]}}"#,
                n % 7
            );
            conn.execute(
                "INSERT INTO plaintext VALUES (?, NULL, ?)",
                params![n as i64, body.as_bytes()],
            )
            .expect("kept");
        }
        assert!(train(&conn, &Unpacker::default()).expect("trained"));
        let packer = Packer::load(&conn).expect("loaded");
        assert!(packer.has_dictionary());
        (conn, packer)
    }

    proptest! {
        #[test]
        fn a_text_that_looks_like_base64_comes_back_to_the_character(text in "[A-Za-z0-9+/=]{0,12}|\\PC{0,8}") {
            let conn = Connection::open_in_memory().expect("opened");
            let back: String = conn.query_row("SELECT ?", [keep(&text)], |row| kept(row, 0)).expect("kept");
            prop_assert_eq!(back, text);
        }
    }

    #[test]
    fn every_body_comes_back_to_the_byte_with_and_without_a_dictionary() {
        let (conn, trained) = archive();
        let bodies = (
            proptest::collection::vec(any::<u8>(), 0..300),
            "[{}\":a-c退款\u{0}]{0,400}",
            0usize..2_000,
        );
        let mut runner = proptest::test_runner::TestRunner::default();
        runner
            .run(&bodies, |(bytes, text, repeat)| {
                for packer in [&trained, &Packer::default()] {
                    for body in [
                        bytes.clone(),
                        text.clone().into_bytes(),
                        bytes.repeat(repeat / 100),
                    ] {
                        prop_assert_eq!(there_and_back(packer, &conn, &body), body);
                    }
                }
                Ok(())
            })
            .expect("every body");
    }

    #[test]
    fn a_dictionary_makes_short_bodies_small() {
        let (_conn, trained) = archive();
        let body = br#"{"msgid":"987654_17567","action":"send","from":"a3","tolist":["b"]}"#;
        let packed = trained.pack(body);
        assert_eq!(packed.dictionary, Some(1));
        assert!(packed.data.len() * 2 < body.len(), "{}", packed.data.len());
    }

    #[test]
    fn frames_name_no_dictionary_and_those_that_do_are_still_read() {
        let (conn, trained) = archive();
        let body = br#"{"msgid":"987654_17567","action":"send","from":"a3","tolist":["b"]}"#;
        let named = |frame: &[u8]| zstd::zstd_safe::get_dict_id_from_frame(frame).is_some();
        let packed = trained.pack(body);
        assert!(!named(&packed.data));
        // As archives were written before.
        let bytes: Vec<u8> = conn
            .query_row("SELECT bytes FROM dictionary", [], |row| row.get(0))
            .expect("kept");
        let old = Compressor::with_dictionary(LEVEL, &bytes)
            .expect("made")
            .compress(body)
            .expect("packed");
        assert!(named(&old) && old.len() == packed.data.len() + 4);
        let back = conn.query_row_and_then("SELECT 1, ?", params![old], |row| {
            Unpacker::default().body(&conn, row, 0, 1)
        });
        assert_eq!(back.expect("unpacked"), body);
    }

    #[test]
    fn a_body_that_was_changed_is_damage() {
        let (conn, trained) = archive();
        let packed = trained.pack(br#"{"msgid":"987654_17567","action":"send","from":"a3","tolist":["b"]}"#);
        for (dictionary, data) in [(Some(9), packed.data.clone()), (Some(1), b"no frame".to_vec())] {
            let read = conn.query_row_and_then("SELECT ?1, ?2", params![dictionary, data], |row| {
                Unpacker::default().body(&conn, row, 0, 1)
            });
            assert!(matches!(read, Err(StoreError::Damaged(_))));
        }
    }
}
