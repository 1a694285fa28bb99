//! Why something cannot be read from a repository, and what to do about it.

use std::io;

/// Why something cannot be read from a repository.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No `.git` here or above.
    #[error("{0} is in no git repository")]
    NoRepository(String),
    /// Kept in a way that this version does not read.
    #[error("this git repository keeps its {0}, which mlstack does not read")]
    Foreign(&'static str),
    /// `.git` is a file that names a folder which is not here: that of a working tree beside the first, of a submodule.
    #[error("{path} says that the repository is in {folder}, and there is no such folder")]
    Elsewhere {
        /// The file.
        path: String,
        /// The folder.
        folder: String,
    },
    /// The reference means nothing here.
    #[error("git knows no commit `{reference}` here{}", whereabouts(*shallow, *submodule))]
    Unknown {
        /// As it was typed.
        reference: String,
        /// The branch of a remote that is called so, as it would be typed.
        remote: Option<String>,
        /// Whether history is cut off in this clone.
        shallow: bool,
        /// Whether this is a submodule, whose commits are its own.
        submodule: bool,
    },
    /// What the reference names is something else.
    #[error("`{name}` is {sort}, and no commit")]
    NoCommit {
        /// As it was typed, without steps back.
        name: String,
        /// What it is: `a folder (a tree)`.
        sort: &'static str,
    },
    /// A step back from a commit that has no such parent.
    #[error("`{reference}` leads nowhere: {}", dead_end(from, *parents, *cut))]
    Nowhere {
        /// As it was typed.
        reference: String,
        /// How far one gets, as it would be typed.
        from: String,
        /// How many parents that commit has in this clone.
        parents: usize,
        /// Whether its parents are left out of this clone.
        cut: bool,
    },
    /// The reference is written in a way that this version does not read.
    #[error("`{0}` is no reference to one commit: a branch, a tag, a commit id, each with `~N` or `^N` behind it")]
    Spelling(String),
    /// Several objects begin with these digits.
    #[error("several commits begin with `{0}`")]
    Ambiguous(String),
    /// Named, but not here.
    #[error("the git object {id} is not in this clone{}", whereabouts(*shallow, false))]
    Absent {
        /// Its name.
        id: String,
        /// Whether history is cut off in this clone.
        shallow: bool,
    },
    /// Not what it must be.
    #[error("the git object {id} is damaged: {why}")]
    Damaged {
        /// Its name.
        id: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file of git's own is not what it must be.
    #[error("{path} is damaged: {why}")]
    BadFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More than the caller wants.
    #[error("{what} has {bytes} bytes, more than {most}")]
    TooLarge {
        /// What it is.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// More files than anybody reviews.
    #[error("`{path}` holds more than {most} files")]
    TooMany {
        /// The folder.
        path: String,
        /// The limit.
        most: usize,
    },
    /// The system refuses.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is read cannot be put aside.
    #[error("cannot write what git holds into a folder of its own")]
    Write(#[source] io::Error),
}

fn whereabouts(shallow: bool, submodule: bool) -> &'static str {
    match (shallow, submodule) {
        (true, _) => ": this clone holds only a part of the history",
        (false, true) => ": the stack file is in a submodule, whose commits are its own",
        (false, false) => "",
    }
}

fn dead_end(from: &str, parents: usize, cut: bool) -> String {
    match parents {
        0 if cut => format!("the history of this clone ends with `{from}`"),
        0 => format!("`{from}` is the first commit"),
        1 => format!("`{from}` has one parent"),
        _ => format!("`{from}` has {parents} parents"),
    }
}

impl GitError {
    /// Whether a fuller clone would mend it.
    pub fn wants_history(&self) -> bool {
        match self {
            Self::Unknown { shallow, .. } | Self::Absent { shallow, .. } => *shallow,
            Self::Nowhere { cut, .. } => *cut,
            _ => false,
        }
    }

    /// What to do about it, where there is something.
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            _ if self.wants_history() => {
                "fetch what is missing: `git fetch --unshallow`; with actions/checkout `fetch-depth: 0`, with GitLab \
                 `GIT_DEPTH: 0`"
            }
            Self::Unknown { remote: Some(name), .. } => return Some(format!("did you mean `{name}`?")),
            Self::Unknown { submodule: true, .. } => {
                "name a commit of the submodule: `git submodule status` of the repository around it lists the one in use"
            }
            Self::Unknown { .. } => "`git fetch origin` brings branches of others as origin/NAME",
            Self::NoCommit { .. } => "name a branch, a tag or a commit; `git log --oneline` lists commits",
            Self::Nowhere { from, parents: 0, .. } => {
                return Some(format!("go back no further: `--base {from}`"));
            }
            Self::Nowhere { .. } => "`git log --graph --oneline` shows which commit has which parents",
            Self::Ambiguous(_) => "write more of its digits",
            Self::Absent { id, .. } => {
                return Some(format!(
                    "`git fetch origin {id}` brings it; of a clone made with `--filter`: `git fetch --refetch --no-filter`"
                ));
            }
            Self::Elsewhere { folder, .. } if folder.contains("/modules/") => {
                "the repository around the submodule belongs to it: clone that, then `git submodule update --init`"
            }
            Self::Elsewhere { .. } => {
                "this working tree belongs to another: mount that as well, or where it was moved, run `git worktree \
                 repair` in it"
            }
            Self::NoRepository(_) => "`--base` and `--why` read the repository that the stack file is in",
            Self::Damaged { .. } | Self::BadFile { .. } => "`git fsck` tells what else is; a new clone mends it",
            Self::Foreign(_)
            | Self::Spelling(_)
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::Read { .. }
            | Self::Write(_) => return None,
        };
        Some(text.to_owned())
    }
}
