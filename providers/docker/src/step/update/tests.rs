use mlstack_compose::{
    Condition, Dependency, Deploy, Device, Extension, Mount, Port, Reservations, Resources, Service,
};

use mlstack_provider::Outage;

use super::{Way, outage, way};

fn with_gpu() -> Deploy {
    let device = Device {
        capabilities: vec!["gpu".to_owned()],
        driver: "nvidia".to_owned(),
        count: 1,
    };
    Deploy {
        replicas: None,
        resources: Resources {
            limits: None,
            reservations: Some(Reservations { devices: vec![device] }),
        },
    }
}

#[test]
fn what_a_service_has_says_how_it_is_replaced() {
    let ports = || vec![Port::tcp("127.0.0.1", 3000, 80)];
    let dependency = Dependency {
        condition: Condition::Healthy,
        restart: false,
        required: true,
    };
    let uses = || [("db".to_owned(), dependency.clone())].into();
    let packed = Extension {
        image_id: Some("sha256:1".to_owned()),
        ..Extension::default()
    };
    let plain = Service::default;
    let volume = |read_only| vec![Mount::volume("data", "/data", read_only)];
    assert_eq!(way(&plain()), Way::Beside);
    assert_eq!(
        way(&Service {
            depends_on: uses(),
            ..plain()
        }),
        Way::CanaryBeside
    );
    assert_eq!(
        way(&Service {
            depends_on: uses(),
            extension: packed.clone(),
            ..plain()
        }),
        Way::Beside
    );
    assert_eq!(
        way(&Service {
            ports: ports(),
            ..plain()
        }),
        Way::CanaryFirst
    );
    assert_eq!(
        way(&Service {
            ports: ports(),
            volumes: volume(true),
            ..plain()
        }),
        Way::CanaryFirst
    );
    assert_eq!(
        way(&Service {
            ports: ports(),
            depends_on: uses(),
            extension: packed,
            ..plain()
        }),
        Way::HandOver
    );
    let written = |folder: Option<Mount>| Service {
        ports: ports(),
        volumes: volume(false).into_iter().chain(folder).collect(),
        ..plain()
    };
    assert_eq!(way(&written(None)), Way::TrialFirst);
    assert_eq!(way(&written(Some(Mount::bind("/srv", "/srv", true)))), Way::TrialFirst);
    assert_eq!(
        way(&written(Some(Mount::bind("/srv", "/srv", false)))),
        Way::StopFirst("it writes to a folder of the host")
    );
    assert_eq!(
        way(&Service {
            deploy: Some(with_gpu()),
            ..plain()
        }),
        Way::StopFirst("it has a GPU")
    );
    // And what users notice.
    assert_eq!(outage(&plain()), Outage::Rolling);
    assert_eq!(outage(&written(None)), Outage::Moment);
    assert_eq!(outage(&written(Some(Mount::bind("/srv", "/srv", false)))), Outage::Stop);
}
