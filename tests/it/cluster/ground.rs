//! A cluster that is none, and a stack beside it: the real program against the API server's double.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use mlstack_kube_double::Double;
use tokio::runtime::Runtime;

use crate::support::Sandbox;

/// A double and a folder. The double is served by threads of its own while the test waits for the program.
pub(super) struct Ground {
    pub(super) double: Double,
    pub(super) folder: Sandbox,
    _served_by: Runtime,
}

impl Ground {
    /// A server that knows nothing, and a folder whose stacks run on it.
    pub(super) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let double = runtime.block_on(Double::start());
        let folder = Sandbox::new()
            .file("kubeconfig", double.kubeconfig())
            .file("server", server());
        let kubeconfig = folder.path().join("kubeconfig");
        let server = folder.path().join("server");
        let folder = folder
            .env("KUBECONFIG", kubeconfig.to_str().unwrap())
            .env("MLSTACK_SERVER_BIN", server.to_str().unwrap())
            .env("MLSTACK_TARGET", "k8s");
        Self {
            double,
            folder,
            _served_by: runtime,
        }
    }

    /// The same with a stack file.
    pub(super) fn with(stack: &str) -> Self {
        let ground = Self::new();
        ground.folder.write("mlstack.yaml", stack);
        ground
    }

    /// Runs mlstack; what it says without moments, durations, and the steps, which come in any order.
    pub(super) fn run(&self, arguments: &str) -> String {
        let said = self.folder.run(arguments);
        let lines = said.lines().map(steady).filter(|line| !line.starts_with("[TIME]"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Writes the stack file again.
    pub(super) fn edit(&self, from: &str, to: &str) {
        let text = self.folder.read("mlstack.yaml");
        assert!(text.contains(from), "{from} is not in\n{text}");
        self.folder.write("mlstack.yaml", text.replace(from, to));
    }

    /// Somebody else changes an object.
    pub(super) fn meddle(&self, manager: &str, path: &str, patch: &str) {
        self.send(
            &format!("PATCH {path}?fieldManager={manager}"),
            "application/merge-patch+json",
            patch,
        );
    }

    /// Somebody else makes an object, at the path of a list.
    pub(super) fn make(&self, path: &str, object: &str) {
        self.send(&format!("POST {path}"), "application/json", object);
    }

    fn send(&self, call: &str, content: &str, body: &str) {
        let (address, length) = (self.double.url().trim_start_matches("http://"), body.len());
        let head = [
            format!("{call} HTTP/1.1"),
            format!("host: {address}"),
            "connection: close".to_owned(),
            format!("authorization: Bearer {}", self.double.token()),
            format!("content-type: {content}"),
            format!("content-length: {length}"),
        ];
        let mut server = TcpStream::connect(address).unwrap();
        write!(server, "{}\r\n\r\n{body}", head.join("\r\n")).unwrap();
        let mut answer = String::new();
        server.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }

    /// A plan has nothing to do, and looking for that writes nothing.
    pub(super) fn is_settled(&self) {
        self.double.forget_calls();
        let said = self.run("plan --detailed-exitcode");
        assert!(said.starts_with("exit: 0") && said.contains("No changes"), "{said}");
        assert_eq!(self.writes(), Vec::<String>::new());
    }

    /// The writes since `forget_calls`, as `METHOD path`.
    pub(super) fn writes(&self) -> Vec<String> {
        let calls = self.double.calls();
        let writes = calls.iter().filter(|call| call.is_write());
        writes.map(|call| format!("{} {}", call.method, call.path)).collect()
    }
}

/// A line without the moments and durations that differ from run to run.
fn steady(line: &str) -> String {
    let words = line.split(' ').scan("", |before, word| {
        let is_moment =
            word.len() >= 8 && word.bytes().filter(u8::is_ascii_digit).count() >= 6 && word.contains([':', '-']);
        let is_time = *before == "in" && word.parse::<f64>().is_ok();
        *before = word;
        Some(if is_moment || is_time { "[TIME]" } else { word })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The least that passes for a static Linux executable: an ELF header with one segment and no interpreter.
fn server() -> Vec<u8> {
    let mut elf = vec![0; 64 + 56];
    elf[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    elf[16] = 2; // an executable
    elf[18] = 62; // x86-64
    elf[20] = 1;
    elf[32] = 64; // where the table of segments begins
    elf[52] = 64;
    elf[54] = 56;
    elf[56] = 1;
    elf[64] = 1; // loaded
    elf
}
