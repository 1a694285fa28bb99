//! One stack of its own behind a proxy of its own: brought to a state, broken off on the way, and looked at afterwards.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::engine::{self, Inventory};
use super::plot::{self, MARK, Plot, State, TOKEN};
use super::proxy::Proxy;
use crate::stage::{Stage, docker};

/// Longer than a run may take, whatever happens to it.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// And one that nothing happens to, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the engine may take to end what a killed run had asked for.
const SETTLING: Duration = Duration::from_secs(10);
/// How long the engine may take for an answer when answers are held back.
const ANSWER: &str = "6s";

/// What a run did.
pub(super) struct Run {
    pub(super) code: Option<i32>,
    pub(super) said: String,
    pub(super) took: Duration,
}

/// A stack of its own behind a proxy of its own.
pub(super) struct Rig {
    pub(super) plot: &'static Plot,
    stage: Stage,
    pub(super) proxy: Proxy,
    /// What it was brought to; `None` when that is not known.
    at: Option<State>,
    marked: bool,
}

impl Rig {
    /// `None`, loudly, where the engine or the image is missing.
    pub(super) fn open(plot: &'static Plot) -> Option<Self> {
        Some(Self {
            plot,
            stage: plot.stage()?,
            proxy: Proxy::before_the_engine(),
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
        } else if self.plot.has_volume() && !self.marked && state != State::Gone {
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
        let limit = if harmed && self.proxy.is_armed() {
            DEADLINE
        } else {
            PATIENCE
        };
        while child.try_wait().unwrap().is_none() && begun.elapsed() < limit {
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
        plot::write(&self.stage, state);
        let mut command = self.stage.command(match state {
            State::Cleared if self.plot.has_volume() => "destroy -y --destroy-data kept",
            State::Cleared | State::Gone => "destroy -y",
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
        // A run that found nothing to do was the third already.
        if !matches!(state, State::Cleared | State::Gone) && !run.said.contains("No changes") {
            let third = self.stage.run("plan --detailed-exitcode");
            if third.code != 0 {
                return Err(format!("a third run has work to do\n{}{}", third.stdout, third.stderr));
            }
        }
        Ok(run.took)
    }

    /// Nothing is there twice or left over. An engine goes on removing an image when whoever asked for it is gone, so
    /// what is wrong is looked at again for a while.
    fn inventory(&self, state: State) -> Result<Inventory, String> {
        let begun = Instant::now();
        loop {
            let here = engine::inventory(&self.stage.name);
            let wrong = self
                .plot
                .expected(state)
                .into_iter()
                .find(|(kind, wanted)| here[kind] != *wanted);
            let Some((kind, wanted)) = wrong else {
                return Ok(here);
            };
            if begun.elapsed() >= SETTLING {
                return Err(format!("{kind}: {:?} instead of {wanted:?}", here[kind]));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// All is there that should be, and the data is what it was.
    fn check(&self, state: State) -> Result<(), String> {
        let here = self.inventory(state)?;
        if here["secrets"].is_empty() {
            return Ok(());
        }
        let holds = |service, path, text| engine::holds(&format!("{}-{service}-1", self.stage.name), path, text);
        if !holds("api", "/run/secrets/token", TOKEN) {
            return Err("the secret is not what it was".to_owned());
        }
        match !self.marked || holds("store", "/kept/mark", MARK) {
            true => Ok(()),
            false => Err("the data is not what it was".to_owned()),
        }
    }
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
