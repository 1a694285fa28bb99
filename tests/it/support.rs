//! A folder of its own for each test, and one call that runs mlstack in it and says all that came of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A folder with a stack in it, gone when dropped.
pub(crate) struct Sandbox {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Sandbox {
    /// An empty folder that is the root of its own repository, so that no search leaves it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        let variables = Vec::new();
        Self { folder, variables }
    }

    /// Writes `mlstack.yaml`.
    pub(crate) fn stack(self, text: &str) -> Self {
        self.file("mlstack.yaml", text)
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.write(path, bytes);
        self
    }

    /// Copies a folder of this repository in.
    pub(crate) fn copy(self, from: &str) -> Self {
        copy(&repository().join(from), self.path());
        self
    }

    /// Sets a variable for every run.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.variables.push((key.into(), value.into()));
        self
    }

    /// Writes a file again.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Reads a file.
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs mlstack and gives exit code, stdout and stderr as one text. Arguments are split at spaces.
    pub(crate) fn run(&self, arguments: &str) -> String {
        self.run_in(".", arguments)
    }

    /// The same, from a folder below.
    pub(crate) fn run_in(&self, folder: &str, arguments: &str) -> String {
        let output = self
            .command(arguments)
            .current_dir(self.path().join(folder))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| self.filter(&String::from_utf8_lossy(bytes));
        format!(
            "exit: {}\n--- stdout\n{}--- stderr\n{}",
            output
                .status
                .code()
                .map_or("killed".to_owned(), |code| code.to_string()),
            text(&output.stdout),
            text(&output.stderr)
        )
    }

    /// What mlstack prints on stdout.
    pub(crate) fn stdout(&self, arguments: &str) -> String {
        let output = self.command(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// mlstack, ready to run here in an environment that holds nothing of this machine's user.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlstack"));
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .envs(self.variables.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .args(arguments.split_whitespace());
        command
    }

    fn filter(&self, text: &str) -> String {
        let real = self.path().canonicalize().unwrap();
        text.replace(real.to_str().unwrap(), "[DIR]")
            .replace(self.path().to_str().unwrap(), "[DIR]")
    }
}

/// The root of this repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
