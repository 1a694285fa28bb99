//! What is wanted and what runs: everything a plan is made of, gathered in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mlstack_compose::IMAGE;
use mlstack_provider::{Address, Finding, Observed, ProviderError, Resource, Source};

use super::exit::Exit;
use super::failure::Failure;
use super::load::{Loaded, load};
use super::memory::{place_of, store};
use super::site::Site;
use super::{Context, args, builds};
use crate::diag::{self, Diagnostic, codes};
use crate::image::Image;
use crate::ledger::{self, Revision};
use crate::plan::protect;
use crate::plan::scope::{Scope, ScopeError};
use crate::project::images::{is_packed, pack};
use crate::project::secrets::SecretError;
use crate::project::{Secrets, Vault, server};
use crate::stack::SecretSource;
use crate::target::compose::made_reference;
use crate::target::{Target, compose, kubernetes};

/// How far a look goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Opens no connection and starts no process; the target counts as empty.
    Offline,
    /// Looks at the target; changes nothing anywhere.
    Live,
    /// As `Live`, and builds the server executable where there is none.
    Prepare,
    /// As `Prepare`, but looks at no target.
    Render,
    /// As `Live`, with nothing wanted: everything that is the stack's own goes.
    Destroy,
}

/// Both sides of a plan, and what it takes to carry one out.
pub(super) struct Survey {
    /// The stack.
    pub(super) loaded: Loaded,
    /// What should be there.
    pub(super) desired: Vec<Resource>,
    /// What is there.
    pub(super) observed: Vec<Observed>,
    /// What was wanted when that was looked at; some of what is seen depends on it.
    pub(super) compared: Vec<Resource>,
    /// The values behind the stack's secrets.
    pub(super) secrets: Secrets,
    /// What each secret comes from.
    pub(super) needs: BTreeMap<String, SecretSource>,
    /// Images that mlstack packs, by component.
    pub(super) images: BTreeMap<String, Image>,
    /// The digests of what images are built from, by component.
    built: BTreeMap<String, String>,
    /// Where exactly the target is.
    pub(super) place: String,
    /// What else the target says of what is wanted.
    pub(super) findings: Vec<Finding>,
    /// What may be taken over.
    pub(super) takeover: args::Takeover,
    /// Where it runs; `None` where no target is looked at.
    site: Option<Site>,
    /// The part of the stack that the command is about.
    pub(super) scope: Scope,
    /// What is left alone: everything else.
    pub(super) outside: BTreeSet<Address>,
    /// The good revisions that the ledger remembers, oldest first.
    pub(super) revisions: Vec<Revision>,
    /// What stands there now, as far as the ledger remembers.
    standing: Vec<Resource>,
    /// How long the last change of each thing took, in seconds, as far as the ledger remembers.
    pub(super) took: BTreeMap<String, u32>,
    /// What held data when the ledger last heard of it.
    held_data: BTreeSet<Address>,
}

impl Survey {
    /// Where it runs.
    pub(super) fn site(&self) -> &Site {
        self.site
            .as_ref()
            .expect("only what changes nothing goes without a target")
    }

    /// Looks at the target beside what is compared with.
    pub(super) async fn look(&mut self) -> Result<(), Failure> {
        let reader = self.site().reading_back(&self.loaded, &self.takeover)?;
        let observed = reader.observe(&self.loaded.stack.name, &self.compared).await;
        self.observed = observed.map_err(|error| located(error, &self.compared))?;
        self.findings = reader.findings();
        Ok(())
    }

    /// The data of the stack file, whether it is there or not.
    pub(super) fn declared_data(&self) -> Vec<Address> {
        let all = outline(&self.loaded).into_iter();
        all.filter(|resource| resource.protected)
            .map(|data| data.address)
            .collect()
    }
}

/// Gathers everything.
pub(super) async fn survey(context: &Context, look: Look, takeover: &args::Takeover) -> Result<Survey, Failure> {
    let mut loaded = load(context)?;
    let site = match look {
        Look::Offline | Look::Render => None,
        Look::Live | Look::Prepare | Look::Destroy => Some(Site::of(loaded.target, &loaded.stack, context).await?),
    };
    let needs = crate::target::secrets(&loaded.stack);
    let secrets = secrets(&loaded, &needs, look)?;
    let images = images(context, &loaded, look)?;
    let built = match look {
        Look::Destroy => BTreeMap::new(),
        _ => builds::digests(&mut loaded, context)?,
    };
    let desired = match look {
        Look::Destroy => Vec::new(),
        _ => desired(&loaded, &secrets, &images, &built)?,
    };
    let mut survey = Survey {
        place: site.as_ref().map_or_else(|| "offline".to_owned(), Site::place),
        loaded,
        compared: desired.clone(),
        desired,
        observed: Vec::new(),
        findings: Vec::new(),
        takeover: takeover.clone(),
        site,
        secrets,
        needs,
        images,
        built,
        scope: Scope::default(),
        outside: BTreeSet::new(),
        revisions: Vec::new(),
        standing: Vec::new(),
        took: BTreeMap::new(),
        held_data: BTreeSet::new(),
    };
    if survey.site.is_some() {
        let begun = std::time::Instant::now();
        survey.look().await?;
        context.ui.detail(&format!(
            "{} things wanted, {} found in {:?}",
            survey.desired.len(),
            survey.observed.len(),
            begun.elapsed()
        ));
        survey.remember(context, look).await;
    }
    survey.recover_secrets().await?;
    survey.keep_unknown_secrets();
    if look == Look::Live {
        survey.warn_of_missing_secrets(context);
    }
    Ok(survey)
}

/// The failure, with the line of the stack file that asked for what it happened to.
fn located(error: ProviderError, desired: &[Resource]) -> Failure {
    let is_it = |resource: &&Resource| error.address.as_ref() == Some(&resource.address);
    let source = desired.iter().find(is_it).and_then(|resource| resource.source.as_ref());
    Failure::from(error).asked_at(source)
}

/// Reads the values of the stack's secrets as far as they can be had, so that they are hidden in what is printed.
pub(super) fn know_secrets(loaded: &Loaded) -> Result<(), Failure> {
    secrets(loaded, &crate::target::secrets(&loaded.stack), Look::Live).map(drop)
}

fn secrets(loaded: &Loaded, needs: &BTreeMap<String, SecretSource>, look: Look) -> Result<Secrets, Failure> {
    let vault = Vault::new(&loaded.file.root);
    let variable = |key: &str| {
        if look == Look::Offline {
            None
        } else {
            std::env::var(key).ok()
        }
    };
    let failed = |error: std::io::Error| Failure::new(Exit::Error, format!("cannot read the stored secrets: {error}"));
    vault.look(needs, &loaded.jail, &variable).map_err(failed)
}

fn images(context: &Context, loaded: &Loaded, look: Look) -> Result<BTreeMap<String, Image>, Failure> {
    if look == Look::Destroy || !loaded.stack.components.values().any(is_packed) {
        return Ok(BTreeMap::new());
    }
    match server_binary(context, look)? {
        Some(path) => pack(&loaded.stack, &loaded.jail, &path).map_err(|error| Failure::of(Exit::Error, &error)),
        None => Ok(BTreeMap::new()),
    }
}

/// The server executable, if there is one already.
pub(super) fn find_server(context: &Context) -> Result<Option<PathBuf>, Failure> {
    let own = std::env::current_exe().unwrap_or_default();
    server::locate(context.global.server_bin.as_deref(), &own).map_err(|error| no_server(&error))
}

fn no_server(error: &server::ServerError) -> Failure {
    Failure::of(Exit::Error, error).hint("`--server-bin FILE` names a static x86-64 Linux build of mlstack-server")
}

/// The server executable; built by cargo when preparing, `None` when it would have to be built and may not.
pub(super) fn server_binary(context: &Context, look: Look) -> Result<Option<PathBuf>, Failure> {
    match find_server(context)? {
        Some(path) => {
            context.ui.detail(&format!("model server: {}", path.display()));
            Ok(Some(path))
        }
        None if matches!(look, Look::Prepare | Look::Render) => {
            context.ui.note("Building the model server, once …");
            server::build().map(Some).map_err(|error| no_server(&error))
        }
        None => {
            context.ui.note(
                "note: the model server is not built yet, so the digests of its images are not known; \
                 `mlstack apply` builds it",
            );
            Ok(None)
        }
    }
}

/// What lowering is told beside the stack, for every target.
pub(super) struct Known<'a> {
    pub(super) digests: &'a BTreeMap<String, String>,
    pub(super) secrets: &'a BTreeMap<String, String>,
    pub(super) locate: &'a dyn Fn(&diag::Path) -> Option<Source>,
}

/// What a stack is made of, before anything is known of its images and secrets.
pub(super) fn outline(loaded: &Loaded) -> Vec<Resource> {
    let nothing = BTreeMap::new();
    let known = Known {
        digests: &nothing,
        secrets: &nothing,
        locate: &|_| None,
    };
    lower(loaded, &known)
}

/// The resources of the stack on its target.
pub(super) fn lower(loaded: &Loaded, known: &Known<'_>) -> Vec<Resource> {
    let Known {
        digests,
        secrets,
        locate,
    } = *known;
    match loaded.target {
        Target::Compose => compose::lower(
            &loaded.stack,
            &compose::Inputs {
                root: &loaded.file.root.to_string_lossy(),
                digests,
                secrets,
                locate,
            },
        ),
        Target::Kubernetes => kubernetes::lower(
            &loaded.stack,
            &kubernetes::Inputs {
                digests,
                secrets,
                locate,
            },
        ),
    }
}

fn desired(
    loaded: &Loaded,
    secrets: &Secrets,
    images: &BTreeMap<String, Image>,
    built: &BTreeMap<String, String>,
) -> Result<Vec<Resource>, Failure> {
    let locate = |path: &diag::Path| loaded.source(path);
    let digests = match loaded.target {
        Target::Compose => engine_digests(images, built),
        Target::Kubernetes => registry_digests(loaded, images)?,
    };
    let known = Known {
        digests: &digests,
        secrets: &secrets.digests,
        locate: &locate,
    };
    Ok(lower(loaded, &known))
}

/// By component, what an engine calls its image, or the digest of what it is built from.
fn engine_digests(images: &BTreeMap<String, Image>, built: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let packed = images
        .iter()
        .map(|(name, image)| (name.clone(), image.id().to_string()));
    packed.chain(built.clone()).collect()
}

/// By component, what a registry calls its image; without a registry, what an engine calls it.
fn registry_digests(loaded: &Loaded, images: &BTreeMap<String, Image>) -> Result<BTreeMap<String, String>, Failure> {
    let pushed = loaded.stack.kubernetes.registry.is_some();
    let digest = |image: &Image| match pushed {
        true => image.pack().map(|packed| packed.manifest.digest.to_string()),
        false => Ok(image.id().to_string()),
    };
    let one = |(name, image): (&String, &Image)| {
        let failed =
            |error: std::io::Error| Failure::new(Exit::Error, format!("cannot pack the image of `{name}`: {error}"));
        Ok((name.clone(), digest(image).map_err(failed)?))
    };
    images.iter().map(one).collect()
}

impl Survey {
    /// The images that mlstack packs, by reference.
    pub(super) fn packed(&self) -> BTreeMap<String, Image> {
        let stack = &self.loaded.stack;
        let one = |(name, image): (&String, &Image)| {
            let component = stack.components.get(name)?;
            Some((
                made_reference(stack, component, Some(image.id().as_str())),
                image.clone(),
            ))
        };
        self.images.iter().filter_map(one).collect()
    }

    /// The references of all images that a good revision needs, so that it can come back.
    pub(super) fn kept_images(&self) -> BTreeSet<String> {
        let resources = self.revisions.iter().flat_map(|revision| &revision.resources);
        let images = resources.filter(|resource| resource.address.kind == IMAGE);
        let reference = |image: &Resource| image.spec["reference"].as_str().map(str::to_owned);
        images.filter_map(reference).collect()
    }

    /// Looks in the vault for secrets that the stack file does not declare.
    pub(super) fn find_more_secrets(&mut self, names: &BTreeSet<String>) -> Result<(), Failure> {
        let unknown = names.iter().filter(|name| !self.secrets.values.contains_key(*name));
        let needs = unknown.map(|name| (name.clone(), SecretSource::Generate(0))).collect();
        let found = secrets(&self.loaded, &needs, Look::Live)?;
        self.secrets.values.extend(found.values);
        self.secrets.digests.extend(found.digests);
        Ok(())
    }

    /// What mlstack left standing, as far as the ledger remembers.
    pub(super) fn known(&self) -> &[Resource] {
        &self.standing
    }

    /// Asks the ledger, where it can be read; without it less is known, and nothing is wrong.
    async fn remember(&mut self, context: &Context, look: Look) {
        let Ok(store) = store(context).await else {
            return;
        };
        match ledger::look(&*store).await {
            Ok((ledger, _)) => {
                let place = place_of(self);
                self.held_data = ledger.protected(&place);
                if look == Look::Destroy {
                    return;
                }
                self.revisions = ledger.revisions(&place).to_vec();
                self.standing = ledger.standing(&place).to_vec();
                self.took = ledger.took(&place);
            }
            Err(error) => context.ui.detail(&format!("the ledger cannot be read: {error}")),
        }
    }

    /// Generated values that are lost here but live in the running stack are taken from there.
    async fn recover_secrets(&mut self) -> Result<(), Failure> {
        let Some(site) = &self.site else {
            return Ok(());
        };
        let (reader, stack) = (site.reader(), &self.loaded.stack.name);
        for name in self.secrets.to_make.clone() {
            if let Some(value) = reader.secret(stack, &self.observed, &name).await? {
                self.secrets.recover(&name, value);
            }
        }
        Ok(())
    }

    /// What is there, for a plan: what once held data is protected for as long as the ledger lives.
    pub(super) fn world(&self) -> Vec<Observed> {
        protect(&self.observed, &self.held_data)
    }

    /// Keeps to a part of the stack.
    pub(super) fn narrow(&mut self, args: &args::Scope) -> Result<(), Failure> {
        self.narrow_to(Scope {
            only: args.only.iter().cloned().collect(),
            exclude: args.exclude.iter().cloned().collect(),
        })
    }

    /// The same, to the part that a sealed plan is about.
    pub(super) fn narrow_to(&mut self, scope: Scope) -> Result<(), Failure> {
        self.scope = scope;
        self.keep_to_scope()
    }

    fn keep_to_scope(&mut self) -> Result<(), Failure> {
        if self.scope.is_whole() {
            return Ok(());
        }
        let (desired, observed) = (std::mem::take(&mut self.desired), std::mem::take(&mut self.observed));
        let narrowed = self
            .scope
            .narrow(desired, observed)
            .map_err(|error| out_of_scope(&error))?;
        (self.desired, self.observed, self.outside) = (narrowed.desired, narrowed.observed, narrowed.outside);
        Ok(())
    }

    /// Makes the secrets that do not exist yet and puts their digests into what is wanted; says whether there were any.
    pub(super) fn make_secrets(&mut self) -> Result<bool, Failure> {
        self.refuse_missing_secrets()?;
        if self.secrets.is_complete() {
            return Ok(false);
        }
        let vault = Vault::new(&self.loaded.file.root);
        vault
            .make(&self.needs, &mut self.secrets)
            .map_err(|error| Failure::new(Exit::Error, format!("cannot keep the secrets: {error}")))?;
        self.desired = desired(&self.loaded, &self.secrets, &self.images, &self.built)?;
        self.keep_to_scope()?;
        Ok(true)
    }

    fn warn_of_missing_secrets(&mut self, context: &Context) {
        let warnings: Vec<_> = self.secrets.missing.iter().map(missing_secret).collect();
        if !warnings.is_empty() {
            self.loaded.warn(&warnings, context);
        }
    }

    /// A change that needs a secret nobody set is refused before anything is asked or done.
    pub(super) fn refuse_missing_secrets(&self) -> Result<(), Failure> {
        let Some((name, why)) = self.secrets.missing.first() else {
            return Ok(());
        };
        let (line, _) = self.loaded.place(&diag::Path::root().key("secrets").key(name));
        let file = &self.loaded.file.shown;
        Err(Failure::new(
            Exit::Error,
            format!("the secret `{name}` ({file}:{line}) has no value: {why}"),
        )
        .hint("set it where mlstack runs; a secret that nobody needs to know can be `generate: 32`"))
    }

    /// A secret whose value cannot be had here is not a change: what runs keeps the value it has.
    fn keep_unknown_secrets(&mut self) {
        let live: BTreeMap<&Address, &Observed> = self.observed.iter().map(|o| (&o.address, o)).collect();
        for resource in &mut self.desired {
            let Some(observed) = live.get(&resource.address) else {
                continue;
            };
            let Some(known) = observed.spec.pointer("/x-mlstack/secrets").and_then(|s| s.as_object()) else {
                continue;
            };
            let Some(wanted) = resource
                .spec
                .pointer_mut("/x-mlstack/secrets")
                .and_then(|s| s.as_object_mut())
            else {
                continue;
            };
            for (name, digest) in wanted.iter_mut().filter(|(_, digest)| digest.is_null()) {
                if let Some(value) = known.get(name) {
                    *digest = value.clone();
                }
            }
        }
    }
}

/// A part of the stack that cannot be planned.
pub(super) fn out_of_scope(error: &ScopeError) -> Failure {
    match error {
        ScopeError::Unknown { known, .. } => {
            Failure::of(Exit::Usage, error).hint(format!("what there is: {}", known.join(", ")))
        }
        ScopeError::LeftBroken { dependent: other, .. } | ScopeError::Reaches { address: other, .. } => {
            Failure::of(Exit::Usage, error).hint(format!(
                "take it in too (`--only …,{}`), or plan the whole stack",
                other.name
            ))
        }
    }
}

fn missing_secret((name, why): &(String, SecretError)) -> Diagnostic {
    let path = diag::Path::root().key("secrets").key(name);
    Diagnostic::at_value(&codes::MISSING_SECRET, &path, why.to_string())
        .help("set it where mlstack runs; until then `mlstack apply` stops before its first change")
}
