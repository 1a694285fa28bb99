//! Both sides of a review beside each other, environment by environment.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Finding, Level, Observed, Resource};

use super::super::Context;
use super::super::args::{Global, Plan as Args, Report};
use super::super::builds::{large, unbuildable};
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::load::{Loaded, Tolerate, load_quietly, picture_of};
use super::super::plan::degraded;
use super::super::site::{impact, outage};
use super::super::survey::out_of_scope;
use super::lowered::{OURS, Side, parts, side};
use super::sides::{Base, Head};
use super::written::Written;
use crate::diag::{self, Diagnostic, Locate as _};
use crate::lines;
use crate::plan::scope::Scope;
use crate::plan::{Action, Foresight, Options, Plan, forecast, plan, verify};
use crate::project::StackFile;
use crate::project::context::ContextError;
use crate::review::Written as Lines;
use crate::review::{Section, Violation, judge, loosened, model_changes, owner, topology};
use crate::stack::{Component, Document, Stack};
use crate::target::{BadTarget, Target, capability, kubernetes};
use crate::view::{Header, fingerprint};

/// What was said of the stack file already: codes and places.
pub(super) type Told = BTreeSet<(&'static str, usize)>;

/// Both sides, and how they are compared.
pub(super) struct Compare<'a> {
    pub(super) args: &'a Args,
    pub(super) context: &'a Context,
    pub(super) base: &'a Base,
    pub(super) head: &'a Head,
}

impl Compare<'_> {
    /// The environments that either side has; the one that was typed; none where there are none.
    pub(super) fn environments(&self) -> Vec<Option<String>> {
        let (env, target) = (&self.context.global.env, &self.context.global.target);
        if env.is_some() || target.is_some() {
            return vec![env.clone()];
        }
        let head = self.head.environments();
        let counterpart = |name: &Option<String>| self.counterpart(name.as_deref());
        let met: Vec<_> = head.iter().filter_map(counterpart).collect();
        let gone = self.base.environments().into_iter().filter(|name| !met.contains(name));
        let all: Vec<_> = head.iter().cloned().chain(gone).collect();
        if all.is_empty() { vec![None] } else { all }
    }

    /// What an environment is compared with: the one of that name, else one whose name the working tree does not have
    /// and that is the same stack at the same place.
    fn counterpart(&self, environment: Option<&str>) -> Option<Option<String>> {
        let (base, head) = (self.base.environments(), self.head.environments());
        let wanted = environment.map(str::to_owned);
        // Where a target was typed, both are without an environment, though either may have some.
        let typed = wanted.is_none() && head != [None];
        if base.contains(&wanted) || (typed && !base.is_empty()) {
            return Some(wanted);
        }
        let (is, was) = (self.head.written.as_ref()?, self.base.written.as_ref()?);
        base.into_iter()
            .find(|name| !head.contains(name) && is.is_same(environment, was, name.as_deref()))
    }

    /// What happens in one environment, and the name of the stack.
    pub(super) fn section(&self, environment: Option<&str>, told: &mut Told) -> Result<(String, Section), Failure> {
        let head = self.is(environment, told)?;
        match self.was(environment) {
            Ok(base) => self.compared(environment, head, base),
            Err(why) => Ok(not_compared(environment, head, why)),
        }
    }

    fn compared(
        &self,
        environment: Option<&str>,
        mut head: Option<Side>,
        mut base: Option<Side>,
    ) -> Result<(String, Section), Failure> {
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
        let resources = |side: &mut Side| std::mem::take(&mut side.resources);
        let desired = head.as_mut().map(resources).unwrap_or_default();
        let observed = base.as_mut().filter(|_| left.is_none()).map(resources);
        let observed = observed.into_iter().flatten().map(stood).collect();
        let standing = base.as_ref().filter(|_| left.is_none());
        let stacks = [head.as_ref(), standing].into_iter().flatten();
        let stacks: Vec<&Stack> = stacks.map(|side| &side.loaded.stack).collect();
        section.plan = self.plan((desired, observed), &stacks, target)?;
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
        if self.args.format == Report::Github {
            section.fingerprint = fingerprint(&Header::of(&name, &section), &section.plan);
        }
        Ok((name, section))
    }

    /// The working tree's side; `None` when the stack is not in this environment any more.
    fn is(&self, environment: Option<&str>, told: &mut Told) -> Result<Option<Side>, Failure> {
        let Some(written) = &self.head.written else {
            return Ok(None);
        };
        let known = |written: &Written| environment.is_none_or(|name| written.has(name));
        let lacks = !known(written) && self.base.written.as_ref().is_some_and(known);
        if lacks && written.is_usable() {
            return Ok(None);
        }
        // What cannot be read has no environments; that it cannot is told then.
        let environment = environment.filter(|_| !lacks);
        let context = Context {
            ui: self.context.ui,
            global: Global {
                env: environment.map(str::to_owned),
                ..self.context.global.clone()
            },
            here: self.context.here.clone(),
        };
        let (mut loaded, mut all) = load_quietly(&context, Tolerate::Pointers)?;
        let large = large(&loaded, &OURS);
        loaded.keep(&large);
        all.extend(large);
        let new =
            |diagnostic: &Diagnostic| told.insert((diagnostic.code.name, loaded.document.locate(&diagnostic.at).start));
        let fresh: Vec<Diagnostic> = all.into_iter().filter(new).collect();
        context.ui.note(&picture_of(&loaded, &fresh, &context));
        let failed = |loaded: &Loaded, name: &str, error: &ContextError| Err(unbuildable(loaded, name, error));
        side(loaded, &self.head.seen, &failed).map(Some)
    }

    /// The base's side; `None` when it does not have the stack in this environment. What is wrong with it is told.
    fn was(&self, environment: Option<&str>) -> Result<Option<Side>, String> {
        let Some(written) = &self.base.written else {
            return Ok(None);
        };
        let parsed = match self.counterpart(environment) {
            Some(counterpart) => written.said(counterpart.as_deref()),
            None if written.is_usable() => None,
            None => written.said(None), // what is wrong with it is the same in each
        };
        let Some(parsed) = parsed else {
            return Ok(None);
        };
        let Some(stack) = parsed.stack.clone() else {
            return Err(unusable(&parsed.document, &parsed.diagnostics));
        };
        let own = self.context.global.target.as_deref().or(stack.target.as_deref());
        let own = own
            .map(str::parse)
            .transpose()
            .map_err(|error: BadTarget| error.to_string())?;
        let violated = capability::check(&stack, own.unwrap_or(Target::Compose));
        if violated.iter().any(Diagnostic::is_error) {
            return Err(unusable(&parsed.document, &violated));
        }
        let loaded = Loaded {
            file: StackFile {
                text: written.text.clone(),
                ..self.head.file.clone()
            },
            jail: self.base.jail.clone(),
            target: own.unwrap_or(Target::Compose),
            document: parsed.document.clone(),
            warnings: Vec::new(),
            stack,
        };
        // What the base could not build is unknown: its image counts as another.
        side(loaded, &self.base.seen, &|_, _, _| Ok(None))
            .map(Some)
            .map_err(|failure: Failure| failure.text().to_owned())
    }

    fn plan(
        &self,
        (mut desired, mut observed): (Vec<Resource>, Vec<Observed>),
        stacks: &[&Stack],
        target: Target,
    ) -> Result<Plan, Failure> {
        let scope = Scope {
            only: self.args.scope.only.iter().cloned().collect(),
            exclude: self.args.scope.exclude.iter().cloned().collect(),
        };
        if !scope.is_whole() {
            let narrowed = scope.narrow(desired, observed).map_err(|error| out_of_scope(&error))?;
            (desired, observed) = (narrowed.desired, narrowed.observed);
        }
        let own = |name: &String| match stacks.iter().any(|stack| stack.components.contains_key(name)) {
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
        let added = lines::added(self.base.written.as_ref().map_or("", |written| &written.text), text);
        let lines: Vec<&str> = text.lines().collect();
        let environment = section.environment.clone();
        let written = |component: &Component| {
            let overlay = overlay(environment.as_deref(), &component.name);
            let starts = [Some(component.path.clone()), overlay].into_iter().flatten();
            let starts = starts.map(|path| head.loaded.place(&path));
            Lines::new(&lines, &component.name, starts, &added)
        };
        let all = head.loaded.stack.components.iter();
        let all: BTreeMap<&str, _> = all
            .map(|(name, component)| (name.as_str(), written(component)))
            .collect();
        let names = all.keys().copied().collect();
        for change in section
            .plan
            .changes
            .iter_mut()
            .filter(|change| change.action != Action::NoOp)
        {
            let component = owner(change, &names).and_then(|name| all.get(name));
            let cause = component.and_then(|written| written.cause(change));
            if let (Some((line, column)), Some(source)) = (cause, change.source.as_mut()) {
                (source.line, source.column) = (line, column);
            }
        }
    }
}

/// What the policies say: those of the working tree, where the stack goes those that it had; and what becomes of them.
fn violations(head: Option<&Side>, base: Option<&Side>, section: &Section) -> Vec<Violation> {
    let Some(judged) = head.or(base) else {
        return Vec::new();
    };
    let at = |path: &diag::Path| head.and_then(|head| head.loaded.source(path));
    let mut found = judge(
        &judged.loaded.stack,
        &section.target,
        &section.plan,
        &section.models,
        &at,
    );
    if let (Some(head), Some(base)) = (head, base) {
        found.extend(loosened(&base.loaded.stack, &head.loaded.stack, &at));
    }
    found
}

/// An environment whose base cannot be used.
fn not_compared(environment: Option<&str>, head: Option<Side>, why: String) -> (String, Section) {
    let loaded = head.map(|head| head.loaded);
    let target = loaded.as_ref().map(|loaded| loaded.target.name().to_owned());
    let section = Section {
        environment: environment.map(str::to_owned),
        target: target.unwrap_or_default(),
        failure: Some(why),
        ..Section::default()
    };
    (loaded.map(|loaded| loaded.stack.name).unwrap_or_default(), section)
}

/// What is wrong with the stack file of the base, in a line.
fn unusable(document: &Document, all: &[Diagnostic]) -> String {
    let mut errors = all.iter().filter(|diagnostic| diagnostic.is_error());
    let first = errors.next().map(|error| {
        let (line, _) = document.position(&error.at);
        format!(": line {line}: {}", error.label)
    });
    let more = match errors.count() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let first = first.unwrap_or_default();
    format!("the stack file of the base cannot be used{first}{more}")
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

/// What a resource of the base looks like where it stands.
fn stood(resource: Resource) -> Observed {
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
