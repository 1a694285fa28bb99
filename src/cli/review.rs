//! `mlstack plan --offline --base REF`: what the working tree changes, compared with the stack file of a commit, in each
//! environment. Reads git's objects and the user's files; asks nobody, starts nothing.

mod compare;
mod lowered;
mod sides;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Source};

use super::Context;
use super::args::{Plan as Args, Report};
use super::exit::Exit;
use super::failure::Failure;
use super::load::stack_file;
use super::plan::{no_such_data, refuse_lost_data, refuse_violations};
use super::report::{faulty, of_target, report};
use super::survey::Survey;
use crate::plan::Plan;
use crate::project::git::{Commit, GitError, Repository};
use crate::project::{FindError, StackFile};
use crate::review::{Base as Against, Blame, Review};
use crate::view::{review_json, review_text};
use compare::{Compare, Told};
use sides::{Base, Head};

/// Runs the command.
pub(super) fn run(args: &Args, reference: &str, context: &Context) -> Result<Exit, Failure> {
    let review = review(args, reference, context);
    let review = review.map_err(|failure| faulty(failure, args.into(), context))?;
    refuse_misspelt(&args.destroy_data.names, &review)?;
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
    let style = context.ui.style();
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
    let head = Head::find(context)?;
    let repository = Repository::discover(&head.file.root).map_err(|error| no_git(&error))?;
    let commit = repository.commit(reference).map_err(|error| no_git(&error))?;
    let snapshot = repository.snapshot(&commit, &head.file.root);
    let snapshot = snapshot.map_err(|error| no_git(&error))?;
    let base = Base::read(&snapshot, &head.file, context.global.env.as_deref())?;
    whole_stack(&head, &base, reference, context)?;
    let compare = Compare {
        args,
        context,
        base: &base,
        head: &head,
    };
    let mut review = Review {
        base: Some(Against {
            reference: reference.to_owned(),
            commit: commit.id.to_string(),
        }),
        ..Review::default()
    };
    let mut told = Told::new();
    for environment in compare.environments() {
        let (stack, section) = compare.section(environment.as_deref(), &mut told)?;
        review.stack = stack;
        review.sections.push(section);
    }
    if args.why {
        review.why = why(&repository, &head.file, &review).map_err(|error| no_git(&error))?;
    }
    Ok(review)
}

/// Says that all of the stack goes or is new, where one side has no stack file; without either there is nothing to review.
fn whole_stack(head: &Head, base: &Base, reference: &str, context: &Context) -> Result<(), Failure> {
    let shown = &head.file.shown;
    let note = match (&head.written, &base.written) {
        (Some(_), Some(_)) => return Ok(()),
        (None, None) => return Err(nowhere(context, &head.file)),
        (None, Some(_)) => format!("note: there is no {shown} here any more: all of the stack goes"),
        (Some(_), None) => format!("note: {reference} has no {shown}: all of the stack is new"),
    };
    context.ui.note(&note);
    Ok(())
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
    match error.remedy() {
        Some(remedy) => failure.hint(remedy),
        None => failure,
    }
}

/// A name after `--destroy-data` that fits no data of either side. What could not be compared may have it.
fn refuse_misspelt(names: &[String], review: &Review) -> Result<(), Failure> {
    if review.sections.iter().any(|section| section.failure.is_some()) {
        return Ok(());
    }
    let changes = review.sections.iter().flat_map(|section| &section.plan.changes);
    let data: BTreeSet<&Address> = changes.filter(|c| c.protected).map(|c| &c.address).collect();
    let fits = |name: &str| {
        let is_it = |data: &&Address| data.name == name || data.to_string() == name;
        data.iter()
            .any(|data| is_it(data) || data.name.strip_suffix("-data") == Some(name))
    };
    let unmatched: Vec<&str> = names.iter().map(String::as_str).filter(|name| !fits(name)).collect();
    match unmatched.is_empty() {
        true => Ok(()),
        false => Err(no_such_data(&unmatched, data.iter().map(|data| data.name.as_str()))),
    }
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
