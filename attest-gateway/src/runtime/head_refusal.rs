//! Gives words to what the guard refuses. A refused request never becomes one: in its place the HTTP library reads a stand-in,
//! so that its refusal goes out in its turn, after the answers to the requests before it.

use std::fmt;
use std::sync::Arc;

use http::Response;

use crate::guard::Reason;
use crate::refusal::unreadable;
use crate::upstream::ResponseBody;

type Words = dyn Fn(Reason) -> Response<ResponseBody> + Send + Sync;

/// What the HTTP library reads in place of a refused request. No service ever sees it.
pub(super) const STAND_IN: &[u8] =
    b"OPTIONS * HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";

/// Makes the whole response to a refused request. By default the status alone.
#[derive(Clone, Default)]
pub struct HeadRefusal(Option<Arc<Words>>);

impl HeadRefusal {
    /// Takes the response from `words`.
    pub fn new(words: impl Fn(Reason) -> Response<ResponseBody> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(words)))
    }

    /// The response.
    pub(super) fn respond(&self, reason: Reason) -> Response<ResponseBody> {
        match &self.0 {
            Some(words) => words(reason),
            None => unreadable(reason).into_bare_response(),
        }
    }
}

impl fmt::Debug for HeadRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeadRefusal")
    }
}
