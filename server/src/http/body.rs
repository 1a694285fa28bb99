//! Reads a body within its limit.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::{Code, Refusal};

/// A body that is too large is read on to this many times the limit, so that the client, which is still sending,
/// gets to read the refusal.
const SWALLOW: usize = 8;

/// The whole body.
///
/// # Errors
/// When it is larger than `limit` bytes, or ends early.
pub async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let told = body.size_hint().lower();
    let too_large = || Refusal::new(Code::BodyTooLarge, format!("the body is larger than {limit} bytes"));
    if told > (limit as u64).saturating_mul(SWALLOW as u64) {
        return Err(too_large());
    }
    let first = frame(&mut body).await?.unwrap_or_default();
    if first.len() as u64 == told && told <= limit as u64 && body.is_end_stream() {
        return Ok(first);
    }
    let mut all = Vec::with_capacity(limit.min(usize::try_from(told).unwrap_or(0)).max(first.len()));
    let mut length = first.len();
    all.extend_from_slice(&first[..first.len().min(limit)]);
    while let Some(next) = frame(&mut body).await? {
        length += next.len();
        if length <= limit {
            all.extend_from_slice(&next);
        } else if length > limit.saturating_mul(SWALLOW) {
            break;
        }
    }
    if length > limit {
        Err(too_large())
    } else {
        Ok(all.into())
    }
}

/// The next piece of data; trailers are passed over.
async fn frame(body: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::new(Code::BodyIncomplete, "the body ended early"))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}
