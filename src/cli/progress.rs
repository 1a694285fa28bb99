//! What happens during an apply, as it happens: a line for each running step on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use mlstack_provider::redact::redact;

use super::ui::Ui;
use crate::apply::Event;
use crate::view::{Style, event_line};

/// How often a step may say where it is, where lines stay.
const QUIET_FOR: Duration = Duration::from_secs(5);

/// Shows events.
pub(super) struct Display<'a> {
    ui: &'a Ui,
    /// On a terminal: one spinner for each running step.
    bars: Option<MultiProgress>,
    running: Mutex<BTreeMap<usize, Running>>,
}

struct Running {
    bar: ProgressBar,
    last_said: Instant,
    last_text: String,
}

impl<'a> Display<'a> {
    /// A display that fits where stderr goes.
    pub(super) fn new(ui: &'a Ui) -> Self {
        Self {
            ui,
            bars: ui.live().then(MultiProgress::new),
            running: Mutex::default(),
        }
    }

    /// Shows one event.
    pub(super) fn show(&self, event: &Event<'_>) {
        let style = Style {
            color: self.ui.color_err,
            width: self.ui.width,
        };
        // Spinners draw past `Ui`, so secrets leave the line here.
        let line = redact(&event_line(event, style)).into_owned();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { node } => {
                running.insert(node.id, self.start(&line));
            }
            Event::Progress { node, .. } => {
                if let Some(step) = running.get_mut(&node.id) {
                    self.progress(step, line);
                }
            }
            Event::Done { node, .. }
            | Event::Failed { node, .. }
            | Event::Left { node }
            | Event::Skipped { node, .. } => {
                if let Some(step) = running.remove(&node.id) {
                    step.bar.finish_and_clear();
                }
                self.say(&line);
            }
        }
    }

    fn start(&self, line: &str) -> Running {
        let bar = match &self.bars {
            Some(bars) => spinner(bars),
            None => ProgressBar::hidden(),
        };
        bar.set_message(line.trim_start().to_owned());
        Running {
            bar,
            last_said: Instant::now(),
            last_text: String::new(),
        }
    }

    fn progress(&self, step: &mut Running, line: String) {
        step.bar.set_message(line.trim_start().to_owned());
        let due = step.last_said.elapsed() >= QUIET_FOR && step.last_text != line;
        if self.bars.is_none() && due {
            self.say(&line);
            step.last_said = Instant::now();
            step.last_text = line;
        }
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => {
                let _gone = bars.println(line);
            }
            None => self.ui.note(line),
        }
    }

    /// Leaves the terminal clean.
    pub(super) fn finish(&self) {
        if let Some(bars) = &self.bars {
            let _gone = bars.clear();
        }
    }
}

fn spinner(bars: &MultiProgress) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = bars.add(ProgressBar::new_spinner().with_style(style));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
