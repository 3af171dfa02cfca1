//! Reading on, page after page, until the platform says that there are no more.
//!
//! Pages may be short or empty; only the cursor tells the end. Cursors that lead in a circle, and empty pages without
//! end, are errors: see [`asked`]. What changes while it is read can show twice or not at all: callers that need everything compare ids
//! and sweep again.
//!
//! Must not know: what is on a page.

use std::marker::PhantomData;

use serde_json::Value;

use super::{
    asked::{self, PageGuard},
    client::{Client, typed},
    error::Error,
    row::{Endpoint, Paging, Row, TokenKind},
    wire::Wire,
};

/// Pages of one request, asked for one by one.
#[derive(Debug)]
pub struct Pages<E> {
    rows: RowPages,
    endpoint: PhantomData<fn() -> E>,
}

/// Pages of a row whose types are not known.
#[derive(Debug)]
pub struct RowPages {
    client: Client,
    row: &'static Row,
    fields: Value,
    kind: Option<TokenKind>,
    next: Next,
    guard: PageGuard,
}

/// What the last page said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Page,
    End,
    /// Going on would never end.
    Fault(Error),
}

/// What was read, and why it is not everything, if it is not (wecom-api §1 rule 10: nothing that came is dropped).
#[derive(Debug, Clone, PartialEq)]
pub struct Partial<T> {
    /// What came.
    pub items: Vec<T>,
    /// What stopped it.
    pub stopped: Option<Error>,
}

impl<T> Partial<T> {
    /// Everything, or the error.
    pub fn whole(self) -> Result<Vec<T>, Error> {
        match self.stopped {
            None => Ok(self.items),
            Some(error) => Err(error),
        }
    }
}

impl Client {
    /// The pages of a request; a row without paging has one.
    pub fn pages<E: Endpoint>(&self, request: &E) -> Pages<E> {
        Pages {
            rows: self.row_pages(E::ROW, &request.write().unwrap_or_default(), None),
            endpoint: PhantomData,
        }
    }

    /// The pages of any row, as they come; with another token than the row's own if `kind` says so.
    pub fn row_pages(&self, row: &'static Row, fields: &Value, kind: Option<TokenKind>) -> RowPages {
        RowPages {
            client: self.clone(),
            row,
            fields: fields.clone(),
            kind,
            next: Next::Page,
            guard: PageGuard::default(),
        }
    }
}

impl<E: Endpoint> Pages<E> {
    /// The next page; `None` after the last. After a failed call the same page is asked for again.
    pub async fn next(&mut self) -> Result<Option<E::Answer>, Error> {
        let Some(page) = self.rows.next_raw().await? else {
            return Ok(None);
        };
        if let Err(error) = asked::check(self.rows.row, &self.rows.fields, &page) {
            self.rows.next = Next::Fault(error.clone());
            return Err(error);
        }
        Ok(Some(typed(page)))
    }

    /// Where to go on: with `cursor` for rows that keep it for ever (kf).
    pub fn cursor(&self) -> Option<&str> {
        self.rows.cursor()
    }

    /// Every page, its items picked out by `pick`.
    pub async fn gather<T>(mut self, mut pick: impl FnMut(E::Answer) -> Vec<T>) -> Partial<T> {
        let mut items = Vec::new();
        loop {
            match self.next().await {
                Ok(Some(page)) => items.extend(pick(page)),
                Ok(None) => return Partial { items, stopped: None },
                Err(error) => {
                    return Partial {
                        items,
                        stopped: Some(error),
                    };
                }
            }
        }
    }
}

impl RowPages {
    /// As [`Pages::next`].
    pub async fn next_raw(&mut self) -> Result<Option<Value>, Error> {
        match &self.next {
            Next::Page => {}
            Next::End => return Ok(None),
            Next::Fault(error) => return Err(error.clone()),
        }
        let answer = self.client.call_row_as(self.row, &self.fields, self.kind).await?;
        self.follow(&answer);
        Ok(Some(answer))
    }

    fn cursor(&self) -> Option<&str> {
        self.fields.get("cursor").and_then(Value::as_str)
    }

    /// Puts the next position into the request. The page that came is given out whatever it says about the next.
    fn follow(&mut self, answer: &Value) {
        let number = |value: &Value, name: &str| value.get(name).and_then(i64::read).unwrap_or(0);
        self.next = match self.row.paging {
            Paging::None => Next::End,
            Paging::Offset => {
                let (next, total) = (number(answer, "next_offset"), number(answer, "total"));
                if next >= total {
                    Next::End
                } else {
                    self.guard.starts_at(&number(&self.fields, "offset"));
                    self.fields["offset"] = next.into();
                    self.went_on(answer, &next)
                }
            }
            Paging::Cursor | Paging::HasMore => {
                let cursor = answer
                    .get("next_cursor")
                    .and_then(String::read)
                    .filter(|cursor| !cursor.is_empty());
                let more = self.row.paging == Paging::Cursor
                    || answer.get("has_more").and_then(bool::read).unwrap_or(false);
                if let Some(here) = self.fields.get("cursor").and_then(Value::as_str) {
                    self.guard.starts_at(&here);
                }
                match cursor {
                    Some(cursor) => {
                        self.fields["cursor"] = cursor.clone().into();
                        if more {
                            self.went_on(answer, &cursor)
                        } else {
                            Next::End
                        }
                    }
                    None => Next::End,
                }
            }
        };
    }

    fn went_on(&mut self, page: &Value, next: &impl std::hash::Hash) -> Next {
        match self.guard.goes_on(self.row, asked::holds_something(page), next) {
            Ok(()) => Next::Page,
            Err(error) => Next::Fault(error),
        }
    }
}
