use super::*;

fn predictor() -> ContainerLabels {
    ContainerLabels {
        project: "house-prices".into(),
        service: "predictor".into(),
        number: 2,
        config_hash: "ab".repeat(32),
        image_id: "sha256:1".into(),
        depends_on: "db:service_healthy:false".into(),
        oneoff: false,
    }
}

#[test]
fn a_container_reads_back() {
    let origin = Origin {
        config_file: "/s/compose.yaml".into(),
        working_dir: "/s".into(),
    };
    let labels = container_labels(&predictor(), &origin);
    assert_eq!(labels["com.docker.compose.oneoff"], "False");
    assert_eq!(labels["com.docker.compose.project.working_dir"], "/s");
    assert_eq!(
        parse_container(|key| labels.get(key).map(String::as_str)),
        Some(predictor())
    );
}

#[test]
fn what_compose_would_not_see_is_not_seen() {
    assert_eq!(parse_container(|key| (key == PROJECT).then_some("p")), None);
    assert_eq!(parse_part(|_| None), None);
}

#[test]
fn a_part_reads_back() {
    let labels = volume_labels("p", "db-data", "00");
    let part = parse_part(|key| labels.get(key).map(String::as_str)).expect("a volume of a project");
    assert_eq!(
        (part.key.as_str(), part.config_hash.as_deref()),
        ("db-data", Some("00"))
    );
}

#[test]
fn dependencies_read_back() {
    let wanted = |condition| Dependency {
        condition,
        restart: false,
        required: true,
    };
    let depends_on = BTreeMap::from([
        ("db".to_owned(), wanted(Condition::Healthy)),
        ("cache".to_owned(), wanted(Condition::Started)),
    ]);
    let label = depends_on_label(&depends_on);
    assert_eq!(label, "cache:service_started:false,db:service_healthy:false");
    assert_eq!(parse_depends_on(&label), depends_on);
    assert!(parse_depends_on("").is_empty());
    assert!(parse_depends_on("x:y:z").is_empty());
}
