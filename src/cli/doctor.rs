//! `mlstack doctor`: whether this machine can run stacks, one line a question.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mlstack_provider::Operate as _;
use mlstack_provider_docker::{DockerReader, Doctor, TakenPort};
use mlstack_provider_kubernetes::{Doctor as ClusterDoctor, KubeReader, Policy};

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::image::human_size;
use super::load::{self, Loaded};
use super::site::{self, connect};
use super::survey::{find_server, outline};
use crate::stack::Stack;
use crate::target::Target;

/// Runs the command. Exits with 1 when something is missing that `up` needs.
pub(super) async fn run(context: &Context) -> Result<Exit, Failure> {
    let mut report = Report::default();
    let loaded = stack(context, &mut report);
    let asked = match &loaded {
        Some(loaded) if loaded.target == Target::Kubernetes => cluster(loaded, context, &mut report).await,
        loaded => engine(loaded.as_ref(), &mut report).await,
    };
    if let Err(failure) = asked {
        report.bad(&failure.render(&context.ui));
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

/// What the engine says of itself, and which ports are taken; those of the containers that are this stack's own are
/// taken by us.
async fn engine(loaded: Option<&Loaded>, report: &mut Report) -> Result<(), Failure> {
    let reader = DockerReader::new(connect()?);
    let ports: Vec<u16> = loaded.iter().flat_map(|loaded| wanted(loaded)).collect();
    let doctor = reader.doctor(&ports).await?;
    let own = match loaded {
        Some(loaded) => reader.status(&loaded.stack.name).await?,
        None => Vec::new(),
    };
    let own: Vec<String> = own.into_iter().map(|copy| copy.name).collect();
    examine(&doctor, &own, report);
    Ok(())
}

/// What the cluster says of itself, and what the stack needs of it.
async fn cluster(loaded: &Loaded, context: &Context, report: &mut Report) -> Result<(), Failure> {
    let cluster = site::cluster(&loaded.stack, context).await?;
    let wanted = outline(loaded);
    let kinds: BTreeSet<&str> = wanted.iter().map(|resource| resource.address.kind.as_str()).collect();
    let doctor = KubeReader::new(&cluster, Policy::default()).doctor(&kinds).await?;
    report.good(&format!("Kubernetes {} at {}", doctor.version, cluster.server()));
    namespace(cluster.namespace(), &kinds, &doctor, report);
    rights(&kinds, &doctor, report);
    storage(&loaded.stack, &kinds, &doctor, report);
    ingress(&loaded.stack, &kinds, &doctor, report);
    Ok(())
}

fn namespace(name: &str, kinds: &BTreeSet<&str>, doctor: &ClusterDoctor, report: &mut Report) {
    let unseen = doctor
        .denied
        .get("namespaces")
        .is_some_and(|verbs| verbs.contains(&"get"));
    match (doctor.has_namespace, kinds.contains("namespace")) {
        _ if unseen => report.warn(&format!("whether namespace {name} is there cannot be seen")),
        (true, _) => report.good(&format!("namespace {name} is there")),
        (false, true) => report.good(&format!("namespace {name} is made by the first apply")),
        (false, false) => report.bad(&format!(
            "there is no namespace {name}: kubectl create namespace {name}"
        )),
    }
}

fn rights(kinds: &BTreeSet<&str>, doctor: &ClusterDoctor, report: &mut Report) {
    if doctor.denied.is_empty() {
        return report.good(&format!(
            "you may do there what an apply does, with {} kinds of objects",
            kinds.len()
        ));
    }
    let each = doctor.denied.iter();
    let each: Vec<String> = each
        .map(|(plural, verbs)| format!("{plural}: {}", verbs.join(", ")))
        .collect();
    report.bad(&format!(
        "you may not do there what an apply does; ask whoever runs the cluster for\n{}",
        each.join("\n")
    ));
}

fn storage(stack: &Stack, kinds: &BTreeSet<&str>, doctor: &ClusterDoctor, report: &mut Report) {
    if stack.kubernetes.storage_class.is_some() || !kinds.contains("statefulset") && !kinds.contains("pvc") {
        return;
    }
    match &doctor.default_storage {
        Some(Some(class)) => report.good(&format!("volumes get the storage class {class}")),
        Some(None) => {
            report.bad("there is no default storage class: name one in `environments.NAME.kubernetes.storage_class`");
        }
        None => report.warn("which storage classes there are cannot be seen"),
    }
}

fn ingress(stack: &Stack, kinds: &BTreeSet<&str>, doctor: &ClusterDoctor, report: &mut Report) {
    let Some(classes) = doctor.ingress_classes.as_ref().filter(|_| kinds.contains("ingress")) else {
        return;
    };
    match &stack.kubernetes.ingress_class {
        Some(class) if !classes.contains(class) => report.bad(&format!(
            "there is no ingress class {class}: there is {}",
            if classes.is_empty() {
                "none".to_owned()
            } else {
                classes.join(", ")
            }
        )),
        None if classes.is_empty() => report.bad("public components need an ingress controller, and there is none"),
        _ => report.good("public components have an ingress controller"),
    }
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
