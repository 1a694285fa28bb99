//! `mlstack doctor`: whether this machine can run stacks, one line a question.

use std::fmt::Write as _;

use mlstack_provider::Operate as _;
use mlstack_provider_docker::{DockerReader, Doctor, TakenPort};

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::image::human_size;
use super::load::{self, Loaded};
use super::site::connect;
use super::survey::find_server;

/// Runs the command. Exits with 1 when something is missing that `up` needs.
pub(super) async fn run(context: &Context) -> Result<Exit, Failure> {
    let mut report = Report::default();
    let loaded = stack(context, &mut report);
    match engine(loaded.as_ref()).await {
        Ok((doctor, own)) => examine(&doctor, &own, &mut report),
        Err(failure) => report.bad(&failure.render(&context.ui)),
    }
    server(context, &mut report);
    context.ui.out(&report.text);
    Ok(if report.failed { Exit::Error } else { Exit::Done })
}

#[derive(Default)]
struct Report {
    text: String,
    failed: bool,
}

impl Report {
    fn good(&mut self, line: &str) {
        let _ = writeln!(self.text, "  ok    {line}");
    }

    fn warn(&mut self, line: &str) {
        let _ = writeln!(self.text, "  warn  {line}");
    }

    fn bad(&mut self, line: &str) {
        self.failed = true;
        let _ = writeln!(self.text, "  FAIL  {}", line.trim_end().replace('\n', "\n        "));
    }
}

/// The stack here, if there is one.
fn stack(context: &Context, report: &mut Report) -> Option<Loaded> {
    let Ok(file) = load::stack_file(context) else {
        report.good("no stack file here: only the machine is examined");
        return None;
    };
    match load::load(context) {
        Ok(loaded) => {
            report.good(&format!("{} is valid", file.shown));
            Some(loaded)
        }
        Err(_) => {
            report.bad(&format!("{} is not valid: `mlstack validate` shows why", file.shown));
            None
        }
    }
}

/// What the engine says of itself, and the containers that are this stack's own: their ports are taken, but by us.
async fn engine(loaded: Option<&Loaded>) -> Result<(Doctor, Vec<String>), Failure> {
    let reader = DockerReader::new(connect()?);
    let ports: Vec<u16> = loaded.iter().flat_map(|loaded| wanted(loaded)).collect();
    let doctor = reader.doctor(&ports).await?;
    let own = match loaded {
        Some(loaded) => reader.status(&loaded.stack.name).await?,
        None => Vec::new(),
    };
    Ok((doctor, own.into_iter().map(|copy| copy.name).collect()))
}

fn wanted(loaded: &Loaded) -> Vec<u16> {
    let exposed = loaded
        .stack
        .components
        .values()
        .filter_map(|component| component.expose.as_ref());
    exposed.map(|expose| expose.port).collect()
}

fn examine(doctor: &Doctor, own: &[String], report: &mut Report) {
    let Doctor {
        version,
        api,
        storage_driver,
        host,
        ..
    } = doctor;
    report.good(&format!("Docker {version} (API {api}, {storage_driver}) at {host}"));
    let memory = human_size(doctor.memory);
    report.good(&format!(
        "{} processors, {memory} of memory, {} containers running",
        doctor.cpus, doctor.running
    ));
    if let Some(free) = doctor.free_disk {
        report.good(&format!("{} free in {}", human_size(free), doctor.root));
    }
    doctor.warnings.iter().for_each(|warning| report.warn(warning));
    doctor.taken.iter().for_each(|taken| port(taken, own, report));
}

fn port(taken: &TakenPort, own: &[String], report: &mut Report) {
    let number = taken.port;
    match &taken.container {
        Some(name) if own.contains(name) => report.good(&format!("port {number} is published by this stack's {name}")),
        Some(name) => report.bad(&format!(
            "port {number} is taken by the container {name}: choose another in `expose`"
        )),
        None => report.bad(&format!(
            "port {number} is taken by another program: choose another in `expose`"
        )),
    }
}

fn server(context: &Context, report: &mut Report) {
    match find_server(context) {
        Ok(Some(path)) => report.good(&format!("model server at {}", path.display())),
        Ok(None) => report.warn("the model server is not built yet; `mlstack up` builds it with cargo"),
        Err(failure) => report.bad(&failure.render(&context.ui)),
    }
}
