use super::*;
use crate::kinds::kind;

fn parent() -> Parent {
    Parent {
        name: "demo".to_owned(),
        namespace: "rec-applyset-by-hand".to_owned(),
    }
}

#[test]
fn the_id_is_the_one_a_server_was_given() {
    assert_eq!(parent().id(), "applyset-Aq_p3hqsoljcQZXOTuXP7eu0Okl949bo9C8MBnKq4w4-v1");
}

#[test]
fn the_parent_tells_sorted_kinds() {
    let kinds: Vec<_> = ["service", "deployment", "configmap", "service"]
        .into_iter()
        .filter_map(kind)
        .collect();
    let object = parent().object(&kinds, &[], "0.1.0");
    let annotations = &object["metadata"]["annotations"];
    assert_eq!(annotations[SET_GROUP_KINDS], "ConfigMap,Deployment.apps,Service");
    assert_eq!(annotations[SET_TOOLING], "mlstack/0.1.0");
    assert_eq!(annotations[SET_NAMESPACES], "");
    assert_eq!(object["metadata"]["labels"][SET_ID], parent().id());
}

#[test]
fn a_stack_has_one_parent_in_each_namespace() {
    let of = |stack, namespace| Parent::of(stack, namespace).id();
    assert_eq!(of("shop", "shop"), of("shop", "shop"));
    assert_ne!(of("shop", "shop"), of("shop", "other"));
    assert_ne!(of("shop", "shop"), of("house", "shop"));
}
