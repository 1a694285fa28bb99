//! Claims: bound to a volume at once when their class exists, and held as long as a pod uses them.

use serde_json::{Value, json};

use super::garbage::drop_finalizer;
use super::{MANAGER, Said, status_manager, tell};
use crate::kinds::named;
use crate::managed::Manager;
use crate::store::{Key, World, text};
use crate::write::edit;

/// Brings a claim on.
pub(crate) fn sync(world: &mut World, key: &Key) {
    let Some(claim) = world.get(key).cloned() else { return };
    if claim["metadata"]["deletionTimestamp"].is_string() {
        if !in_use(world, key) {
            drop_finalizer(world, key, "kubernetes.io/pvc-protection");
        }
        return;
    }
    let class = Key::new(named("StorageClass"), "", text(&claim, "/spec/storageClassName"));
    if claim["status"]["phase"] == "Pending" && world.get(&class).is_some() {
        bind(world, key, &claim);
    }
}

fn in_use(world: &World, key: &Key) -> bool {
    let uses = |pod: &Value| {
        let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
        volumes
            .into_iter()
            .any(|v| v["persistentVolumeClaim"]["claimName"] == key.name.as_str())
    };
    world
        .list(named("Pod"), &key.namespace)
        .any(|(_, pod)| uses(pod) && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"))
}

fn bind(world: &mut World, key: &Key, claim: &Value) {
    let volume = format!("pvc-{}", text(claim, "/metadata/uid"));
    let message = format!("Successfully provisioned volume {volume} using kubernetes.io/host-path");
    tell(
        world,
        claim,
        Said {
            warning: false,
            reason: "ProvisioningSucceeded",
            message: &message,
            component: "persistentvolume-controller",
        },
    );
    edit(world, key, &Manager::update(MANAGER, ""), |c| {
        c["spec"]["volumeName"] = volume.into();
        for (name, value) in [
            ("pv.kubernetes.io/bind-completed", "yes"),
            ("pv.kubernetes.io/bound-by-controller", "yes"),
            (
                "volume.beta.kubernetes.io/storage-provisioner",
                "kubernetes.io/host-path",
            ),
            ("volume.kubernetes.io/storage-provisioner", "kubernetes.io/host-path"),
        ] {
            c["metadata"]["annotations"][name] = value.into();
        }
    });
    let (modes, storage) = (
        claim["spec"]["accessModes"].clone(),
        claim["spec"]["resources"]["requests"]["storage"].clone(),
    );
    edit(world, key, &status_manager(), |c| {
        c["status"] = json!({"phase": "Bound", "accessModes": modes, "capacity": {"storage": storage}});
    });
}
