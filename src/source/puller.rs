//! Pulls pages by sequence number through one child.
//!
//! Enters: the greatest seq so far. Leaves: a [`Page`] of sealed records, or an error that says whether asking again
//! can help; the asking is `archive`'s, since every call belongs into the books.

use std::sync::Arc;

use sdk_ffi::codes::{Code, Errcode};
use sdk_ffi::wire::{Frame, Kind};

use super::page::{self, Answer, Page};
use super::post::{Office, Post};
use super::{Build, Call, Deaths, Error, Options, diagnostics};
use crate::ids::Seq;

/// The company's one reader of the stream.
#[derive(Debug)]
pub struct Puller {
    office: Arc<Office>,
    post: Post,
}

impl Puller {
    /// Starts the child and initialises it; no network yet (finance-sdk §3.2).
    pub async fn start(options: &Options) -> Result<Self, Error> {
        let office = Office::new(options)?;
        let mut post = Post::new(office.clone());
        post.open().await?;
        Ok(Self { office, post })
    }

    /// The records after `after`, at most `limit` (1 to 1000). An empty page that is not torn is the end of the
    /// stream for now; a short one is not (finance-sdk §5.3). A child killed from outside is replaced and the call
    /// made again; any other death is an error that can be retried.
    pub async fn page(&mut self, after: Seq, limit: u32) -> Result<Page, Error> {
        let Self { office, post } = self;
        let fill = |frame: &mut Frame<'_>| {
            frame.u64(after.0);
            frame.u32(limit);
            office.route(frame);
            frame.payload_len()
        };
        post.call(Call::ChatData, Kind::ChatData, fill, |fields| {
            Ok(judge(fields.i32()?, fields.bytes()?))
        })
        .await?
    }

    /// The library that answers.
    pub fn build(&self) -> &Build {
        self.office.build()
    }

    /// Deaths of this puller's children.
    pub fn deaths(&self) -> Deaths {
        self.office.tally.read()
    }

    /// Ends the child.
    pub async fn close(mut self) {
        self.post.close().await;
    }
}

/// A return code and the bytes that came with it: neither alone says how the call went (finance-sdk §4, §5.2).
fn judge(code: i32, bytes: &[u8]) -> Result<Page, Error> {
    let answer = page::read(bytes);
    match (Code::from_raw(code), answer) {
        (Some(code), answer) => Err(refusal(Call::ChatData, code, answer)),
        (None, Answer::Page(page)) => Ok(page),
        (None, Answer::Refused { errcode, message }) => Err(Error::Envelope {
            errcode: Errcode(errcode),
            message: diagnostics::remark(&message),
        }),
    }
}

/// A failed call, with WeCom's own words where the slice held them.
pub(super) fn refusal(call: Call, code: Code, answer: Answer) -> Error {
    match answer {
        Answer::Refused { errcode, message } => Error::Sdk {
            call,
            code,
            errcode,
            message: diagnostics::remark(&message),
        },
        Answer::Page(_) => Error::Sdk {
            call,
            code,
            errcode: 0,
            message: String::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_return_may_hide_a_refusal() {
        let error = judge(0, br#"{"errcode":301052,"errmsg":"expired"}"#).unwrap_err();
        assert_eq!(
            (error.code(), error.errcode(), error.retryable()),
            (0, 301_052, false)
        );
        let busy = judge(0, br#"{"errcode":-1,"errmsg":"system error"}"#).unwrap_err();
        assert!(busy.retryable());
        assert!(judge(0, br#"{"errcode":301058}"#).unwrap_err().reduce_limit());
    }

    #[test]
    fn a_failed_call_is_asked_for_its_error_json_all_the_same() {
        let error = judge(10002, br#"{"errcode":45009,"errmsg":"freq"}"#).unwrap_err();
        assert_eq!(
            (error.code(), error.errcode(), error.retryable()),
            (10002, 45009, true)
        );
        let bare = judge(10009, b"").unwrap_err();
        assert_eq!((bare.code(), bare.errcode(), bare.retryable()), (10009, 0, false));
        assert!(judge(10001, b"").unwrap_err().retryable());
    }

    #[test]
    fn an_answer_without_chatdata_is_an_empty_page() {
        for text in [
            r#"{"errcode":0,"errmsg":"ok"}"#,
            r#"{"errcode":0,"chatdata":null}"#,
            r#"{"chatdata":[]}"#,
        ] {
            let page = judge(0, text.as_bytes()).unwrap();
            assert!(
                page.records.is_empty() && page.strays.is_empty() && !page.torn,
                "{text}"
            );
        }
    }
}
