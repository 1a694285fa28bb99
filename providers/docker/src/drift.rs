//! What a container is now, said in the words of the spec it is compared with.
//!
//! Pure. Some of a spec cannot be read back from the engine in the same form (`init: false` and no `init` look alike).
//! So the spec is run through the same encoding and decoding: where what came back equals what the engine shows, the
//! spec's own words stand; where it differs, what the engine shows stands.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{
    ContainerConfig, ContainerCreateBody, ContainerInspectResponse, HealthConfig, ImageConfig, NetworkSettings,
};
use mlstack_compose::{Origin, Service};
use serde_json::{Map, Value};

use crate::decode;
use crate::encode::{self, Copy, Part};

/// Reads `container` of `project`, in the words of `base`.
pub(crate) fn observed(
    project: &str,
    container: &ContainerInspectResponse,
    image: &ImageConfig,
    copy: (&str, u32),
    base: &Service,
) -> Value {
    let seen = decode::service(project, container, image);
    let expected = decode::service(project, &simulated(project, copy, base, image), image);
    merge(as_value(base), as_value(&expected), as_value(&seen))
}

/// What the engine would show for a container made from `service`, as far as [`decode`] looks.
fn simulated(project: &str, copy: (&str, u32), service: &Service, image: &ImageConfig) -> ContainerInspectResponse {
    let copy = Copy {
        project,
        service: copy.0,
        number: copy.1,
        image_id: "",
        origin: &Origin {
            config_file: String::new(),
            working_dir: String::new(),
        },
        ours: &BTreeMap::new(),
        part: Part::Whole,
    };
    let body = encode::create_body(service, &copy);
    ContainerInspectResponse {
        name: Some(copy.name()),
        id: Some(String::from("-")),
        host_config: body.host_config.clone(),
        network_settings: Some(NetworkSettings {
            networks: Some(encode::endpoints(service, &copy).into_iter().collect()),
            ..Default::default()
        }),
        config: Some(config(body, image)),
        ..Default::default()
    }
}

fn config(body: ContainerCreateBody, image: &ImageConfig) -> ContainerConfig {
    ContainerConfig {
        image: body.image,
        cmd: body.cmd,
        entrypoint: body.entrypoint,
        env: body.env,
        user: body.user,
        working_dir: body.working_dir,
        stop_signal: body.stop_signal,
        stop_timeout: body.stop_timeout,
        healthcheck: body.healthcheck.map(|check| filled(check, image.healthcheck.as_ref())),
        labels: body.labels,
        ..Default::default()
    }
}

/// The engine takes what a health check leaves out from the image's.
fn filled(check: HealthConfig, image: Option<&HealthConfig>) -> HealthConfig {
    let Some(image) = image else {
        return check;
    };
    HealthConfig {
        test: check.test.or_else(|| image.test.clone()),
        interval: check.interval.or(image.interval),
        timeout: check.timeout.or(image.timeout),
        retries: check.retries.or(image.retries),
        start_period: check.start_period.or(image.start_period),
        start_interval: check.start_interval.or(image.start_interval),
    }
}

/// A spec as JSON.
pub(crate) fn as_value(service: &Service) -> Value {
    serde_json::to_value(service).expect("a service holds nothing that JSON cannot carry")
}

/// `base` where `seen` is as `expected`, else `seen`; absent and null are one.
fn merge(base: Value, expected: Value, seen: Value) -> Value {
    if expected == seen {
        return base;
    }
    match (expected, seen) {
        (Value::Object(expected), Value::Object(seen)) => merge_objects(base, expected, seen),
        (Value::Object(expected), Value::Null) => match merge_objects(base, expected, Map::new()) {
            Value::Object(rest) if rest.is_empty() => Value::Null,
            rest => rest,
        },
        (_, seen) => seen,
    }
}

fn merge_objects(base: Value, expected: Map<String, Value>, seen: Map<String, Value>) -> Value {
    let mut base = match base {
        Value::Object(base) => base,
        _ => Map::new(),
    };
    let keys: BTreeSet<String> = base.keys().chain(expected.keys()).chain(seen.keys()).cloned().collect();
    for key in keys {
        let of = |map: &Map<String, Value>| map.get(&key).cloned().unwrap_or(Value::Null);
        let merged = merge(of(&base), of(&expected), of(&seen));
        match merged {
            Value::Null if !seen.contains_key(&key) => drop(base.remove(&key)),
            merged => drop(base.insert(key, merged)),
        }
    }
    Value::Object(base)
}

#[cfg(test)]
mod tests;
