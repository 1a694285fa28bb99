//! From what was typed to a checked stack, or to a picture of all that is wrong with it.

use serde_json::Value;

use crate::diag::render::{Source, Style, json, text};
use crate::diag::{At, Diagnostic, Locate, Part, Path, codes};
use crate::ledger::now;
use crate::project::{FindError, Jail, JailError, StackFile, find};
use crate::stack::{Document, Options, Parsed, Stack, models, mount_links, parse};
use crate::target::{BadTarget, Target, capability};

use super::Context;
use super::exit::Exit;
use super::failure::Failure;

/// A stack file, read and parsed; right or wrong.
pub(super) struct Read {
    /// The file.
    pub(super) file: StackFile,
    /// What came out of it.
    pub(super) parsed: Parsed,
}

impl Read {
    /// The text that diagnostics are about.
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            file: &self.file.shown,
            text: &self.file.text,
            places: &self.parsed.document,
        }
    }

    /// Diagnostics as people read them; nothing when there are none.
    pub(super) fn picture(&self, all: &[Diagnostic], color: bool, width: usize) -> String {
        text(&self.source(), all, Style { color, width })
    }
}

/// A stack that can be used, with where it came from.
pub(super) struct Loaded {
    /// The file.
    pub(super) file: StackFile,
    /// Reads below its folder.
    pub(super) jail: Jail,
    /// What it says.
    pub(super) stack: Stack,
    /// Where things stand in it.
    pub(super) document: Document,
    /// Where it runs.
    pub(super) target: Target,
    /// What is doubtful in it, as JSON.
    pub(super) warnings: Vec<Value>,
}

impl Loaded {
    /// Shows what else is doubtful, and keeps it with the rest.
    pub(super) fn warn(&mut self, all: &[Diagnostic], context: &Context) {
        context.ui.note(&picture_of(self, all, context));
        self.keep(all);
    }

    /// Keeps what else is doubtful with the rest.
    pub(super) fn keep(&mut self, all: &[Diagnostic]) {
        let more = json(&self.shown(), all).as_array().cloned().unwrap_or_default();
        self.warnings.extend(more);
    }

    /// The text that diagnostics are about.
    fn shown(&self) -> Source<'_> {
        Source {
            file: &self.file.shown,
            text: &self.file.text,
            places: &self.document,
        }
    }

    /// A place in the stack file, as changes name it.
    pub(super) fn source(&self, path: &Path) -> Option<mlstack_provider::Source> {
        let (line, column) = self.place(path);
        let file = self.file.shown.clone();
        Some(mlstack_provider::Source { file, line, column })
    }

    /// The line and column of a place in the stack file.
    pub(super) fn place(&self, path: &Path) -> (usize, usize) {
        self.document.position(&At::Path(path.clone(), Part::Key))
    }
}

/// Whether a model that Git LFS keeps elsewhere is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tolerate {
    /// It is: it must be packed, or run.
    Nothing,
    /// Its pointer tells enough.
    Pointers,
}

/// Finds, reads and checks the stack file; warnings go to stderr.
pub(super) fn load(context: &Context) -> Result<Loaded, Failure> {
    let (loaded, all) = load_quietly(context, Tolerate::Nothing)?;
    context.ui.note(&picture_of(&loaded, &all, context));
    Ok(loaded)
}

/// Diagnostics of a stack that can be used, as people read them.
pub(super) fn picture_of(loaded: &Loaded, all: &[Diagnostic], context: &Context) -> String {
    let style = Style {
        color: context.ui.color_err,
        width: context.ui.width,
    };
    text(&loaded.shown(), all, style)
}

/// The same, with the warnings handed back.
pub(super) fn load_quietly(context: &Context, tolerate: Tolerate) -> Result<(Loaded, Vec<Diagnostic>), Failure> {
    let read = read(context, false)?;
    let mut all = diagnose(context, &read)?;
    all.retain(|found| tolerate == Tolerate::Nothing || found.code.name != codes::MODEL_POINTER.name);
    let picture = read.picture(&all, context.ui.color_err, context.ui.width);
    let exit = exit_of(&all);
    let warnings = json(&read.source(), &all).as_array().cloned().unwrap_or_default();
    let (Exit::Done, Some(stack)) = (exit, read.parsed.stack) else {
        return Err(Failure::whole(exit, picture));
    };
    let loaded = Loaded {
        warnings,
        jail: Jail::new(&read.file.root),
        target: target(context, &stack)?,
        document: read.parsed.document,
        file: read.file,
        stack,
    };
    Ok((loaded, all))
}

/// Finds, reads and parses the stack file.
pub(super) fn read(context: &Context, every_environment: bool) -> Result<Read, Failure> {
    let file = stack_file(context)?;
    let environment = context.global.env.clone();
    let parsed = parse(
        &file.text,
        &Options {
            environment,
            every_environment,
            today: Some(today()),
        },
    );
    Ok(Read { file, parsed })
}

/// The day in UTC, as waivers know it.
fn today() -> String {
    now().chars().take("2026-11-23".len()).collect()
}

/// Finds and reads the stack file.
pub(super) fn stack_file(context: &Context) -> Result<StackFile, Failure> {
    find(context.global.file.as_deref(), &context.here).map_err(|error| {
        let exit = match error {
            FindError::NoText { .. } => Exit::Invalid,
            _ => Exit::Error,
        };
        let hint = match &error {
            FindError::NoText { .. } => "save it as UTF-8, without other encodings in it",
            FindError::Nowhere { .. } => "`mlstack init` starts a stack here; `--file PATH` names one elsewhere",
            FindError::NotIn { folder } => &format!("`mlstack init {folder}` starts a stack there"),
            FindError::Folder { .. } => "rename the folder, or name a file: `--file PATH`",
            FindError::Unreadable { .. } => "`--file PATH` names a stack file or a folder that holds one",
            FindError::Outside { .. } => "`--file PATH` names the file itself",
            FindError::TooLarge { .. } => "a stack file describes a stack; put data beside it",
        };
        Failure::of(exit, &error).hint(hint)
    })
}

/// Everything wrong with the file, with the models beside it, and with its target; sorted by place.
pub(super) fn diagnose(context: &Context, read: &Read) -> Result<Vec<Diagnostic>, Failure> {
    let mut all = read.parsed.diagnostics.clone();
    if let Some(stack) = &read.parsed.stack {
        let jail = Jail::new(&read.file.root);
        all.extend(models::check(stack, &|path| model_file(&jail, path)));
        all.extend(beside(stack, Some(&jail), target(context, stack)?));
    }
    all.sort_by_cached_key(|diagnostic| read.parsed.document.locate(&diagnostic.at));
    Ok(all)
}

/// What is wrong with the mounts of a stack below its folder, where it has one, and with its target.
pub(super) fn beside(stack: &Stack, jail: Option<&Jail>, target: Target) -> Vec<Diagnostic> {
    let links = jail.map(|jail| mount_links(stack, &|path| jail.real(path)));
    let mut all = links.unwrap_or_default();
    all.extend(capability::check(stack, target));
    all
}

/// A model larger than this is served by something else, in bytes.
const LARGEST_MODEL: u64 = 1 << 30;

/// A model file, or one beside it.
pub(super) fn model_file(jail: &Jail, path: &str) -> models::File {
    match jail.read(path, LARGEST_MODEL) {
        Ok(bytes) => models::File::Found(bytes),
        Err(JailError::Missing(_)) => models::File::Missing,
        Err(error) => models::File::Refused(error.to_string()),
    }
}

/// What a command ends with because of its diagnostics: what a target cannot carry is a matter of policy, unless
/// something is wrong with the file itself.
pub(super) fn exit_of(all: &[Diagnostic]) -> Exit {
    let errors: Vec<_> = all.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    match errors.iter().all(|diagnostic| capability::is_violation(diagnostic)) {
        _ if errors.is_empty() => Exit::Done,
        true => Exit::Policy,
        false => Exit::Invalid,
    }
}

/// The target typed, else the environment's, else Compose.
pub(super) fn target(context: &Context, stack: &Stack) -> Result<Target, Failure> {
    let name = context.global.target.as_deref().or(stack.target.as_deref());
    name.map_or(Ok(Target::Compose), str::parse)
        .map_err(|error: BadTarget| Failure::of(Exit::Usage, &error))
}
