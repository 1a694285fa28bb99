//! A service as it is observed: all its copies, told as one.

use std::collections::BTreeMap;

use bollard::models::ImageConfig;
use mlstack_compose::{NETWORK, SERVICE, Service, VOLUME, container_name, parse_depends_on};
use mlstack_provider::{Address, Observed, Resource, Value};

use super::containers::{Found, Role};
use crate::labels::{self, Labels as _};
use crate::{drift, trouble};

/// By container and secret, the keyed digest of what its file holds now. A container that could not be read is left out.
pub(super) type Delivered = BTreeMap<String, BTreeMap<String, String>>;

/// A service, and what must be known beside its containers to tell what it is.
pub(super) struct ServiceView<'a> {
    pub(super) project: &'a str,
    pub(super) name: &'a str,
    pub(super) wanted: Option<&'a Resource>,
    pub(super) delivered: &'a Delivered,
    pub(super) images: &'a BTreeMap<String, ImageConfig>,
    pub(super) references: &'a BTreeMap<String, String>,
}

impl ServiceView<'_> {
    /// The service, told by its containers.
    pub(super) fn observed(&self, all: &[Found]) -> Observed {
        let (copies, leftovers) = settle(all);
        let specs: Vec<(Value, Value)> = copies.iter().map(|copy| self.spec(copy)).collect();
        // The first copy that is not what it was made as speaks for all.
        let speaker = specs.iter().position(|(base, seen)| base != seen).unwrap_or(0);
        let mut spec = specs.get(speaker).map_or(Value::Null, |(_, seen)| seen.clone());
        set_replicas(&mut spec, copies.len());
        let recorded = copies
            .get(speaker)
            .filter(|copy| copy.recorded().is_some())
            .map(|_| self.with_copies(specs[speaker].0.clone(), &copies));
        let labels = all
            .first()
            .and_then(|found| found.inspected.config.as_ref()?.labels.clone());
        Observed {
            address: Address::new(SERVICE, self.name),
            id: copies.iter().map(|copy| copy.id.as_str()).collect::<Vec<_>>().join(","),
            depends_on: labels
                .uses()
                .unwrap_or_else(|| self.uses(&spec, labels.text(labels::DEPENDS_ON))),
            recorded,
            protected: labels.protected().unwrap_or(false),
            problem: leftovers.or_else(|| copies.iter().find_map(|copy| self.problem(copy))),
            spec,
        }
    }

    /// A recorded spec with the number of copies it stands for. Copies that were added later have another number on
    /// their labels, and one that stayed may have any: only the wanted number, where a label has it, is believed.
    fn with_copies(&self, mut made: Value, copies: &[&Found]) -> Value {
        let wanted = self
            .wanted
            .and_then(|resource| serde_json::from_value::<Service>(resource.spec.clone()).ok());
        let wanted = wanted.map(|service| service.replicas());
        let said = copies
            .iter()
            .filter_map(|copy| copy.recorded())
            .find(|service| Some(service.replicas()) == wanted);
        set_replicas(
            &mut made,
            said.map_or(copies.len(), |service| service.replicas() as usize),
        );
        made
    }

    /// The spec a copy was made from, and the one it has now.
    fn spec(&self, copy: &Found) -> (Value, Value) {
        let nothing = ImageConfig::default();
        let image = self.images.get(copy.image_id()).unwrap_or(&nothing);
        let base = self
            .base(copy)
            .unwrap_or_else(|| crate::decode::service(self.project, &copy.inspected, image));
        let mut seen = drift::observed(self.project, &copy.inspected, image, (self.name, copy.number), &base);
        self.note_image(copy, &base, &mut seen);
        self.note_secrets(copy, &base, &mut seen);
        (drift::as_value(&base), seen)
    }

    /// What the copy is compared with: the spec on its label, else (made by `docker compose`) the wanted one.
    ///
    /// What only says how to work, not what the container is, is taken from the wanted spec: so is a secret's digest
    /// on a container without our label. It cannot be known, and no running service is replaced for not knowing.
    fn base(&self, copy: &Found) -> Option<Service> {
        let wanted: Option<Service> = self
            .wanted
            .and_then(|resource| serde_json::from_value(resource.spec.clone()).ok());
        let (Some(mut base), Some(wanted)) = (copy.recorded(), wanted.clone()) else {
            return copy.recorded().or(wanted);
        };
        base.build = wanted.build;
        base.pull_policy = wanted.pull_policy;
        base.extension.ready_within = wanted.extension.ready_within;
        base.extension.checks = wanted.extension.checks;
        for (name, digest) in wanted.extension.secrets {
            if let (Some(known), None) = (base.extension.secrets.get_mut(&name), digest) {
                *known = None; // nobody looked at the value this time
            }
        }
        Some(base)
    }

    /// Where the file of a secret was read back, what it holds now.
    fn note_secrets(&self, copy: &Found, base: &Service, seen: &mut Value) {
        let read = self.delivered.get(&copy.id).into_iter().flatten();
        let recorded = |name: &String| base.extension.secrets.get(name).is_some_and(Option::is_some);
        for (name, digest) in read.filter(|(name, _)| recorded(name)) {
            seen["x-mlstack"]["secrets"][name] = digest.as_str().into();
        }
    }

    fn note_image(&self, copy: &Found, base: &Service, seen: &mut Value) {
        let Some(seen) = seen.as_object_mut() else {
            return;
        };
        let id = copy.image_id();
        let now = self.references.get(&base.image);
        if base.extension.image_id.is_some() {
            seen["x-mlstack"]["image_id"] = id.into();
        } else if now.is_some_and(|now| now != id) && seen.get("image") == Some(&Value::from(base.image.as_str())) {
            let short = id.trim_start_matches("sha256:").get(..12).unwrap_or(id);
            seen.insert(
                "image".to_owned(),
                format!("{} (as it was: {short})", base.image).into(),
            );
        }
    }

    fn problem(&self, copy: &Found) -> Option<String> {
        let expected = container_name(self.project, self.name, copy.number);
        let renamed = (copy.name != expected).then(|| format!("renamed to {}", copy.name));
        renamed
            .or_else(|| trouble::problem(&copy.inspected))
            .or_else(|| self.lost_alias(copy))
    }

    fn lost_alias(&self, copy: &Found) -> Option<String> {
        let networks = copy.inspected.network_settings.as_ref()?.networks.as_ref()?;
        let knows = |aliases: &Option<Vec<String>>| aliases.iter().flatten().any(|alias| alias == self.name);
        let mut lost = networks
            .iter()
            .filter(|(_, endpoint)| !knows(&endpoint.aliases))
            .map(|(name, _)| name)
            .collect::<Vec<_>>();
        lost.sort();
        lost.first()
            .map(|network| format!("not known as {} on network {network}", self.name))
    }

    /// What a service that `docker compose` made depends on.
    fn uses(&self, spec: &Value, label: Option<&str>) -> Vec<Address> {
        let keys = |field: &str| {
            spec.get(field)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(key, _)| key.clone())
        };
        let volumes = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
        let volumes = volumes
            .filter(|mount| mount["type"] == "volume")
            .filter_map(|mount| mount["source"].as_str());
        let services = parse_depends_on(label.unwrap_or_default());
        let mut uses: Vec<Address> = keys("networks").map(|key| Address::new(NETWORK, key)).collect();
        uses.extend(volumes.map(|key| Address::new(VOLUME, key)));
        uses.extend(services.keys().map(|key| Address::new(SERVICE, key)));
        uses.sort();
        uses.dedup();
        uses
    }
}

/// Sorts the containers of a service into its copies, one a number, and says whether an update was interrupted.
///
/// The copy of a number is the container in its place, else the one that was parked, else the one that is to come;
/// a canary never is.
pub(super) fn settle(all: &[Found]) -> (Vec<&Found>, Option<String>) {
    let mut copies: BTreeMap<u32, &Found> = BTreeMap::new();
    for found in all.iter().filter(|found| found.role != Role::Canary) {
        let known = copies.entry(found.number).or_insert(found);
        if found.role < known.role {
            *known = found;
        }
    }
    let interrupted = all.iter().any(|found| found.role != Role::Copy);
    let begun = copies.values().any(|found| found.role == Role::New);
    let problem = match (interrupted, begun) {
        (false, _) => None,
        (true, true) => Some("it never came up".to_owned()),
        (true, false) => Some("an update of it was interrupted".to_owned()),
    };
    (copies.into_values().collect(), problem)
}

/// Writes the number of copies, unless the spec already means it. One copy is not said, as in what is wanted.
pub(super) fn set_replicas(spec: &mut Value, copies: usize) {
    let said = spec.pointer("/deploy/replicas").and_then(Value::as_u64);
    if said.unwrap_or(1) == copies as u64 || !spec.is_object() {
        return;
    }
    if copies != 1 {
        spec["deploy"]["replicas"] = copies.into();
    } else if let Some(deploy) = spec["deploy"].as_object_mut() {
        deploy.shift_remove("replicas");
        let says_nothing = deploy.is_empty();
        if let Some(spec) = spec.as_object_mut().filter(|_| says_nothing) {
            spec.shift_remove("deploy");
        }
    }
}
