//! The files that the server carries: Swagger UI, and the page.
//!
//! Owns their types, their compression and the rules that browsers get with them. Nothing is read from disk and
//! nothing is loaded from another host.

use std::sync::OnceLock;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};

use crate::http::Code;
use crate::http::Refusal;
use crate::listen::Answer;

/// The page loads nothing but its own files, and may be put in no frame.
const PAGE_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Swagger UI sets styles from its script and has its pictures in the style sheet.
const DOCS_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Asset {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    gzip: bool,
    tag: OnceLock<HeaderValue>,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

const fn plain(path: &'static str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    Asset {
        path,
        kind,
        bytes,
        gzip: false,
        tag: OnceLock::new(),
    }
}

const fn gzip(path: &'static str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    Asset {
        path,
        kind,
        bytes,
        gzip: true,
        tag: OnceLock::new(),
    }
}

static ASSETS: [Asset; 9] = [
    plain("docs/index.html", HTML, include_bytes!("../assets/docs/index.html")),
    plain("docs/docs.js", JS, include_bytes!("../assets/docs/docs.js")),
    gzip(
        "docs/swagger-ui-bundle.js",
        JS,
        include_bytes!("../assets/docs/swagger-ui-bundle.js.gz"),
    ),
    gzip(
        "docs/swagger-ui.css",
        CSS,
        include_bytes!("../assets/docs/swagger-ui.css.gz"),
    ),
    plain("page/index.html", HTML, include_bytes!("../assets/page/index.html")),
    plain("page/page.css", CSS, include_bytes!("../assets/page/page.css")),
    plain("page/page.js", JS, include_bytes!("../assets/page/page.js")),
    plain(
        "page/icon.svg",
        "image/svg+xml",
        include_bytes!("../assets/page/icon.svg"),
    ),
    plain("page/chart.js", JS, include_bytes!("../assets/page/chart.js")),
];

/// The file at `path`, with everything a browser should know about it.
///
/// # Errors
/// When there is no such file, or the client takes no gzip and the file is only there compressed.
pub(crate) fn serve(path: &str, request: &HeaderMap) -> Result<Answer, Refusal> {
    let missing = || Refusal::new(Code::NotFound, "there is no such page");
    let asset = ASSETS.iter().find(|asset| asset.path == path).ok_or_else(missing)?;
    if asset.gzip && !accepts_gzip(request) {
        return Err(
            Refusal::new(Code::NotFound, "this file is only there compressed").hint("send Accept-Encoding: gzip")
        );
    }
    let tag = asset.tag.get_or_init(|| etag(asset.bytes)).clone();
    let fresh = request.get(IF_NONE_MATCH).is_some_and(|known| known == tag);
    let mut answer = Response::new(Full::new(Bytes::from_static(if fresh { b"" } else { asset.bytes })));
    if fresh {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    if asset.gzip {
        answer
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let policy = if path.starts_with("docs") {
        DOCS_POLICY
    } else {
        PAGE_POLICY
    };
    let headers = [
        (CONTENT_TYPE, asset.kind),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    answer
        .headers_mut()
        .extend(headers.into_iter().chain([(ETAG, tag)]).chain(careful()));
    Ok(answer)
}

/// Headers that every page carries.
fn careful() -> [(HeaderName, HeaderValue); 3] {
    [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    request
        .get(ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.contains("gzip") || v.contains('*'))
}

/// FNV-1a of the bytes: it only has to differ between two versions of one file.
fn etag(bytes: &[u8]) -> HeaderValue {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &b| {
        (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    });
    HeaderValue::from_str(&format!("\"{hash:016x}\"")).expect("hex digits are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn compressed_files_hold_what_their_name_says() {
        for asset in ASSETS.iter().filter(|asset| asset.gzip) {
            let mut text = String::new();
            flate2::read::GzDecoder::new(asset.bytes)
                .read_to_string(&mut text)
                .unwrap();
            assert!(text.len() > 100_000, "{}", asset.path);
            assert!(!text.contains("sourceMappingURL=swagger"), "{}", asset.path);
        }
    }

    #[test]
    fn nothing_of_ours_names_another_host() {
        for asset in ASSETS.iter().filter(|asset| !asset.gzip) {
            let text = std::str::from_utf8(asset.bytes)
                .unwrap()
                .replace("http://www.w3.org/2000/svg", "");
            assert!(
                !text.contains("http://") && !text.contains("https://") && !text.contains("src=\"//"),
                "{}",
                asset.path
            );
        }
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        let mut request = HeaderMap::new();
        let first = serve("page/page.js", &request).unwrap();
        assert_eq!(first.headers()[CONTENT_SECURITY_POLICY], PAGE_POLICY);
        request.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(
            serve("page/page.js", &request).unwrap().status(),
            StatusCode::NOT_MODIFIED
        );
        assert_eq!(serve("page/../x", &request).unwrap_err().code, Code::NotFound);
        assert_eq!(serve("docs/swagger-ui.css", &request).unwrap_err().code, Code::NotFound);
    }
}
