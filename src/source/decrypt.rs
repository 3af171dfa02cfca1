//! Opens bodies with `DecryptData` in a small pool of children and finds the records they die of.
//!
//! A batch is cut into pieces, one request each. When a child dies, the marker names the item in hand: what came
//! before it and after it is done again without it, itself once more alone; a second death makes it `poison`. A
//! death no item can be blamed for halves the piece until one is left.
//!
//! Enters: message keys already opened, and bodies. Leaves: plaintext bytes or a named reason, in order.
//! Must not know: private keys, what a plaintext means.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sdk_ffi::codes::Code;
use sdk_ffi::wire::{Batch, Kind, MAX_PAYLOAD};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::child::{Fall, Patience};
use super::post::{OUTSIDE, Office, Post, Trouble};
use super::{Build, Call, Deaths, Error, Options};
use crate::record::{Reason, Waiting};
use crate::secret::Secret;

/// A piece is one request: large enough that the pipe costs nothing, small enough that a death costs little.
const PIECE_ITEMS: usize = 256;
/// Bytes of a piece; about what a pipe holds, so that parent and child need not take turns.
const PIECE_BYTES: usize = 900 << 10;
/// Pieces are not cut smaller than this to keep more children busy.
const PIECE_LEAST: usize = 16;
/// `DecryptData` aborts the process on anything shorter (finance-sdk §7).
const SHORTEST_BODY: usize = 13;
/// Leaves room for the frame around a single record.
const LONGEST: usize = MAX_PAYLOAD - 1024;

/// What `DecryptData` takes: the opened message key and `encrypt_chat_msg` as received.
#[derive(Clone)]
pub struct Envelope {
    /// The RSA plaintext, an ASCII text (finance-sdk §6).
    pub key: Secret,
    /// `encrypt_chat_msg`.
    pub body: String,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope")
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What became of one item.
pub type Opened = Result<Vec<u8>, Waiting>;

/// A pool of children that open bodies. May be used by several tasks at once.
#[derive(Debug)]
pub struct Decryptors {
    pool: Arc<Pool>,
    children: usize,
}

#[derive(Debug)]
struct Pool {
    office: Arc<Office>,
    idle: Mutex<Vec<Post>>,
    free: Arc<Semaphore>,
}

impl Decryptors {
    /// Starts the first child, so that a library that cannot work is known at once; the others start when there is
    /// work for them.
    pub async fn start(options: &Options, children: usize) -> Result<Self, Error> {
        let office = Office::new(options)?;
        let children = children.max(1);
        let mut posts: Vec<_> = (0..children).map(|_| Post::new(office.clone())).collect();
        if let Some(first) = posts.last_mut() {
            first.open().await?;
        }
        let pool = Pool {
            office,
            idle: Mutex::new(posts),
            free: Arc::new(Semaphore::new(children)),
        };
        Ok(Self {
            pool: Arc::new(pool),
            children,
        })
    }

    /// Opens a batch; the answers are in the items' order. An error means that no child could be had: nothing is
    /// known about any item then.
    pub async fn open(&self, items: Vec<Envelope>) -> Result<Vec<Opened>, Error> {
        let guard = self.pool.office.options.guard;
        let mut answers: Vec<Option<Opened>> = items
            .iter()
            .map(|item| check(item, guard).err().map(Err))
            .collect();
        let healthy: Vec<u32> = (0u32..)
            .zip(&answers)
            .filter(|(_, answer)| answer.is_none())
            .map(|(index, _)| index)
            .collect();
        let pieces = cut(&items, &healthy, self.children);
        let items = Arc::new(items);
        let mut work = JoinSet::new();
        for piece in pieces {
            let (pool, items) = (self.pool.clone(), items.clone());
            work.spawn(async move { Piece::new(&items, piece).finish(&pool).await });
        }
        while let Some(done) = work.join_next().await {
            // A panic in a piece is a bug of ours and stays one.
            let done = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
            for (index, answer) in done {
                answers[index as usize] = Some(answer);
            }
        }
        Ok(answers
            .into_iter()
            .map(|answer| answer.expect("every item is in one piece"))
            .collect())
    }

    /// The library that answers.
    pub fn build(&self) -> &Build {
        self.pool.office.build()
    }

    /// Deaths of all children of this pool.
    pub fn deaths(&self) -> Deaths {
        self.pool.office.tally.read()
    }

    /// Ends all children.
    pub async fn close(self) {
        let posts = std::mem::take(&mut *self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for mut post in posts {
            post.close().await;
        }
    }
}

/// What must not reach the SDK: it aborts, or sees another text than we do (finance-sdk §6, §7).
fn check(item: &Envelope, guard: bool) -> Result<(), Waiting> {
    let (key, body) = (item.key.expose(), &item.body);
    if key.len() + body.len() > LONGEST {
        return Err(Waiting::new(
            Reason::Malformed,
            format!(
                "encrypt_chat_msg is {} bytes, more than the {LONGEST} a process is handed",
                body.len()
            ),
        ));
    }
    if !guard {
        return Ok(());
    }
    if key.is_empty() || !key.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Waiting::new(
            Reason::KeyMismatch,
            "encrypt_random_key opens to bytes that are no message key",
        ));
    }
    if body.len() < SHORTEST_BODY {
        return Err(Waiting::new(
            Reason::Malformed,
            format!(
                "encrypt_chat_msg is {} bytes, the SDK needs at least {SHORTEST_BODY}",
                body.len()
            ),
        ));
    }
    if body.contains('\0') {
        return Err(Waiting::new(
            Reason::Malformed,
            "encrypt_chat_msg contains a zero byte",
        ));
    }
    Ok(())
}

/// Cuts the work so that every child gets some and no request is too large.
fn cut(items: &[Envelope], work: &[u32], children: usize) -> Vec<Vec<u32>> {
    let most = work.len().div_ceil(children).clamp(PIECE_LEAST, PIECE_ITEMS);
    let (mut pieces, mut piece, mut bytes) = (Vec::new(), Vec::new(), 0);
    for &index in work {
        let item = &items[index as usize];
        let size = item.key.expose().len() + item.body.len();
        if !piece.is_empty() && (piece.len() == most || bytes + size > PIECE_BYTES) {
            pieces.push(std::mem::take(&mut piece));
            bytes = 0;
        }
        piece.push(index);
        bytes += size;
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// One piece on its way through deaths.
struct Piece<'i> {
    items: &'i [Envelope],
    answers: Vec<(u32, Opened)>,
    queue: VecDeque<Group>,
    /// Items whose code was worth one more try.
    retried: Vec<u32>,
    /// Items that took a child down once.
    fatal: Vec<u32>,
}

/// Items that go to a child together.
struct Group {
    members: Vec<u32>,
    /// Kills from outside while it was in hand.
    outside: u32,
}

impl Group {
    fn of(members: &[u32]) -> Self {
        Self {
            members: members.to_vec(),
            outside: 0,
        }
    }
}

impl<'i> Piece<'i> {
    fn new(items: &'i [Envelope], members: Vec<u32>) -> Self {
        let queue = VecDeque::from([Group { members, outside: 0 }]);
        Self {
            items,
            answers: Vec::new(),
            queue,
            retried: Vec::new(),
            fatal: Vec::new(),
        }
    }

    async fn finish(mut self, pool: &Arc<Pool>) -> Result<Vec<(u32, Opened)>, Error> {
        while let Some(mut group) = self.queue.pop_front() {
            let mut desk = Desk::take(pool).await?;
            match self.ask(&group.members, desk.post(), pool).await {
                Ok(outcomes) => {
                    for (&index, (code, bytes)) in group.members.iter().zip(outcomes) {
                        self.settle(index, code, bytes, group.members.len() == 1);
                    }
                }
                Err(Trouble::Error(error)) => return Err(error),
                Err(Trouble::Fell(fall)) if fall.death.from_outside() && group.outside < OUTSIDE => {
                    group.outside += 1;
                    self.queue.push_front(group);
                }
                Err(Trouble::Fell(fall)) => self.after_death(&group, &fall),
            }
        }
        Ok(self.answers)
    }

    async fn ask(
        &self,
        members: &[u32],
        post: &mut Post,
        pool: &Pool,
    ) -> Result<Vec<(i32, Vec<u8>)>, Trouble> {
        let pairs = members.iter().map(|index| {
            let item = &self.items[*index as usize];
            (item.key.expose().as_bytes(), item.body.as_bytes())
        });
        post.ask(
            Kind::Decrypt,
            members.len() as u64,
            Patience::PerItem(pool.office.options.decrypt_deadline),
            |frame| Batch::write(frame, pairs),
            |fields| {
                if fields.u32()? as usize != members.len() {
                    return Err(sdk_ffi::wire::WireError::Garbage("an answer of another length"));
                }
                members
                    .iter()
                    .map(|_| Ok((fields.i32()?, fields.bytes()?.to_vec())))
                    .collect()
            },
        )
        .await
    }

    fn settle(&mut self, index: u32, code: i32, bytes: Vec<u8>, alone: bool) {
        let answer = match Code::from_raw(code) {
            None => Ok(bytes),
            Some(code @ (Code::BadEncryptKey | Code::KeyError | Code::NoKeyOfVersion)) => Err(Waiting::new(
                Reason::KeyMismatch,
                format!("{} returned {code}", Call::Decrypt),
            )),
            // A reply too large for its frame may fit alone; the retryable codes deserve one more try.
            Some(code)
                if (code.retryable() || code == Code::Oversize && !alone)
                    && !self.retried.contains(&index) =>
            {
                self.retried.push(index);
                self.queue.push_back(Group::of(&[index]));
                return;
            }
            Some(code) => Err(Waiting::new(
                Reason::Refused,
                format!("{} returned {code}", Call::Decrypt),
            )),
        };
        self.answers.push((index, answer));
    }

    /// Decides who is to blame and queues the others again.
    fn after_death(&mut self, group: &Group, fall: &Fall) {
        let members = &group.members;
        // Alone there is nobody else to blame, whether the marker says so or not.
        let culprit = match fall.item.map(|item| item as usize) {
            _ if members.len() == 1 => Some(0),
            Some(item) if item < members.len() && !fall.death.from_outside() => Some(item),
            _ => None,
        };
        let Some(at) = culprit else {
            let (left, right) = members.split_at(members.len() / 2);
            self.queue.extend([Group::of(left), Group::of(right)]);
            return;
        };
        let index = members[at];
        // Those before it did no harm and those after it are unknown: apart, another death repeats less.
        let others = [&members[..at], &members[at + 1..]];
        self.queue
            .extend(others.into_iter().filter(|rest| !rest.is_empty()).map(Group::of));
        let times = match (&fall.death, self.fatal.contains(&index)) {
            (death, _) if death.from_outside() => OUTSIDE + 1, // perhaps the machine runs out of memory over it
            (_, true) => 2,
            (_, false) => {
                self.fatal.push(index);
                self.queue.push_back(Group::of(&[index]));
                return;
            }
        };
        let detail = format!(
            "the SDK's process {} while opening this record, attempt {times}",
            fall.death
        );
        self.answers
            .push((index, Err(Waiting::new(Reason::Poison, detail))));
    }
}

/// A desk on loan; it goes back however the loan ends.
struct Desk<'p> {
    pool: &'p Pool,
    post: Option<Post>,
    _permit: OwnedSemaphorePermit,
}

impl<'p> Desk<'p> {
    async fn take(pool: &'p Arc<Pool>) -> Result<Self, Error> {
        let permit = pool
            .free
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let post = pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let post = post.unwrap_or_else(|| Post::new(pool.office.clone()));
        Ok(Self {
            pool,
            post: Some(post),
            _permit: permit,
        })
    }

    fn post(&mut self) -> &mut Post {
        self.post.as_mut().expect("held until the drop")
    }
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        if let Some(post) = self.post.take() {
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(post);
        }
    }
}
