//! The chunk port: one call of `GetMediaData` on a child of its own, so that a slow file delays no record.
//!
//! Enters: a file id and the cursor of the chunk before. Leaves: the chunk and the next cursor. Putting a file
//! together, checking its digest and stopping an endless one are the media room's.

use std::sync::Arc;

use sdk_ffi::codes::Code;
use sdk_ffi::wire::{Fields, Frame, Kind};

use super::post::{Office, Post};
use super::{Build, Call, Deaths, Error, Options, page, puller};
use crate::secret::Secret;

/// Fetches chunks.
#[derive(Debug)]
pub struct Media {
    office: Arc<Office>,
    post: Post,
}

/// Up to 512 KiB of a file (finance-sdk §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The bytes; the last chunk's belong to the file, too.
    pub data: Vec<u8>,
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
        Ok(Self { office, post })
    }

    /// The chunk at `indexbuf` (empty for the first). After an error the same chunk may be asked for again.
    pub async fn chunk(&mut self, sdkfileid: &Secret, indexbuf: &str) -> Result<Chunk, Error> {
        if sdkfileid.expose().contains('\0') || indexbuf.contains('\0') {
            // C would see a shorter id, that is, another file.
            return Err(Error::Options(
                "an sdkfileid or a chunk's cursor contains a zero byte",
            ));
        }
        let Self { office, post } = self;
        let fill = |frame: &mut Frame<'_>| {
            frame.bytes(indexbuf.as_bytes());
            frame.bytes(sdkfileid.expose().as_bytes());
            office.route(frame);
            frame.payload_len()
        };
        let read = |fields: &mut Fields<'_>| {
            let (code, data) = (fields.i32()?, fields.bytes()?);
            let (finished, next) = (fields.u8()? == 1, fields.bytes()?);
            Ok(match Code::from_raw(code) {
                None => Ok((data.to_vec(), finished, next.to_vec())),
                Some(code) => Err(puller::refusal(Call::Media, code, page::read(data))),
            })
        };
        let (data, finished, next) = post.call(Call::Media, Kind::MediaChunk, fill, read).await??;
        let next = String::from_utf8(next).map_err(|_| Error::Sdk {
            call: Call::Media,
            code: Code::Unparsable,
            errcode: 0,
            message: String::new(),
        })?;
        Ok(Chunk { data, next, finished })
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
