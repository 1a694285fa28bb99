//! `mlstack plan --offline --base REF`: what the working tree changes, compared with the stack file of a commit, in each
//! environment. Reads git's objects and the user's files; asks nobody, starts nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mlstack_provider::{Address, Finding, Level, Observed, Resource, Source};
use serde_json::json;
use tempfile::TempDir;

use super::Context;
use super::args::{Plan as Args, Report};
use super::exit::Exit;
use super::failure::Failure;
use super::load::{Loaded, Tolerate, load_quietly, model_file, picture_of, stack_file};
use super::plan::{degraded, refuse_lost_data, refuse_violations};
use super::report::{faulty, of_target, report};
use super::site::{impact, outage};
use super::survey::{Known, Survey, lower, out_of_scope, unbuildable};
use crate::diag::{self, Diagnostic, Locate as _};
use crate::lines;
use crate::plan::scope::Scope;
use crate::plan::{Foresight, Options, Plan, forecast, plan, verify};
use crate::project::git::{Commit, GitError, Repository, Snapshot, Wanted};
use crate::project::images::{SIDECARS, is_packed};
use crate::project::{FindError, Jail, NAME, StackFile, context};
use crate::review::{
    Base, Blame, Review, Section, Served, Violation, cause, is_here, judge, loosened, model_changes, model_of, owner,
    served, topology,
};
use crate::stack::models::{File, beside, digest};
use crate::stack::{self, Component, MAX_BYTES, Parsed, Stack};
use crate::target::{Target, capability, kubernetes};
use crate::view::{Header, Style, fingerprint, review_json, review_text};

/// What of a build context is nobody's business: git's own folder, and what mlstack keeps.
const OURS: [&str; 2] = [".git", ".mlstack"];

/// Runs the command.
pub(super) fn run(args: &Args, reference: &str, context: &Context) -> Result<Exit, Failure> {
    let review = review(args, reference, context);
    let review = review.map_err(|failure| faulty(failure, args.into(), context))?;
    show(&review, args, context)?;
    for section in &review.sections {
        refuse_lost_data(&section.plan)?;
        refuse_violations(&section.violations)?;
    }
    let changes = args.detailed_exitcode && !review.is_empty();
    Ok(if changes { Exit::Changes } else { Exit::Done })
}

/// Prints a review in the form that was asked for.
pub(super) fn show(review: &Review, args: &Args, context: &Context) -> Result<(), Failure> {
    let style = Style {
        color: context.ui.color_out,
        width: context.ui.width,
    };
    let text = || review_text(review, args.context_lines, style);
    match args.format {
        Report::Text => context.ui.out(&text()),
        Report::Json => context.ui.out_json(&review_json(review)),
        _ => report(review, args.into(), &text, context)?,
    }
    Ok(())
}

/// A plan against what runs, or against nothing, as a review of one section.
pub(super) fn of_plan(survey: &Survey, plan: Plan, args: &Args) -> Result<Review, Failure> {
    let mut review = of_target(survey, plan, args.format);
    if args.why {
        let file = &survey.loaded.file;
        let repository = Repository::discover(&file.root).map_err(|error| no_git(&error))?;
        review.why = why(&repository, file, &review).map_err(|error| no_git(&error))?;
    }
    Ok(review)
}

/// What the working tree changes.
pub(super) fn review(args: &Args, reference: &str, context: &Context) -> Result<Review, Failure> {
    let file = head_file(context)?;
    let repository = Repository::discover(&file.root).map_err(|error| no_git(&error))?;
    let commit = repository.commit(reference).map_err(|error| no_git(&error))?;
    let snapshot = repository
        .snapshot(&commit, &file.root)
        .map_err(|error| no_git(&error))?;
    let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let base = BaseSide::of(&snapshot, &name, &file, context)?;
    if file.is_gone && base.text.is_none() {
        return Err(nowhere(context, &file));
    }
    let compare = Compare {
        args,
        context,
        base: &base,
        file: &file,
    };
    let mut review = Review {
        base: Some(Base {
            reference: reference.to_owned(),
            commit: commit.id.to_string(),
        }),
        ..Review::default()
    };
    if file.is_gone {
        let text = format!("note: there is no {} here any more: all of the stack goes", file.shown);
        context.ui.note(&text);
    }
    if base.text.is_none() {
        context.ui.note(&format!(
            "note: {reference} has no {}: all of the stack is new",
            file.shown
        ));
    }
    let mut told = BTreeSet::new();
    for environment in compare.environments()? {
        let (stack, section) = compare.section(environment.as_deref(), &mut told)?;
        review.stack = stack;
        review.sections.push(section);
    }
    if args.why {
        review.why = why(&repository, &file, &review).map_err(|error| no_git(&error))?;
    }
    Ok(review)
}

/// The stack file of the working tree.
struct HeadFile {
    file: StackFile,
    /// Whether there is none: it was taken away.
    is_gone: bool,
}

impl std::ops::Deref for HeadFile {
    type Target = StackFile;

    fn deref(&self) -> &StackFile {
        &self.file
    }
}

/// The stack file, or the place where the base may have one.
fn head_file(context: &Context) -> Result<HeadFile, Failure> {
    let named = context.global.file.as_deref();
    let full = context.here.join(named.unwrap_or(Path::new(NAME)));
    // A folder that is gone as well still says which file is meant.
    let full = match full.extension() {
        None => full.join(NAME),
        Some(_) => full,
    };
    let found = stack_file(context);
    let missing = found.is_err() && !full.exists();
    let root = full.parent().and_then(real);
    match root.filter(|_| missing) {
        Some(root) => Ok(HeadFile {
            file: StackFile {
                shown: named.unwrap_or(Path::new(NAME)).display().to_string(),
                path: full,
                root,
                text: String::new(),
            },
            is_gone: true,
        }),
        None => found.map(|file| HeadFile { file, is_gone: false }),
    }
}

/// Where a folder is, or was: the real path of the nearest one above it that is there, and the rest.
fn real(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find_map(|above| {
        let rest = folder.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(rest))
    })
}

/// Neither side has a stack file.
fn nowhere(context: &Context, file: &StackFile) -> Failure {
    let failure = stack_file(context).err();
    let here = context.here.display().to_string();
    failure.unwrap_or_else(|| {
        let error = FindError::Nowhere { here };
        Failure::of(Exit::Error, &error).hint(format!("neither side has {}", file.shown))
    })
}

fn no_git(error: &GitError) -> Failure {
    let failure = Failure::of(Exit::Error, error);
    match error {
        _ if error.wants_history() => failure.hint(
            "fetch what is missing: `git fetch --unshallow`; with actions/checkout `fetch-depth: 0`, \
             with GitLab `GIT_DEPTH: 0`",
        ),
        GitError::Unknown { .. } => failure.hint("`git fetch origin` brings branches of others as origin/NAME"),
        GitError::NoRepository(_) => failure.hint("`--base` and `--why` read the repository that the stack file is in"),
        _ => failure,
    }
}

/// The stack as the base has it.
struct BaseSide {
    /// The stack file; `None` when the base has none.
    text: Option<String>,
    /// What can be made of it, by environment.
    parsed: BTreeMap<Option<String>, Parsed>,
    /// The files that it names.
    jail: Jail,
    /// Keeps them until the end.
    _aside: TempDir,
}

impl BaseSide {
    fn of(snapshot: &Snapshot<'_>, name: &str, file: &StackFile, context: &Context) -> Result<Self, Failure> {
        let failed = |error: GitError| no_git(&error);
        let text = snapshot.text(name, MAX_BYTES as u64).map_err(failed)?;
        let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let mut parsed = BTreeMap::new();
        if let Some(text) = &text {
            let typed = context.global.env.clone();
            let all = stack::environments(text).into_iter().map(Some).chain([None, typed]);
            for environment in all.collect::<BTreeSet<_>>() {
                let options = stack::Options {
                    environment: environment.clone(),
                    every_environment: false,
                    today: None,
                };
                parsed.insert(environment, stack::parse(text, &options));
            }
        }
        let stacks = parsed.values().filter_map(|parsed: &Parsed| parsed.stack.as_ref());
        let wanted = stacks.fold(Wanted::default(), wanted);
        let aside = snapshot.put_aside(&wanted, &Jail::new(&file.root)).map_err(failed)?;
        let root = aside.path().canonicalize();
        let root = root.map_err(|error| Failure::of(Exit::Error, &GitError::Write(error)))?;
        Ok(Self {
            jail: Jail::new(&root),
            _aside: aside,
            text,
            parsed,
        })
    }
}

/// Whether a stack file can be read at all; one that cannot has no environments to speak of.
fn is_usable(text: &str) -> bool {
    stack::parse(text, &stack::Options::default()).stack.is_some()
}

/// The environments of a stack file; one without a name where it has none.
fn named(text: &str) -> Vec<Option<String>> {
    let all: Vec<_> = stack::environments(text).into_iter().map(Some).collect();
    if all.is_empty() { vec![None] } else { all }
}

/// Which stack an environment is: its name, its target, and its namespace on a cluster.
fn place(text: &str, environment: Option<&str>) -> Option<(String, Option<String>, Option<String>)> {
    let options = stack::Options {
        environment: environment.map(str::to_owned),
        ..stack::Options::default()
    };
    let stack = stack::parse(text, &options).stack?;
    let target = stack.target.filter(|target| target != Target::Compose.name());
    Some((stack.name, target, stack.kubernetes.namespace))
}

/// What the policies say: those of the working tree, where the stack goes those that it had; and what becomes of them.
fn violations(head: Option<&Side>, base: Option<&Side>, section: &Section) -> Vec<Violation> {
    let stack = |side: &Side| side.loaded.stack.clone();
    let Some(judged) = head.or(base).map(stack) else {
        return Vec::new();
    };
    let mut found = judge(&judged, &section.target, &section.plan, &section.models);
    if let (Some(head), Some(base)) = (head, base) {
        let at = |path: &diag::Path| head.loaded.source(path);
        found.extend(loosened(&base.loaded.stack, &head.loaded.stack, &at));
    }
    found
}

/// The files that a plan of a stack looks at.
fn wanted(mut wanted: Wanted, stack: &Stack) -> Wanted {
    for component in stack.components.values() {
        if let Some(build) = &component.build {
            wanted.folders.insert(build.context.clone());
        }
        if let Some(model) = model_of(component).filter(|model| is_here(model)) {
            wanted.files.insert(model.uri.clone());
            wanted.files.extend(SIDECARS.map(|end| beside(&model.uri, end)));
        }
    }
    wanted
}

/// What was said of the stack file already: codes and places.
type Told = BTreeSet<(&'static str, usize)>;

/// One side of a comparison.
struct Side {
    loaded: Loaded,
    models: BTreeMap<String, Served>,
    resources: Vec<Resource>,
}

/// Both sides, and how they are compared.
struct Compare<'a> {
    args: &'a Args,
    context: &'a Context,
    base: &'a BaseSide,
    file: &'a HeadFile,
}

impl Compare<'_> {
    /// The environments that either side has; the one that was typed; none where there are none.
    fn environments(&self) -> Result<Vec<Option<String>>, Failure> {
        let (env, target) = (&self.context.global.env, &self.context.global.target);
        if env.is_some() || target.is_some() {
            return Ok(vec![env.clone()]);
        }
        let head = self.of_head();
        let met: Vec<_> = head
            .iter()
            .filter_map(|name| self.counterpart(name.as_deref()))
            .collect();
        let gone = self.of_base().into_iter().filter(|name| !met.contains(name));
        let all: Vec<_> = head.iter().cloned().chain(gone).collect();
        Ok(if all.is_empty() { vec![None] } else { all })
    }

    /// The environments of the working tree: one without a name where it says none.
    fn of_head(&self) -> Vec<Option<String>> {
        match self.file.is_gone {
            true => Vec::new(),
            false => named(&self.file.text),
        }
    }

    /// The same of the base, as far as it can be read.
    fn of_base(&self) -> Vec<Option<String>> {
        let text = self.base.text.as_deref().filter(|text| is_usable(text));
        text.map(named).unwrap_or_default()
    }

    /// What an environment is compared with: the one of that name, else one whose name the working tree does not have
    /// and that is the same stack at the same place.
    fn counterpart(&self, environment: Option<&str>) -> Option<Option<String>> {
        let (base, wanted) = (self.of_base(), environment.map(str::to_owned));
        // Where a target was typed, both are without an environment, though either may have some.
        let typed = wanted.is_none() && self.of_head() != [None];
        if base.contains(&wanted) || (typed && !base.is_empty()) {
            return Some(wanted);
        }
        let text = self.base.text.as_deref()?;
        let (head, here) = (self.of_head(), place(&self.file.text, environment)?);
        base.into_iter()
            .find(|name| !head.contains(name) && place(text, name.as_deref()).as_ref() == Some(&here))
    }

    /// What happens in one environment, and the name of the stack.
    fn section(&self, environment: Option<&str>, told: &mut Told) -> Result<(String, Section), Failure> {
        let head = self.head(environment, told)?;
        let base = match self.base(environment) {
            Ok(base) => base,
            Err(why) => {
                let failed = Section {
                    environment: environment.map(str::to_owned),
                    target: head
                        .as_ref()
                        .map(|head| head.loaded.target.name().to_owned())
                        .unwrap_or_default(),
                    failure: Some(why),
                    ..Section::default()
                };
                let name = head.map(|head| head.loaded.stack.name).unwrap_or_default();
                return Ok((name, failed));
            }
        };
        let any = head.as_ref().or(base.as_ref());
        let (name, target) = any.map_or((String::new(), Target::Compose), |side| {
            (side.loaded.stack.name.clone(), side.loaded.target)
        });
        let mut section = Section {
            environment: environment.map(str::to_owned),
            target: target.name().to_owned(),
            ..Section::default()
        };
        let left = head
            .as_ref()
            .zip(base.as_ref())
            .and_then(|(head, base)| left_behind(head, base));
        // What runs elsewhere is neither changed nor taken away.
        let standing = base.as_ref().filter(|_| left.is_none());
        section.plan = self.plan(head.as_ref(), standing, target)?;
        section.findings.extend(left);
        if let Some(head) = &head {
            section.unsupported = degraded(&head.loaded);
            section.diagnostics = head.loaded.warnings.clone();
            self.point_at_causes(&mut section, head);
        }
        let (was, is) = (parts(base.as_ref()), parts(head.as_ref()));
        section.models = model_changes(was, is, &|component| {
            head.as_ref()
                .and_then(|head| head.loaded.source(&component.path.key("model")))
        });
        section.violations = violations(head.as_ref(), base.as_ref(), &section);
        section.topology = topology(parts(standing).0, is.0, &section.plan);
        section.fingerprint = fingerprint(&header(&name, &section), &section.plan);
        Ok((name, section))
    }

    /// The working tree's side; `None` when the stack is not in this environment any more.
    fn head(&self, environment: Option<&str>, told: &mut Told) -> Result<Option<Side>, Failure> {
        let known = |text: &str| environment.is_none_or(|name| stack::environments(text).iter().any(|n| n == name));
        let base_has = self.base.text.as_deref().is_some_and(known);
        let lacks = base_has && !known(&self.file.text);
        if self.file.is_gone || (lacks && is_usable(&self.file.text)) {
            return Ok(None);
        }
        // What cannot be read has no environments; that it cannot is told then.
        let environment = environment.filter(|_| !lacks);
        let context = Context {
            ui: self.context.ui,
            global: super::args::Global {
                env: environment.map(str::to_owned),
                ..self.context.global.clone()
            },
            here: self.context.here.clone(),
        };
        let (loaded, all) = load_quietly(&context, Tolerate::Pointers)?;
        let new =
            |diagnostic: &Diagnostic| told.insert((diagnostic.code.name, loaded.document.locate(&diagnostic.at).start));
        let fresh: Vec<Diagnostic> = all.into_iter().filter(new).collect();
        context.ui.note(&picture_of(&loaded, &fresh, &context));
        side(loaded, &|loaded, name, error| Err(unbuildable(loaded, name, error))).map(Some)
    }

    /// The base's side; `None` when it does not have the stack in this environment. What is wrong with it is told.
    fn base(&self, environment: Option<&str>) -> Result<Option<Side>, String> {
        let Some(text) = &self.base.text else {
            return Ok(None);
        };
        let key = match (self.counterpart(environment), is_usable(text)) {
            (Some(key), _) => key,
            (None, true) => return Ok(None),
            (None, false) => None, // what is wrong with it is the same in each
        };
        let Some(parsed) = self.base.parsed.get(&key) else {
            return Ok(None);
        };
        let unusable = |all: &[Diagnostic]| {
            let mut errors = all.iter().filter(|diagnostic| diagnostic.is_error());
            let first = errors.next().map(|error| error.label.clone()).unwrap_or_default();
            let more = match errors.count() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            format!("the stack file of the base cannot be used: {first}{more}")
        };
        let Some(stack) = parsed.stack.clone() else {
            return Err(unusable(&parsed.diagnostics));
        };
        let own = self.context.global.target.as_deref().or(stack.target.as_deref());
        let own = own
            .map(str::parse)
            .transpose()
            .map_err(|error: crate::target::BadTarget| error.to_string())?;
        let violated = capability::check(&stack, own.unwrap_or(Target::Compose));
        if violated.iter().any(Diagnostic::is_error) {
            return Err(unusable(&violated));
        }
        let loaded = Loaded {
            file: StackFile {
                text: text.clone(),
                ..self.file.file.clone()
            },
            jail: self.base.jail.clone(),
            target: own.unwrap_or(Target::Compose),
            document: parsed.document.clone(),
            warnings: Vec::new(),
            stack,
        };
        // What the base could not build is unknown: its image counts as another.
        side(loaded, &|_, _, _| Ok(None))
            .map(Some)
            .map_err(|failure: Failure| failure.text().to_owned())
    }

    fn plan(&self, head: Option<&Side>, base: Option<&Side>, target: Target) -> Result<Plan, Failure> {
        let resources = |side: Option<&Side>| side.map(|side| side.resources.clone()).unwrap_or_default();
        let (mut desired, mut observed): (_, Vec<Observed>) =
            (resources(head), resources(base).into_iter().map(standing).collect());
        let scope = Scope {
            only: self.args.scope.only.iter().cloned().collect(),
            exclude: self.args.scope.exclude.iter().cloned().collect(),
        };
        if !scope.is_whole() {
            let narrowed = scope.narrow(desired, observed).map_err(|error| out_of_scope(&error))?;
            (desired, observed) = (narrowed.desired, narrowed.observed);
        }
        let stacks = [head, base].into_iter().flatten().map(|side| &side.loaded.stack);
        let own = |name: &String| match stacks.clone().any(|stack| stack.components.contains_key(name)) {
            true => format!("{name}-data"),
            false => name.clone(),
        };
        let options = Options {
            destroy_data: self.args.destroy_data.names.iter().map(own).collect(),
        };
        let mut plan = plan(&desired, &observed, &impact(target), &options);
        let took = BTreeMap::new(); // nobody is asked how long it took the last time
        forecast(
            &mut plan,
            Foresight {
                outage: outage(target),
                took: &took,
            },
        );
        match verify(&plan, &desired, &observed) {
            faults if faults.is_empty() => Ok(plan),
            faults => Err(Failure::new(
                Exit::Error,
                format!("this plan contradicts itself: {}", faults.join("; ")),
            )
            .hint("nothing was changed; this is a mistake in mlstack, please report it")),
        }
    }

    /// Points each change at the line that was written for it, where there is one among those of its component.
    fn point_at_causes(&self, section: &mut Section, head: &Side) {
        let text = &head.loaded.file.text;
        let added = lines::added(self.base.text.as_deref().unwrap_or_default(), text);
        let names: Vec<String> = head.loaded.stack.components.keys().cloned().collect();
        for change in &mut section.plan.changes {
            let component = owner(change, &names).and_then(|name| head.loaded.stack.components.get(name));
            let Some((component, source)) = component.zip(change.source.as_mut()) else {
                continue;
            };
            let starts = [
                Some(component.path.clone()),
                overlay(section.environment.as_deref(), &component.name),
            ];
            let starts = starts.into_iter().flatten().map(|path| head.loaded.place(&path));
            if let Some((line, column)) = cause(text, &component.name, starts, &added) {
                (source.line, source.column) = (line, column);
            }
        }
    }
}

/// What an apply would leave running: a stack under another name or in another place is another stack.
fn left_behind(head: &Side, base: &Side) -> Option<Finding> {
    let place = |side: &Side| {
        let (stack, target) = (&side.loaded.stack, side.loaded.target);
        let namespace = match target {
            Target::Compose => String::new(),
            Target::Kubernetes => format!(" in the namespace {}", kubernetes::namespace(stack)),
        };
        format!("{} on {target}{namespace}", stack.name)
    };
    let (was, is) = (place(base), place(head));
    let address = Address::new("stack", base.loaded.stack.name.clone());
    let text = format!("this becomes another stack: {was} keeps running beside {is}");
    let finding = Finding {
        hint: Some("take the old one down with `mlstack destroy` from the base".to_owned()),
        ..Finding::new(&address, Level::Warning, text)
    };
    (was != is).then_some(finding)
}

/// Where an environment says something of a component.
fn overlay(environment: Option<&str>, component: &str) -> Option<diag::Path> {
    let root = diag::Path::root().key("environments").key(environment?);
    Some(root.key("components").key(component))
}

fn parts(side: Option<&Side>) -> (Option<&Stack>, &BTreeMap<String, Served>) {
    static NONE: BTreeMap<String, Served> = BTreeMap::new();
    side.map_or((None, &NONE), |side| (Some(&side.loaded.stack), &side.models))
}

fn header<'a>(stack: &'a str, section: &'a Section) -> Header<'a> {
    Header {
        stack,
        environment: section.environment.as_deref(),
        target: &section.target,
        context: section.context.as_deref(),
    }
}

/// What a resource of the base looks like where it stands.
fn standing(resource: Resource) -> Observed {
    Observed {
        id: "base".to_owned(),
        recorded: Some(resource.spec.clone()),
        spec: resource.spec,
        depends_on: resource.depends_on,
        protected: resource.protected,
        problem: None,
        address: resource.address,
    }
}

/// What to do with a component whose build context cannot be read.
type Unbuilt<'a> = &'a dyn Fn(&Loaded, &str, &context::ContextError) -> Result<Option<String>, Failure>;

/// Lowers one side.
fn side(loaded: Loaded, unbuilt: Unbuilt<'_>) -> Result<Side, Failure> {
    let read = |path: &str| model_file(&loaded.jail, path);
    let models = served(&loaded.stack, &read);
    let digests = digests(&loaded, &models, unbuilt)?;
    let nothing = BTreeMap::new();
    let locate = |path: &diag::Path| loaded.source(path);
    let resources = lower(
        &loaded,
        &Known {
            digests: &digests,
            secrets: &nothing,
            locate: &locate,
        },
    );
    Ok(Side {
        models,
        resources,
        loaded,
    })
}

/// By component, what stands for the digest of its image: no server executable is asked for, so that a review says the
/// same on every machine. Of a packed image it is that of the model and of what lies beside it.
fn digests(
    loaded: &Loaded,
    models: &BTreeMap<String, Served>,
    unbuilt: Unbuilt<'_>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut digests = BTreeMap::new();
    for component in loaded.stack.components.values() {
        let name = component.name.clone();
        if let Some(build) = &component.build {
            let built = match context::digest_without(&loaded.jail, build, &OURS) {
                Ok(digest) => Some(digest.to_string()),
                Err(error) => unbuilt(loaded, &name, &error)?,
            };
            digests.extend(built.map(|digest| (name, digest)));
        } else if let Some(digest) = packed(loaded, component, models) {
            digests.insert(name, digest);
        }
    }
    Ok(digests)
}

/// What stands for the digest of an image that mlstack packs; `None` where that of the model is not known.
fn packed(loaded: &Loaded, component: &Component, models: &BTreeMap<String, Served>) -> Option<String> {
    let model = model_of(component).filter(|_| is_packed(component))?;
    let bytes = models.get(&component.name)?.sha256()?;
    let sidecars = SIDECARS.map(|end| match model_file(&loaded.jail, &beside(&model.uri, end)) {
        File::Found(bytes) => digest(&bytes),
        File::Missing | File::Refused(_) => String::new(),
    });
    let all = json!([bytes, sidecars]).to_string();
    Some(format!("sha256:{}", digest(all.as_bytes())))
}

/// Who wrote the lines that changes come from.
fn why(repository: &Repository, file: &StackFile, review: &Review) -> Result<BTreeMap<usize, Blame>, GitError> {
    let changes = review.sections.iter().flat_map(|section| &section.plan.changes);
    let changes = changes.filter(|change| change.action != crate::plan::Action::NoOp);
    let models = review.sections.iter().flat_map(|section| &section.models);
    let sources = changes.filter_map(|change| change.source.as_ref());
    let sources = sources.chain(models.filter_map(|model| model.source.as_ref()));
    let lines: BTreeSet<usize> = sources.map(|source: &Source| source.line).collect();
    if lines.is_empty() {
        return Ok(BTreeMap::new());
    }
    let path = file.root.join(file.path.file_name().unwrap_or_default());
    let found = repository.blame(&path, &file.text, &lines)?;
    let blame = |commit: Commit| Blame {
        commit: commit.id.to_string(),
        date: commit.day(),
        author: commit.author,
        summary: commit.summary,
    };
    Ok(found.into_iter().map(|(line, commit)| (line, blame(commit))).collect())
}
