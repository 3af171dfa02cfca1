//! The chunk port: one call of `GetMediaData` on a child of its own, so that a slow file delays no record.
//!
//! Enters: a file id and the cursor of the chunk before. Leaves: the chunk and the next cursor. Putting a file
//! together, checking its digest and stopping an endless one are the media room's.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use sdk_ffi::codes::Code;
use sdk_ffi::wire::{Fields, Frame, Kind, MAX_CURSOR};

use super::post::{Office, Post};
use super::{Build, Call, Deaths, Error, Options, page, puller};
use crate::secret::Secret;

/// Buffers of replies that are kept to be used again: more than a file's chunks under way ever hold.
const KEPT: usize = 8;

/// Bytes of the longest handle that is asked for. Real ones have 200 to 900 (finance-sdk §9).
const LONGEST_HANDLE: usize = 64 * 1024;

/// Fetches chunks.
#[derive(Debug)]
pub struct Media {
    office: Arc<Office>,
    post: Post,
    /// Buffers that were given away with a chunk. A new one of this size would come from the system page by page, each time.
    lent: Vec<Arc<Vec<u8>>>,
}

/// A reply of which a chunk is a part.
struct Lent(Arc<Vec<u8>>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Up to 512 KiB of a file (finance-sdk §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The bytes; the last chunk's belong to the file, too.
    pub data: Bytes,
    /// Cursor for the next chunk, to be handed back unchanged.
    pub next: String,
    /// True for the last chunk.
    pub finished: bool,
}

impl Media {
    /// Starts the child and initialises it; no network yet.
    pub async fn start(options: &Options) -> Result<Self, Error> {
        let office = Office::new(options)?;
        let mut post = Post::new(office.clone());
        post.open().await?;
        Ok(Self {
            office,
            post,
            lent: Vec::new(),
        })
    }

    /// The chunk at `indexbuf` (empty for the first). After an error the same chunk may be asked for again.
    pub async fn chunk(&mut self, sdkfileid: &Secret, indexbuf: &str) -> Result<Chunk, Error> {
        // C would see a shorter id, that is, another file.
        if sdkfileid.expose().contains('\0') {
            return Err(Error::Handle(
                "its sdkfileid contains a zero byte and cannot be asked for",
            ));
        }
        if sdkfileid.expose().len() > LONGEST_HANDLE {
            return Err(Error::Handle(
                "its sdkfileid is longer than any that WeCom makes and is not asked for",
            ));
        }
        if indexbuf.contains('\0') || indexbuf.len() > MAX_CURSOR {
            return Err(Error::Cursor("the cursor noted for its next chunk cannot be one"));
        }
        let Self { office, post, .. } = self;
        let fill = |frame: &mut Frame<'_>| {
            frame.bytes(indexbuf.as_bytes());
            frame.bytes(sdkfileid.expose().as_bytes());
            office.route(frame);
            frame.payload_len()
        };
        let read = |fields: &mut Fields<'_>| {
            let code = fields.i32()?;
            let data = fields.bytes()?;
            // The chunk stays where it is: so many bytes, this far from the reply's end.
            let (len, behind) = (data.len(), 1 + fields.left());
            let (finished, next) = (fields.u8()? == 1, fields.bytes()?);
            Ok(match Code::from_raw(code) {
                None => Ok((len, behind, finished, next.to_vec())),
                Some(code) => Err(puller::refusal(Call::Media, code, page::read(data))),
            })
        };
        let (len, behind, finished, next) = post.call(Call::Media, Kind::MediaChunk, fill, read).await??;
        let next = String::from_utf8(next).ok().filter(|next| !next.contains('\0'));
        let next = next.ok_or(Error::Sdk {
            call: Call::Media,
            code: Code::Implausible,
            errcode: 0,
            message: String::new(),
        })?;
        let reply = post.take_reply(spare(&mut self.lent));
        let end = reply.len() - behind;
        Ok(Chunk {
            data: lend(&mut self.lent, reply, end - len..end),
            next,
            finished,
        })
    }

    /// The library that answers.
    pub fn build(&self) -> &Build {
        self.office.build()
    }

    /// Deaths of this port's children.
    pub fn deaths(&self) -> Deaths {
        self.office.tally.read()
    }

    /// Ends the child.
    pub async fn close(mut self) {
        self.post.close().await;
    }
}

/// A buffer that has come back, or an empty one.
fn spare(lent: &mut Vec<Arc<Vec<u8>>>) -> Vec<u8> {
    let back = lent.iter().position(|buffer| Arc::strong_count(buffer) == 1);
    let back = back.and_then(|at| Arc::into_inner(lent.swap_remove(at)));
    back.unwrap_or_default()
}

/// Gives a part of a reply away; its buffer is used again once nobody holds it any more.
fn lend(lent: &mut Vec<Arc<Vec<u8>>>, reply: Vec<u8>, part: Range<usize>) -> Bytes {
    let reply = Arc::new(reply);
    if lent.len() < KEPT {
        lent.push(Arc::clone(&reply));
    }
    Bytes::from_owner(Lent(reply)).slice(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_when_its_chunk_is_gone_and_never_before() {
        let mut lent = Vec::new();
        let first = lend(&mut lent, vec![1; 100], 10..20);
        let kept = first.clone();
        drop(first);
        assert_eq!(spare(&mut lent).capacity(), 0);
        assert_eq!(kept, vec![1; 10]);
        drop(kept);
        assert_eq!(spare(&mut lent), vec![1; 100]);
        assert!(lent.is_empty());
        let held: Vec<Bytes> = (0..3 * KEPT).map(|_| lend(&mut lent, vec![2; 9], 0..9)).collect();
        assert_eq!(lent.len(), KEPT);
        assert!(held.iter().all(|chunk| chunk == &vec![2; 9]));
    }
}
