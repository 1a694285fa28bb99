//! What happens during an apply, as it happens: a tree on a terminal, plain lines with the time elsewhere, and
//! `--events` beside either.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mlstack_provider::redact::redact;

use super::exit::Exit;
use super::failure::Failure;
use super::ui::Ui;
use crate::apply::{Event, Outcome};
use crate::ledger::now;
use crate::plan::Plan;
use crate::view::{Header, Moment, StepState, Style, begin_json, end_json, event_json, event_line, tree};

/// How long a running step may be silent, where lines stay.
const QUIET_FOR: Duration = Duration::from_secs(10);
/// Between two frames of the tree.
const FRAME: Duration = Duration::from_millis(120);
/// The most lines of a tree.
const MOST_ROWS: usize = 60;

/// Shows events until it is finished.
pub(super) struct Display<'a> {
    board: Arc<Board>,
    events: Option<&'a EventLog>,
    ticker: Option<JoinHandle<()>>,
}

/// What the events and the clock both write to.
struct Board {
    ui: Ui,
    plan: Plan,
    /// On a terminal: where the tree stands.
    bar: Option<ProgressBar>,
    steps: Mutex<Steps>,
    ended: Condvar,
}

#[derive(Default)]
struct Steps {
    states: BTreeMap<usize, StepState>,
    running: BTreeMap<usize, Running>,
    frame: usize,
    is_over: bool,
}

struct Running {
    begun: Instant,
    last_said: Instant,
    said: String,
    /// What of it stands in a line.
    told: String,
}

impl Running {
    /// Whether what was told goes on with a reason now: `waiting for health: its health check …`.
    fn has_news(&self) -> bool {
        let more = self.said.strip_prefix(self.told.as_str());
        !self.told.is_empty() && more.is_some_and(|more| more.starts_with(": "))
    }
}

impl<'a> Display<'a> {
    /// A display of `plan` that fits where stderr goes.
    pub(super) fn new(ui: &Ui, plan: &Plan, events: Option<&'a EventLog>) -> Self {
        let board = Arc::new(Board {
            ui: *ui,
            plan: plan.clone(),
            bar: ui.live().then(tree_bar),
            steps: Mutex::default(),
            ended: Condvar::new(),
        });
        let ticker = std::thread::spawn({
            let board = Arc::clone(&board);
            move || board.tick()
        });
        Self {
            board,
            events,
            ticker: Some(ticker),
        }
    }

    /// Shows one event.
    pub(super) fn show(&self, event: &Event<'_>) {
        if let Some(events) = &self.events {
            events.write(&event_json(event, &events.now()));
        }
        self.board.show(event);
    }

    /// Leaves the last frame on the terminal, and the end in the events.
    pub(super) fn finish(&mut self, outcome: &Outcome, exit: Exit) {
        self.stop();
        if let Some(events) = &self.events {
            events.end(outcome, exit);
            if let Some(why) = events.lost() {
                self.board.ui.fault(&format!("warning: --events is not whole: {why}"));
            }
        }
    }

    fn stop(&mut self) {
        self.board.end();
        if let Some(ticker) = self.ticker.take() {
            let _it_panicked = ticker.join();
        }
    }
}

impl Drop for Display<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

fn tree_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

impl Board {
    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, event: &Event<'_>) {
        let mut steps = self.steps();
        let quiet = steps.note(event);
        if self.bar.is_none() && !quiet {
            self.say(event);
        }
    }

    fn say(&self, event: &Event<'_>) {
        let style = Style {
            color: self.ui.color_err,
            width: self.ui.width,
        };
        self.line(&event_line(event, style));
    }

    /// A line with the time of day (UTC), as it stays in a log.
    fn line(&self, line: &str) {
        let now = now();
        let clock = now.get(11..19).unwrap_or_default();
        self.ui.note(&format!("{clock} {line}"));
    }

    /// Turns the tree, or says where silent steps are, until the end.
    fn tick(&self) {
        let pace = if self.bar.is_some() { FRAME } else { QUIET_FOR / 20 };
        let mut steps = self.steps();
        while !steps.is_over {
            match &self.bar {
                Some(bar) => bar.set_message(redact(&self.frame(&mut steps)).into_owned()),
                None => self.remind(&mut steps),
            }
            steps = match self.ended.wait_timeout(steps, pace) {
                Ok((steps, _)) => steps,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn frame(&self, steps: &mut Steps) -> String {
        steps.frame += 1;
        for (id, running) in &steps.running {
            let state = StepState::Running {
                said: running.said.clone(),
                elapsed: running.begun.elapsed(),
            };
            steps.states.insert(*id, state);
        }
        let (width, rows) = self.ui.terminal();
        let style = Style {
            color: self.ui.color_err,
            width,
        };
        tree(
            &self.plan,
            &steps.states,
            steps.frame,
            rows.saturating_sub(2).clamp(5, MOST_ROWS),
            style,
        )
    }

    fn remind(&self, steps: &mut Steps) {
        for (id, running) in &mut steps.running {
            if running.last_said.elapsed() < QUIET_FOR && !running.has_news() {
                continue;
            }
            running.last_said = Instant::now();
            running.told.clone_from(&running.said);
            let seconds = running.begun.elapsed().as_secs();
            let message = match running.said.as_str() {
                "" => format!("still at it, {seconds} s"),
                said => format!("{said}, {seconds} s"),
            };
            let node = &self.plan.nodes[id - 1];
            self.say(&Event::Progress {
                node,
                message: &message,
            });
        }
    }

    fn end(&self) {
        let mut steps = self.steps();
        if steps.is_over {
            return;
        }
        steps.is_over = true;
        if let Some(bar) = &self.bar {
            bar.abandon_with_message(redact(&self.frame(&mut steps)).into_owned());
        }
        self.ended.notify_all();
    }
}

impl Steps {
    /// Notes an event; says whether it is one that lines leave out.
    fn note(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Started { node } => {
                let now = Instant::now();
                let running = Running {
                    begun: now,
                    last_said: now,
                    said: String::new(),
                    told: String::new(),
                };
                self.running.insert(node.id, running);
                false
            }
            Event::Progress { node, message } => {
                if let Some(running) = self.running.get_mut(&node.id) {
                    running.said.clear();
                    running.said.push_str(without_seconds(message));
                }
                true
            }
            Event::Done { node, took } => self.settle(node.id, StepState::Done { took: *took }),
            Event::Failed { node, took, .. } => self.settle(node.id, StepState::Failed { took: *took }),
            Event::Left { node } | Event::Skipped { node, .. } => self.settle(node.id, StepState::Skipped),
        }
    }

    fn settle(&mut self, id: usize, state: StepState) -> bool {
        self.running.remove(&id);
        self.states.insert(id, state);
        false
    }
}

/// A message without the time it ends with (`waiting for health, 4 s`): the display has its own clock.
fn without_seconds(message: &str) -> &str {
    let is_time = |end: &str| {
        end.strip_suffix(" s")
            .is_some_and(|number| number.parse::<u64>().is_ok())
    };
    match message.rsplit_once(", ") {
        Some((start, end)) if is_time(end) => start,
        _ => message,
    }
}

/// The file of `--events`.
pub(super) struct EventLog {
    begun: Instant,
    file: Mutex<File>,
    lost: Mutex<Option<std::io::Error>>,
}

impl EventLog {
    /// Makes the file, or empties it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| {
            Failure::new(Exit::Error, format!("cannot write {}: {error}", path.display()))
                .hint("nothing was changed; `--events` takes the path of a file")
        })?;
        Ok(Self {
            begun: Instant::now(),
            file: Mutex::new(file),
            lost: Mutex::default(),
        })
    }

    /// Writes which plan `command` carries out.
    pub(super) fn begin(&self, header: &Header<'_>, command: &str, plan: &Plan) {
        self.write(&begin_json(header, command, plan, &self.now()));
    }

    /// Writes how that ended.
    pub(super) fn end(&self, outcome: &Outcome, exit: Exit) {
        self.write(&end_json(outcome, exit as u8, &self.now()));
    }

    fn now(&self) -> Moment {
        Moment {
            time: now(),
            elapsed_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Writes a line; one that cannot be written stops no apply, but is told at its end.
    fn write(&self, event: &serde_json::Value) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{}", redact(&event.to_string())) {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert(error);
        }
    }

    fn lost(&self) -> Option<String> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.as_ref().map(ToString::to_string)
    }
}
