//! Containers of the user's own images: hardened as far as images in general allow.

use mlstack_compose::{Duration, Healthcheck, Service};

use super::service::{NO_NEW_PRIVILEGES, PIDS, limits};
use crate::stack::{Component, Probe};
use crate::target::refs;

/// What a program that starts as root and then changes its user needs, and no more.
const KEPT: [&str; 7] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETUID",
];

/// The container of a component that names an image or a Dockerfile.
pub(super) fn service(component: &Component) -> Service {
    Service {
        cap_add: KEPT.map(str::to_owned).to_vec(),
        cap_drop: vec!["ALL".to_owned()],
        security_opt: vec![NO_NEW_PRIVILEGES.to_owned()],
        command: component.command.clone(),
        deploy: Some(limits(component, None, None, PIDS)),
        healthcheck: component.healthcheck.as_ref().map(|check| Healthcheck {
            test: test(component, &check.probe),
            timeout: Some(Duration(check.timeout_us)),
            interval: Some(Duration(check.interval_us)),
            retries: Some(check.retries),
            start_period: Some(Duration(check.start_period_us)),
        }),
        // Programs in Dockerfiles seldom handle signals as PID 1; images of others may bring an init of their own.
        init: component.build.as_ref().map(|_| true),
        ..Service::default()
    }
}

fn test(component: &Component, probe: &Probe) -> Vec<String> {
    match probe {
        Probe::Command(command) => ["CMD".to_owned()].into_iter().chain(command.iter().cloned()).collect(),
        Probe::Http(path) => {
            let port = refs::port(component).unwrap_or(80);
            vec!["CMD-SHELL".to_owned(), ask(&format!("http://127.0.0.1:{port}{path}"))]
        }
    }
}

/// Asks with whichever of the usual clients the image has.
fn ask(url: &str) -> String {
    let url = format!("'{}'", url.replace('\'', "'\\''"));
    let python = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)";
    format!(
        "wget -q -O /dev/null {url} 2>/dev/null || curl -fsS -o /dev/null {url} 2>/dev/null || \
         python3 -c '{python}' {url}"
    )
}
