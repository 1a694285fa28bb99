use std::collections::BTreeMap;

use mlstack_provider::{Address, Resource};
use serde_json::json;

use super::{Labels as _, is_reserved, ours};

#[test]
fn what_we_write_we_read() {
    let resource = Resource {
        address: Address::new("service", "web"),
        spec: json!({"image": "web:1"}),
        depends_on: vec![Address::new("network", "default"), Address::new("service", "db")],
        source: None,
        protected: true,
    };
    let labels = Some(ours(&resource));
    assert_eq!(labels.spec(), Some(resource.spec));
    assert_eq!(labels.uses(), Some(resource.depends_on));
    assert_eq!(labels.protected(), Some(true));
    assert!(labels.iter().flatten().all(|(key, _)| is_reserved(key)));
}

#[test]
fn without_our_labels_nothing_is_claimed() {
    let none: Option<BTreeMap<String, String>> = None;
    assert_eq!((none.spec(), none.uses(), none.protected()), (None, None, None));
    let broken = Some(BTreeMap::from([("io.mlstack.spec".to_owned(), "{".to_owned())]));
    assert_eq!(broken.spec(), None);
    assert!(none.container().is_none() && none.part().is_none());
}
