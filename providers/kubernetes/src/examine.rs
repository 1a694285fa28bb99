//! One wanted object beside the live one: what an apply would change, what the server says of it, who else had a hand in.
//!
//! Owns the dry runs and what is made of their answers. A field that cannot change makes the server refuse the whole; the
//! same object under a name that nobody has shows then what it would become. So it does where the namespace lacks yet.

use mlstack_manifest::{Kind, MANAGER, POD_SECRETS, fit, kind};
use mlstack_provider::{Address, ErrorKind, Finding, Level, Observed, ProviderError, Resource, Value};
use serde_json::Map;

use crate::cluster::Answer;
use crate::fault::{Refusal, Sort};
use crate::health::{self, Verdict};
use crate::merge::merge;
use crate::observe::{Question, Seen, World, is_ours, text};
use crate::owners::{Owner, Segment, owners};
use crate::{canary, fields, proof, secrets, wait, words};

/// Where objects are checked whose own namespace is not there yet.
const ANYWHERE: &str = "default";
/// The longest name that every kind may have.
const NAME: usize = 52;

/// Looks at one.
pub(crate) async fn one(question: Question<'_>, world: &World, resource: &Resource) -> Result<Seen, ProviderError> {
    let at = |error: ProviderError| error.at(&resource.address);
    let kind = known(&resource.address)?;
    let mut findings = Vec::new();
    let live = live(&question, world, kind, &resource.address).await.map_err(at)?;
    if let Some(live) = &live {
        if !is_ours(live, &world.place) && !question.policy.adopt {
            findings.push(foreign(&resource.address, live));
            return Ok(Seen {
                observed: Vec::new(),
                findings,
            });
        }
        if health::is_terminating(live) {
            return Ok(Seen {
                observed: vec![going(kind, resource, live)],
                findings,
            });
        }
    }
    let expected = expected(&question, world, kind, resource, live.as_ref(), &mut findings)
        .await
        .map_err(at)?;
    let observed = match (&live, expected) {
        (Some(live), Some(expected)) => {
            let mut observed = compare(&question, kind, resource, live, &expected, &mut findings);
            observed.problem = problem(&question, world, kind, live).await.map_err(at)?;
            if observed.problem.is_none() && proof::checks(&resource.spec)?.is_some() {
                observed.problem = cut_off(&question, resource).await.map_err(at)?;
            }
            Some(observed)
        }
        _ => None,
    };
    Ok(Seen {
        observed: observed.into_iter().collect(),
        findings,
    })
}

/// The kind of an address.
///
/// # Errors
/// When there is no such kind here.
pub(crate) fn known(address: &Address) -> Result<&'static Kind, ProviderError> {
    kind(&address.kind).ok_or_else(|| {
        ProviderError::new(
            ErrorKind::Failed,
            format!("there is no kind `{}` on this target:", address.kind),
        )
        .at(address)
    })
}

async fn live(
    question: &Question<'_>,
    world: &World,
    kind: &Kind,
    address: &Address,
) -> Result<Option<Value>, ProviderError> {
    match world.ours.get(address) {
        Some(live) => Ok(Some(live.clone())),
        None if kind.namespaced && !world.has_namespace => Ok(None),
        None => question.look.object(kind, &address.name).await,
    }
}

fn foreign(address: &Address, live: &Value) -> Finding {
    let labels = &live["metadata"]["labels"];
    let keeper = match (
        text(&labels[mlstack_manifest::PART_OF_SET]),
        text(&labels[mlstack_manifest::MANAGED_BY]),
    ) {
        ("", "") => "it is not of this stack".to_owned(),
        ("", tool) => format!("{tool} looks after it"),
        (set, _) => format!("it is of another inventory, {set}"),
    };
    Finding {
        kind: ErrorKind::Foreign,
        ..Finding::new(address, Level::Refusal, format!("it exists already, and {keeper}"))
            .hint("take it over with --adopt, or give yours another name")
    }
}

/// One that is being deleted: an apply to it would be accepted and lost.
fn going(kind: &Kind, resource: &Resource, live: &Value) -> Observed {
    let problem = match health::finalizers(live).as_str() {
        "" => "it is being deleted".to_owned(),
        held => format!("it is being deleted, held by {held}"),
    };
    Observed {
        problem: Some(problem),
        ..as_wanted(kind, resource, live)
    }
}

/// One that is as it is wanted.
pub(crate) fn as_wanted(kind: &Kind, resource: &Resource, live: &Value) -> Observed {
    Observed {
        address: resource.address.clone(),
        id: text(&live["metadata"]["uid"]).to_owned(),
        spec: resource.spec.clone(),
        recorded: Some(resource.spec.clone()),
        depends_on: words::stands_on(live).unwrap_or_else(|| resource.depends_on.clone()),
        protected: kind.protected || resource.protected,
        problem: None,
    }
}

/// What the server would make of it.
pub(crate) struct Expected {
    object: Value,
    /// Whether it was tried under another name, so that what the server gave the live one alone is not in it.
    probed: bool,
}

async fn expected(
    question: &Question<'_>,
    world: &World,
    kind: &Kind,
    resource: &Resource,
    live: Option<&Value>,
    findings: &mut Vec<Finding>,
) -> Result<Option<Expected>, ProviderError> {
    let body = body(kind, resource, world, live);
    let name = &resource.address.name;
    let answer = question.look.dry_run(kind, name, &body, false).await?;
    told(resource, &answer, findings);
    let straight = |answer: Answer| Expected {
        object: answer.body,
        probed: false,
    };
    let Some(refusal) = answer.refusal() else {
        return Ok(Some(straight(answer)));
    };
    match refusal.sort() {
        Sort::Clash => {
            let forced = question.look.dry_run(kind, name, &body, true).await?;
            if let (Some(live), None) = (live, forced.refusal()) {
                findings.extend(clashes(resource, &refusal, live, &forced.body));
                return Ok(Some(straight(forced)));
            }
            refuse(resource, &forced.refusal().unwrap_or(refusal), findings);
            Ok(None)
        }
        Sort::Immutable => probe(question, kind, resource, &body, &world.place.namespace, findings).await,
        Sort::NoNamespace if !world.has_namespace => probe(question, kind, resource, &body, ANYWHERE, findings).await,
        _ => {
            refuse(resource, &refusal, findings);
            Ok(None)
        }
    }
}

fn body(kind: &Kind, resource: &Resource, world: &World, live: Option<&Value>) -> Value {
    let mut body = words::sent(kind, resource, &world.place, live);
    if kind.short == "secret" {
        body["data"] = secrets::stand_in(&resource.spec, live);
    }
    body
}

/// Checks the object under a name that nobody has.
pub(crate) async fn probe(
    question: &Question<'_>,
    kind: &Kind,
    resource: &Resource,
    body: &Value,
    namespace: &str,
    findings: &mut Vec<Finding>,
) -> Result<Option<Expected>, ProviderError> {
    let name = fit(&format!("mlstack-probe-{}", resource.address.name), NAME);
    let mut body = body.clone();
    body["metadata"]["name"] = name.as_str().into();
    body["metadata"]["namespace"] = namespace.into();
    let answer = question.look.dry_run_in(kind, namespace, &name, &body, false).await?;
    told(resource, &answer, findings);
    let Some(refusal) = answer.refusal() else {
        let mut object = answer.body;
        object["metadata"]["name"] = resource.address.name.as_str().into();
        return Ok(Some(Expected { object, probed: true }));
    };
    match refusal.sort() {
        Sort::Denied | Sort::Forbidden | Sort::NoNamespace if namespace == ANYWHERE => {
            let text = "could not be checked: its namespace is not there yet, and nothing may be tried in `default`";
            findings.push(Finding::new(&resource.address, Level::Note, text));
        }
        _ => refuse(resource, &refusal, findings),
    }
    Ok(None)
}

fn refuse(resource: &Resource, refusal: &Refusal, findings: &mut Vec<Finding>) {
    findings.push(Finding::refusal(&resource.address, refusal.error("cannot check")));
}

/// What the server warns of.
fn told(resource: &Resource, answer: &Answer, findings: &mut Vec<Finding>) {
    let warned = answer
        .warnings
        .iter()
        .map(|text| Finding::new(&resource.address, Level::Warning, text));
    findings.extend(warned);
}

/// Fields that others own, each with both values.
fn clashes(resource: &Resource, refusal: &Refusal, live: &Value, wanted: &Value) -> Vec<Finding> {
    let clash = |cause: &crate::fault::Cause| {
        let owner = cause.message.split('"').nth(1).unwrap_or("another manager");
        let field = cause.field.trim_start_matches('.');
        let shown = |object: &Value| fields::at(object, field).map_or_else(|| "nothing".to_owned(), fields::short);
        let text = match hides(resource, field) {
            true => format!("{field} was changed by {owner} (a secret)"),
            false => format!(
                "{field} is {} and owned by {owner}; wanted is {}",
                shown(live),
                shown(wanted)
            ),
        };
        Finding {
            kind: ErrorKind::Foreign,
            ..Finding::new(&resource.address, Level::Conflict, text)
                .hint("--force-conflicts takes these fields over; or leave them out of the stack file")
        }
    };
    refusal.causes.iter().map(clash).collect()
}

fn hides(resource: &Resource, field: &str) -> bool {
    (resource.address.kind == "secret" && field.starts_with("data")) || field.contains(POD_SECRETS)
}

/// The live object in the words of what is wanted, with what was made of it once.
fn compare(
    question: &Question<'_>,
    kind: &Kind,
    resource: &Resource,
    live: &Value,
    expected: &Expected,
    findings: &mut Vec<Finding>,
) -> Observed {
    let base = &resource.spec;
    let wanted = words::words(kind, &expected.object, base);
    let mut seen = words::words(kind, live, base);
    if let ("secret", Some(keyed)) = (kind.short, question.keyed) {
        let now = secrets::read_back(base, live, keyed);
        seen[mlstack_manifest::EXTENSION]["secrets"] = Value::Object(now);
    }
    let ours = |path: &[Segment]| {
        !expected.probed || fields::has(base, path) || owners(live, path).iter().any(|owner| owner.manager == MANAGER)
    };
    let spec = merge(base, &wanted, &seen, &mut |path, _, _| ours(path));
    let made = Made {
        live,
        remembered: words::remembered(kind, live),
        same: words::was_applied(live, base),
    };
    let mut drifted = Vec::new();
    let recorded = merge(base, &wanted, &seen, &mut |path, wanted, seen| {
        let by_others = ours(path).then(|| made.by_others(path, wanted)).flatten();
        if let Some(who) = &by_others {
            drifted.push(note(resource, path, (seen, wanted), who));
        }
        ours(path) && by_others.is_none()
    });
    if !findings.iter().any(|found| found.level == Level::Conflict) {
        findings.append(&mut drifted);
    }
    Observed {
        spec,
        recorded: Some(recorded),
        ..as_wanted(kind, resource, live)
    }
}

/// What a live object was made as, as far as it tells.
struct Made<'a> {
    live: &'a Value,
    remembered: Map<String, Value>,
    /// Whether just the wanted spec was applied last: then every difference came after.
    same: bool,
}

impl Made<'_> {
    /// Who changed the field after us; `None` when the difference is ours.
    fn by_others(&self, path: &[Segment], wanted: &Value) -> Option<Vec<Owner>> {
        if let [Segment::Key(ours), Segment::Key(_), Segment::Key(name)] = path
            && ours == mlstack_manifest::EXTENSION
        {
            let as_made = self.remembered.get(name) == Some(wanted);
            return as_made.then(|| owners(self.live, &[Segment::Key("data".to_owned())]));
        }
        let owners = owners(self.live, path);
        let others = !owners.is_empty() && owners.iter().all(|owner| owner.manager != MANAGER);
        (self.same || others).then_some(owners)
    }
}

fn note(resource: &Resource, path: &[Segment], (seen, wanted): (&Value, &Value), who: &[Owner]) -> Finding {
    let by = who.iter().find(|owner| owner.manager != MANAGER);
    let by = by.map_or_else(
        || "somebody".to_owned(),
        |owner| format!("{} at {}", owner.manager, owner.time),
    );
    let path = fields::join(path);
    let text = match path.starts_with(mlstack_manifest::EXTENSION) {
        true => format!("a secret was changed by {by}"),
        false => format!(
            "{path} was changed by {by}: {} instead of {}",
            fields::short(seen),
            fields::short(wanted)
        ),
    };
    Finding::new(&resource.address, Level::Note, text)
}

/// What a run that was cut off left.
async fn cut_off(question: &Question<'_>, resource: &Resource) -> Result<Option<String>, ProviderError> {
    let is_left = canary::is_left(question.look, &resource.address.name).await?;
    Ok(is_left.then(|| "a pod that tried a new version is left".to_owned()))
}

/// Why it does not work now.
async fn problem(
    question: &Question<'_>,
    world: &World,
    kind: &Kind,
    live: &Value,
) -> Result<Option<String>, ProviderError> {
    if !is_ours(live, &world.place) {
        return Ok(Some("it is not in the stack's inventory yet".to_owned()));
    }
    let unproven = || words::is_unproven(live).then(|| "its checks were not answered yet".to_owned());
    match health::judge(kind.short, live) {
        Verdict::Done => Ok(unproven()),
        Verdict::Failed(why) => Ok(Some(why)),
        Verdict::Going(_) if health::has_pods(kind.short) => {
            let evidence = wait::Gathered::of(question.look, kind, live).await?;
            let first = evidence.causes(live).into_iter().find(|cause| cause.terminal);
            Ok(first.map(|cause| cause.sentence()).or_else(unproven))
        }
        Verdict::Going(_) => Ok(None),
    }
}
