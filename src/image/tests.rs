use std::collections::BTreeMap;
use std::io::Read as _;

use super::*;

fn bundle() -> Bundle {
    let model = [("model.onnx", vec![7; 3000]), ("model.signature.json", b"{}".to_vec())];
    Bundle {
        title: "predictor".into(),
        server: Parts::bytes(vec![1; 5000]),
        model: model
            .into_iter()
            .map(|(name, bytes)| (name.to_owned(), Parts::bytes(bytes)))
            .collect(),
        command: vec!["serve".into()],
        config: b"{}".to_vec(),
        labels: BTreeMap::from([("io.mlstack.stack".into(), "house-prices".into())]),
    }
}

fn packed(bundle: &Bundle) -> Packed {
    assemble(bundle).unwrap().pack().unwrap()
}

fn paths(layer: &Layer) -> Vec<&str> {
    layer.entries.iter().map(Entry::path).collect()
}

#[test]
fn layers_are_model_server_config_from_the_bottom() {
    let image = assemble(&bundle()).unwrap();
    let names: Vec<_> = image.layers.iter().map(|l| (l.name, paths(l))).collect();
    insta::assert_debug_snapshot!(names, @r#"
    [
        (
            "model",
            [
                "model/",
                "model/model.onnx",
                "model/model.signature.json",
            ],
        ),
        (
            "server",
            [
                "app/",
                "app/mlstack-server",
            ],
        ),
        (
            "config",
            [
                "app/",
                "app/config.json",
                "etc/",
                "etc/group",
                "etc/passwd",
                "tmp/",
            ],
        ),
    ]
    "#);
}

#[test]
fn the_same_bundle_gives_the_same_bytes() {
    let tar = || packed(&bundle()).archive("mlstack/x:1").unwrap().to_vec().unwrap();
    assert!(tar() == tar());
}

#[test]
fn a_file_and_its_bytes_give_the_same_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    std::fs::write(&path, vec![7; 3000]).unwrap();
    let mut from_file = bundle();
    from_file.model.insert("model.onnx".into(), Parts::file(&path).unwrap());
    let digests = |b: &Bundle| packed(b).manifest.digest;
    assert_eq!(digests(&from_file), digests(&bundle()));
}

#[test]
fn a_new_server_keeps_the_model_layer() {
    let mut newer = bundle();
    newer.server = Parts::bytes(vec![2; 5000]);
    let (old, new) = (packed(&bundle()), packed(&newer));
    assert_eq!(old.layers[0].digest, new.layers[0].digest);
    assert_ne!(old.config.digest, new.config.digest);
}

#[test]
fn blobs_have_the_digests_they_are_named_by() {
    for blob in packed(&bundle()).blobs() {
        assert_eq!(blob.content.digest().unwrap(), blob.digest);
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_packed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    std::fs::write(&path, vec![7; 3000]).unwrap();
    let parts = Parts::file(&path).unwrap();
    std::fs::write(&path, vec![7; 30]).unwrap();
    insta::assert_snapshot!(
        parts.to_vec().unwrap_err().to_string().replace(path.to_str().unwrap(), "[FILE]"),
        @"[FILE] became shorter while it was read"
    );
}

#[test]
fn a_frontend_has_no_model_layer() {
    let mut frontend = bundle();
    frontend.model.clear();
    let image = assemble(&frontend).unwrap();
    assert_eq!(
        image.layers.iter().map(|l| l.name).collect::<Vec<_>>(),
        ["server", "config"]
    );
}

#[test]
fn layer_tars_hold_owner_time_and_modes_that_never_vary() {
    let image = assemble(&bundle()).unwrap();
    let mut archive = tar::Archive::new(image.layers[0].tar.reader());
    let rows: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let h = entry.header();
            let path = entry.path().unwrap().display().to_string();
            format!(
                "{path} {:o} {} {} {}",
                h.mode().unwrap(),
                h.uid().unwrap(),
                h.mtime().unwrap(),
                entry.size()
            )
        })
        .collect();
    insta::assert_debug_snapshot!(rows, @r#"
    [
        "model/ 555 0 0 0",
        "model/model.onnx 444 0 0 3000",
        "model/model.signature.json 444 0 0 2",
    ]
    "#);
}

#[test]
fn tar_and_layout_are_read_back() {
    let image = packed(&bundle());
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("image.tar");
    std::io::copy(
        &mut image.archive("mlstack/p:1").unwrap().reader(),
        &mut std::fs::File::create(&tar).unwrap(),
    )
    .unwrap();
    image
        .write_layout("mlstack/p:1", &folder.path().join("layout"))
        .unwrap();
    let from_tar = inspect(&tar).unwrap();
    assert_eq!(from_tar, inspect(&folder.path().join("layout")).unwrap());
    assert_eq!(from_tar.id, image.config.digest.as_str());
    assert_eq!(from_tar.manifest, image.manifest.digest.as_str());
    assert_eq!(from_tar.reference.as_deref(), Some("mlstack/p:1"));
    insta::assert_snapshot!(from_tar.config, @r#"{"User":"65532:65532","ExposedPorts":{"8080/tcp":{}},"Entrypoint":["/app/mlstack-server"],"Cmd":["serve"],"WorkingDir":"/","Labels":{"io.mlstack.stack":"house-prices","org.opencontainers.image.title":"predictor","org.opencontainers.image.version":"0.1.0"},"StopSignal":"SIGTERM","Healthcheck":{"Test":["CMD","/app/mlstack-server","healthcheck"],"Interval":5000000000,"Timeout":3000000000,"StartPeriod":10000000000,"Retries":3}}"#);
}

#[test]
fn something_else_is_no_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    std::fs::write(&path, b"").unwrap();
    let text = inspect(&path).unwrap_err().to_string();
    insta::assert_snapshot!(text.replace(path.to_str().unwrap(), "[FILE]"), @"[FILE] is no OCI image: index.json is missing");
    std::fs::write(&path, vec![b'x'; 2000]).unwrap();
    assert!(inspect(&path).is_err());
    assert!(inspect(&folder.path().join("none")).is_err());
}

#[test]
fn only_static_linux_executables_can_be_the_server() {
    let mut own = Vec::new();
    std::fs::File::open(std::env::current_exe().unwrap())
        .unwrap()
        .read_to_end(&mut own)
        .unwrap();
    assert_eq!(check_server(&own), Err(BinaryError::Dynamic));
    assert_eq!(check_server(b"#!/bin/sh\n"), Err(BinaryError::NotElf));
    assert_eq!(check_server(&own[..40]), Err(BinaryError::NotElf));
    let mut arm = own.clone();
    arm[18] = 183;
    assert_eq!(check_server(&arm), Err(BinaryError::OtherMachine));
}

#[test]
fn the_image_of_mlstack_holds_it_and_nothing_else_of_a_system() {
    let tool = Tool {
        executables: BTreeMap::from([("mlstack".to_owned(), Parts::bytes(*b"ELF"))]),
        architecture: "arm64",
        certificates: Some(Parts::bytes(*b"PEM")),
    };
    let image = assemble_tool(&tool).unwrap();
    assert_eq!(image.id(), assemble_tool(&tool).unwrap().id());
    let paths: Vec<_> = image
        .layers
        .iter()
        .flat_map(|layer| &layer.entries)
        .map(Entry::path)
        .collect();
    assert_eq!(
        paths,
        [
            "usr/",
            "usr/bin/",
            "usr/bin/mlstack",
            "etc/",
            "etc/group",
            "etc/passwd",
            "etc/ssl/",
            "etc/ssl/certs/",
            "etc/ssl/certs/ca-certificates.crt",
            "tmp/",
            "work/",
        ]
    );
    let packed = image.pack().unwrap();
    let mut config = String::new();
    packed.config.content.reader().read_to_string(&mut config).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["architecture"], "arm64");
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/usr/bin/mlstack"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    let folder = tempfile::tempdir().unwrap();
    packed.write_layout("mlstack:1", folder.path()).unwrap();
    let index = std::fs::read_to_string(folder.path().join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    assert_eq!(
        index["manifests"][0]["platform"],
        serde_json::json!({"architecture": "arm64", "os": "linux"})
    );
}
