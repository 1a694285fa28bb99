//! Who holds a lock, and whether that process can still be alive.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

use super::Who;

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Names this one hold; `unlock` asks for it.
    pub id: String,
    /// Who.
    pub who: Who,
    /// What it does: `apply`.
    pub command: String,
    /// Since when (RFC 3339).
    pub since: String,
    /// The process.
    pub process: Process,
}

/// One process on one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Names the machine since it started, and the space its process ids are from; empty where nobody can tell.
    pub machine: String,
    /// Its id.
    pub pid: u32,
    /// When it started, in the kernel's ticks; tells it from a later process with its id.
    pub started: u64,
}

impl Holder {
    /// Another hold by this process.
    pub fn new(id: String, who: Who, command: &str, since: String) -> Self {
        Self {
            id,
            who,
            command: command.to_owned(),
            since,
            process: Process::own(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Who { user, run_url } = &self.who;
        let (command, since) = (self.command.escape_debug(), self.since.escape_debug());
        write!(f, "`mlstack {command}` by {}, since {since}", user.escape_debug())?;
        match run_url {
            Some(url) => write!(f, ", {}", url.escape_debug()),
            None => write!(f, ", process {}", self.process.pid),
        }
    }
}

impl Process {
    /// This process.
    pub fn own() -> Self {
        let pid = std::process::id();
        Self {
            machine: machine().unwrap_or_default(),
            pid,
            started: started(pid).unwrap_or_default(),
        }
    }

    /// Whether it was a process of this very machine and is gone for certain.
    pub fn is_gone(&self) -> bool {
        !self.machine.is_empty()
            && machine().is_some_and(|here| here == self.machine)
            && started(self.pid) != Some(self.started)
    }
}

/// The boot and the process id namespace: another container's processes are not ours to judge.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.display()))
}

/// Field 22 of `/proc/PID/stat` (proc_pid_stat(5)), counted after the name, which may hold anything.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
#[path = "holder_tests.rs"]
mod tests;
