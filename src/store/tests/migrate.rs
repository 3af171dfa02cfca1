//! Opening: new, again, somebody else's, from the future, from the past.

use std::{fs, os::unix::fs::PermissionsExt};

use rusqlite::Connection;

use super::{Scratch, sealed};
use crate::store::{
    Reader, Store, StoreError,
    sqlite::migrate::{ALL, Migration, altered_definitions, bring_up, last},
};

#[test]
fn a_new_archive_is_made_for_its_owner_only_and_opens_again() {
    let mut scratch = Scratch::new();
    scratch.land(&[sealed(1, "body")]);
    let path = scratch.store.path().to_owned();
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = scratch.hash();
    drop(scratch.store);
    let again = Store::open(&path).expect("opens twice");
    assert_eq!(again.content_hash().expect("hashed"), before);
    assert_eq!(again.companies().expect("listed").len(), 1);
}

#[test]
fn several_processes_may_begin_an_archive_at_once() {
    for _ in 0..20 {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let path = dir.path().join("archive.db");
        let opened: Vec<bool> = std::thread::scope(|scope| {
            let open = || scope.spawn(|| Store::open(&path).map(drop).is_ok());
            let all = [open(), open(), open()];
            all.map(|one| one.join().expect("no panic")).to_vec()
        });
        assert_eq!(opened, [true; 3]);
    }
}

#[test]
fn a_reader_needs_an_archive_and_writes_nothing() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let path = dir.path().join("none.db");
    assert!(matches!(Reader::open(&path), Err(StoreError::Missing { .. })));
    assert!(!path.exists());
    fs::write(&path, b"").expect("written");
    assert!(matches!(Reader::open(&path), Err(StoreError::Missing { .. })));
    let scratch = Scratch::new();
    let reader = scratch.store.reader().expect("a reader");
    assert_eq!(reader.content_hash().expect("hashed"), scratch.hash());
    assert!(reader.integrity().expect("checked").is_empty());
}

#[test]
fn a_foreign_file_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let database = dir.path().join("other.db");
    Connection::open(&database)
        .and_then(|conn| conn.execute_batch("CREATE TABLE note (text TEXT)"))
        .expect("a database of somebody else");
    let prose = dir.path().join("prose.txt");
    fs::write(
        &prose,
        "not a database, but long enough to be taken for one. ".repeat(50),
    )
    .expect("written");
    for path in [database, prose] {
        let before = fs::read(&path).expect("read");
        assert!(
            matches!(Store::open(&path), Err(StoreError::Foreign { .. })),
            "{path:?}"
        );
        assert!(
            matches!(Reader::open(&path), Err(StoreError::Foreign { .. })),
            "{path:?}"
        );
        assert_eq!(fs::read(&path).expect("read"), before);
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let error = Store::open(&dir.path().join("no/archive.db"))
        .err()
        .expect("refused");
    assert!(error.to_string().contains("no/archive.db"), "{error}");
}

/// What is compiled in, and one more.
fn all_and(one: Migration) -> Vec<Migration> {
    ALL.iter().copied().chain([one]).collect()
}

#[test]
fn an_archive_of_a_newer_program_is_refused() {
    let known = last(ALL);
    let later: Vec<Migration> = all_and(Migration {
        number: known + 1,
        name: "later",
        sql: "CREATE TABLE more (x TEXT) STRICT;",
    });
    let scratch = Scratch::new();
    let path = scratch.store.path().to_owned();
    drop(scratch.store);
    let conn = Connection::open(&path).expect("opened");
    bring_up(&conn, &path, &later).expect("one more migration");
    bring_up(&conn, &path, &later).expect("nothing to do");
    assert!(matches!(
        Store::open(&path),
        Err(StoreError::Newer { found, known: k, .. }) if (found, k) == (known + 1, known)
    ));
    assert!(matches!(
        Reader::open(&path),
        Err(StoreError::Newer { found, known: k, .. }) if (found, k) == (known + 1, known)
    ));
}

#[test]
fn a_migration_that_fails_leaves_the_old_version() {
    let scratch = Scratch::new();
    let path = scratch.store.path().to_owned();
    drop(scratch.store);
    let broken = all_and(Migration {
        number: last(ALL) + 1,
        name: "later",
        sql: "CREATE TABLE more (x TEXT); INSERT INTO nowhere VALUES (1);",
    });
    let conn = Connection::open(&path).expect("opened");
    assert!(bring_up(&conn, &path, &broken).is_err());
    drop(conn);
    assert!(Store::open(&path).is_ok());
}

#[test]
fn an_edited_migration_is_noticed() {
    let mut edited = all_and(ALL[0]);
    edited.pop();
    edited[0].sql = "CREATE TABLE other (x TEXT) STRICT;";
    let scratch = Scratch::new();
    let path = scratch.store.path().to_owned();
    let conn = Connection::open(&path).expect("opened");
    assert!(matches!(
        bring_up(&conn, &path, &edited),
        Err(StoreError::Edited { number: 1, .. })
    ));
}

#[test]
fn a_company_keeps_its_corpid() {
    let mut scratch = Scratch::new();
    assert_eq!(
        scratch.store.company("acme", "ww1").expect("found"),
        scratch.company
    );
    assert_ne!(
        scratch.store.company("other", "ww1").expect("made"),
        scratch.company
    );
    assert!(matches!(
        scratch.store.company("acme", "ww2"),
        Err(StoreError::OtherCorp { .. })
    ));
}

/// Which tables rest on something else than an index that holds their rows whole, and on what.
const PROVED: [(&str, &[&str]); 10] = [
    // By the guard when it is opened, by the digest of what landed before.
    ("record", &["msgid", "version", "sha256"]),
    ("message", &["*"]),
    ("plaintext", &["dictionary", "body", "salt", "sha256"]),
    ("sealed", &["random_key", "body", "odd"]),
    ("variant", &["sha256", "random_key", "body", "odd"]),
    ("stray", &["raw"]),
    (
        "index_segment",
        &[
            "docs", "postings", "first", "last", "words", "moved", "blocks", "top", "sum",
        ],
    ),
    ("index_doc", &["until", "since", "low", "high", "data", "sum"]),
    ("index_block", &["data", "before", "sum"]),
    ("index_key", &["sum"]),
];

#[test]
fn every_column_has_something_that_proves_it() {
    let scratch = Scratch::new();
    let conn = scratch.store.conn_for_tests();
    let list = |sql: &str, name: &str| -> Vec<String> {
        let mut statement = conn.prepare(sql).expect("a query");
        let rows = statement.query_map([name], |row| row.get(0)).expect("rows");
        rows.flatten().collect()
    };
    let tables = list(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND ?1 = ''",
        "",
    );
    assert!(tables.len() > 40, "{tables:?}");
    for table in tables {
        // Compared with what is compiled in whenever the archive is opened.
        if table == "migration" {
            continue;
        }
        let mut proved: Vec<String> = PROVED
            .iter()
            .filter(|(name, _)| *name == table)
            .flat_map(|(_, columns)| columns.iter().map(|column| (*column).to_owned()))
            .collect();
        // Indexes of all rows, and those of unopened records, which lie side by side.
        let indexes = list(
            "SELECT name FROM pragma_index_list(?1) WHERE NOT partial OR name GLOB '*_copy'
               OR name IN ('record_sealed', 'record_waiting')",
            &table,
        );
        assert!(
            !indexes.is_empty() || !proved.is_empty(),
            "{table}: nothing compares its rows"
        );
        for index in &indexes {
            // The primary key is at the end of every entry.
            proved.extend(list(
                "SELECT name FROM pragma_index_xinfo(?1) WHERE cid >= 0",
                index,
            ));
        }
        proved.extend(list(
            "SELECT name FROM pragma_table_info(?1) WHERE pk > 0",
            &table,
        ));
        let open: Vec<String> = list("SELECT name FROM pragma_table_info(?1)", &table)
            .into_iter()
            .filter(|column| !proved.contains(column) && !proved.contains(&"*".to_owned()))
            .collect();
        assert!(
            open.is_empty(),
            "{table}: {open:?} could change in silence; add them to its index `{table}_copy`"
        );
    }
}

#[test]
fn an_altered_definition_is_named_and_an_added_one_is_nobodys_damage() {
    let scratch = Scratch::new();
    let conn = scratch.store.conn_for_tests();
    conn.execute_batch("CREATE INDEX mine ON run (began)")
        .expect("added");
    assert_eq!(altered_definitions(conn).expect("read"), [] as [String; 0]);
    conn.execute_batch("DROP INDEX run_copy; CREATE INDEX run_copy ON run (began)")
        .expect("altered");
    assert_eq!(altered_definitions(conn).expect("read"), ["run_copy"]);
}
