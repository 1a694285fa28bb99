//! Back to what ran well: `mlstack rollback`, and `--on-failure rollback`. Data is never rolled back.

use std::collections::BTreeSet;

use mlstack_compose::{IMAGE, ImageSource, ImageSpec};
use mlstack_provider::{Resource, Step, Value};

use super::Context;
use super::apply::agree;
use super::args::Rollback;
use super::execute::execute;
use super::exit::Exit;
use super::failure::Failure;
use super::memory::{Memory, open, place_of};
use super::plan::{decide, refuse_conflicts, refuse_lost_data, show};
use super::survey::{Look, Survey, survey};
use crate::ledger::{Ledger, Revision};
use crate::plan::{Options, Plan, SECRETS, back};

/// Runs the command.
pub(super) async fn run(args: &Rollback, context: &Context) -> Result<Exit, Failure> {
    let mut session = open(context, "rollback").await?;
    let mut survey = survey(context, Look::Live, &args.rollout.takeover).await?;
    let place = place_of(&survey);
    let revision = chosen(args.revision, session.ledger(), &place)?.clone();
    survey.aim_at(revision.resources.clone()).await?;
    back::keep_data(&mut survey.desired, &survey.observed);
    survey.narrow(&args.rollout.scope)?;
    survey.renew_secrets(revision.number)?;
    let plan = decide(&survey, &Options::default())?;
    refuse_lost_images(&plan, &survey, revision.number)?;
    context
        .ui
        .out(&format!("Back to revision {} of {}\n", revision.number, revision.at));
    // The policies judged it when it was applied, and nobody is held up on the way back.
    show(&survey, &plan, &[], context);
    refuse_lost_data(&plan)?;
    if plan.nodes.is_empty() {
        return Ok(Exit::Done);
    }
    refuse_conflicts(&survey)?;
    agree(args.yes, "Do this?", context)?;
    let memory = Memory {
        session: &mut session,
        plan_id: None,
        command: "rollback",
        stack_digest: Some(revision.stack_digest),
    };
    let exit = execute(&mut survey, &plan, &args.rollout, memory, context).await?;
    if exit == Exit::Done {
        context.ui.note(
            "The stack file may still ask for something else: `mlstack plan` shows it. \
             Put it right there before the next apply.",
        );
    }
    Ok(exit)
}

/// The revision to go back to.
fn chosen<'a>(number: Option<u64>, ledger: &'a Ledger, place: &str) -> Result<&'a Revision, Failure> {
    ledger.back(place, number).ok_or_else(|| {
        let numbers: Vec<String> = ledger
            .revisions(place)
            .iter()
            .map(|one| one.number.to_string())
            .collect();
        let known = match numbers.is_empty() {
            true => "the ledger remembers no good revision; an apply that succeeds makes one".to_owned(),
            false => format!("what is remembered: {}", numbers.join(", ")),
        };
        let what = number.map_or("there is no revision before this one".to_owned(), |n| {
            format!("there is no revision {n}")
        });
        Failure::new(Exit::Error, what).hint(known)
    })
}

/// An image that mlstack packed or built then, and that the engine has no more, cannot be made again from here.
fn refuse_lost_images(plan: &Plan, survey: &Survey, number: u64) -> Result<(), Failure> {
    let made = plan.nodes.iter().filter_map(|node| match &node.step {
        Step::Create { resource: after } | Step::Update { after, .. } | Step::Replace { after, .. } => Some(after),
        _ => None,
    });
    let images = made.filter(|resource| resource.address.kind == IMAGE);
    let specs = images.filter_map(|resource| serde_json::from_value::<ImageSpec>(resource.spec.clone()).ok());
    let packed = survey.packed();
    let lost = specs
        .filter(|spec| spec.source != ImageSource::Pull && !packed.contains_key(&spec.reference))
        .map(|spec| spec.reference)
        .next();
    lost.map_or(Ok(()), |reference| {
        Err(Failure::new(
            Exit::Error,
            format!("revision {number} cannot come back: its image {reference} is not on the engine any more"),
        )
        .hint("check out the stack file and the model of that time, then: mlstack apply"))
    })
}

/// Aims a survey at what stood before the run that it was made for, and plans the way back.
pub(super) async fn way_back(survey: &mut Survey) -> Result<Plan, Failure> {
    let before = back::before(&survey.observed, survey.known());
    survey.aim_at(before).await?;
    back::keep_used(&mut survey.desired, &survey.observed);
    // An image does no harm, and what is rolled back may need one that the failed version did not.
    let images: Vec<Resource> = survey
        .observed
        .iter()
        .filter(|live| live.address.kind == IMAGE)
        .map(back::as_made)
        .collect();
    survey.desired.extend(images);
    back::first_of_each(&mut survey.desired);
    back::keep_data(&mut survey.desired, &survey.observed);
    survey.renew_known_secrets();
    decide(survey, &Options::default())
}

impl Survey {
    /// Wants `resources` instead of what the stack file says, and looks again.
    async fn aim_at(&mut self, resources: Vec<Resource>) -> Result<(), Failure> {
        self.compared.clone_from(&resources);
        self.desired = resources;
        self.look().await
    }

    /// Secrets are delivered as they are now, whatever they were then.
    fn renew_known_secrets(&mut self) {
        for (name, digest) in secrets_of(&mut self.desired) {
            if let Some(now) = self.secrets.digests.get(&name) {
                *digest = now.as_str().into();
            }
        }
    }

    /// As [`Self::renew_known_secrets`], and takes from the vault what the stack file declares no more.
    fn renew_secrets(&mut self, number: u64) -> Result<(), Failure> {
        let needed: BTreeSet<String> = secrets_of(&mut self.desired)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        self.find_more_secrets(&needed)?;
        let missing = needed.iter().find(|name| !self.secrets.values.contains_key(*name));
        if let Some(name) = missing {
            let text = format!("revision {number} needs the secret `{name}`, which cannot be had here now");
            return Err(Failure::new(Exit::Error, text).hint("declare it in the stack file, under `secrets`"));
        }
        self.renew_known_secrets();
        Ok(())
    }
}

/// The digest of each secret of each resource, by the secret's name.
fn secrets_of(resources: &mut [Resource]) -> Vec<(String, &mut Value)> {
    let digests = resources.iter_mut().filter_map(|resource| {
        let secrets = resource.spec.get_mut(SECRETS[0])?.get_mut(SECRETS[1])?;
        secrets.as_object_mut()
    });
    digests.flatten().map(|(name, digest)| (name.clone(), digest)).collect()
}
