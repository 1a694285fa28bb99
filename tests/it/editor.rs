//! A real editor's half of the language server protocol, talking to the executable over stdin and stdout.

use std::process::{Command, Stdio};

use crate::judge::{answer, missing};
use crate::support::{Sandbox, repository};

#[test]
fn an_editor_works_with_the_language_server() {
    let tools = std::env::var_os("MLSTACK_TEST_READERS").map(std::path::PathBuf::from);
    let Some(tools) = tools.filter(|folder| folder.join("pygls").is_dir()) else {
        return missing("pygls", "`tests/run --prepare` installs it", true);
    };
    let sandbox = Sandbox::new().copy("examples/diabetes");
    let mut editor = Command::new("python3");
    editor
        .arg(repository().join("tests/judges/editor.py"))
        .arg(env!("CARGO_BIN_EXE_mlstack"))
        .arg(sandbox.path())
        .env("PYTHONPATH", tools);
    insta::assert_snapshot!(answer(&mut editor), @"
    == initialize: mlstack utf-16
    == opened: version 1
    8:36-8:41 Error wrong-unit a wrong unit: `256mb` is not a size: a number with its unit (Ki, Mi, Gi, k, M, G) | help: write `256Mi`
    9:11-9:14 Error unknown-component unknown component: no component is named `dbb` | help: did you mean `db`?
    30:10-30:18 Error unknown-type unknown component type: the type `frontent` is unknown | help: did you mean `frontend`?
    == code actions
    Write `256Mi`: 8:36-8:41 → 256Mi
    Write `db`: 9:11-9:14 → db
    Write `frontend`: 30:10-30:18 → frontend
    == mended: version 4
    == a model that is not there: version 5
    7:11-7:27 Error model-missing the model file does not exist: there is no file `model/other.onnx` | help: check the path, which is relative to the stack file, and whether the file is committed
    == the model is back: version 6
    == hover
    8:28-8:34 **memory** · Memory

    a size, such as `256Mi`

    - `resources.memory` · compose: full · k8s: full

    10:21-10:23 `db` · database: PostgreSQL

    reached at `db:5432` inside the stack

    used by:

    - `predictor` by `uses`, `log_predictions`

    20:10-20:18 `type: database` · PostgreSQL

    - `type: database` · compose: full · k8s: full

    == half a line: version 7
    32:15-32:15 Error syntax this is not valid YAML: a quote is still open here | help: close it on the line where it starts
    == completion: host port address url
    == completion: predictor
    == completion: model-server database object-store frontend cache broker service
    == a whole line: version 8
    == hover on a reference: 32:28-32:31 `http://predictor:8080`

    `url` of `predictor`: the whole address, without credentials
    == definition of {predictor.url: 5:2-5:11
    == definition of uses: [db: 19:2-19:4
    == definition of calls: predictor: 5:2-5:11
    == references: 5:2-5:11 31:11-31:20 32:18-32:27
    == rename: 5:2-5:11 and 3 edits
    == highlights: 5:2-5:11 Write 31:11-31:20 Read 32:18-32:27 Read
    == outline: version(0) name(0) components(4) environments(1)
    == formatting: 1 edits
    == badly laid out: version 9
    32:9-32:9 Error syntax this is not valid YAML: a key does not fit here | help: check the indentation, and quote values with `: ` in them
    == unknown method: -32601
    == closed: version None
    == exit: 0
    ");
}

/// What an editor's mistakes and its death end with.
#[test]
fn the_language_server_ends_as_the_protocol_says() {
    let sandbox = Sandbox::new();
    let ends = |input: &str| {
        let mut command = sandbox.command("lsp --stdio");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let answers = String::from_utf8(output.stdout)
            .unwrap()
            .matches("Content-Length")
            .count();
        (output.status.code(), answers)
    };
    let framed = |json: &str| format!("Content-Length: {}\r\n\r\n{json}", json.len());
    let start = framed(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#);
    let shutdown = framed(r#"{"jsonrpc":"2.0","id":2,"method":"shutdown"}"#);
    let exit = framed(r#"{"jsonrpc":"2.0","method":"exit"}"#);
    assert_eq!(ends(&(start.clone() + &shutdown + &exit)), (Some(0), 2));
    assert_eq!(ends(&(start.clone() + &exit)), (Some(1), 1));
    assert_eq!(ends(&start), (Some(1), 1));
    assert_eq!(ends(""), (Some(1), 0));
    assert_eq!(ends(&(framed("{") + &start + &shutdown + &exit)), (Some(0), 3));
}
