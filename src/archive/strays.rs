//! Items without a usable seq: what becomes of those that are kept.

use crate::{
    ids::{CompanyId, Millis},
    source::page,
    store::{
        Store, StoreError,
        contract::{Lease, Stray},
    },
};

/// Strays looked at in one run, oldest first: so many that nobody can place are no accident, and told all the same.
const STRAYS: usize = 10_000;
/// Strays in memory at once: one may be as large as a page.
const BATCH: usize = 16;

/// Lands those in which this program finds a seq: a newer one may, where an older one found none.
pub(super) fn land(store: &mut Store, lease: &Lease) -> Result<u64, StoreError> {
    let mut landed = 0;
    each(store, lease.company, |store, stray| {
        if let Some(sealed) = page::stray(&stray.raw) {
            store.land_stray(lease, &stray, &sealed, Millis::now())?;
            landed += 1;
        }
        Ok(())
    })?;
    Ok(landed)
}

/// Those whose record has come in the meantime, told by its msgid, are strays no more.
pub(super) fn resolve(store: &mut Store, company: CompanyId) -> Result<(), StoreError> {
    each(store, company, |store, stray| {
        let msgid = page::stray_msgid(&stray.raw);
        if msgid.is_empty() {
            return Ok(());
        }
        let records = store.by_msgid(&msgid)?;
        match records.iter().find(|record| record.company == company) {
            Some(record) => store.stray_is(stray.id, record.id),
            None => Ok(()),
        }
    })
}

fn each(
    store: &mut Store,
    company: CompanyId,
    mut look: impl FnMut(&mut Store, Stray) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (mut after, mut left) = (0, STRAYS);
    while left > 0 {
        let batch = store.strays(Some(company), after, BATCH.min(left))?;
        let Some(last) = batch.last() else { break };
        after = last.id;
        left -= batch.len();
        for stray in batch {
            look(store, stray)?;
        }
    }
    Ok(())
}
