//! Where a stack can run, and what each place can carry.
//!
//! Owns [`Target`] and the table of capabilities. Pure: knows the stack, never an engine, a plan or a file.

use std::fmt;
use std::str::FromStr;

use crate::stack::suggest::nearest;

mod bundled;
pub mod capability;
mod checks;
pub mod compose;
mod environment;
pub mod kubernetes;
mod refs;
mod secrets;

pub use refs::value as property;
pub use secrets::secrets;

/// A place that this version can run a stack on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A Docker engine, in Docker Compose's own terms.
    Compose,
    /// A Kubernetes cluster.
    Kubernetes,
}

/// Targets that have a name but no code yet.
const LATER: [&str; 5] = ["local", "ssh", "proxmox", "aws", "terraform"];

impl Target {
    /// Every target, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Compose, Self::Kubernetes];

    /// The name in stack files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Kubernetes => "k8s",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a name is not a [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// A target of a later version.
    #[error("target `{0}` is not in this version; it can use `compose` and `k8s`")]
    Later(&'static str),
    /// Not a target at all; `nearest` is what was probably meant.
    #[error("there is no target `{name}`{}", suggestion(*nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The known name nearest to it.
        nearest: Option<&'static str>,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(target) => format!(": did you mean `{target}`?"),
        None => "; this version can use `compose` and `k8s`".to_owned(),
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(name: &str) -> Result<Self, BadTarget> {
        if let Some(target) = Self::ALL.into_iter().find(|target| target.name() == name) {
            return Ok(target);
        }
        if let Some(later) = LATER.into_iter().find(|later| *later == name) {
            return Err(BadTarget::Later(later));
        }
        Err(BadTarget::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, Self::ALL.map(Self::name).into_iter().chain(LATER)),
        })
    }
}

#[cfg(test)]
mod tests;
