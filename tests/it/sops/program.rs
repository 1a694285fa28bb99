//! The real `sops`, as `tests/run` installs it, and age keys made for one test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bech32::{Bech32, Hrp};
use x25519_dalek::{PublicKey, StaticSecret};

/// A key of age: `AGE-SECRET-KEY-1…`, and the recipient that files are encrypted for.
pub(crate) struct Key {
    pub(crate) identity: String,
    pub(crate) recipient: String,
}

impl Key {
    pub(crate) fn new() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).unwrap();
        let secret = StaticSecret::from(bytes);
        let text = |kind: &str, bytes: &[u8]| bech32::encode::<Bech32>(Hrp::parse(kind).unwrap(), bytes).unwrap();
        Self {
            identity: text("age-secret-key-", &bytes).to_uppercase(),
            recipient: text("age", PublicKey::from(&secret).as_bytes()),
        }
    }
}

/// The program, which has a key.
pub(crate) struct Sops {
    program: PathBuf,
    pub(crate) key: Key,
}

impl Sops {
    /// Of `MLSTACK_TEST_SOPS`, else of the search path; says where it was looked for when it is nowhere.
    pub(crate) fn find() -> Result<Self, String> {
        let program = std::env::var_os("MLSTACK_TEST_SOPS").unwrap_or_else(|| "sops".into());
        let asked = Command::new(&program)
            .args(["--version", "--disable-version-check"])
            .output();
        match asked.is_ok_and(|output| output.status.success()) {
            true => Ok(Self {
                program: program.into(),
                key: Key::new(),
            }),
            false => Err(format!(
                "no {} here; `tests/run --prepare` installs it",
                program.display()
            )),
        }
    }

    /// Encrypts `plain` into `folder/name`, whose ending says the format.
    pub(crate) fn write(&self, folder: &Path, name: &str, plain: &str) {
        let draft = folder.join(format!("draft-{name}"));
        std::fs::write(&draft, plain).unwrap();
        let encrypt = ["encrypt", "--age", &self.key.recipient, "--filename-override", name];
        let bytes = self.run(folder, &[&encrypt[..], &[draft.to_str().unwrap()]].concat());
        std::fs::remove_file(&draft).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    /// What it prints; it must succeed.
    pub(crate) fn run(&self, folder: &Path, arguments: &[&str]) -> Vec<u8> {
        let output = self.try_run(folder, arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "sops {arguments:?}: {error}");
        output.stdout
    }

    /// How it ends.
    pub(crate) fn try_run(&self, folder: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.current_dir(folder).stdin(Stdio::null()).args(arguments);
        command.env("SOPS_AGE_KEY", &self.key.identity).output().unwrap()
    }
}
