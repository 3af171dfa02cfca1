//! The shelf on which processes share tokens: the directory's port over the store's file.

use crate::{
    directory::{Kept, TokenKey, TokenShelf},
    secret::Secret,
    store::{TokenFile, TokenRow},
};

/// Tokens in a file beside the archive.
#[derive(Debug)]
pub(super) struct SharedShelf(pub(super) TokenFile);

impl TokenShelf for SharedShelf {
    fn load(&self, key: &TokenKey) -> Result<Option<Kept>, String> {
        let found = self.0.load(key.as_str()).map_err(|error| error.to_string())?;
        Ok(found.map(|row| Kept {
            token: row.token,
            fresh_until: row.fresh_until,
            ends: row.ends,
        }))
    }

    fn keep(&self, key: &TokenKey, kept: &Kept) -> Result<(), String> {
        let row = TokenRow {
            token: kept.token.clone(),
            fresh_until: kept.fresh_until,
            ends: kept.ends,
        };
        self.0.keep(key.as_str(), &row).map_err(|error| error.to_string())
    }

    fn discard(&self, key: &TokenKey, token: &Secret) -> Result<(), String> {
        self.0
            .discard(key.as_str(), token)
            .map_err(|error| error.to_string())
    }
}
