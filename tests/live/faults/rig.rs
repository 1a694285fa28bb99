//! A tiny stack, the states it goes through, and the ways between them that are broken off.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::proxy::Proxy;
use crate::stage::{Stage, docker};

/// Longer than any run may take, whatever happens to it.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// How long the engine may take for an answer when answers are held back.
const ANSWER: &str = "4s";
/// What the volume holds.
const MARK: &str = "written before anything went wrong";

/// A volume, a secret, a published port, two networks and three services, one of which may have copies.
const STACK: &str = "\
version: 1
name: STACK
secrets: { token: { env: FAULT_TOKEN } }
components:
  store: { type: service, image: \"busybox:1\", volumes: [{ name: kept, path: /kept }], env: { ROUND: \"ONE\" }, command: [sh, -c, WAIT], resources: { cpu: 200m, memory: 32Mi } }
  api: { type: service, image: \"busybox:1\", uses: [store], port: 8080, expose: { port: 8080 }, env: { ROUND: \"ONE\", TOKEN_FILE: \"${secrets.token.file}\" }, command: [sh, -c, WAIT], resources: { cpu: 200m, memory: 32Mi } }
  worker: { type: service, image: \"busybox:1\", replicas: COPIES, command: [sh, -c, WAIT], resources: { cpu: 200m, memory: 32Mi } }
";
/// Waits, and ends at once when told to.
const WAIT: &str = "\"trap 'exit 0' TERM; sleep 3600 & wait\"";

/// What the stack is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Nothing is left.
    Cleared,
    /// Destroyed, its data kept.
    Gone,
    /// As it stands above.
    Base,
    /// Two services have another environment.
    Second,
    /// And another.
    Third,
    /// One service has three copies.
    Wide,
    /// As `Base`, but somebody made a network anew by hand, with other options.
    Rewired,
}

/// A way from one state to another; `then` is what the run after the broken one is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) name: &'static str,
    pub(super) from: State,
    pub(super) to: State,
    pub(super) then: State,
}

const fn leg(name: &'static str, from: State, to: State, then: State) -> Leg {
    Leg { name, from, to, then }
}

/// Ways that end where they began, so that they can be gone again and again.
pub(super) const TRIPS: [&[Leg]; 6] = [
    &[
        leg(
            "another update after a broken one",
            State::Base,
            State::Second,
            State::Third,
        ),
        leg(
            "the one before after a broken one",
            State::Third,
            State::Second,
            State::Base,
        ),
    ],
    &[
        leg("scale up", State::Base, State::Wide, State::Wide),
        leg("scale down", State::Wide, State::Base, State::Base),
    ],
    &[leg("replace a network", State::Rewired, State::Base, State::Base)],
    &[
        leg("destroy", State::Base, State::Gone, State::Gone),
        leg("apply to kept data", State::Gone, State::Base, State::Base),
    ],
    &[
        leg("first apply", State::Cleared, State::Base, State::Base),
        leg("destroy with its data", State::Base, State::Cleared, State::Cleared),
    ],
    &[
        leg("recreate", State::Base, State::Second, State::Second),
        leg("recreate back", State::Second, State::Base, State::Base),
    ],
];

/// What a run did.
pub(super) struct Run {
    pub(super) code: Option<i32>,
    pub(super) said: String,
    pub(super) took: Duration,
}

/// A stack of its own behind a proxy of its own.
pub(super) struct Rig {
    stage: Stage,
    pub(super) proxy: Proxy,
    /// What it was brought to; `None` when that is not known.
    at: Option<State>,
    marked: bool,
}

impl Rig {
    /// `None`, loudly, where the engine or the image is missing.
    pub(super) fn open() -> Option<Self> {
        let stage = Stage::with(STACK, &["busybox:1"])?.env("FAULT_TOKEN", "a-token-of-no-worth");
        let template = stage.read("mlstack.yaml");
        stage.write("template.yaml", &template);
        Some(Self {
            stage,
            proxy: Proxy::open(Path::new("/var/run/docker.sock")),
            at: Some(State::Cleared),
            marked: false,
        })
    }

    /// Brings the stack to `state` undisturbed.
    pub(super) fn reach(&mut self, state: State) -> Result<(), String> {
        if self.at == Some(state) {
            return Ok(());
        }
        if state == State::Rewired {
            self.reach(State::Base)?;
            self.rewire();
            self.at = Some(state);
            return Ok(());
        }
        self.at = None;
        let run = self.go(state, false);
        if run.code != Some(0) {
            return Err(format!(
                "a clean run to {state:?} ends with {:?}\n{}",
                run.code, run.said
            ));
        }
        self.at = Some(state);
        if state == State::Cleared {
            self.marked = false;
        } else if !self.marked && state != State::Gone {
            self.stage
                .exec("store", &["sh", "-c", &format!("echo {MARK} > /kept/mark")]);
            self.marked = true;
        }
        Ok(())
    }

    /// One run towards `state`, whole.
    pub(super) fn go(&mut self, state: State, harmed: bool) -> Run {
        let begun = Instant::now();
        let mut child = self.start(state, harmed);
        while child.try_wait().unwrap().is_none() && begun.elapsed() < DEADLINE {
            std::thread::sleep(Duration::from_millis(10));
        }
        finish(child, begun)
    }

    /// One run towards `state` that is killed when the harm is under way; `None` when it ends before.
    pub(super) fn kill(&mut self, state: State) -> Option<()> {
        let mut child = self.start(state, true);
        let struck = self.proxy.struck(|| child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        struck.then_some(())
    }

    fn start(&mut self, state: State, harmed: bool) -> Child {
        if harmed {
            self.at = None;
        }
        self.write(state);
        let mut command = self.stage.command(match state {
            State::Cleared => "destroy -y --destroy-data kept",
            State::Gone => "destroy -y",
            _ => "apply -y",
        });
        if harmed {
            command.env("DOCKER_HOST", self.proxy.host());
            if self.proxy.withholds() {
                command.env("MLSTACK_ENGINE_TIMEOUT", ANSWER);
            }
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn write(&self, state: State) {
        let round = match state {
            State::Second => "TWO",
            State::Third => "THREE",
            _ => "ONE",
        };
        let copies = if state == State::Wide { "3" } else { "1" };
        let text = self.stage.read("template.yaml").replace("WAIT", WAIT);
        self.stage
            .write("mlstack.yaml", &text.replace("ONE", round).replace("COPIES", copies));
    }

    /// Makes the network of all anew by hand: same name, same labels, open where it was closed.
    fn rewire(&self) {
        let network = format!("{}_back", self.stage.name);
        let labels = docker(&[
            "network",
            "inspect",
            "-f",
            "{{range $k, $v := .Labels}}{{$k}}={{$v}}\n{{end}}",
            &network,
        ]);
        let containers = self.stage.containers();
        for id in containers.values() {
            docker(&["network", "disconnect", "-f", &network, id]);
        }
        docker(&["network", "rm", &network]);
        let labels = labels
            .lines()
            .filter(|line| !line.is_empty())
            .flat_map(|line| ["--label", line]);
        let create: Vec<_> = ["network", "create"]
            .into_iter()
            .chain(labels)
            .chain([network.as_str()])
            .collect();
        docker(&create);
        for (service, id) in &containers {
            docker(&["network", "connect", "--alias", service, &network, id]);
        }
    }

    /// After a run that was broken off: one run brings it to `state`, and the next finds nothing to do.
    pub(super) fn converge(&mut self, state: State) -> Result<Duration, String> {
        let run = self.go(state, false);
        if run.code != Some(0) {
            return Err(format!("the next run ends with {:?}\n{}", run.code, run.said));
        }
        self.at = Some(state);
        self.marked &= state != State::Cleared;
        self.check(state)?;
        Ok(run.took)
    }

    /// Nothing is to be done, nothing is there twice or left over, and the data is what it was.
    pub(super) fn check(&self, state: State) -> Result<(), String> {
        let (containers, networks, volumes) = expected(state);
        let here = self.inventory();
        let same = |kind: &str, wanted: &[&str]| {
            let found = &here[kind];
            (found == wanted)
                .then_some(())
                .ok_or_else(|| format!("{kind}: {found:?} instead of {wanted:?}"))
        };
        same("containers", &containers)?;
        same("networks", &networks)?;
        same("volumes", &volumes)?;
        same("secrets", if containers.is_empty() { &[] } else { &["of api"] })?;
        if matches!(state, State::Cleared | State::Gone) {
            return Ok(());
        }
        let plan = self.stage.run("plan --detailed-exitcode");
        if plan.code != 0 {
            return Err(format!("a third run has work to do\n{}{}", plan.stdout, plan.stderr));
        }
        let token = self.stage.exec("api", &["cat", "/run/secrets/token"]);
        if token.trim() != "a-token-of-no-worth" {
            return Err(format!("the secret is {token:?}"));
        }
        let mark = self.marked.then(|| self.stage.exec("store", &["cat", "/kept/mark"]));
        match mark.is_none_or(|mark| mark.trim() == MARK) {
            true => Ok(()),
            false => Err("the data is not what it was".to_owned()),
        }
    }

    /// Everything that carries the stack's name or label, running or not.
    fn inventory(&self) -> BTreeMap<&'static str, Vec<String>> {
        let name = &self.stage.name;
        let label = format!("label=com.docker.compose.project={name}");
        let named = format!("name={name}");
        let secrets = format!("label=io.mlstack.secrets-of={name}/api");
        let list = |arguments: &[&str]| -> Vec<String> {
            let mut all = Vec::new();
            for filter in [&label, &named] {
                let listed = docker(&[arguments, &["--filter", filter]].concat());
                all.extend(listed.lines().map(|line| line.replace(name, "S")));
            }
            all.sort();
            all
        };
        // Each is found by label and by name: what is there once is listed twice.
        let once = |all: Vec<String>| all.into_iter().step_by(2).collect();
        BTreeMap::from([
            (
                "containers",
                once(list(&["ps", "-a", "--format", "{{.Names}} {{.State}}"])),
            ),
            ("networks", once(list(&["network", "ls", "--format", "{{.Name}}"]))),
            (
                "secrets",
                docker(&["volume", "ls", "-q", "--filter", &secrets])
                    .lines()
                    .map(|_| "of api".to_owned())
                    .collect(),
            ),
            ("volumes", once(list(&["volume", "ls", "--format", "{{.Name}}"]))),
        ])
    }
}

fn expected(state: State) -> (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>) {
    let mut containers = vec!["S-api-1 running", "S-store-1 running", "S-worker-1 running"];
    match state {
        State::Cleared => return (Vec::new(), Vec::new(), Vec::new()),
        State::Gone => return (Vec::new(), Vec::new(), vec!["S_kept"]),
        State::Wide => containers.extend(["S-worker-2 running", "S-worker-3 running"]),
        _ => {}
    }
    (containers, vec!["S_back", "S_front"], vec!["S_kept"])
}

fn finish(mut child: Child, begun: Instant) -> Run {
    let late = child.try_wait().unwrap().is_none();
    if late {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said += &String::from_utf8_lossy(&output.stderr);
    let code = if late { None } else { output.status.code() };
    Run {
        code,
        said,
        took: begun.elapsed(),
    }
}
