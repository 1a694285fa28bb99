//! Networks and volumes.

use mlstack_compose::{Network, Volume, network_name, volume_name};
use mlstack_provider::Resource;

use super::{BACK, FRONT, Lowering, network_address, refs, spec, volume_address};
use crate::diag::Path;
use crate::stack::{Component, VolumeSource};
use crate::target::bundled;

/// Whether a component is on the network that reaches out.
pub(super) fn faces_out(lowering: &Lowering<'_>, component: &Component) -> bool {
    let external = |name: &String| lowering.component(name).is_some_and(refs::is_external);
    component.expose.is_some() || bundled::is_foreign(component) || component.uses.iter().any(external)
}

/// The networks that any component is on.
pub(super) fn networks<'a>(
    lowering: &'a Lowering<'_>,
    mut components: impl Iterator<Item = &'a Component>,
) -> impl Iterator<Item = Resource> {
    let front = components.any(|component| faces_out(lowering, component));
    let keys = [Some(BACK), front.then_some(FRONT)];
    keys.into_iter().flatten().map(|key| Resource {
        address: network_address(key),
        spec: spec(&Network {
            name: network_name(&lowering.stack.name, key),
            internal: key == BACK,
            ..Network::default()
        }),
        depends_on: Vec::new(),
        source: None,
        protected: false,
    })
}

/// The volumes of a component: its own data, and those it names. All of them are protected.
pub(super) fn volumes(lowering: &Lowering<'_>, component: &Component) -> Vec<Resource> {
    let own = bundled::data(component).map(|(key, _)| (key, component.path.clone()));
    let named = component
        .volumes
        .iter()
        .enumerate()
        .filter_map(|(index, volume)| match &volume.source {
            VolumeSource::Named(name) => Some((name.clone(), component.path.key("volumes").index(index))),
            VolumeSource::Host(_) => None,
        });
    own.into_iter()
        .chain(named)
        .map(|(key, path)| volume(lowering, &key, &path))
        .collect()
}

fn volume(lowering: &Lowering<'_>, key: &str, path: &Path) -> Resource {
    Resource {
        address: volume_address(key),
        spec: spec(&Volume {
            name: volume_name(&lowering.stack.name, key),
            ..Volume::default()
        }),
        depends_on: Vec::new(),
        source: lowering.source(path),
        protected: true,
    }
}
