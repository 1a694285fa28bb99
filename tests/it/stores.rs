//! The contract of everything a ledger can be kept in, on each of them for real.
//!
//! One test a store, so that its server starts once; each case has a stack of its own there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlstack::ledger::{Holder, LedgerError, Location, Namespace, Process, Store, Who};
use mlstack_kube_double::Double;
use mlstack_provider_kubernetes::Cluster;

mod namespace;
mod servers;

use servers::Server;

/// Short, so that a lease that ends does so soon.
const LEASE: Duration = Duration::from_secs(3);
/// Longer than a lease lasts, in a store whose clock tells whole seconds, on a busy machine.
const OVER: Duration = Duration::from_secs(30);

/// Where a case keeps its ledger.
#[derive(Clone)]
struct Place {
    url: Option<String>,
    variables: Vec<(String, String)>,
    root: String,
    stack: String,
}

impl Place {
    fn store(&self) -> Arc<dyn Store> {
        if let Some(url) = self.url.as_deref().and_then(|url| url.strip_prefix(CLUSTER)) {
            let cluster = Cluster::plain(url, "default").unwrap();
            return Arc::new(Namespace::new(cluster, &self.stack, LEASE));
        }
        let location = Location {
            typed: self.url.as_deref(),
            root: Path::new(&self.root),
            here: Path::new(&self.root),
            stack: &self.stack,
            variables: &self.variables,
            lease: LEASE,
        };
        location.store().unwrap()
    }

    fn is_local(&self) -> bool {
        self.url.is_none()
    }

    /// A process that takes the lock, says so, and says when it has lost it.
    fn holding(&self, id: &str, machine: &str) -> (Child, BufReader<std::process::ChildStdout>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "stores::child_that_holds_the_lock", "--nocapture"])
            .env(
                CHILD,
                [self.url.as_deref().unwrap_or(""), &self.root, &self.stack, id, machine].join("\n"),
            )
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        wait_for(&mut told, "held");
        (child, told)
    }
}

/// Before the URL of a cluster whose namespace `default` keeps the ledger.
const CLUSTER: &str = "cluster:";
const CHILD: &str = "MLSTACK_TEST_STORES_CHILD";

/// Not a test by itself: holds the lock named by [`CHILD`] until it is killed.
#[test]
fn child_that_holds_the_lock() {
    let Ok(given) = std::env::var(CHILD) else { return };
    let [url, root, stack, id, machine] = given.split('\n').collect::<Vec<_>>()[..] else {
        panic!("five lines")
    };
    let place = Place {
        url: (!url.is_empty()).then(|| url.to_owned()),
        variables: std::env::vars()
            .filter(|(name, _)| name.starts_with("AWS_") || name == "PGPASSWORD")
            .collect(),
        root: root.to_owned(),
        stack: stack.to_owned(),
    };
    block(async {
        let lock = place.store().lock(&holder(id, machine)).await.unwrap();
        println!("\nheld");
        while !lock.is_lost() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        println!("\nlost");
        std::future::pending::<()>().await;
    });
}

fn wait_for(told: &mut BufReader<std::process::ChildStdout>, word: &str) {
    let mut line = String::new();
    while line.trim() != word {
        line.clear();
        assert!(
            told.read_line(&mut line).unwrap() > 0,
            "the child ended before it said `{word}`"
        );
    }
}

/// `machine`: `here` for this process, or another's name.
fn holder(id: &str, machine: &str) -> Holder {
    let who = Who {
        user: "ann@build-7".into(),
        run_url: Some("https://ci.example/7".into()),
    };
    let holder = Holder::new(id.into(), who, "apply", "2026-11-23T07:45:14Z".into());
    let process = match machine {
        "here" => holder.process,
        machine => Process {
            machine: machine.into(),
            ..holder.process
        },
    };
    Holder { process, ..holder }
}

fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

fn end(mut child: Child) {
    let _gone = child.kill();
    child.wait().unwrap();
}

type Case = (&'static str, fn(&Place));

const CASES: &[Case] = &[
    ("nothing is there at first, and looking makes nothing", nothing_at_first),
    (
        "what is written is read, and every write is another version",
        written_and_read,
    ),
    ("a stale write is refused and changes nothing", stale_write),
    ("a write whose answer was lost has happened", lost_answer_of_a_write),
    ("of 32 who write over one version, one succeeds", many_writers),
    (
        "of 32 who want the lock, one gets it; the others learn who",
        many_contenders,
    ),
    ("a lock is free when it is dropped", dropped_lock),
    ("a lock that is renewed lasts longer than its time", renewed_lock),
    ("our own lock is ours when the answer was lost", lost_answer_of_a_lock),
    (
        "a lock whose process was killed here is taken over at once, by one",
        killed_holder,
    ),
    (
        "a lock that nobody renews is taken over, by one, and its holder knows",
        frozen_holder,
    ),
    ("unlock wants the right id and spares who is at work", unlock),
    ("the journal keeps lines in order until it is emptied", journal),
    ("stacks do not meet", two_stacks),
];

fn contract(url: Option<&str>, variables: &[(String, String)]) {
    let only = std::env::var("MLSTACK_TEST_CASE").unwrap_or_default();
    for (number, (name, case)) in CASES.iter().enumerate().filter(|(_, (name, _))| name.contains(&only)) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            url: url.map(str::to_owned),
            variables: variables.to_vec(),
            root: folder.path().to_str().unwrap().to_owned(),
            stack: format!("stack{number}"),
        };
        let begun = Instant::now();
        case(&place);
        say(&format!("{:>6.2} s  {name}", begun.elapsed().as_secs_f64()));
    }
}

#[expect(clippy::print_stderr, reason = "what was run, in the test's output")]
fn say(line: &str) {
    eprintln!("{line}");
}

#[test]
fn a_folder_keeps_the_contract() {
    contract(None, &[]);
}

#[test]
fn a_namespace_keeps_the_contract() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let double = runtime.block_on(Double::start_at_speed(1));
    contract(Some(&format!("{CLUSTER}{}", double.url())), &[]);
}

#[test]
fn seaweedfs_keeps_the_contract() {
    if let Some(server) = Server::seaweedfs() {
        contract(Some(&server.url), &server.variables);
        finds_its_key_in_a_profile(&server);
    }
}

#[test]
fn moto_keeps_the_contract() {
    if let Some(server) = Server::moto() {
        contract(Some(&server.url), &server.variables);
        refuses_a_bucket_that_is_missing(&server);
    }
}

#[test]
fn postgresql_keeps_the_contract() {
    if let Some(server) = Server::postgres(false) {
        contract(Some(&server.url), &server.variables);
    }
}

#[test]
fn postgresql_keeps_the_contract_over_tls_and_says_what_is_wrong_with_it() {
    let (Some(tls), Some(plain)) = (Server::postgres(true), Server::postgres(false)) else {
        return;
    };
    contract(Some(&tls.url), &tls.variables);
    let port = |server: &Server| server.url.split([':', '/']).nth(4).unwrap().to_owned();
    let (with, without) = (port(&tls), port(&plain));
    let authority = tls.url.split("sslrootcert=").nth(1).unwrap();
    let known = format!("sslrootcert={authority}");
    let told: Vec<String> = [
        format!("ml@ledger.test:{with}/postgres?hostaddr=127.0.0.1&{known}"),
        format!("strict@127.0.0.1:{with}/postgres?sslmode=require&{known}"),
        format!("strict@127.0.0.1:{with}/postgres"),
        format!("ml@other.test:{with}/postgres?hostaddr=127.0.0.1&{known}"),
        format!("ml@ledger.test:{with}/postgres?hostaddr=127.0.0.1"),
        format!("ml@127.0.0.1:{with}/postgres?sslmode=require&sslrootcert=/missing.pem"),
        format!("ml@ledger.test:{without}/postgres?hostaddr=127.0.0.1"),
        format!("ml@ledger.test:{without}/postgres?hostaddr=127.0.0.1&sslmode=disable"),
    ]
    .iter()
    .map(|rest| {
        let line = format!(
            "{rest}\n    {}",
            reached(&format!("postgres://{rest}"), &plain.variables)
        );
        let line = line.replace(&with, "TLS").replace(&without, "PLAIN");
        line.replace(authority, "AUTHORITY")
    })
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    ml@ledger.test:TLS/postgres?hostaddr=127.0.0.1&sslrootcert=AUTHORITY
        read
    strict@127.0.0.1:TLS/postgres?sslmode=require&sslrootcert=AUTHORITY
        cannot reach postgres://127.0.0.1/postgres
        caused by: db error
        caused by: FATAL: role "strict" does not exist
    strict@127.0.0.1:TLS/postgres
        cannot reach postgres://127.0.0.1/postgres
        caused by: db error
        caused by: FATAL: pg_hba.conf rejects connection for host "127.0.0.1", user "strict", database "postgres", no encryption
    ml@other.test:TLS/postgres?hostaddr=127.0.0.1&sslrootcert=AUTHORITY
        cannot reach postgres://other.test/postgres
        caused by: the server's certificate is for another name (ledger.test, 127.0.0.1); write that as the host
        caused by: error performing TLS handshake
        caused by: invalid peer certificate: certificate not valid for name "other.test"; certificate is only valid for DnsName("ledger.test") or IpAddress(127.0.0.1)
    ml@ledger.test:TLS/postgres?hostaddr=127.0.0.1
        cannot reach postgres://ledger.test/postgres
        caused by: nobody that this machine trusts signed the server's certificate; name the file of the authority that did: `sslrootcert=FILE`
        caused by: error performing TLS handshake
        caused by: invalid peer certificate: UnknownIssuer
    ml@127.0.0.1:TLS/postgres?sslmode=require&sslrootcert=/missing.pem
        cannot read the certificates in /missing.pem
        caused by: No such file or directory (os error 2)
    ml@ledger.test:PLAIN/postgres?hostaddr=127.0.0.1
        cannot reach postgres://ledger.test/postgres
        caused by: the server offers no TLS; where nobody can listen in on the way: `sslmode=disable`
        caused by: error performing TLS handshake
        caused by: server does not support TLS
    ml@ledger.test:PLAIN/postgres?hostaddr=127.0.0.1&sslmode=disable
        read
    "#);
}

/// Whether a ledger can be read there, and why not.
fn reached(url: &str, variables: &[(String, String)]) -> String {
    let place = Place {
        url: Some(url.to_owned()),
        variables: variables.to_vec(),
        root: String::new(),
        stack: "one".into(),
    };
    let Err(error) = block(async { place.store().read().await }) else {
        return "read".into();
    };
    let mut told = error.to_string();
    let mut next = std::error::Error::source(&error);
    while let Some(cause) = next {
        told = told + "\n    caused by: " + &cause.to_string();
        next = cause.source();
    }
    told
}

/// Key and region are in the files of the AWS command line alone.
fn finds_its_key_in_a_profile(server: &Server) {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let value = |wanted: &str| &server.variables.iter().find(|(name, _)| name == wanted).unwrap().1;
    let (key, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
    let keys = format!(
        "[team]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n\
         [other]\naws_access_key_id = {key}\naws_secret_access_key = wrong\n"
    );
    std::fs::write(home.path().join(".aws/credentials"), keys).unwrap();
    std::fs::write(home.path().join(".aws/config"), "[profile team]\nregion = us-east-1\n").unwrap();
    let place = |profile: &str| Place {
        url: Some(server.url.replace("&region=us-east-1", "")),
        variables: vec![
            ("HOME".into(), home.path().to_str().unwrap().into()),
            ("AWS_PROFILE".into(), profile.into()),
        ],
        root: String::new(),
        stack: "profile".into(),
    };
    block(async {
        place("team").store().write("one", None).await.unwrap();
        assert_eq!(place("team").store().read().await.unwrap().unwrap().0, "one");
        assert!(
            place("other").store().read().await.is_err(),
            "the key of the profile is used"
        );
    });
}

fn refuses_a_bucket_that_is_missing(server: &Server) {
    let place = Place {
        url: Some(server.url.replace("s3://ledgers/", "s3://misspelt/")),
        variables: server.variables.clone(),
        root: String::new(),
        stack: "one".into(),
    };
    let error = block(async { place.store().lock(&holder("h", "here")).await.unwrap_err() });
    assert_eq!(error.to_string(), "there is no bucket `misspelt`");
}

fn nothing_at_first(place: &Place) {
    block(async {
        let store = place.store();
        assert!(store.read().await.unwrap().is_none());
        assert!(store.holder().await.unwrap().is_none());
        assert_eq!(store.journal().await.unwrap(), "");
        store.clear().await.unwrap();
        store.unlock("any").await.unwrap();
        let shown = store.shown();
        assert!(!shown.contains("secret") && !shown.contains('@'), "{shown}");
    });
    assert_eq!(std::fs::read_dir(&place.root).unwrap().count(), 0);
}

fn written_and_read(place: &Place) {
    block(async {
        let store = place.store();
        let first = store.write("one", None).await.unwrap();
        assert_eq!(store.read().await.unwrap().unwrap(), ("one".to_owned(), first.clone()));
        let second = store.write("two ü\n", Some(&first)).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(
            place.store().read().await.unwrap().unwrap(),
            ("two ü\n".to_owned(), second)
        );
    });
}

fn stale_write(place: &Place) {
    block(async {
        let store = place.store();
        let first = store.write("one", None).await.unwrap();
        let second = store.write("two", Some(&first)).await.unwrap();
        for over in [None, Some(&first)] {
            let error = place.store().write("other", over).await.unwrap_err();
            assert!(matches!(error, LedgerError::Overtaken { .. }), "{error}");
        }
        assert_eq!(store.read().await.unwrap().unwrap(), ("two".to_owned(), second));
    });
}

fn lost_answer_of_a_write(place: &Place) {
    block(async {
        let store = place.store();
        let first = store.write("one", None).await.unwrap();
        let again = store.write("one", None).await.unwrap();
        let second = store.write("two", Some(&again)).await.unwrap();
        assert_eq!(store.write("two", Some(&first)).await.unwrap(), second);
    });
}

fn many_writers(place: &Place) {
    let won = block(async {
        let first = place.store().write("one", None).await.unwrap();
        let tasks: Vec<_> = (0..32)
            .map(|n| {
                let (store, first) = (place.store(), first.clone());
                tokio::spawn(async move { store.write(&format!("{n}"), Some(&first)).await.is_ok() })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            won += usize::from(task.await.unwrap());
        }
        won
    });
    // A folder is written with its lock in hand only: there, writers at once are told apart as far as one looks.
    assert!(won == 1 || (place.is_local() && won >= 1), "{won} won");
}

fn many_contenders(place: &Place) {
    block(async {
        let tasks: Vec<_> = (0..32)
            .map(|n| {
                let store = place.store();
                tokio::spawn(async move { store.lock(&holder(&format!("h{n}"), "here")).await })
            })
            .collect();
        let (mut locks, mut told) = (Vec::new(), 0);
        for task in tasks {
            match task.await.unwrap() {
                Ok(lock) => locks.push(lock),
                Err(LedgerError::Held(held)) => told += usize::from(held.is_some()),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(locks.len(), 1);
        let held = place.store().holder().await.unwrap().unwrap();
        assert_eq!(held, locks[0].holder);
        // Who looks in the moment between taking and signing learns nothing of the holder.
        assert!(told >= 16, "{told} of 31 learnt who");
    });
}

fn dropped_lock(place: &Place) {
    block(async {
        for id in ["one", "two", "three"] {
            let lock = place.store().lock(&holder(id, "here")).await.unwrap();
            assert!(!lock.is_lost());
            drop(lock);
            assert!(place.store().holder().await.unwrap().is_none());
        }
    });
}

fn renewed_lock(place: &Place) {
    block(async {
        let lock = place.store().lock(&holder("one", "elsewhere")).await.unwrap();
        let until = Instant::now() + LEASE * 3;
        while Instant::now() < until {
            assert!(!lock.is_lost());
            let other = place.store().lock(&holder("two", "here")).await.unwrap_err();
            assert!(matches!(other, LedgerError::Held(Some(_))), "{other}");
            tokio::time::sleep(LEASE / 4).await;
        }
    });
}

/// A folder's lock is the system's: its answer is never lost.
fn lost_answer_of_a_lock(place: &Place) {
    if place.is_local() {
        return;
    }
    block(async {
        let first = place.store().lock(&holder("one", "elsewhere")).await.unwrap();
        let again = place.store().lock(&holder("one", "elsewhere")).await.unwrap();
        assert!(!again.is_lost());
        drop((first, again));
    });
}

/// How many of 8 get the lock, trying for as long as nobody does.
fn one_takes_over(place: &Place, at_most: Duration) -> usize {
    let until = Instant::now() + at_most;
    loop {
        let locks = block(async {
            let tasks: Vec<_> = (0..8)
                .map(|n| {
                    let store = place.store();
                    tokio::spawn(async move { store.lock(&holder(&format!("after{n}"), "here")).await })
                })
                .collect();
            let mut locks = Vec::new();
            for task in tasks {
                locks.extend(task.await.unwrap().ok());
            }
            locks.len()
        });
        if locks > 0 || Instant::now() > until {
            return locks;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn killed_holder(place: &Place) {
    let (child, _told) = place.holding("dead", "here");
    end(child);
    let begun = Instant::now();
    assert_eq!(one_takes_over(place, LEASE / 2), 1);
    assert!(begun.elapsed() < LEASE, "{:?}", begun.elapsed());
}

/// A process that is frozen keeps a folder's lock: it may go on at any moment.
fn frozen_holder(place: &Place) {
    let (child, mut told) = place.holding("frozen", "elsewhere");
    signal(&child, "-STOP");
    if place.is_local() {
        assert_eq!(one_takes_over(place, Duration::ZERO), 0);
    } else {
        assert_eq!(one_takes_over(place, OVER), 1);
        signal(&child, "-CONT");
        wait_for(&mut told, "lost");
    }
    end(child);
}

fn unlock(place: &Place) {
    block(async {
        let lock = place.store().lock(&holder("one", "elsewhere")).await.unwrap();
        let store = place.store();
        let error = store.unlock("two").await.unwrap_err();
        assert!(matches!(error, LedgerError::OtherId { .. }), "{error}");
        let error = store.unlock("one").await.unwrap_err();
        assert!(matches!(error, LedgerError::Alive(_)), "{error}");
        drop(lock);
    });
    let (child, _told) = place.holding("frozen", "elsewhere");
    signal(&child, "-STOP");
    if !place.is_local() {
        let until = Instant::now() + OVER;
        while let Err(error) = block(async { place.store().unlock("frozen").await }) {
            assert!(matches!(error, LedgerError::Alive(_)), "{error}");
            assert!(Instant::now() < until, "it is never free");
            std::thread::sleep(Duration::from_millis(200));
        }
        let lock = block(async { place.store().lock(&holder("next", "here")).await });
        assert!(lock.is_ok());
    }
    end(child);
}

fn journal(place: &Place) {
    block(async {
        let store = place.store();
        let lock = store.lock(&holder("one", "here")).await.unwrap();
        let mut text = String::new();
        for n in 0..12 {
            let line = format!("line {n}\n");
            store.append(&line).await.unwrap();
            text += &line;
        }
        assert_eq!(place.store().journal().await.unwrap(), text);
        place.store().append("from elsewhere\n").await.unwrap();
        assert!(store.journal().await.unwrap().ends_with("line 11\nfrom elsewhere\n"));
        store.clear().await.unwrap();
        assert_eq!(store.journal().await.unwrap(), "");
        store.append("anew\n").await.unwrap();
        assert_eq!(store.journal().await.unwrap(), "anew\n");
        store.clear().await.unwrap();
        drop(lock);
    });
}

fn two_stacks(place: &Place) {
    let folder = tempfile::tempdir().unwrap();
    let other = Place {
        stack: "another".into(),
        root: folder.path().to_str().unwrap().to_owned(),
        ..place.clone()
    };
    block(async {
        let locks = [
            place.store().lock(&holder("one", "here")).await.unwrap(),
            other.store().lock(&holder("two", "here")).await.unwrap(),
        ];
        place.store().write("one", None).await.unwrap();
        assert!(other.store().read().await.unwrap().is_none());
        drop(locks);
    });
}
