//! How each step is carried out.
//!
//! An apply is one call; the rest is what may lie around it: one that is still being deleted, one that is not ours, one
//! whose pods do not come up, and the way back then.

use std::time::Duration;

use mlstack_manifest::{Kind, MANAGER};
use mlstack_provider::golden::Checks;
use mlstack_provider::{ErrorKind, Observed, ProviderError, Resource, Step, Value};
use tokio::time::Instant;

use crate::engine::Site;
use crate::examine::{as_wanted, known, probe};
use crate::fault::Sort;
use crate::finding::refused;
use crate::health;
use crate::observe::{is_ours, text};
use crate::wait::{self, Gathered, NOT_READY, Wait};
use crate::write::Propagation;
use crate::{canary, owners, proof, secrets, words};

/// How long a deletion may take.
const GONE: Duration = Duration::from_secs(180);
/// Between two looks at something that goes.
const PACE: Duration = Duration::from_millis(200);
/// How long the version before may take to serve again.
const BACK: Duration = Duration::from_secs(120);

/// Carries out a step; what stands there then, which was waited for where there is anything to wait for.
pub(crate) async fn run(site: &Site<'_>, step: &Step) -> Result<Option<Observed>, ProviderError> {
    let kind = known(step.address())?;
    let (after, made) = match step {
        Step::Create { resource } => (resource, come(site, kind, resource, None).await?),
        Step::Update { before, after } => (after, come(site, kind, after, Some(before)).await?),
        Step::Repair { before, after } => (after, repair(site, kind, before, after).await?),
        Step::Replace { before, after } => (after, replace(site, kind, before, after).await?),
        Step::Delete { before } => {
            if kind.short == "deployment" {
                canary::clear(site, &before.address.name).await?;
            }
            go(site, kind, &before.address.name, &before.id, ending(kind)).await?;
            return Ok(None);
        }
    };
    Ok(Some(as_wanted(kind, after, &made.object)))
}

/// Applies a resource and waits until it works; if it does not, `before` comes back.
async fn come(
    site: &Site<'_>,
    kind: &'static Kind,
    resource: &Resource,
    before: Option<&Observed>,
) -> Result<Made, ProviderError> {
    let checks = unanswered(site, kind, resource, before).await?;
    let made = put(site, kind, resource, checks.is_some()).await?;
    let up = works(site, kind, resource).await;
    let (is_up, proven) = (up.is_ok(), prove(site, kind, resource, checks.as_ref(), up).await);
    match (proven, before) {
        (Err(error), Some(before)) if health::has_pods(kind.short) => Err(back(site, kind, before, error).await),
        (Err(error), None) if is_up && made.is_new => Err(withdraw(site, kind, resource, &made, error).await),
        (done, _) => done.map(|()| made),
    }
}

/// The golden requests that are still to be asked once it is up: none when a pod beside the version before answered
/// them already.
///
/// # Errors
/// When that one did not.
async fn unanswered(
    site: &Site<'_>,
    kind: &'static Kind,
    resource: &Resource,
    before: Option<&Observed>,
) -> Result<Option<Checks>, ProviderError> {
    let checks = proof::checks(&resource.spec)?;
    match (&checks, before) {
        (Some(asked), Some(before)) if canary::fits(kind, before, resource) => {
            let proven = canary::try_out(site, kind, resource, asked).await?;
            Ok(checks.filter(|_| !proven))
        }
        _ => Ok(checks),
    }
}

/// Asks the golden requests of what is up. Until then it carries a mark, so that a run that is killed before is not
/// taken for a proof.
async fn prove(
    site: &Site<'_>,
    kind: &'static Kind,
    resource: &Resource,
    checks: Option<&Checks>,
    up: Result<Option<Value>, ProviderError>,
) -> Result<(), ProviderError> {
    let (Some(object), Some(checks)) = (up?, checks) else {
        return Ok(());
    };
    proof::of_workload(site, kind, &object, checks).await?;
    if let Err(error) = put(site, kind, resource, false).await {
        // Then the next run asks once more.
        site.tell(&format!(
            "cannot note that its checks were answered: {}",
            error.reason()
        ));
    }
    Ok(())
}

/// Takes a first version away that must not serve.
async fn withdraw(
    site: &Site<'_>,
    kind: &'static Kind,
    resource: &Resource,
    made: &Made,
    error: ProviderError,
) -> ProviderError {
    let uid = text(&made.object["metadata"]["uid"]);
    match go(site, kind, &resource.address.name, uid, ending(kind)).await {
        Ok(()) => error.hint("it was taken away, so that nobody gets its answers"),
        Err(also) => error.hint(format!(
            "it still serves, as it cannot be taken away: {}",
            also.reason()
        )),
    }
}

/// What an apply made.
struct Made {
    /// As the server answered.
    object: Value,
    /// Whether nothing was there before.
    is_new: bool,
}

/// Applies a resource; one whose golden requests are still to be asked gets a mark.
async fn put(site: &Site<'_>, kind: &'static Kind, resource: &Resource, unproven: bool) -> Result<Made, ProviderError> {
    let name = &resource.address.name;
    let live = free(site, kind, name).await?;
    let adopted = match &live {
        Some(live) => adopt(site, kind, live).await?,
        None => false,
    };
    site.inventory.cover(&site.question, site.write, kind).await?;
    let mut body = words::sent(kind, resource, &site.place, live.as_ref());
    if kind.short == "secret" {
        body["data"] = secrets::data(&resource.spec, &site.config.secrets)?;
    }
    if unproven {
        words::mark_unproven(&mut body);
    }
    let force = site.config.policy.take_fields || adopted;
    let answer = site.write.apply(kind, name, MANAGER, body, force).await?;
    let applied = match answer.refusal() {
        Some(refusal) if refusal.sort() == Sort::Immutable => {
            return Err(refusal
                .error("cannot change")
                .hint("plan again: mlstack plan shows what must be made anew"));
        }
        _ => answer.good("cannot apply")?,
    };
    if health::is_terminating(&applied) {
        return Err(ProviderError::new(ErrorKind::Stale, "stale:")
            .because("somebody deletes it just now")
            .hint("apply again once it is gone"));
    }
    if kind.short == "statefulset" {
        unstick(site, kind, name).await?;
    }
    Ok(Made {
        object: applied,
        is_new: live.is_none(),
    })
}

/// What has the name, once nothing of it is going.
async fn free(site: &Site<'_>, kind: &Kind, name: &str) -> Result<Option<Value>, ProviderError> {
    match site.look.object(kind, name).await? {
        Some(live) if health::is_terminating(&live) => {
            gone(site, kind, name, text(&live["metadata"]["uid"])).await?;
            site.look.object(kind, name).await
        }
        live => Ok(live),
    }
}

/// Makes what exists ours if that is allowed; whether it was not.
async fn adopt(site: &Site<'_>, kind: &Kind, live: &Value) -> Result<bool, ProviderError> {
    if is_ours(live, &site.place) {
        return Ok(false);
    }
    if !site.config.policy.adopt {
        return Err(ProviderError::new(ErrorKind::Foreign, "cannot make")
            .because("one of that name exists, and it is not of this stack")
            .hint("take it over with --adopt, or give yours another name"));
    }
    if let Some(fields) = owners::handed_over(live, MANAGER) {
        site.write.hand_over(kind, live, fields).await?;
    }
    Ok(true)
}

/// Waits until it works; what it is then, where there was anything to wait for.
async fn works(site: &Site<'_>, kind: &'static Kind, resource: &Resource) -> Result<Option<Value>, ProviderError> {
    if !health::has_pods(kind.short) && kind.short != "namespace" {
        return Ok(None);
    }
    let name = &resource.address.name;
    let Some(object) = site.look.object(kind, name).await? else {
        return Err(ProviderError::new(ErrorKind::NotReady, NOT_READY).because("it was removed while it started"));
    };
    let wait = Wait {
        look: site.look,
        kind,
        name,
        action: NOT_READY,
        limit: wait::limit(kind, &object, &resource.spec),
        timing: site.config.timing,
        progress: site.progress,
    };
    wait.ready().await.map(Some)
}

/// Brings back what served before.
async fn back(site: &Site<'_>, kind: &'static Kind, before: &Observed, error: ProviderError) -> ProviderError {
    site.tell("going back to the version before");
    let resource = Resource {
        address: before.address.clone(),
        spec: before.spec.clone(),
        depends_on: before.depends_on.clone(),
        source: None,
        protected: before.protected,
    };
    let again = async {
        put(site, kind, &resource, false).await?;
        let wait = Wait {
            look: site.look,
            kind,
            name: &before.address.name,
            action: "the version before did not come back:",
            limit: BACK,
            timing: site.config.timing,
            progress: site.progress,
        };
        wait.ready().await
    };
    match again.await {
        Ok(_) => error.rolled_back(),
        Err(also) => error.hint(format!("the version before does not serve either: {}", also.reason())),
    }
}

/// Takes away pods of an older version that never came up: a stateful set waits for them for ever before it makes the
/// new ones.
async fn unstick(site: &Site<'_>, kind: &Kind, name: &str) -> Result<(), ProviderError> {
    let begin = Instant::now();
    let object = loop {
        let Some(object) = site.look.object(kind, name).await? else {
            return Ok(());
        };
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let seen = number(&object["status"]["observedGeneration"]) >= number(&object["metadata"]["generation"]);
        if seen || begin.elapsed() >= BACK / 10 {
            break object;
        }
        tokio::time::sleep(PACE).await;
    };
    for pod in Gathered::stuck(site.look, &object).await? {
        site.tell(&format!(
            "removing {}, which never came up",
            text(&pod["metadata"]["name"])
        ));
        site.write.delete_pod(&pod).await?;
    }
    Ok(())
}

/// Brings one back to work: what is right but hopeless is made again.
async fn repair(
    site: &Site<'_>,
    kind: &'static Kind,
    before: &Observed,
    after: &Resource,
) -> Result<Made, ProviderError> {
    let name = &after.address.name;
    let live = site.look.object(kind, name).await?;
    let live = live.filter(|live| is_ours(live, &site.place) && !health::is_terminating(live));
    if let (Some(live), "job") = (&live, kind.short) {
        go(
            site,
            kind,
            name,
            text(&live["metadata"]["uid"]),
            Propagation::Background,
        )
        .await?;
    } else if let (Some(live), true) = (&live, health::has_pods(kind.short)) {
        let gathered = Gathered::of(site.look, kind, live).await?;
        for pod in gathered.hopeless(live) {
            site.write.delete_pod(pod).await?;
        }
        canary::clear(site, name).await?;
    }
    debug_assert_eq!(before.address, after.address);
    come(site, kind, after, None).await
}

/// Takes one away and makes it anew. It is checked first, so that a bad one does not cost the old one; its pods stay where
/// the new one selects them too.
async fn replace(
    site: &Site<'_>,
    kind: &'static Kind,
    before: &Observed,
    after: &Resource,
) -> Result<Made, ProviderError> {
    let mut body = words::sent(kind, after, &site.place, None);
    if kind.short == "secret" {
        body["data"] = secrets::stand_in(&after.spec, None);
    }
    let mut findings = Vec::new();
    probe(&site.question, kind, after, &body, &site.place.namespace, &mut findings).await?;
    if let Some(error) = refused(&findings) {
        return Err(error);
    }
    let selector = |spec: &Value| spec["spec"]["selector"].clone();
    let keeps = matches!(kind.short, "deployment" | "statefulset") && selector(&before.spec) == selector(&after.spec);
    let how = if keeps { Propagation::Orphan } else { ending(kind) };
    let checks = unanswered(site, kind, after, Some(before)).await?;
    go(site, kind, &before.address.name, &before.id, how).await?;
    let made = match put(site, kind, after, checks.is_some()).await {
        Ok(made) => made,
        Err(error) => return Err(back(site, kind, before, error).await),
    };
    let up = works(site, kind, after).await;
    match prove(site, kind, after, checks.as_ref(), up).await {
        Err(error) if keeps => Err(back(site, kind, before, error).await),
        done => done.map(|()| made),
    }
}

/// How the kind's objects go: pods first where there are any, so that what they stand on is free then.
fn ending(kind: &Kind) -> Propagation {
    match health::has_pods(kind.short) {
        true => Propagation::Foreground,
        false => Propagation::Background,
    }
}

/// Deletes just this one and waits until it is gone.
async fn go(site: &Site<'_>, kind: &Kind, name: &str, uid: &str, how: Propagation) -> Result<(), ProviderError> {
    site.write.delete(kind, name, uid, how).await?;
    gone(site, kind, name, uid).await
}

/// Waits until just this one is gone.
pub(crate) async fn gone(site: &Site<'_>, kind: &Kind, name: &str, uid: &str) -> Result<(), ProviderError> {
    let (begin, mut told) = (Instant::now(), Instant::now());
    loop {
        let live = site.look.object(kind, name).await?;
        let Some(live) = live.filter(|live| live["metadata"]["uid"] == uid) else {
            return Ok(());
        };
        if begin.elapsed() >= GONE {
            return Err(stuck(kind, name, &live));
        }
        if told.elapsed() >= PACE * 10 {
            site.tell(&format!("waiting until it is gone, {} s", begin.elapsed().as_secs()));
            told = Instant::now();
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Why something does not go.
fn stuck(kind: &Kind, name: &str, live: &Value) -> ProviderError {
    let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
    let told = conditions.filter(|one| one["status"] == "True" && kind.short == "namespace");
    let mut why: Vec<&str> = told.map(|one| text(&one["message"])).collect();
    let held = format!("held by {}", health::finalizers(live));
    if !health::finalizers(live).is_empty() {
        why.push(&held);
    }
    let error =
        ProviderError::new(ErrorKind::Timeout, "is still there after its deletion:").because(match why.is_empty() {
            true => format!("not gone after {} s", GONE.as_secs()),
            false => why.join("; "),
        });
    match kind.short {
        "pvc" => error.hint("a pod still uses it: kubectl get pods"),
        _ => error.hint(format!(
            "see who removes its finalizers: kubectl get {} {name} -o yaml",
            kind.plural
        )),
    }
}
