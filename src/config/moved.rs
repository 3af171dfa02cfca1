//! The configuration of an archive that moves: as text that means the same from any folder, and for the new place.
//!
//! Must not know: layers, where files are written.

use std::path::Path;

use toml::{Table, Value};

use super::keys::{KEYS, Kind};

/// The text of a configuration file with its relative paths made absolute; `base` is the folder it stood in. Comments go.
/// None when it is no configuration.
pub fn portable(text: &str, base: &Path) -> Option<String> {
    let mut table: Table = text.parse().ok()?;
    absolute(&mut table, base);
    if let Some(Value::Table(companies)) = table.get_mut("company") {
        for (name, company) in companies.iter_mut() {
            // The default of this one is a path that depends on the company's name.
            if let Value::Table(company) = company {
                let keys = base.join("keys").join(name).to_string_lossy().into_owned();
                company.entry("keys").or_insert(Value::String(keys));
            }
        }
    }
    Some(table.to_string())
}

/// The text of [`portable`] for an archive with this id that lies beside its configuration.
pub fn beside(text: &str, archive_id: &str) -> Option<String> {
    let mut table: Table = text.parse().ok()?;
    section(&mut table, "archive")?.insert("folder".to_owned(), Value::String(".".to_owned()));
    // In a bucket the files stay where they are; otherwise they lie beside the database.
    section(&mut table, "media")?.remove("folder");
    let store = section(&mut table, "store")?;
    if let Some(id) = store.get_mut("archive_id") {
        *id = Value::String(archive_id.to_owned());
    }
    for name in ["media", "store"] {
        if section(&mut table, name)?.is_empty() {
            table.remove(name);
        }
    }
    Some(table.to_string())
}

fn section<'t>(table: &'t mut Table, name: &str) -> Option<&'t mut Table> {
    table
        .entry(name)
        .or_insert_with(|| Value::Table(Table::new()))
        .as_table_mut()
}

/// No name of a path is the name of something else in another table.
fn absolute(table: &mut Table, base: &Path) {
    for (name, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => absolute(inner, base),
            Value::String(path) if is_path(name) && !path.is_empty() => {
                *path = base.join(&*path).to_string_lossy().into_owned();
            }
            _ => {}
        }
    }
}

fn is_path(name: &str) -> bool {
    KEYS.iter().any(|key| key.name == name && key.kind == Kind::Path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_no_namesake_that_is_none() {
        for key in KEYS {
            assert_eq!(is_path(key.name), key.kind == Kind::Path, "{}", key.name);
        }
    }

    #[test]
    fn a_configuration_means_the_same_from_another_folder() {
        let text = "[archive]\nfolder = \"data\"\n[media]\nfolder = \"/media\"\n[pull]\nlimit = 5\n\
                    [company.acme]\ncorpid = \"ww1\"\nsecret_file = \"secrets/acme\"\n\
                    [company.acme.sdk]\nlibrary = \"lib.so\"\n[company.other]\nkeys = \"/keys\"\n\
                    [store]\narchive_id = \"old\"\n";
        let moved = portable(text, Path::new("/srv/shiguan")).expect("TOML");
        let read = |text: &str| text.parse::<Table>().expect("TOML");
        let table = read(&moved);
        assert_eq!(table["archive"]["folder"].as_str(), Some("/srv/shiguan/data"));
        assert_eq!(table["media"]["folder"].as_str(), Some("/media"));
        assert_eq!(table["pull"]["limit"].as_integer(), Some(5));
        let acme = &table["company"]["acme"];
        assert_eq!(acme["secret_file"].as_str(), Some("/srv/shiguan/secrets/acme"));
        assert_eq!(acme["sdk"]["library"].as_str(), Some("/srv/shiguan/lib.so"));
        assert_eq!(acme["keys"].as_str(), Some("/srv/shiguan/keys/acme"));
        assert_eq!(table["company"]["other"]["keys"].as_str(), Some("/keys"));
        let table = read(&beside(&moved, "new").expect("TOML"));
        assert_eq!(table["archive"]["folder"].as_str(), Some("."));
        assert_eq!(table["store"]["archive_id"].as_str(), Some("new"));
        assert!(table.get("media").is_none());
        assert_eq!(
            table["company"]["acme"]["keys"].as_str(),
            Some("/srv/shiguan/keys/acme")
        );
        // An id is not required because there is one now.
        let table = read(&beside("[pull]\nlimit = 5\n", "new").expect("TOML"));
        assert!(table.get("store").is_none());
        assert_eq!(beside("[archive", "new"), None);
    }
}
