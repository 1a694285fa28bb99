//! `mlstack ci`: writes the workflows of a repository, and never over what somebody else wrote.

use std::path::{Path, PathBuf};

use super::Context;
use super::args::{Ci, CiGitHub, CiGitLab};
use super::exit::Exit;
use super::failure::Failure;
use super::load::{self, Read};
use super::version::{COMMIT, NUMBER};
use crate::ci::{Cron, Environment, GitHub, GitLab, NotPlain, Pinned, Plain, State, github, gitlab, state};
use crate::project::StackFile;
use crate::render::RenderedFile;
use crate::stack::{Options, SecretSource, environments, parse};

/// Where releases of mlstack are, `OWNER/NAME` on GitHub; whoever builds a release says it.
const REPOSITORY: Option<&str> = option_env!("MLSTACK_REPOSITORY");

/// Runs the command.
pub(super) fn run(args: &Ci, context: &Context) -> Result<Exit, Failure> {
    let file = load::stack_file(context)?;
    let (place, files) = match args {
        Ci::Github(args) => (&args.place, for_github(args, &file, context)?),
        Ci::Gitlab(args) => (&args.place, for_gitlab(args, &file, context)?),
    };
    let folder = place
        .out
        .as_ref()
        .map_or_else(|| root(&file), |out| context.here.join(out));
    let states: Vec<_> = files
        .iter()
        .map(|file| look(&folder, file))
        .collect::<Result<Vec<_>, _>>()?;
    refuse_links(&folder, &files)?;
    refuse_foreign(&folder, &files, &states)?;
    refuse_another(&folder, &files)?;
    if place.check {
        return Ok(check(&files, &states, context));
    }
    for file in &files {
        write(&folder.join(&file.path), &file.bytes)?;
        context.ui.note(&format!("Wrote {}", file.path));
    }
    Ok(Exit::Done)
}

/// What somebody else wrote stays as it is, and so does what somebody changed.
fn refuse_foreign(folder: &Path, files: &[RenderedFile], states: &[Option<State>]) -> Result<(), Failure> {
    for (file, state) in files.iter().zip(states) {
        let why = match state {
            Some(State::Foreign) => "is there already and is not mlstack's",
            Some(State::Edited) => "was changed since mlstack wrote it",
            _ => continue,
        };
        let path = folder.join(&file.path);
        return Err(Failure::new(Exit::Error, format!("{} {why}", path.display()))
            .hint("move it away, or `--out DIR` writes to another folder to compare with"));
    }
    Ok(())
}

/// The variable of a workflow that says which stack it is about.
const ABOUT: &str = "MLSTACK_FILE:";

/// Workflows are about one stack: those of another one are not written over.
fn refuse_another(folder: &Path, files: &[RenderedFile]) -> Result<(), Failure> {
    let about = |text: &str| {
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix(ABOUT));
        line.map(|name| name.trim().to_owned())
    };
    for file in files {
        let there = std::fs::read_to_string(folder.join(&file.path)).unwrap_or_default();
        let (is, wanted) = (about(&there), about(&String::from_utf8_lossy(&file.bytes)));
        if let (Some(is), Some(wanted)) = (is, wanted)
            && is != wanted
        {
            let text = format!("{} is about another stack file, {is}, not {wanted}", file.path);
            return Err(Failure::new(Exit::Error, text).hint(
                "take those files away if that stack is no more; `--out DIR` writes these elsewhere, to be renamed and merged",
            ));
        }
    }
    Ok(())
}

fn check(files: &[RenderedFile], states: &[Option<State>], context: &Context) -> Exit {
    let mut exit = Exit::Done;
    for (file, state) in files.iter().zip(states) {
        let said = match state {
            Some(State::Same) => "up to date",
            Some(_) => "out of date",
            None => "missing",
        };
        if *state != Some(State::Same) {
            exit = Exit::Changes;
        }
        context.ui.out(&format!("{}: {said}", file.path));
    }
    exit
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|error| failed("write", path, &error))
}

/// A link on the way would lead what is written to somewhere else.
fn refuse_links(root: &Path, files: &[RenderedFile]) -> Result<(), Failure> {
    let ways = files.iter().flat_map(|file| Path::new(&file.path).ancestors());
    for way in ways.filter(|way| !way.as_os_str().is_empty()) {
        let path = root.join(way);
        if path.is_symlink() {
            let text = format!("{} is a link: nothing is written through it", path.display());
            return Err(Failure::new(Exit::Error, text).hint("put a folder or a file there"));
        }
    }
    Ok(())
}

fn failed(action: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Error, format!("cannot {action} {}: {error}", path.display()))
}

fn for_github(args: &CiGitHub, file: &StackFile, context: &Context) -> Result<Vec<RenderedFile>, Failure> {
    let settings = GitHub {
        branch: branch(&args.place.branch)?,
        file: below_root(file)?,
        action: Pinned::action(&action(args)?).map_err(|error| usage(&error))?,
        version: plain("version", args.release.as_deref().unwrap_or(NUMBER))?,
        runner: plain("runner", &args.runner)?,
        login: args.login.as_deref().map(local_action).transpose()?,
        cron: Cron::new(&args.cron).map_err(|error| usage(&error))?,
        environments: chosen(file, &args.place.apply, context)?,
    };
    Ok(github(&settings, &command()))
}

fn for_gitlab(args: &CiGitLab, file: &StackFile, context: &Context) -> Result<Vec<RenderedFile>, Failure> {
    let settings = GitLab {
        branch: branch(&args.place.branch)?,
        file: below_root(file)?,
        image: Pinned::image(&args.image).map_err(|error| usage(&error))?,
        environments: chosen(file, &args.place.apply, context)?,
    };
    Ok(gitlab(&settings, &command()))
}

/// The action that installs mlstack: the one typed, else that of the commit which this mlstack was built from.
fn action(args: &CiGitHub) -> Result<String, Failure> {
    match (&args.action, REPOSITORY, COMMIT) {
        (Some(action), _, _) => Ok(action.clone()),
        (None, Some(repository), Some(commit)) => Ok(format!("{repository}@{commit}")),
        _ => Err(Failure::new(
            Exit::Usage,
            "this mlstack was not built by a release, so it does not know where one can be had",
        )
        .hint("`--action OWNER/REPOSITORY@COMMIT` names the repository of mlstack and a commit of it")),
    }
}

/// An action of the repository itself: `./PATH`.
fn local_action(path: &str) -> Result<Plain, Failure> {
    if path.starts_with("./") {
        return plain("login", path);
    }
    Err(Failure::new(
        Exit::Usage,
        format!("`{path}` is not an action of the repository itself"),
    )
    .hint("write it as ./.github/actions/login"))
}

/// The environments that are applied: those typed, else all of the file, else the stack as it is.
fn chosen(file: &StackFile, wanted: &[String], context: &Context) -> Result<Vec<Environment>, Failure> {
    let all = environments(&file.text);
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        let failure = Failure::new(Exit::Usage, format!("the stack file has no environment `{unknown}`"));
        return Err(match &all[..] {
            [] => failure.hint("it has none: leave `--apply` out"),
            all => failure.hint(format!("its environments: {}", all.join(", "))),
        });
    }
    let names = if wanted.is_empty() { &all[..] } else { wanted };
    if names.is_empty() {
        return Ok(vec![environment(file, None, context)?]);
    }
    names
        .iter()
        .map(|name| environment(file, Some(name), context))
        .collect()
}

fn environment(file: &StackFile, name: Option<&str>, context: &Context) -> Result<Environment, Failure> {
    let options = Options {
        environment: name.map(str::to_owned),
        every_environment: false,
        today: None,
    };
    let parsed = parse(&file.text, &options);
    let read = Read {
        file: file.clone(),
        parsed,
    };
    let all = &read.parsed.diagnostics;
    let exit = load::exit_of(all);
    let (Exit::Done, Some(stack)) = (exit, &read.parsed.stack) else {
        return Err(Failure::whole(
            exit,
            read.picture(all, context.ui.color_err, context.ui.width),
        ));
    };
    let variables = stack.secrets.values().filter_map(|source| match source {
        SecretSource::Env(variable) => Some(plain("variable", variable)),
        _ => None,
    });
    Ok(Environment {
        name: name.map(|name| plain("environment", name)).transpose()?,
        shown: plain("environment", name.unwrap_or(&stack.name))?,
        secrets: variables.collect::<Result<_, _>>()?,
    })
}

/// The root of the repository that the stack file is in; its own folder where there is none.
fn root(file: &StackFile) -> PathBuf {
    let root = file.root.ancestors().find(|above| above.join(".git").exists());
    root.unwrap_or(&file.root).to_owned()
}

/// The stack file, from the root of its repository.
fn below_root(file: &StackFile) -> Result<Plain, Failure> {
    let below = file.path.strip_prefix(root(file)).unwrap_or(&file.path);
    plain("stack file", &below.to_string_lossy())
}

/// What writes the same again, as it was typed; without what cannot stand in a comment.
fn command() -> String {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--check").collect();
    let words = words.iter().map(|word| {
        if word.contains(' ') {
            format!("'{word}'")
        } else {
            word.clone()
        }
    });
    let line = ["mlstack".to_owned()]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ");
    line.chars().filter(|c| !c.is_control()).collect()
}

/// What stands where a file is to be written; `None` for nothing.
fn look(folder: &Path, file: &RenderedFile) -> Result<Option<State>, Failure> {
    let path = folder.join(&file.path);
    match std::fs::read(&path) {
        Ok(found) => Ok(Some(state(
            &String::from_utf8_lossy(&found),
            &String::from_utf8_lossy(&file.bytes),
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &path, &error)),
    }
}

/// A branch, by its own name or as git writes it in full.
fn branch(name: &str) -> Result<Plain, Failure> {
    plain("branch", name.strip_prefix("refs/heads/").unwrap_or(name))
}

fn plain(what: &'static str, text: &str) -> Result<Plain, Failure> {
    Plain::new(what, text).map_err(|error: NotPlain| usage(&error))
}

fn usage(error: &dyn std::error::Error) -> Failure {
    Failure::of(Exit::Usage, error)
}
