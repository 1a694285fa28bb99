//! A review in the forms that others read: a comment, GitHub's runner, a code scanner.
//!
//! Owns where each goes: stdout, and for a runner of GitHub the files that it names. No secret goes to any of them.

use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use mlstack_provider::Value;
use mlstack_provider::redact::redact;

use super::Context;
use super::args::Report;
use super::exit::Exit;
use super::failure::Failure;
use super::load;
use super::plan::{degraded, header, violations};
use super::survey::Survey;
use crate::diag::render::json;
use crate::diag::visible::visible_lines;
use crate::ledger::new_id;
use crate::plan::Plan;
use crate::review::{Review, Section, topology};
use crate::view::{
    COMMENT, Form, Header, SUMMARY, Topic, annotations, fingerprint, markdown, no_plan_json, outputs, review_json,
    sarif,
};

/// The most bytes of a step summary.
const SUMMARY_BYTES: u64 = 1 << 20;

/// In which form a review is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) topic: Topic,
    pub(super) report: Report,
    /// Lines around what differs in a long text.
    pub(super) around: usize,
    /// Whether two sides are compared (`--base`), which has a JSON of its own.
    pub(super) compares: bool,
}

impl Shape {
    /// A comment of at most so many characters.
    fn of(self, most: usize) -> Form {
        Form {
            topic: self.topic,
            most,
            context: self.around,
        }
    }
}

impl From<&super::args::Plan> for Shape {
    fn from(args: &super::args::Plan) -> Self {
        Self {
            topic: Topic::Plan,
            report: args.format,
            around: args.context_lines,
            compares: args.base.is_some(),
        }
    }
}

/// Writes a review in one of the forms that are not for people at a terminal or for any program; `text` is what people
/// read in the log of a job.
pub(super) fn report(
    review: &Review,
    shape: Shape,
    text: &dyn Fn() -> String,
    context: &Context,
) -> Result<(), Failure> {
    match shape.report {
        Report::Markdown => context.ui.out(&markdown(review, shape.of(COMMENT))),
        Report::Sarif => context.ui.out_json(&sarif(review, &from_root(context))),
        Report::Github => github(review, shape, &text(), context)?,
        Report::Text | Report::Json => {}
    }
    Ok(())
}

/// Annotations and the text on stdout, the comment in the summary, the numbers in the outputs.
fn github(review: &Review, shape: Shape, text: &str, context: &Context) -> Result<(), Failure> {
    let unguessable = || new_id().map_err(|error| Failure::of(Exit::Error, &error));
    let (lines, more) = annotations(review, &from_root(context));
    let more = match more {
        0 => String::new(),
        more => format!("{more} more remarks are in the summary.\n"),
    };
    // What stands between the two is not read as commands, whatever it says.
    let token = unguessable()?;
    let text = visible_lines(text.trim_end());
    let log = match text.is_empty() && more.is_empty() {
        true => String::new(),
        false => format!("::stop-commands::{token}\n{text}\n{more}::{token}::\n"),
    };
    context.ui.out(&(lines + &log));
    append(
        "GITHUB_STEP_SUMMARY",
        &markdown(review, shape.of(SUMMARY)),
        SUMMARY_BYTES,
        context,
    )?;
    append("GITHUB_OUTPUT", &outputs(review, &unguessable()?), u64::MAX, context)
}

/// Appends to the file that a runner names, while it stays within `most` bytes.
fn append(variable: &str, text: &str, most: u64, context: &Context) -> Result<(), Failure> {
    let Some(path) = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| !path.as_os_str().is_empty())
    else {
        context
            .ui
            .note(&format!("{variable} is not set: nothing is written to it\n"));
        return Ok(());
    };
    let there = std::fs::metadata(&path).map_or(0, |meta| meta.len());
    let text = redact(text);
    if there + text.len() as u64 > most {
        context
            .ui
            .note(&format!("{variable} is full: nothing is written to it\n"));
        return Ok(());
    }
    let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::new(Exit::Error, format!("cannot write {}: {error}", path.display())))
}

/// The plan of a target as a review: one section, and nothing to compare with but what runs.
pub(super) fn of_target(survey: &Survey, plan: Plan, form: Report) -> Review {
    let loaded = &survey.loaded;
    let stack = Some(&loaded.stack);
    let section = Section {
        environment: loaded.stack.environment.clone(),
        target: loaded.target.name().to_owned(),
        context: Some(survey.place.clone()),
        fingerprint: match form {
            Report::Markdown | Report::Github => fingerprint(&header(survey), &plan),
            // It takes time, and who reads these is not told it, or not from here.
            Report::Text | Report::Json | Report::Sarif => String::new(),
        },
        unsupported: degraded(loaded),
        diagnostics: loaded.warnings.clone(),
        findings: survey.findings.clone(),
        topology: topology(stack, stack, &plan),
        violations: violations(survey, &plan),
        plan,
        ..Section::default()
    };
    Review::of(&loaded.stack.name, section)
}

/// A failure that comes of what the stack file says is reported as well, with all that is wrong with it.
pub(super) fn faulty(failure: Failure, shape: Shape, context: &Context) -> Failure {
    if shape.report == Report::Text || !matches!(failure.exit, Exit::Invalid | Exit::Policy) {
        return failure;
    }
    let review = invalid(context).ok().flatten();
    // A file that is no text has no place to point at.
    let review = review.unwrap_or_else(|| failed(context.global.env.clone(), failure.text()));
    let told = match shape.report {
        Report::Json => {
            context.ui.out_json(&no_plan(&review, shape));
            Ok(())
        }
        _ => report(&review, shape, &String::new, context),
    };
    told.err().unwrap_or(failure)
}

/// What is wrong with the stack file, in every environment or the one that was typed; `None` where nothing is.
fn invalid(context: &Context) -> Result<Option<Review>, Failure> {
    let read = load::read(context, context.global.env.is_none())?;
    let all = load::diagnose(context, &read)?;
    let errors = all.iter().filter(|diagnostic| diagnostic.is_error()).count();
    Ok((errors > 0).then(|| diagnosed(&read, &all, context)))
}

/// A review of which no plan can be made.
fn failed(environment: Option<String>, why: &str) -> Review {
    let section = Section {
        environment,
        failure: Some(why.to_owned()),
        ..Section::default()
    };
    Review::of("", section)
}

/// The JSON of a stack file that cannot be used, in the form in which its plan would be told.
fn no_plan(review: &Review, shape: Shape) -> Value {
    match review.sections.as_slice() {
        [section] if !shape.compares => no_plan_json(
            &Header::of(&review.stack, section),
            section.failure.as_deref().unwrap_or_default(),
            &section.diagnostics,
        ),
        _ => review_json(review),
    }
}

/// The check of a stack file as a review without a plan.
pub(super) fn diagnosed(read: &load::Read, all: &[crate::diag::Diagnostic], context: &Context) -> Review {
    let wrong = all.iter().any(crate::diag::Diagnostic::is_error);
    let stack = read.parsed.stack.as_ref();
    let section = Section {
        environment: context.global.env.clone(),
        target: stack.and_then(|stack| stack.target.clone()).unwrap_or_default(),
        diagnostics: json(&read.source(), all).as_array().cloned().unwrap_or_default(),
        failure: wrong.then(|| "the stack file cannot be used".to_owned()),
        ..Section::default()
    };
    Review::of(stack.map(|stack| stack.name.clone()).unwrap_or_default(), section)
}

/// Turns a path as it was typed here into the path from the root of the repository.
pub(super) fn from_root(context: &Context) -> impl Fn(&str) -> String + use<> {
    let here = context.here.clone();
    let root = here.ancestors().find(|folder| folder.join(".git").exists());
    let root = root.unwrap_or(&here).to_owned();
    move |shown: &str| {
        let full = plain(&here.join(shown));
        let below = full.strip_prefix(&root).unwrap_or(&full);
        below.display().to_string()
    }
}

/// A path without `.` and `..`, by its words alone.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}
