//! A PostgreSQL server of a test's own, in a folder that goes away with it.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mlstack_server::config::LogTarget;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

const PASSWORD: &str = "s3cret of the test";
/// `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

pub(crate) struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    pub(crate) port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// None, and a line that says so, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = find() else {
            eprintln!(
                "NOT RUN: no PostgreSQL found (apt-get install postgresql, or name its folder in MLSTACK_TEST_POSTGRES)"
            );
            return None;
        };
        let folder = tempfile::Builder::new().prefix("mlstack-pg-").tempdir().unwrap();
        std::fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut own = Self {
            folder,
            bin,
            port,
            server: None,
        };
        own.initdb();
        own.up();
        Some(own)
    }

    pub(crate) fn target(&self, queue: usize) -> LogTarget {
        LogTarget {
            host: "127.0.0.1".into(),
            port: self.port,
            user: "ml".into(),
            database: "postgres".into(),
            password_file: Some(self.path("password")),
            queue,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn client(&self) -> Client {
        let text = format!(
            "host=127.0.0.1 port={} user=ml password='{PASSWORD}' dbname=postgres",
            self.port
        );
        let (client, connection) = tokio_postgres::connect(&text, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Starts the server, and waits until it answers.
    pub(crate) fn up(&mut self) {
        let data = self.path("data");
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-F", "-p"])
            .arg(self.port.to_string())
            .arg("-k")
            .arg(self.folder.path());
        self.server = Some(command.spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        let mut ready = self.command("pg_isready");
        ready
            .args(["-q", "-h", "127.0.0.1", "-U", "ml", "-p"])
            .arg(self.port.to_string());
        while !ready.status().unwrap().success() {
            assert!(Instant::now() < until, "PostgreSQL does not start: {}", self.diary());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops the server at once.
    pub(crate) fn down(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let data = self.path("data");
        let stopped = self
            .command("pg_ctl")
            .args(["stop", "-s", "-m", "immediate", "-D"])
            .arg(data)
            .status();
        if stopped.is_err() {
            let _ = server.kill();
        }
        let _ = server.wait();
    }

    fn initdb(&self) {
        if root() {
            chown(self.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut initdb = self.command("initdb");
        initdb.args([
            "-U",
            "ml",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
            "--auth-host=scram-sha-256",
            "--pwfile",
        ]);
        initdb.arg(self.path("password")).arg("-D").arg(self.path("data"));
        assert!(initdb.status().unwrap().success(), "initdb failed: {}", self.diary());
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        let diary = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("diary"))
            .unwrap();
        command
            .stdin(Stdio::null())
            .stdout(diary.try_clone().unwrap())
            .stderr(diary)
            .current_dir(self.folder.path());
        if root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn diary(&self) -> String {
        std::fs::read_to_string(self.path("diary")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.down();
    }
}

fn root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}

/// `MLSTACK_TEST_POSTGRES`, the search path, or where Debian puts it.
fn find() -> Option<PathBuf> {
    let named = std::env::var_os("MLSTACK_TEST_POSTGRES").map(PathBuf::from);
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let complete = |folder: &Path| {
        ["initdb", "postgres", "pg_ctl", "pg_isready"]
            .iter()
            .all(|name| folder.join(name).exists())
    };
    named
        .into_iter()
        .chain(debian)
        .chain(on_path)
        .find(|folder| complete(folder))
}
