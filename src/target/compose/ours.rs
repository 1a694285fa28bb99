//! Containers of bundled parts: no root, nothing writable but what holds data, no capability, limits on all.

use mlstack_compose::{Bytes, Duration, Healthcheck, Service};

use super::service::{NO_NEW_PRIVILEGES, PIDS, limits};
use crate::stack::Component;
use crate::target::bundled::{self, MIB, Scratch, Script, Test};

/// The container of a bundled component.
pub(super) fn service(component: &Component) -> Service {
    let part = bundled::part(component);
    let mut tmpfs: Vec<String> = part.scratch.iter().map(|folder| entry(folder, part.user)).collect();
    tmpfs.push(format!("/tmp:noexec,nosuid,size={}", 64 * MIB));
    tmpfs.sort();
    Service {
        cap_drop: vec!["ALL".to_owned()],
        security_opt: vec![NO_NEW_PRIVILEGES.to_owned()],
        read_only: true,
        user: format!("{0}:{0}", part.user),
        tmpfs,
        entrypoint: part
            .script
            .as_ref()
            .map(|_| ["/bin/sh", "-ec"].map(str::to_owned).to_vec()),
        command: component.command.clone().or(command(part.script, part.command)),
        deploy: Some(limits(component, Some(1000), Some(part.memory), PIDS)),
        healthcheck: Some(Healthcheck {
            test: test(part.test),
            timeout: Some(Duration::seconds(5)),
            interval: Some(Duration::seconds(5)),
            retries: Some(3),
            start_period: Some(Duration::seconds(part.start)),
        }),
        shm_size: part.shm.map(Bytes),
        stop_grace_period: Some(Duration::seconds(part.stop)),
        init: part.init.then_some(true),
        ..Service::default()
    }
}

/// A script, its name and its arguments, as `sh -c` takes them; else the arguments alone.
fn command(script: Option<Script>, arguments: Option<Vec<String>>) -> Option<Vec<String>> {
    let Some(script) = script else { return arguments };
    let head = [script.text, script.name].map(str::to_owned);
    Some(head.into_iter().chain(arguments.unwrap_or_default()).collect())
}

/// A folder in memory, with its options.
fn entry(folder: &Scratch, user: u32) -> String {
    let path = folder.path;
    match folder.private {
        Some(size) => format!("{path}:noexec,nosuid,uid={user},gid={user},mode=0700,size={size}"),
        None => format!("{path}:noexec,nosuid"),
    }
}

fn test(test: Test) -> Vec<String> {
    match test {
        Test::Exec(command) | Test::Server(command) => ["CMD".to_owned()].into_iter().chain(command).collect(),
        Test::Shell(command) => vec!["CMD-SHELL".to_owned(), command],
    }
}
