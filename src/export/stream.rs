//! A range of a bundle as a stream, in memory that does not grow with the bundle.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream as streams};

use crate::blobs::{BlobBytes, Blobs};

use super::layout::{BundleLayout, Segment};

/// The bytes of `range`, in order; fails when a blob is gone or shorter than the index recorded.
pub fn stream(
    layout: &BundleLayout,
    blobs: Blobs,
    range: Range<u64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<> {
    streams::iter(layout.segments(range)).then(move |segment| open_segment(blobs.clone(), segment)).try_flatten()
}

async fn open_segment(blobs: Blobs, segment: Segment) -> io::Result<BlobBytes> {
    match segment {
        Segment::Inline(bytes) => Ok(Box::pin(streams::iter([Ok(bytes)]))),
        Segment::Blob { sha256, range } => blobs.open(&sha256, range).await.map_err(io::Error::other),
    }
}
