//! The two sides of a review: the stack file of the working tree, and that of a commit with the files that it names.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::Context;
use super::super::failure::Failure;
use super::super::interrupt::clear_when_interrupted;
use super::super::load::stack_file;
use super::lowered::Seen;
use super::no_git;
use super::written::Written;
use crate::project::git::{GitError, Shelf, Snapshot, Wanted};
use crate::project::images::SIDECARS;
use crate::project::{Jail, NAME, StackFile};
use crate::review::{is_here, model_of};
use crate::stack::models::beside;
use crate::stack::{MAX_BYTES, Stack};

/// The stack file of the working tree.
pub(super) struct Head {
    pub(super) file: StackFile,
    /// What it says; `None` when there is none any more.
    pub(super) written: Option<Written>,
    /// What was read of it.
    pub(super) seen: RefCell<Seen>,
}

impl Head {
    /// Finds the stack file, or the place where the base may have one.
    pub(super) fn find(context: &Context) -> Result<Self, Failure> {
        let typed = context.global.env.as_deref();
        let found = match gone(context) {
            Some(file) => {
                return Ok(Self {
                    file,
                    written: None,
                    seen: RefCell::default(),
                });
            }
            None => stack_file(context)?,
        };
        Ok(Self {
            written: Some(Written::read(found.text.clone(), typed)),
            file: found,
            seen: RefCell::default(),
        })
    }

    /// Its environments; none when there is no stack file.
    pub(super) fn environments(&self) -> Vec<Option<String>> {
        self.written.as_ref().map(Written::environments).unwrap_or_default()
    }
}

/// Where the stack file would be; `None` when it is there, or nobody can say where.
fn gone(context: &Context) -> Option<StackFile> {
    let named = context.global.file.as_deref();
    let full = context.here.join(named.unwrap_or(Path::new(NAME)));
    // A folder that is gone as well still says which file is meant.
    let full = match full.extension() {
        None => full.join(NAME),
        Some(_) => full,
    };
    if full.exists() || stack_file(context).is_ok() {
        return None;
    }
    Some(StackFile {
        shown: named.unwrap_or(Path::new(NAME)).display().to_string(),
        root: real(full.parent()?)?,
        path: full,
        text: String::new(),
    })
}

/// Where a folder is, or was: the real path of the nearest one above it that is there, and the rest.
fn real(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find_map(|above| {
        let rest = folder.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(rest))
    })
}

/// The stack as the commit has it.
pub(super) struct Base {
    /// What its stack file says; `None` when it has none.
    pub(super) written: Option<Written>,
    /// The files that it names.
    pub(super) jail: Jail,
    /// What was read of them.
    pub(super) seen: RefCell<Seen>,
    /// Keeps them until the end.
    _aside: TempDir,
}

impl Base {
    /// Reads the stack file of a commit, and puts the files that it names aside.
    ///
    /// # Errors
    /// What of the repository cannot be read, and what cannot be written.
    pub(super) fn read(snapshot: &Snapshot<'_>, head: &StackFile, typed: Option<&str>) -> Result<Self, Failure> {
        let failed = |error: GitError| no_git(&error);
        let name = head.path.file_name().unwrap_or_default().to_string_lossy();
        let bytes = snapshot.text(&name, MAX_BYTES as u64).map_err(failed)?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let written = text.map(|text| Written::read(text, typed));
        let stacks = written.iter().flat_map(Written::stacks);
        let wanted = stacks.fold(Wanted::default(), wanted);
        let shelf = Shelf::default();
        clear_when_interrupted(&shelf)?;
        let aside = snapshot.put_aside(&wanted, &Jail::new(&head.root), &shelf);
        let aside = aside.map_err(failed)?;
        let root = aside.path().canonicalize().map_err(GitError::Write).map_err(failed)?;
        Ok(Self {
            jail: Jail::new(&root),
            _aside: aside,
            seen: RefCell::default(),
            written,
        })
    }

    /// Its environments, as far as it can be read.
    pub(super) fn environments(&self) -> Vec<Option<String>> {
        let usable = self.written.as_ref().filter(|written| written.is_usable());
        usable.map(Written::environments).unwrap_or_default()
    }
}

/// The files that a plan of a stack looks at.
fn wanted(mut wanted: Wanted, stack: &Stack) -> Wanted {
    for component in stack.components.values() {
        if let Some(build) = &component.build {
            wanted.folders.insert(build.context.clone());
            // It may be a link to one beside the context.
            wanted.files.insert(format!("{}/{}", build.context, build.dockerfile));
        }
        if let Some(model) = model_of(component).filter(|model| is_here(model)) {
            wanted.files.insert(model.uri.clone());
            wanted.files.extend(SIDECARS.map(|end| beside(&model.uri, end)));
        }
    }
    wanted
}
