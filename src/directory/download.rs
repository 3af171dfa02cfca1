//! A file on its way here, piece by piece, never whole in memory.
//!
//! Must not know: where it goes.

use super::{client::Client, error::Error, row::Row};

/// A file on its way here.
#[derive(Debug)]
pub struct Download {
    row: &'static Row,
    response: reqwest::Response,
    client: Client,
}

impl Download {
    pub(super) fn new(client: Client, row: &'static Row, response: reqwest::Response) -> Self {
        Self {
            row,
            response,
            client,
        }
    }

    /// `Content-Type`.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// `Content-Disposition`, which names the file. The name is not to be trusted as a path.
    pub fn disposition(&self) -> Option<&str> {
        self.header("content-disposition")
    }

    /// Bytes to come, when the platform says so.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// True when this is the part that was asked for (206), false when it is the whole file.
    pub fn partial(&self) -> bool {
        self.response.status().as_u16() == 206
    }

    /// The next piece; `None` at the end.
    pub async fn piece(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.client.0.http.piece(self.row, &mut self.response).await
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }
}
