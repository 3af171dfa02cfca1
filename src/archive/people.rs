//! One pass over who is due: looks for new ids in messages, asks the directory about them, keeps what it says.
//!
//! It reads on a connection of its own and writes between the conveyor's writes, a few hundred rows at a time, so a pass
//! never holds up a pull. Whatever stops a pass, what came before is kept; what was not asked stays due.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Desk, Error};
use crate::{
    directory::{Client, Clock},
    events,
    ids::{CompanyId, Millis},
    people::{Empty, Inquiry, Round, Trouble},
    store::{Reader, StoreError, contract::people::Ages},
};

/// Ids of one sort that a pass looks at.
const MOST_DUE: usize = 20_000;
/// News, or new ids, in one write.
const PIECE: usize = 200;

/// How a company's directory is read.
pub struct Directory {
    /// The company's name in the configuration.
    pub name: String,
    /// `ww…`, kept beside the name in the store.
    pub corpid: String,
    /// Calls out.
    pub client: Client,
    /// Tells when answers came, and which are old.
    pub clock: Arc<dyn Clock>,
    /// When answers are old.
    pub ages: Ages,
    /// How much a pass may ask, and when a list is read instead of asking one by one.
    pub round: Round,
}

/// What a pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pass {
    /// Ids that messages named for the first time.
    pub met: u64,
    /// Calls made.
    pub calls: u64,
    /// Subjects that were answered for.
    pub answered: u64,
    /// Subjects that nothing can be had about.
    pub refused: u64,
    /// Ids and lists that are still due.
    pub left: u64,
    /// Calls that are refused to everybody, and lists that came with nothing on them; with what to do.
    pub troubles: Vec<Trouble>,
    /// No call could be made any more.
    pub failure: Option<String>,
    /// Stopped on request.
    pub stopped: bool,
}

/// Does one pass. `all`: as if every answer were old. An `Err` is the store's; what the directory does not give stands in
/// the [`Pass`].
pub async fn refresh(
    desk: &Desk,
    directory: &Directory,
    all: bool,
    stop: &watch::Receiver<bool>,
) -> Result<Pass, Error> {
    let (name, corpid) = (directory.name.clone(), directory.corpid.clone());
    let company = desk.ask(move |store| store.company(&name, &corpid)).await??;
    let ages = directory.ages;
    let mut pass = Pass {
        met: meet(desk, company, ages).await?,
        ..Pass::default()
    };
    let due_at = if all {
        Millis(i64::MAX - 1)
    } else {
        directory.clock.now()
    };
    let needs = look(desk, move |reader| reader.due(company, due_at, &ages, MOST_DUE)).await?;
    let mut inquiry = Inquiry::new(needs, directory.round);
    let mut emptied: Vec<Trouble> = Vec::new();
    while inquiry.calls() < u64::from(directory.round.calls) {
        if *stop.borrow() {
            pass.stopped = true;
            break;
        }
        match inquiry.next(&directory.client).await {
            Ok(None) => break,
            Ok(Some(answer)) => {
                pass.answered += answer.news.iter().filter(|news| news.answers).count() as u64;
                pass.refused += answer.refused.len() as u64;
                if answer.is_empty() {
                    continue;
                }
                if let Some(empty) = answer.empty {
                    emptied.extend(implausible(desk, company, empty).await?);
                }
                for piece in answer.pieces(PIECE) {
                    let now = directory.clock.now();
                    desk.ask(move |store| store.learn(company, &piece, &ages, now))
                        .await??;
                }
            }
            Err(error) => {
                pass.failure = Some(error.to_string());
                break;
            }
        }
    }
    super::clock::keep_server_clock(desk).await?;
    pass.troubles = inquiry.troubles();
    pass.troubles.extend(emptied);
    pass.calls = inquiry.calls();
    let now = directory.clock.now();
    pass.left = look(desk, move |reader| reader.due_count(company, now, &ages)).await?;
    events::directory_read(&directory.name, &pass.counts());
    for trouble in &pass.troubles {
        events::directory_refused(&directory.name, trouble.api, &trouble.why);
    }
    if let Some(failure) = &pass.failure {
        events::directory_down(&directory.name, failure);
    }
    Ok(pass)
}

impl Pass {
    /// Met, calls, answered, refused, left.
    pub fn counts(&self) -> [u64; 5] {
        [self.met, self.calls, self.answered, self.refused, self.left]
    }

    /// Something was refused or could not be asked: asking again at once helps nobody.
    pub fn troubled(&self) -> bool {
        self.failure.is_some() || !self.troubles.is_empty()
    }
}

/// A list came with nothing on it: what that means to whoever looks after it, if there was something before.
async fn implausible(desk: &Desk, company: CompanyId, empty: Empty) -> Result<Option<Trouble>, Error> {
    let Empty {
        api,
        class,
        kind,
        from,
    } = empty;
    let known = look(desk, move |reader| reader.told_count(company, class, kind)).await?;
    Ok((known >= from).then(|| Trouble {
        api,
        why: format!(
            "{api}: the list came with nothing on it, and {known} entries are known from before; nothing was ended by it; \
             check the app's visible range and rights"
        ),
    }))
}

/// Notes ids that messages named since the last look.
async fn meet(desk: &Desk, company: CompanyId, ages: Ages) -> Result<u64, Error> {
    let Some(met) = look(desk, move |reader| reader.met(company)).await? else {
        return Ok(0);
    };
    let count = (met.people.len() + met.rooms.len()) as u64;
    for piece in met.pieces(PIECE) {
        desk.ask(move |store| store.meet(company, &piece, &ages))
            .await??;
    }
    Ok(count)
}

/// Reads on a connection and a thread of its own: a long look holds up nobody.
async fn look<R, F>(desk: &Desk, question: F) -> Result<R, Error>
where
    R: Send + 'static,
    F: FnOnce(&Reader) -> Result<R, StoreError> + Send + 'static,
{
    let reader = desk.ask(|store| store.reader()).await??;
    let answered = tokio::task::spawn_blocking(move || question(&reader)).await;
    Ok(answered.map_err(|error| Error::Worker(format!("a look into the archive ended: {error}")))??)
}
