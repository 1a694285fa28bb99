//! `mlstack init`: a ready stack, copied into a folder.

use std::path::{Path, PathBuf};

use super::args::Init;
use super::exit::Exit;
use super::failure::Failure;
use super::ui::Ui;

/// A ready stack, embedded in the executable so that it needs nothing beside it.
struct Ready {
    name: &'static str,
    about: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

macro_rules! files {
    ($stack:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../stacks/", $stack, "/", $path)) as &[u8])),*]
    };
}

const READY: &[Ready] = &[
    Ready {
        name: "minimal",
        about: "one model server",
        files: files!("minimal": "README.md", "mlstack.yaml", "model/diabetes.golden.json", "model/diabetes.onnx", "model/diabetes.signature.json"),
    },
    Ready {
        name: "full",
        about: "model server, database, object store and web page",
        files: files!("full": "README.md", "mlstack.yaml", "model/diabetes.golden.json", "model/diabetes.onnx", "model/diabetes.signature.json"),
    },
    Ready {
        name: "cache-broker",
        about: "a service of your own with a cache and a broker",
        files: files!("cache-broker": "README.md", "mlstack.yaml"),
    },
];

/// Runs the command.
pub(super) fn run(args: &Init, ui: &Ui, here: &Path) -> Result<Exit, Failure> {
    if args.list {
        let lines: Vec<_> = READY
            .iter()
            .map(|ready| format!("{:<14} {}", ready.name, ready.about))
            .collect();
        ui.out(&lines.join("\n"));
        return Ok(Exit::Done);
    }
    let ready = choose(&args.from)?;
    let folder = here.join(&args.folder);
    let name = match &args.name {
        Some(name) => name.clone(),
        None => folder_name(&folder),
    };
    refuse_to_overwrite(ready, &folder)?;
    for (path, bytes) in ready.files {
        let bytes = if *path == "mlstack.yaml" {
            renamed(bytes, ready.name, &name)
        } else {
            bytes.to_vec()
        };
        write(&folder.join(path), &bytes)?;
    }
    ignore_private_files(&folder)?;
    ui.note(&next_steps(&args.folder, &name, ready.name));
    Ok(Exit::Done)
}

/// What was written, and the commands to type next from the current folder.
fn next_steps(folder: &Path, name: &str, from: &str) -> String {
    let here = folder == Path::new(".");
    let file = if here { PathBuf::new() } else { folder.to_owned() }.join("mlstack.yaml");
    let enter = if here {
        String::new()
    } else {
        format!("    cd {}\n", folder.display())
    };
    let file = file.display();
    format!("Wrote {file} (stack `{name}`, from `{from}`). Next:\n\n{enter}    mlstack plan\n    mlstack up")
}

fn choose(name: &str) -> Result<&'static Ready, Failure> {
    let names: Vec<_> = READY.iter().map(|ready| ready.name).collect();
    READY.iter().find(|ready| ready.name == name).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("there is no ready stack `{name}`"))
            .hint(format!("the ready stacks are: {}", names.join(", ")))
    })
}

/// The folder's name as a stack name: lower-case letters, digits and hyphens, a letter first.
fn folder_name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let raw = full
        .file_name()
        .map(|n| n.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let plain: String = raw
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name: String = plain
        .trim_matches(|c: char| !c.is_ascii_lowercase())
        .chars()
        .take(40)
        .collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() {
        "my-stack".to_owned()
    } else {
        name.to_owned()
    }
}

fn refuse_to_overwrite(ready: &Ready, folder: &Path) -> Result<(), Failure> {
    match ready.files.iter().find(|(path, _)| folder.join(path).exists()) {
        None => Ok(()),
        Some((path, _)) => Err(Failure::new(Exit::Error, format!("{path} is there already"))
            .hint("`mlstack init FOLDER` writes to another folder")),
    }
}

fn renamed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(bytes)
        .replacen(&format!("\nname: {from}\n"), &format!("\nname: {to}\n"), 1)
        .into_bytes()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|error| Failure::new(Exit::Error, format!("cannot write {}: {error}", path.display())))
}

fn ignore_private_files(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(".gitignore");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let missing: String = [".mlstack/", "dist/", "*.mlplan"]
        .iter()
        .filter(|line| !text.lines().any(|l| l == **line))
        .map(|line| format!("{line}\n"))
        .collect();
    let newline = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    write(&path, format!("{text}{newline}{missing}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_every_ready_stack_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks");
        let mut on_disk = Vec::new();
        walk(&root, &mut on_disk);
        let mut embedded: Vec<_> = READY
            .iter()
            .flat_map(|r| r.files.iter().map(|(path, _)| root.join(r.name).join(path)))
            .collect();
        embedded.sort();
        on_disk.sort();
        assert_eq!(embedded, on_disk);
    }

    fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else {
                files.push(path);
            }
        }
    }

    #[test]
    fn a_folder_gives_a_name_that_a_stack_can_have() {
        let names: Vec<_> = ["My Stack", "2nd_try", "---", "x"]
            .iter()
            .map(|n| folder_name(&Path::new("/nowhere").join(n)))
            .collect();
        assert_eq!(names, ["my-stack", "nd-try", "my-stack", "x"]);
    }
}
