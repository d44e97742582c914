//! A list, read page by page.

use std::fmt;
use std::time::SystemTime;

use super::Page;
use super::request::Place;
use crate::answer::{Answer, ErrorCode};
use crate::client::Client;
use crate::decode;
use crate::error::Error;
use crate::request::Request;

/// More OpenCTI does not send; it cuts without a word, and then says that nothing follows.
const MAX_PAGE: usize = 5000;
/// Fewer objects do not make a slow answer much faster.
const MIN_SLOW_PAGE: usize = 100;

/// A list of all objects of a kind, read page by page, in the order of their last change; made by
/// [`Client::export_indicators`] and its like.
///
/// The order is what makes it complete: an object that changes meanwhile moves to the end, where it is met again, so
/// that none is missed and some may come twice.
///
/// ```no_run
/// # async fn example(client: opencti_client::Client) -> Result<(), opencti_client::Error> {
/// let mut pages = client.export_indicators(None);
/// while let Some(page) = pages.next().await? {
///     for indicator in page.items {
///         println!("{}", indicator.id);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Pages<T> {
    client: Client,
    make: fn(&Place) -> Result<Request<Page<T>>, Error>,
    place: Place,
    /// The cursor is the caller's, and no page has come by it yet.
    is_resumed: bool,
    is_done: bool,
}

impl<T> Pages<T> {
    pub(crate) fn new(
        client: Client,
        make: fn(&Place) -> Result<Request<Page<T>>, Error>,
        since: Option<SystemTime>,
        first: usize,
    ) -> Self {
        let place = Place { since, after: None, first };
        Self { client, make, place, is_resumed: false, is_done: false }
    }

    /// Objects to a page, at most: 1 to 5,000. 1,000 unless set, and 5,000 for ids.
    #[must_use]
    pub fn page_size(mut self, size: usize) -> Self {
        self.place.first = size.clamp(1, MAX_PAGE);
        self
    }

    /// Starts where an earlier reading has come to, see [`cursor`](Self::cursor). Where OpenCTI does not take the
    /// cursor, the list starts from its beginning.
    #[must_use]
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.place.after = Some(cursor.into());
        self.is_resumed = true;
        self
    }

    /// How far the reading has come: behind the last page given out. `None` before the first.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.place.after.as_deref()
    }

    /// The request for the next page, for those who send by their own means.
    ///
    /// # Errors
    ///
    /// When the body cannot be written, which does not happen.
    pub fn request(&self) -> Result<Request<Page<T>>, Error> {
        (self.make)(&self.place)
    }

    /// The next page; `None` behind the last.
    ///
    /// A page that is too large, or takes OpenCTI too long, is asked for again with half as many objects.
    ///
    /// # Errors
    ///
    /// When a page cannot be had, or lacks an object, which would look like a deleted one. The next call tries the same
    /// page again.
    pub async fn next(&mut self) -> Result<Option<Page<T>>, Error> {
        while !self.is_done {
            let request = self.request()?;
            let page = match whole(request.operation(), self.client.send(&request).await) {
                Ok(page) => page,
                Err(Error::GraphQl { code: ErrorCode::Internal, .. }) if self.is_resumed => {
                    // That is how OpenCTI answers a cursor it cannot read.
                    self.is_resumed = false;
                    self.place.after = None;
                    continue;
                }
                Err(Error::TooLarge { .. }) if self.place.first > 1 => {
                    self.place.first /= 2;
                    continue;
                }
                Err(Error::Timeout { phase: crate::TimeoutPhase::Answer, .. })
                    if self.place.first > MIN_SLOW_PAGE =>
                {
                    self.place.first = (self.place.first / 2).max(MIN_SLOW_PAGE);
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.is_resumed = false;
            // A full page claims that another follows, which may then be empty.
            let Some(next) = page.next.clone().filter(|_| page.received > 0) else {
                self.is_done = true;
                return Ok((page.received > 0).then_some(page));
            };
            if self.place.after.as_ref() == Some(&next) {
                let reason = "the cursor of the next page is that of this one".to_owned();
                return Err(Error::Shape { operation: request.operation(), reason });
            }
            self.place.after = Some(next);
            return Ok(Some(page));
        }
        Ok(None)
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("place", &self.place)
            .field("is_done", &self.is_done)
            .finish_non_exhaustive()
    }
}

/// The page, if no object is missing from it.
fn whole<T>(operation: &'static str, answer: Result<Answer<Page<T>>, Error>) -> Result<Page<T>, Error> {
    let Answer { value: page, problems } = answer?;
    if page.gaps > 0 {
        Err(decode::failed(operation, problems, "node"))
    } else {
        Ok(Page { problems, ..page })
    }
}
