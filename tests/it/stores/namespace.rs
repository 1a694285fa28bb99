//! What a namespace does that no other store does: it may not be there yet, and it may go. And what is left in it when a
//! run is killed at any of its writes, or the answer of any of them is lost.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mlstack::ledger::journal::{Intent, Opened, Settled};
use mlstack::ledger::{Ended, Ending, LedgerError, Namespace, Session, Store, look};
use mlstack_kube_double::{Double, Fault};
use mlstack_provider_kubernetes as kubernetes;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{block, end, holder};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(60);
/// Renewed three times a second.
const SHORT: Duration = Duration::from_secs(1);

/// A cluster, and what is served and asks there.
struct Cluster {
    double: Double,
    runtime: Runtime,
}

impl Cluster {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let double = runtime.block_on(Double::start_at_speed(1));
        Self { double, runtime }
    }

    fn store(&self, namespace: &str, stack: &str, lease: Duration) -> Arc<Namespace> {
        let _inside = self.runtime.enter();
        Arc::new(store(self.double.url(), namespace, stack, lease))
    }

    /// Stores are served by the runtime that they were made in.
    fn block<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    fn make_namespace(&self, name: &str) {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.send("POST", "/api/v1/namespaces", &body.to_string());
    }

    /// Something that nobody takes away holds the namespace up.
    fn hold_up(&self, namespace: &str) {
        let metadata = json!({"name": "stuck", "finalizers": ["example.org/never"]});
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        self.send("POST", &path, &body.to_string());
    }

    fn delete_namespace(&self, name: &str) {
        self.send("DELETE", &format!("/api/v1/namespaces/{name}"), "");
    }

    fn send(&self, method: &str, path: &str, body: &str) {
        let address = self.double.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.double.token(),
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    }

    /// Waits until a call is held; `false` when the child ended before.
    fn is_held(&self, child: &mut Child) -> bool {
        loop {
            let held = async { tokio::time::timeout(Duration::from_millis(20), self.double.wait_held()).await };
            if self.runtime.block_on(held).is_ok() {
                return true;
            }
            if child.try_wait().unwrap().is_some() {
                return false;
            }
        }
    }
}

fn store(url: &str, namespace: &str, stack: &str, lease: Duration) -> Namespace {
    let cluster = kubernetes::Cluster::plain(url, namespace).unwrap();
    Namespace::new(cluster, stack, lease)
}

fn opened(id: &str) -> Opened {
    Opened {
        id: id.to_owned(),
        place: "k8s".into(),
        command: "apply".into(),
        who: holder("h", "here").who,
        begun: "2026-11-23T07:45:14Z".into(),
        mlstack_version: "0.1.0".into(),
        stack_digest: "ab".into(),
        plan_id: None,
        steps: 1,
    }
}

fn intent() -> Intent {
    Intent {
        step: 1,
        op: "create".into(),
        kind: "deployment".into(),
        resource: "api".into(),
        token: "r/1".into(),
        fingerprint: None,
    }
}

fn settled() -> Settled {
    Settled {
        step: 1,
        done: true,
        provider_id: None,
    }
}

fn ended() -> Ended {
    Ended {
        done: 1,
        failed: 0,
        skipped: 0,
        ending: Ending::Done,
    }
}

/// One run, telling each thing that is safe.
async fn one_run(store: Arc<Namespace>, id: &str, told: impl Fn(&str)) -> Result<(), LedgerError> {
    let mut session = Session::open(store, &holder(id, "here")).await?;
    session.begin(opened(id)).await?;
    told("begun");
    session.intend(intent()).await?;
    told("intended");
    session.settle(settled()).await?;
    told("settled");
    session.end(opened(id), ended(), Some(&[])).await?;
    told("ended");
    Ok(())
}

/// How each run ended, as `id done`.
fn runs(cluster: &Cluster, store: &Namespace) -> Vec<String> {
    let (ledger, _) = cluster.block(look(store)).unwrap();
    let told = ledger.runs.iter().map(|run| format!("{} {:?}", run.id, run.ending));
    told.collect()
}

#[test]
fn what_is_written_before_the_namespace_is_there_is_written_with_it() {
    let cluster = Cluster::start();
    let store = cluster.store("shop", "shop", LONG);
    cluster.block(async {
        let mut session = Session::open(store.clone(), &holder("one", "here")).await.unwrap();
        session.begin(opened("one")).await.unwrap();
        session.intend(intent()).await.unwrap();
        assert_eq!(cluster.double.names("Lease"), Vec::<String>::new());
        cluster.make_namespace("shop");
        session.settle(settled()).await.unwrap();
        assert_eq!(cluster.double.names("Lease"), ["shop/mlstack-shop"]);
        let lines = store.journal().await.unwrap();
        assert_eq!(lines.lines().count(), 3, "{lines}");
        let other = cluster.store("shop", "shop", LONG);
        let error = other.lock(&holder("two", "here")).await.unwrap_err();
        assert!(matches!(error, LedgerError::Held(Some(by)) if by.id == "one"));
        session.end(opened("one"), ended(), Some(&[])).await.unwrap();
    });
    assert_eq!(runs(&cluster, &cluster.store("shop", "shop", LONG)), ["one Done"]);
    assert_eq!(cluster.double.names("Lease"), Vec::<String>::new(), "it was given back");
    let names = cluster.double.names("ConfigMap");
    assert!(names.contains(&"shop/mlstack-shop.ledger".to_owned()), "{names:?}");
    assert!(!names.contains(&"shop/mlstack-shop.journal".to_owned()), "{names:?}");
}

#[test]
fn of_two_first_runs_the_one_that_finds_the_namespace_first_goes_on() {
    let cluster = Cluster::start();
    let [one, two] = ["one", "two"].map(|id| {
        let store = cluster.store("shop", "shop", LONG);
        let session = cluster.block(Session::open(store, &holder(id, "here"))).unwrap();
        (id, session)
    });
    cluster.block(async {
        for (id, session) in [&one, &two] {
            session.begin(opened(id)).await.unwrap();
        }
        cluster.make_namespace("shop");
        one.1.settle(settled()).await.unwrap();
        let error = two.1.settle(settled()).await.unwrap_err();
        assert!(matches!(error, LedgerError::Lost), "{error}");
        assert!(two.1.is_lost() && !one.1.is_lost());
        let error = two.1.intend(intent()).await.unwrap_err();
        assert!(matches!(error, LedgerError::Lost), "{error}");
        one.1.intend(intent()).await.unwrap();
        drop(two);
        let store = cluster.store("shop", "shop", LONG);
        let by = store.holder().await.unwrap();
        assert_eq!(
            by.map(|by| by.id).as_deref(),
            Some("one"),
            "the other took nothing with it"
        );
    });
}

#[test]
fn a_run_that_loses_its_namespace_ends_well() {
    let cluster = Cluster::start();
    cluster.make_namespace("shop");
    cluster.hold_up("shop");
    cluster
        .block(one_run(cluster.store("shop", "shop", LONG), "one", |_| ()))
        .unwrap();
    cluster.block(async {
        let store = cluster.store("shop", "shop", SHORT);
        let mut session = Session::open(store, &holder("two", "here")).await.unwrap();
        session.begin(opened("two")).await.unwrap();
        session.intend(intent()).await.unwrap();
        cluster.delete_namespace("shop");
        while cluster.double.object("Lease", "shop", "mlstack-shop").is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The lease went with the namespace, which is still going: nobody else can have it.
        tokio::time::sleep(SHORT * 2).await;
        assert!(!session.is_lost());
        session.settle(settled()).await.unwrap();
        session.end(opened("two"), ended(), None).await.unwrap();
    });
    assert_eq!(
        runs(&cluster, &cluster.store("shop", "shop", LONG)),
        Vec::<String>::new()
    );
}

#[test]
fn a_lock_that_somebody_took_away_is_lost() {
    let cluster = Cluster::start();
    let store = cluster.store("default", "shop", SHORT);
    cluster.block(async {
        let lock = store.lock(&holder("one", "here")).await.unwrap();
        cluster.send(
            "DELETE",
            "/apis/coordination.k8s.io/v1/namespaces/default/leases/mlstack-shop",
            "",
        );
        tokio::time::sleep(SHORT).await;
        assert!(lock.is_lost());
    });
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let cluster = Cluster::start();
    let labels = json!({"mlstack.dev/kept-for": "shop"});
    let metadata = json!({"name": "mlstack-shop.ledger", "labels": labels});
    let body =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": {"bytes": "dG9ybg=="}});
    cluster.send("POST", "/api/v1/namespaces/default/configmaps", &body.to_string());
    let store = cluster.store("default", "shop", LONG);
    let error = cluster.block(look(&*store)).unwrap_err();
    insta::assert_snapshot!(error, @"the ledger in the namespace default is damaged (unexpected end of file): kubectl delete configmap -n default mlstack-shop.ledger; only the history of applies is lost");
}

#[test]
fn a_ledger_that_somebody_took_away_is_not_written_over() {
    let cluster = Cluster::start();
    let store = cluster.store("default", "shop", LONG);
    cluster.block(async {
        let first = store.write("one", None).await.unwrap();
        cluster.send(
            "DELETE",
            "/api/v1/namespaces/default/configmaps/mlstack-shop.ledger",
            "",
        );
        let error = store.write("two", Some(&first)).await.unwrap_err();
        assert!(matches!(error, LedgerError::Overtaken { .. }), "{error}");
    });
}

#[test]
fn many_lines_at_once_are_few_writes() {
    let cluster = Cluster::start();
    let store = cluster.store("default", "shop", LONG);
    let lines: Vec<String> = (0..50).map(|n| format!("line {n}\n")).collect();
    let text = cluster.block(async {
        store.append("first\n").await.unwrap();
        cluster.double.forget_calls();
        let tasks: Vec<_> = lines
            .iter()
            .map(|line| {
                let (store, line) = (store.clone(), line.clone());
                tokio::spawn(async move { store.append(&line).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        store.journal().await.unwrap()
    });
    let (mut found, mut wanted) = (text.lines().collect::<Vec<_>>(), lines.concat() + "first");
    found.sort_unstable();
    let mut wanted_lines: Vec<_> = std::mem::take(&mut wanted).lines().map(str::to_owned).collect();
    wanted_lines.sort_unstable();
    assert_eq!(found, wanted_lines);
    let writes = cluster.double.calls().iter().filter(|call| call.is_write()).count();
    assert!(writes <= 25, "{writes} writes for 50 lines");
}

#[test]
fn a_connection_that_breaks_at_a_write_costs_nothing() {
    struck_at_each_write(Fault::ResetBefore);
}

#[test]
fn an_answer_to_a_write_that_is_lost_costs_nothing() {
    struck_at_each_write(Fault::ResetAfter);
}

#[test]
fn a_server_that_puts_off_a_write_costs_nothing() {
    struck_at_each_write(Fault::Status(503));
}

/// Two runs, again and again, struck at each of their 14 writes.
fn struck_at_each_write(fault: Fault) {
    let cluster = Cluster::start();
    for n in 1..=14 {
        let at = format!("at write {n}");
        let stack = format!("s{n}");
        cluster.double.forget_calls();
        cluster.double.fault_at_write(n, fault);
        for id in ["one", "two"] {
            let run = one_run(cluster.store("default", &stack, LONG), id, |_| ());
            cluster.block(run).unwrap_or_else(|error| panic!("{at}: {error}"));
        }
        let writes = cluster.double.calls().iter().filter(|call| call.is_write()).count();
        assert!(writes > 14, "{at}: {writes} writes, none of them again");
        let store = cluster.store("default", &stack, LONG);
        assert_eq!(runs(&cluster, &store), ["one Done", "two Done"], "{at}");
        let (journal, by) = cluster.block(async { (store.journal().await, store.holder().await) });
        assert_eq!((journal.unwrap().as_str(), by.unwrap()), ("", None), "{at}");
    }
}

const CHILD: &str = "MLSTACK_TEST_NAMESPACE_CHILD";

/// Not a test by itself: two runs in the namespace named by [`CHILD`], telling each thing that is safe.
#[test]
fn child_that_is_killed() {
    let Ok(given) = std::env::var(CHILD) else { return };
    let (url, stack) = given.split_once('\n').unwrap();
    block(async {
        for id in ["one", "two"] {
            let store = Arc::new(store(url, "default", stack, LONG));
            one_run(store, id, |what| println!("\n{id} {what}")).await.unwrap();
        }
    });
}

/// Two runs, killed at their n-th write before or after it was done; what they had told by then, and whether there was
/// such a write.
fn killed(cluster: &Cluster, stack: &str, n: usize, fault: Fault) -> (Vec<String>, bool) {
    cluster.double.fault_at_write(n, fault);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stores::namespace::child_that_is_killed", "--nocapture"])
        .env(CHILD, format!("{}\n{stack}", cluster.double.url()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.take().unwrap());
    let is_held = cluster.is_held(&mut child);
    end(child);
    cluster.double.release();
    let told = told.lines().map(Result::unwrap);
    (told.filter(|line| line.starts_with(['o', 't'])).collect(), is_held)
}

#[test]
fn a_run_that_is_killed_at_any_write_leaves_a_ledger_that_is_read() {
    let mut kills = 0;
    for fault in [Fault::HoldBefore, Fault::HoldAfter] {
        let cluster = Cluster::start();
        for n in 1.. {
            let stack = format!("k{kills}");
            let (told, is_held) = killed(&cluster, &stack, n, fault);
            if !is_held {
                assert!(told.contains(&"two ended".to_owned()), "{told:?}");
                break;
            }
            kills += 1;
            let store = cluster.store("default", &stack, LONG);
            let session = cluster
                .block(Session::open(store.clone(), &holder("next", "here")))
                .unwrap();
            let known = session.ledger().runs.clone();
            let ending = |id: &str| known.iter().find(|run| run.id == id).map(|run| run.ending);
            for id in ["one", "two"] {
                let said = |what: &str| told.contains(&format!("{id} {what}"));
                let at = format!("{fault:?} at write {n}: {told:?}, {known:?}");
                assert!(!said("begun") || ending(id).is_some(), "{at}");
                assert!(!said("ended") || ending(id) == Some(Ending::Done), "{at}");
                let cut = session.cut().filter(|cut| cut.run.id == id);
                if let Some(cut) = cut {
                    assert!(!said("intended") || cut.run.done + cut.open.len() == 1, "{at}, {cut:?}");
                    assert!(!said("settled") || cut.run.done == 1, "{at}, {cut:?}");
                }
            }
            drop(session);
            cluster.block(one_run(store.clone(), "next", |_| ())).unwrap();
            assert_eq!(runs(&cluster, &store).last().map(String::as_str), Some("next Done"));
            assert!(cluster.block(store.holder()).unwrap().is_none());
        }
    }
    assert_eq!(kills, 28);
}
