//! Stack files of strangers: paths that leave the folder, texts that steer a terminal, inputs that blow up.
//!
//! `MLSTACK_BLESS=1` rewrites the table of answers in `tests/fixtures/attacks.txt`.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use mlstack::diag::visible::is_hidden;

use crate::bad_stacks::same_as;
use crate::support::{Sandbox, repository};

/// What lies outside and must never be seen.
const OUTSIDE: &str = "outside-content-7f3a9c";

/// Paths that lead out, or to no regular file, as YAML double-quoted texts.
const PATHS: [&str; 27] = [
    "/etc/passwd",
    "//etc/passwd",
    "../outside.txt",
    "app/../../outside.txt",
    "./../outside.txt",
    "..",
    "app/..",
    "/dev/stdin",
    "/proc/self/environ",
    "file:///etc/passwd",
    "FILE://localhost/etc/passwd",
    "~/.ssh/id_rsa",
    "~root/.ssh/id_rsa",
    "C:/Windows/win.ini",
    "..\\\\outside.txt",
    "\\\\\\\\host\\\\share",
    "link-file",
    "link-folder/outside.txt",
    "link-relative",
    "link-chain",
    "link-loop",
    "link-proc",
    "link-device",
    "pipe",
    "socket",
    "with\\0zero",
    "with\\u202eturn",
];

/// Each field that names a file, with `PATH` where it stands.
const FIELDS: [(&str, &str); 7] = [
    (
        "secret file",
        "secrets: { key: { file: \"PATH\" } }\ncomponents: { web: { type: service, image: \"a:1\", resources: { memory: 1Mi }, env: { K: \"${secrets.key.file}\" } } }\n",
    ),
    (
        "sops file",
        "secrets: { key: { sops: { file: \"PATH\", key: a } } }\ncomponents: { web: { type: service, image: \"a:1\", resources: { memory: 1Mi }, env: { K: \"${secrets.key.file}\" } } }\n",
    ),
    (
        "model",
        "components: { api: { type: model-server, model: \"PATH\" } }\n",
    ),
    (
        "model uri",
        "components: { api: { type: model-server, model: { uri: \"PATH\" } } }\n",
    ),
    (
        "build context",
        "components: { web: { type: service, build: \"PATH\", resources: { memory: 1Mi } } }\n",
    ),
    (
        "dockerfile",
        "components: { web: { type: service, build: { context: app, dockerfile: \"PATH\" }, resources: { memory: 1Mi } } }\n",
    ),
    (
        "host folder",
        "components: { web: { type: service, image: \"a:1\", resources: { memory: 1Mi }, volumes: [{ host: \"PATH\", path: /d }] } }\n",
    ),
];

/// A folder full of traps, in it another with the stack.
fn traps() -> Sandbox {
    let sandbox = Sandbox::new()
        .file("outside.txt", OUTSIDE)
        .file("stack/app/Dockerfile", "FROM scratch\n")
        .file(
            "keys.txt",
            std::fs::read(repository().join("tests/fixtures/sops/keys.txt")).unwrap(),
        );
    let root = sandbox.path().join("stack");
    for folder in [root.clone(), root.join("app")] {
        symlink(sandbox.path().join("outside.txt"), folder.join("link-file")).unwrap();
        symlink(sandbox.path(), folder.join("link-folder")).unwrap();
        symlink("../../../../../../../../etc/passwd", folder.join("link-relative")).unwrap();
        symlink("link-file", folder.join("link-chain")).unwrap();
        symlink("link-loop", folder.join("link-loop")).unwrap();
        symlink("/proc/version", folder.join("link-proc")).unwrap();
        symlink("/dev/zero", folder.join("link-device")).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(folder.join("pipe"))
                .status()
                .unwrap()
                .success()
        );
        drop(UnixListener::bind(folder.join("socket")).unwrap());
    }
    let keys = sandbox.path().join("keys.txt").display().to_string();
    sandbox.env("SOPS_AGE_KEY_FILE", &keys).env("CANARY", OUTSIDE)
}

/// Exit code and the lines that say what is wrong.
fn verdict(ran: &str) -> String {
    let exit = ran.lines().next().unwrap_or_default();
    let said = ran.lines().filter_map(|line| {
        let said = ["╰── ", "error: ", "caused by: "]
            .iter()
            .find_map(|sign| Some(line.split_once(sign)?.1));
        said.map(str::trim)
    });
    [exit].into_iter().chain(said).collect::<Vec<_>>().join(" | ")
}

/// Some of these are no attack as a folder to mount: a container gets what it may see already.
fn is_harmless(field: &str, path: &str) -> bool {
    field == "host folder" && ["pipe", "socket"].contains(&path)
}

#[test]
fn no_path_of_a_stack_file_leads_out_of_its_folder() {
    let sandbox = traps();
    let mut table = String::new();
    let mut attacks = 0;
    for (field, text) in FIELDS {
        for path in PATHS.iter().filter(|path| !is_harmless(field, path)) {
            let stack = format!("version: 1\nname: shop\n{}", text.replace("PATH", path));
            sandbox.write("stack/mlstack.yaml", stack);
            let ran = sandbox.run_in("stack", "render");
            assert!(!ran.starts_with("exit: 0"), "{field}: {path}\n{ran}");
            assert!(
                !ran.contains(OUTSIDE) && !ran.contains("root:"),
                "{field}: {path}\n{ran}"
            );
            let _ = writeln!(table, "{field:<13} {path:<28} {}", verdict(&ran));
            attacks += 1;
        }
    }
    assert!(attacks >= 180, "{attacks}");
    assert!(!sandbox.path().join("stack/dist").exists(), "nothing is rendered");
    same_as(&repository().join("tests/fixtures/attacks.txt"), &table).unwrap_or_else(|error| panic!("{error}"));
}

const BUILD: &str =
    "version: 1\nname: shop\ncomponents: { web: { type: service, build: app, resources: { memory: 1Mi } } }\n";

/// Files that nobody names but that are read all the same.
#[test]
fn what_is_read_beside_a_named_file_does_not_lead_out_either() {
    let sandbox = traps();
    sandbox.write("stack/mlstack.yaml", BUILD);
    for link in [
        "link-chain",
        "link-device",
        "link-file",
        "link-folder",
        "link-loop",
        "link-proc",
        "link-relative",
        "pipe",
        "socket",
    ] {
        std::fs::remove_file(sandbox.path().join("stack/app").join(link)).unwrap();
    }
    assert!(sandbox.run_in("stack", "render").starts_with("exit: 0"));
    let app = sandbox.path().join("stack/app");
    for (name, make) in [
        (
            ".dockerignore",
            &(|path: &std::path::Path| symlink("../../outside.txt", path).unwrap()) as &dyn Fn(&std::path::Path),
        ),
        (".dockerignore", &|path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("data.csv", &|path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
    ] {
        make(&app.join(name));
        let ran = sandbox.run_in("stack", "render");
        assert!(ran.starts_with("exit: 1") && !ran.contains(OUTSIDE), "{name}: {ran}");
        std::fs::remove_file(app.join(name)).unwrap();
    }
    // A link of a build context is sent as what it is, and not looked behind.
    let planned = || {
        let ran = sandbox.run_in("stack", "plan --offline --format json");
        assert!(ran.starts_with("exit: 0") && !ran.contains(OUTSIDE), "{ran}");
        ran
    };
    symlink("../../outside.txt", app.join("data.csv")).unwrap();
    let before = planned();
    sandbox.write("outside.txt", format!("{OUTSIDE}, changed"));
    assert_eq!(planned(), before);
}

#[test]
fn a_stack_file_or_a_vault_that_is_a_link_elsewhere_is_not_read() {
    let sandbox = Sandbox::new()
        .file("outside.txt", format!("{OUTSIDE}: ["))
        .file("stack/x", "");
    symlink("../outside.txt", sandbox.path().join("stack/mlstack.yaml")).unwrap();
    insta::assert_snapshot!(sandbox.run_in("stack", "validate"), @"
    exit: 1
    --- stdout
    --- stderr
    error: mlstack.yaml is a link that leads outside its folder
      hint: `--file PATH` names the file itself
    ");
    std::fs::remove_file(sandbox.path().join("stack/mlstack.yaml")).unwrap();
    let generated = FIELDS[0].1.replace("file: \"PATH\"", "generate: 16");
    sandbox.write("stack/mlstack.yaml", format!("version: 1\nname: shop\n{generated}"));
    std::fs::create_dir_all(sandbox.path().join("stack/.mlstack/secrets")).unwrap();
    symlink(
        "../../../outside.txt",
        sandbox.path().join("stack/.mlstack/secrets/key"),
    )
    .unwrap();
    insta::assert_snapshot!(sandbox.run_in("stack", "render"), @"
    exit: 1
    --- stdout
    --- stderr
    error: cannot read the stored secrets: `.mlstack/secrets/key` leads outside the stack file's folder
    ");
}

/// Texts that steer a terminal, hide what stands there, or command a program that reads our output.
#[rustfmt::skip]
const TEXTS: [&str; 44] = [
    "\\e[31mred", "\\e[2J", "\\e[H\\e[2J", "\\e]0;title\\a", "\\e]8;;http://evil\\e\\\\x\\e]8;;\\e\\\\", "\\e]52;c;ZXZpbA==\\a",
    "\\e[?1049h", "\\eP1;1|x\\e\\\\", "\\e_Gx\\e\\\\", "\\e[6n", "\\x9b31m", "\\x90x\\x9c", "\\a\\a", "\\b\\b\\bx", "a\\rb",
    "a\\nb", "a\\vb", "a\\fb", "a\\x7fb", "\\x00x", "\\u202eevil", "\\u202dx", "\\u2066x\\u2069", "\\u2067x", "\\u200ex",
    "\\u200fx", "\\u061cx", "\\u200bx", "\\u200dx", "\\u2060x", "\\ufeffx", "\\u00adx", "\\u2028x", "\\u2029x", "\\u3164x",
    "\\ufe0fx", "\\U000e0041\\U000e007f", "\\u180ex", "\\u115fx", "\\n::error::x", "\\n::set-output name=a::b", "\\n##[error]x",
    "\\n::add-mask::x", "\\N\\_x",
];

#[test]
fn no_text_of_a_stack_file_steers_a_terminal() {
    let sandbox = Sandbox::new();
    let places = [
        "name: \"TEXT\"\ncomponents: { web: { type: service, image: \"a:1\" } }\n",
        "name: shop\ncomponents: { \"TEXT\": { type: service, image: \"a:1\" } }\n",
        "name: shop\n\"TEXT\": 1\ncomponents: { web: { type: \"TEXT\", image: \"TEXT\" } }\n",
        "name: shop\ncomponents: { web: { type: service, image: \"a:1\", resources: { memory: \"TEXT\" }, uses: [\"TEXT\"] } }\n",
        "name: shop\ncomponents: { web: { type: service, image: \"a:1\", env: { A: \"TEXT\", B: \"${TEXT}\" } } }\n",
        "name: shop\ncomponents: { web: { type: service, image: \"a:1\", command: [\"TEXT\"], env: { A: \"TEXT\" } } }\n",
        "name: shop\nsecrets: { key: { file: \"TEXT\" } }\ncomponents: { web: { type: service, image: \"a:1\", env: { A: \"${secrets.key.file}\" } } }\n",
        "name: shop\ncomponents: { web: { type: service, image: \"a:1\", allow_degraded: { \"TEXT\": \"TEXT\" } } }\n",
    ];
    let commands = [
        "plan --offline",
        "validate --format json",
        "plan --offline --format json",
        "render",
    ];
    for (at, place) in places.iter().enumerate() {
        for text in TEXTS {
            sandbox.write("mlstack.yaml", format!("version: 1\n{}", place.replace("TEXT", text)));
            assert_plain(&sandbox.run(commands[at % commands.len()]), text);
            assert_plain(&sandbox.run("validate"), text);
        }
    }
}

#[test]
fn no_argument_steers_a_terminal() {
    let sandbox = Sandbox::new().stack("version: 1\nname: shop\ncomponents: { c: { type: cache } }\n");
    for arguments in [
        ["-e", "\u{1b}[31m\u{202e}x"],
        ["-f", "\u{1b}]0;x\u{7}"],
        ["explain", "\u{1b}[2J"],
        ["-t", "\u{9b}1m"],
    ] {
        let command = if arguments[0] == "explain" {
            "explain"
        } else {
            "validate"
        };
        let typed = arguments.iter().filter(|word| **word != "explain");
        let ran = sandbox.command(command).args(typed).output().unwrap();
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        assert_plain(&said, arguments[1]);
    }
}

fn assert_plain(ran: &str, text: &str) {
    let bad: Vec<char> = ran.chars().filter(|c| is_hidden(*c) || *c == '\r').collect();
    assert!(bad.is_empty(), "{text}: {bad:?}\n{ran}");
    let commands = ran
        .lines()
        .map(str::trim_start)
        .find(|line| line.starts_with("::") || line.starts_with("##["));
    assert_eq!(commands, None, "{text}");
}

/// Inputs that grow while they are read; the last stands for a plain large file.
fn bombs() -> Vec<(&'static str, String)> {
    const MIB: usize = 1 << 20;
    let head = "version: 1\nname: shop\ncomponents:\n";
    let aliases: String = (1..30)
        .map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")))
        .collect();
    let fill = |part: &str| part.repeat(MIB / part.len());
    let keys: String = (0..60_000).map(|n| format!("k{n}: x\n")).collect();
    let components: String = (0..25_000)
        .map(|n| format!("  c{n}: {{ type: service, image: \"a:1\", uses: [c0] }}\n"))
        .collect();
    vec![
        ("aliases", format!("a0: &a0 [x, x]\n{aliases}")),
        ("brackets", fill("[")),
        ("braces", fill("{a: ")),
        ("dashes", fill("- ")),
        ("questions", fill("? ")),
        (
            "indents",
            (0..1440).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>(),
        ),
        ("a long word", format!("{head}  {}", &fill("x")[64..])),
        ("a long text", format!("{head}  \"{}\"", &fill("x\\n")[64..])),
        ("many keys", keys.clone()),
        ("keys twice", format!("{}{}", &keys[..MIB / 2], &keys[..MIB / 2])),
        ("comments", fill("#\n")),
        ("documents", fill("---\n")),
        (
            "references",
            format!(
                "{head}  c: {{ type: service, image: \"a:1\", env: {{ A: \"{}\" }} }}\n",
                "${c.host}".repeat(MIB / 10 - 20)
            ),
        ),
        ("no UTF-8 width", fill("\u{fffd}")),
        ("more than a mebibyte", fill("# x\n") + "# y\n"),
        (
            "components",
            format!(
                "{head}{}",
                &components[..components[..MIB - 40].rfind('\n').unwrap() + 1]
            ),
        ),
    ]
}

/// The shipped program, not only its parser: at most 64 MiB, at most a second (five where it is built for debugging).
#[test]
fn no_stack_file_takes_much_time_or_memory() {
    let sandbox = Sandbox::new();
    let limit = if cfg!(debug_assertions) { 5.0 } else { 1.0 };
    let mut figures = String::new();
    for (name, text) in bombs() {
        sandbox.write("mlstack.yaml", text);
        let mut command = Command::new("python3");
        command.arg(repository().join("tests/judges/watch.py")).args([
            "limits",
            env!("CARGO_BIN_EXE_mlstack"),
            "validate",
        ]);
        let ran = command.current_dir(sandbox.path()).output().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        let (seconds, kib) = (told["seconds"].as_f64().unwrap(), told["kib"].as_u64().unwrap());
        let _ = writeln!(
            figures,
            "{name:<22} {seconds:>5.2} s {:>6.1} MiB, exit {}",
            kib as f64 / 1024.0,
            told["status"]
        );
        assert!(seconds <= limit && kib <= 64 << 10, "{figures}");
    }
    println!("{figures}");
}
