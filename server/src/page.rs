//! The first page: the same file on the model server and on the frontend, but for where it asks.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ETAG, HeaderMap};

use crate::assets;
use crate::http::Refusal;
use crate::listen::Answer;

/// The page's text, asking below `api`: empty, or ending in a slash.
pub(crate) fn index(api: &str) -> Bytes {
    let text = include_str!("../assets/page/index.html");
    text.replacen("data-api=\"\"", &format!("data-api=\"{api}\""), 1).into()
}

/// The answer that holds it. It has no version of its own, so that it is always sent whole.
///
/// # Errors
/// Never: the file is part of the program.
pub(crate) fn answer(index: &Bytes) -> Result<Answer, Refusal> {
    let mut answer = assets::serve("page/index.html", &HeaderMap::new())?;
    answer.headers_mut().remove(ETAG);
    *answer.body_mut() = Full::new(index.clone());
    Ok(answer)
}
