//! The body of an answer that is there already, in one run of bytes or several; its length is known before it is sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};

/// Runs of bytes that are sent one after another. They are shared with a cache, so a slow client holds no copy.
pub struct Pieces(VecDeque<Bytes>);

impl Pieces {
    /// A body of these runs.
    pub fn body(pieces: &[Bytes]) -> Body {
        match pieces {
            [whole] => Body::from(whole.clone()),
            pieces => Body::new(Self(pieces.iter().cloned().collect())),
        }
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}
