//! What can be typed. Raw: nothing here is looked at beyond its spelling.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// One file describes a machine-learning stack; mlstack plans it, shows what changes, and runs it.
#[derive(Debug, Parser)]
#[command(name = "mlstack", version, max_term_width = 100, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Global {
    /// Stack file, or a folder that holds one [default: mlstack.yaml here or in a parent folder]
    #[arg(short, long, global = true, env = "MLSTACK_FILE", value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// Environment to merge over the base
    #[arg(short, long, global = true, env = "MLSTACK_ENV", value_name = "NAME")]
    pub env: Option<String>,
    /// Where the stack runs [default: what the environment says, else compose]
    #[arg(short, long, global = true, env = "MLSTACK_TARGET", value_name = "TARGET")]
    pub target: Option<String>,
    /// When to use colours
    #[arg(
        long,
        global = true,
        env = "MLSTACK_COLOR",
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub color: When,
    /// Say less
    #[arg(short, long, global = true, env = "MLSTACK_QUIET", conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true, env = "MLSTACK_VERBOSE")]
    pub verbose: bool,
    /// Never ask; implied by CI=true and where there is no terminal
    #[arg(long, global = true, env = "MLSTACK_NON_INTERACTIVE")]
    pub non_interactive: bool,
    /// The mlstack-server executable to put in images [default: the one beside mlstack, or built by cargo]
    #[arg(long, global = true, env = "MLSTACK_SERVER_BIN", value_name = "FILE")]
    pub server_bin: Option<PathBuf>,
    /// Where the ledger is kept: a folder, s3://BUCKET/PREFIX?endpoint=URL, or postgres://USER@HOST/DATABASE
    /// [default: .mlstack beside the stack file; of k8s the namespace of the stack]
    #[arg(
        long,
        global = true,
        env = "MLSTACK_LEDGER",
        value_name = "URL",
        hide_env_values = true
    )]
    pub ledger: Option<String>,
    /// Of k8s: the context of the kubeconfig [default: the current one]
    #[arg(long, global = true, env = "MLSTACK_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
    /// Whether to lock the stack on the engine itself; auto does so where the engine may be shared (DOCKER_HOST=tcp://…)
    #[arg(
        long,
        global = true,
        env = "MLSTACK_LOCK_ENGINE",
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub lock_engine: When,
}

/// When to do something that depends on the surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// Where it helps
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start a stack in this folder
    Init(Init),
    /// Check the stack file
    Validate(Validate),
    /// Show what apply would change; changes nothing
    Plan(Plan),
    /// Make what runs match the stack file
    Apply(Apply),
    /// Apply without asking, then show the addresses to open
    Up(Up),
    /// Take the stack down; keeps data unless it is named
    Destroy(Destroy),
    /// Show what changed behind mlstack's back; changes nothing
    Drift(Drift),
    /// Bring back what ran well before; data stays as it is
    Rollback(Rollback),
    /// Show who changed the stack, when, and how it ended
    History(History),
    /// Free the lock of a run that is no more; says who holds it
    Unlock(Unlock),
    /// Write the target's own files below dist/
    Render(Render),
    /// Show what runs
    Status(Status),
    /// Show what the containers print
    Logs(Logs),
    /// Build, push or look at the image of server and model
    #[command(subcommand)]
    Image(Image),
    /// Post or update the one comment of a pull request
    Comment(Comment),
    /// Explain a diagnostic code
    Explain(Explain),
    /// Print a JSON Schema
    Schema(Schema),
    /// Check that this machine can run stacks
    Doctor(Doctor),
    /// Format the stack file
    Fmt(Fmt),
    /// Write the workflows that plan, comment, apply and look for drift
    #[command(subcommand)]
    Ci(Ci),
    /// Print what completes commands and flags in a shell
    Completions(Completions),
    /// Print the manual page, or write one for each command
    Man(Man),
    /// Answer an editor about stack files, on stdin and stdout
    Lsp(Lsp),
    /// Print the version
    Version(Version),
}

/// `init`
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Which ready stack to start from
    #[arg(long, value_name = "STACK", default_value = "minimal")]
    pub from: String,
    /// The stack's name [default: the folder's]
    #[arg(long)]
    pub name: Option<String>,
    /// List the ready stacks
    #[arg(long)]
    pub list: bool,
    /// The folder to write to
    #[arg(default_value = ".")]
    pub folder: PathBuf,
}

/// `validate`
#[derive(Debug, Args)]
pub(super) struct Validate {
    /// How to print what was found
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Check,
}

/// `plan`
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// Seal the plan into a file for `mlstack apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How to print the plan
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Report,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Open no connection and start no process: compare with an empty target
    #[arg(long)]
    pub offline: bool,
    /// Compare with the stack file of a commit, in each environment: what a pull request changes
    #[arg(long, value_name = "REF", requires = "offline", conflicts_with = "out")]
    pub base: Option<String>,
    /// Tell who wrote the line of the stack file that each change comes from, as git knows it
    #[arg(long)]
    pub why: bool,
    /// Lines to show around what differs in a long text
    #[arg(short = 'C', long, value_name = "N", default_value = "3")]
    pub context_lines: usize,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub destroy_data: DestroyData,
    #[command(flatten)]
    pub takeover: Takeover,
}

/// `drift`
#[derive(Debug, Args)]
pub(super) struct Drift {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Report,
    /// Exit with 2 when what runs is not what mlstack would send
    #[arg(long)]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    pub scope: Scope,
}

/// Leave to lose data.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct DestroyData {
    /// Data that may be lost, by name; can be repeated
    #[arg(long = "destroy-data", value_name = "NAME")]
    pub names: Vec<String>,
}

/// Leave to take over what is somebody else's.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Takeover {
    /// Of k8s: make objects part of the stack that exist already and are not
    #[arg(long)]
    pub adopt: bool,
    /// Of k8s: take over fields that somebody else manages
    #[arg(long)]
    pub force_conflicts: bool,
}

/// A part of the stack.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Scope {
    /// Only these components (or addresses, such as volume/db-data) and what they need
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// All but these components, and but what cannot be made without them
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub exclude: Vec<String>,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How to print what others review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Report {
    /// For people
    Text,
    /// For programs
    Json,
    /// As the comment of a pull request, of at most 65,536 characters
    Markdown,
    /// For a job of GitHub Actions: annotations, the step's summary and outputs
    Github,
    /// For code scanners: SARIF 2.1.0
    Sarif,
}

/// How to print what is wrong with a stack file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Check {
    /// For people
    Text,
    /// For programs
    Json,
    /// For code scanners: SARIF 2.1.0
    Sarif,
}

/// Flags of everything that waits for a rollout.
#[derive(Clone, Debug, Args)]
pub(super) struct Rollout {
    /// How long all of it may take, such as 90s or 10m
    #[arg(long, value_name = "DURATION", env = "MLSTACK_TIMEOUT")]
    pub timeout: Option<String>,
    /// How many things to do at once
    #[arg(long, value_name = "N", env = "MLSTACK_PARALLELISM")]
    pub parallelism: Option<usize>,
    /// What to do when something fails: stop keeps what was done, rollback brings back every service of this run
    #[arg(long, value_name = "WHAT", env = "MLSTACK_ON_FAILURE", default_value = "stop")]
    pub on_failure: OnFailure,
    /// Write what happens to a file as well, one JSON object a line
    #[arg(long, value_name = "FILE", env = "MLSTACK_EVENTS")]
    pub events: Option<PathBuf>,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub destroy_data: DestroyData,
    #[command(flatten)]
    pub takeover: Takeover,
}

/// What to do when a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OnFailure {
    /// Keep what was done; applying again does the rest
    Stop,
    /// Bring back every service of this run as it was; data stays as it is
    Rollback,
}

/// `rollback`
#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The number of a good revision, as `mlstack history` shows it [default: the last one that is not running]
    #[arg(value_name = "REV")]
    pub revision: Option<u64>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub rollout: Rollout,
}

/// `apply`
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// A sealed plan: do exactly this, or nothing
    #[arg(value_name = "PLAN", conflicts_with_all = ["only", "exclude"])]
    pub plan: Option<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Do only the plan of this fingerprint, and do not ask: what was reviewed, or nothing
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "plan")]
    pub approved: Option<String>,
    #[command(flatten)]
    pub rollout: Rollout,
}

/// `up`
#[derive(Debug, Args)]
pub(super) struct Up {
    #[command(flatten)]
    pub rollout: Rollout,
}

/// `destroy`
#[derive(Debug, Args)]
pub(super) struct Destroy {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub rollout: Rollout,
}

/// `history`
#[derive(Debug, Args)]
pub(super) struct History {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// `unlock`
#[derive(Debug, Args)]
pub(super) struct Unlock {
    /// The lock to free; without it, only says who holds it
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// `render`
#[derive(Debug, Args)]
pub(super) struct Render {
    /// The folder to write to [default: dist/TARGET]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Of k8s: also write what makes this tool watch the folder
    #[arg(long, value_name = "TOOL", requires = "repo")]
    pub gitops: Option<GitOps>,
    /// Of `--gitops`: the URL of the repository that the folder is committed to
    #[arg(long, value_name = "URL", requires = "gitops")]
    pub repo: Option<String>,
}

/// Tools that apply what they find in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GitOps {
    /// Argo CD: an Application
    Argocd,
    /// Flux: a GitRepository and a Kustomization
    Flux,
}

/// `status`
#[derive(Debug, Args)]
pub(super) struct Status {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// `logs`
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Components to show [default: all]
    pub components: Vec<String>,
    /// Go on as new lines come; here `-f` means this, and the stack file is `--file`
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// Stack file, or a folder that holds one
    // The same id as the global flag, so that clap does not hand the global one, with its `-f`, down to here.
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// How many lines to start with
    #[arg(long, value_name = "N", default_value = "100")]
    pub tail: u32,
}

/// `image`
#[derive(Debug, Subcommand)]
pub(super) enum Image {
    /// Pack server and model into an image; needs no Docker
    Build(ImageBuild),
    /// Send the image to a registry
    Push(ImagePush),
    /// Show layers, digests and settings of an image file
    Inspect(ImageInspect),
}

/// `image build`
#[derive(Debug, Args)]
pub(super) struct ImageBuild {
    /// The component [default: the only one with a bundled image]
    pub component: Option<String>,
    /// Pack mlstack itself, with the mlstack-server beside it: this one, or the static executable named
    #[arg(long = "self", value_name = "FILE", num_args = 0..=1, default_missing_value = "/proc/self/exe", conflicts_with = "component")]
    pub itself: Option<PathBuf>,
    /// Write a tar here, or an OCI layout where the path ends in a slash
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<String>,
    /// How to print what was built
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// `image push`
#[derive(Debug, Args)]
pub(super) struct ImagePush {
    /// Where to, such as registry.example.com/team/predictor:1
    pub reference: String,
    /// The component [default: the only one with a bundled image]
    #[arg(long)]
    pub component: Option<String>,
    /// User name [default: what `docker login` stored]
    #[arg(long, env = "MLSTACK_REGISTRY_USER")]
    pub username: Option<String>,
    /// File with the password or token
    #[arg(long, value_name = "FILE", env = "MLSTACK_REGISTRY_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
}

/// `image inspect`
#[derive(Debug, Args)]
pub(super) struct ImageInspect {
    /// A tar, or the folder of an OCI layout
    pub path: PathBuf,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// `comment`
#[derive(Debug, Args)]
pub(super) struct Comment {
    /// The comment, as `plan --format markdown` writes it; - for stdin
    #[arg(value_name = "FILE", default_value = "-")]
    pub body: PathBuf,
    /// The repository, as OWNER/NAME; of GitLab the project's path or number [default: the job's]
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// The number of the pull or merge request [default: the one that the job is about]
    #[arg(long, value_name = "NUMBER")]
    pub pr: Option<u64>,
    /// File with the token [default: the variable GITHUB_TOKEN, of GitLab GITLAB_TOKEN]
    #[arg(long, value_name = "FILE", env = "MLSTACK_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Whose comment it is, where the token cannot tell [default: github-actions[bot]]
    #[arg(long, value_name = "LOGIN", env = "MLSTACK_COMMENT_AUTHOR")]
    pub author: Option<String>,
    /// Take the comment away when nothing changes
    #[arg(long)]
    pub delete_when_empty: bool,
    /// The merge request of a GitLab
    #[arg(long)]
    pub gitlab: bool,
}

/// `explain`
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A code, such as mlstack::unknown-field; all codes when left out
    pub code: Option<String>,
}

/// `schema`
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// What the schema describes
    pub what: SchemaOf,
}

/// The schemas there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// The stack file
    Stack,
    /// `plan --format json`
    Plan,
    /// `plan --base REF --format json`
    Review,
    /// A line of `apply --events FILE`
    Events,
}

/// `doctor`
#[derive(Debug, Args)]
pub(super) struct Doctor {}

/// `lsp`
#[derive(Debug, Args)]
pub(super) struct Lsp {
    /// Speak over stdin and stdout: what editors ask for, and all there is
    #[arg(long)]
    pub stdio: bool,
}

/// `fmt`
#[derive(Debug, Args)]
pub(super) struct Fmt {
    /// Change nothing; exit with 1 when the file is not formatted
    #[arg(long)]
    pub check: bool,
}

/// `completions`
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write a page for each command to this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `version`
#[derive(Debug, Args)]
pub(super) struct Version {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// `ci`
#[derive(Debug, Subcommand)]
pub(super) enum Ci {
    /// Write .github/workflows/mlstack-*.yml
    Github(CiGitHub),
    /// Write .gitlab/mlstack.yml, to be included
    Gitlab(CiGitLab),
}

/// What the workflows of every service are made for.
#[derive(Debug, Args)]
pub(super) struct CiWhere {
    /// The folder to write to [default: the root of the repository]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write nothing; exit with 2 when the files are not what would be written
    #[arg(long)]
    pub check: bool,
    /// The branch whose stack file is applied
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub branch: String,
    /// Environments to apply and watch, one after the other [default: all of the stack file]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub apply: Vec<String>,
}

/// `ci github`
#[derive(Debug, Args)]
pub(super) struct CiGitHub {
    #[command(flatten)]
    pub place: CiWhere,
    /// The action that installs mlstack: OWNER/REPOSITORY@COMMIT [default: of the commit that this mlstack was built from]
    #[arg(long, value_name = "ACTION", env = "MLSTACK_ACTION")]
    pub action: Option<String>,
    /// The version of mlstack to install [default: this one]
    #[arg(long, value_name = "VERSION")]
    pub release: Option<String>,
    /// What runs the jobs that reach the target
    #[arg(long, value_name = "LABEL", default_value = "ubuntu-24.04")]
    pub runner: String,
    /// An action of the repository that logs in to the target, such as ./.github/actions/login [default: the secret
    /// MLSTACK_KUBECONFIG]
    #[arg(long, value_name = "PATH")]
    pub login: Option<String>,
    /// When to look for drift
    #[arg(long, value_name = "CRON", default_value = "17 5 * * *")]
    pub cron: String,
}

/// `ci gitlab`
#[derive(Debug, Args)]
pub(super) struct CiGitLab {
    #[command(flatten)]
    pub place: CiWhere,
    /// An image with mlstack and a shell, by its digest: NAME@sha256:DIGEST
    #[arg(long, value_name = "IMAGE", env = "MLSTACK_CI_IMAGE")]
    pub image: String,
}
