//! What the tests of this module make plans of.

use mlstack_provider::{Address, Observed, Resource, Value};

use crate::stack::{Options, Stack, parse};

/// The stack of a text, in an environment.
pub(super) fn stack(text: &str, environment: Option<&str>) -> Stack {
    let wanted = Options {
        environment: environment.map(str::to_owned),
        ..Options::default()
    };
    let parsed = parse(text, &wanted);
    parsed.stack.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics))
}

/// Something wanted; volumes are data.
pub(super) fn resource(address: &str, spec: Value) -> Resource {
    let (kind, name) = address.split_once('/').unwrap();
    Resource {
        address: Address::new(kind, name),
        spec,
        depends_on: Vec::new(),
        source: None,
        protected: kind == "volume",
    }
}

/// The same, live and as it was made.
pub(super) fn live(resource: Resource) -> Observed {
    Observed {
        id: "1".to_owned(),
        recorded: Some(resource.spec.clone()),
        spec: resource.spec,
        depends_on: resource.depends_on,
        protected: resource.protected,
        problem: None,
        address: resource.address,
    }
}
