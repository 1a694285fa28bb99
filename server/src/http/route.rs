//! Which page a path names. Pure: knows nothing of models that exist.

use hyper::Method;

use crate::metrics::Protocol;

/// A page of the model server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `POST /predict`
    Predict,
    /// `POST /v1/models/{m}:predict`
    V1Predict(&'a str),
    /// `GET /v1/models/{m}`
    V1Status(&'a str),
    /// `GET /v2`
    OipServer,
    /// `GET /v2/health/live`
    OipLive,
    /// `GET /v2/health/ready`
    OipReady,
    /// `GET /v2/models/{m}[/versions/{v}]`
    OipModel(&'a str, Option<&'a str>),
    /// `GET /v2/models/{m}[/versions/{v}]/ready`
    OipModelReady(&'a str, Option<&'a str>),
    /// `POST /v2/models/{m}[/versions/{v}]/infer`
    OipInfer(&'a str, Option<&'a str>),
    /// `GET /livez`, `/healthz`: the process answers
    Live,
    /// `GET /readyz`: predictions are answered
    Ready,
    /// `GET /metrics`
    Metrics,
    /// `GET /openapi.json`
    OpenApi,
    /// `GET /signature.json`
    Signature,
    /// `GET /docs`
    Docs,
    /// A file of `/docs`, `/` or the page
    Asset(&'a str),
}

impl<'a> Route<'a> {
    /// The page of a path, or none.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        match path {
            "/predict" => return Some(Self::Predict),
            "/" => return Some(Self::Asset("page/index.html")),
            "/docs/" => return Some(Self::Docs),
            _ => {}
        }
        let mut parts = [""; 7];
        let mut count = 0;
        for part in path.strip_prefix('/')?.split('/') {
            *parts.get_mut(count)? = part;
            count += 1;
        }
        Some(match &parts[..count] {
            ["livez" | "healthz"] => Self::Live,
            ["readyz"] => Self::Ready,
            ["metrics"] => Self::Metrics,
            ["openapi.json"] => Self::OpenApi,
            ["signature.json"] => Self::Signature,
            ["docs"] => Self::Docs,
            ["docs" | "page", _] => Self::Asset(&path[1..]),
            ["v2"] | ["v2", ""] => Self::OipServer,
            ["v2", "health", "live"] => Self::OipLive,
            ["v2", "health", "ready"] => Self::OipReady,
            ["v2", "models", model] => Self::OipModel(model, None),
            ["v2", "models", model, "ready"] => Self::OipModelReady(model, None),
            ["v2", "models", model, "infer"] => Self::OipInfer(model, None),
            ["v2", "models", model, "versions", v] => Self::OipModel(model, Some(v)),
            ["v2", "models", model, "versions", v, "ready"] => Self::OipModelReady(model, Some(v)),
            ["v2", "models", model, "versions", v, "infer"] => Self::OipInfer(model, Some(v)),
            ["v1", "models", model] => match model.strip_suffix(":predict") {
                Some(model) => Self::V1Predict(model),
                None => Self::V1Status(model),
            },
            _ => return None,
        })
    }

    /// The method that the page answers to; `GET` stands for `HEAD` too.
    pub(super) fn method(self) -> Method {
        match self {
            Self::Predict | Self::V1Predict(_) | Self::OipInfer(..) => Method::POST,
            _ => Method::GET,
        }
    }

    /// The label of the page's metrics, and the form of its errors.
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Predict => Protocol::Predict,
            Self::V1Predict(_) | Self::V1Status(_) => Protocol::V1,
            Self::OipServer
            | Self::OipLive
            | Self::OipReady
            | Self::OipModel(..)
            | Self::OipModelReady(..)
            | Self::OipInfer(..) => Protocol::Oip,
            _ => Protocol::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_pages() {
        for (path, route) in [
            ("/predict", Some(Route::Predict)),
            ("/", Some(Route::Asset("page/index.html"))),
            ("/page/page.js", Some(Route::Asset("page/page.js"))),
            ("/docs", Some(Route::Docs)),
            ("/docs/", Some(Route::Docs)),
            ("/docs/a/b", None),
            ("/v1/models/house:predict", Some(Route::V1Predict("house"))),
            ("/v1/models/house", Some(Route::V1Status("house"))),
            ("/v2", Some(Route::OipServer)),
            ("/v2/models/house/infer", Some(Route::OipInfer("house", None))),
            (
                "/v2/models/house/versions/3/infer",
                Some(Route::OipInfer("house", Some("3"))),
            ),
            (
                "/v2/models/house/versions/3/ready",
                Some(Route::OipModelReady("house", Some("3"))),
            ),
            ("/predict/", None),
            ("/v2/models", None),
            ("/a/b/c/d/e/f/g/h/i", None),
            ("", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
