//! Asking the store.

use std::collections::HashSet;

use crate::{
    ids::RecordId,
    store::{
        Reader, Result,
        contract::{Coverage, Filter, Hit, Order, PageKey},
    },
};

/// One page of an answer.
#[derive(Debug, Clone)]
pub struct Results {
    /// The messages of this page, in the order asked for.
    pub hits: Vec<Hit>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<PageKey>,
    /// Messages of all pages together, exact.
    pub total: u64,
    /// Hits of this page that would be none if texts and names counted only as they are written; `None` when nothing else was
    /// asked.
    pub only_alike: Option<HashSet<RecordId>>,
    /// How much of the archive was searched: what is not opened yet cannot be found.
    pub coverage: Coverage,
}

/// Answers a filter, one page at a time. Hits, total and coverage are of one moment.
pub fn run(
    reader: &Reader,
    filter: &Filter,
    order: Order,
    after: Option<PageKey>,
    limit: usize,
) -> Result<Results> {
    let page = reader.page(filter, order, after, limit)?;
    Ok(Results {
        hits: page.hits,
        next: page.next,
        total: page.total,
        only_alike: page.only_alike,
        coverage: page.coverage,
    })
}
