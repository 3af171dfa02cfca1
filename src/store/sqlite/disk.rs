//! How much room the archive takes, by what it is for.

use super::{Reader, pack::unpacked_length};
use crate::store::{Result, contract::DiskUsage};

impl Reader {
    /// Bytes of the file by part, free pages included in none but `free`. Reads the heads of all pages, so it
    /// takes a while on a great archive.
    pub fn disk_usage(&self) -> Result<DiskUsage> {
        let view = self.view()?;
        let mut usage = DiskUsage::default();
        let mut statement = view.prepare("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, bytes): (String, i64) = (row.get(0)?, row.get(1)?);
            let part = match name.as_str() {
                "sealed" | "variant" | "sqlite_autoindex_variant_1" => &mut usage.sealed,
                "plaintext" | "dictionary" => &mut usage.body,
                name if name.starts_with("index_") => &mut usage.index,
                _ => &mut usage.rest,
            };
            *part += bytes.unsigned_abs();
        }
        let pragma = |name| -> Result<u64> {
            Ok(view
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))?
                .unsigned_abs())
        };
        usage.free = pragma("freelist_count")? * pragma("page_size")?;
        usage.records = super::stats::coverage(&view)?.records;
        Ok(usage)
    }

    /// Bytes of all bodies as they were opened. Looks at every body, so it takes a while on a great archive.
    pub fn plaintext_bytes(&self) -> Result<u64> {
        let view = self.view()?;
        let mut statement = view.prepare("SELECT dictionary, body FROM plaintext")?;
        let mut rows = statement.query([])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            bytes += unpacked_length(row, 0, 1)? as u64;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
impl super::Store {
    /// A full disk, as the engine sees it: the file may have so many pages, but never fewer than it has. Says how many
    /// it has.
    pub(crate) fn limit_pages(&self, most: i64) -> Result<i64> {
        self.conn.pragma_update(None, "max_page_count", most.max(1))?;
        Ok(self
            .conn
            .pragma_query_value(None, "page_count", |row| row.get(0))?)
    }
}
