//! `mlstack image`: packs server and model, sends the image away, says what is in one.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use mlstack_provider::Secret;
use serde_json::json;

use super::Context;
use super::args::{Format, Image, ImageBuild, ImageInspect, ImagePush};
use super::exit::Exit;
use super::failure::Failure;
use super::load::{Loaded, load};
use super::registry;
use super::survey::{Look, server_binary};
use super::version::NUMBER;
use crate::image::{
    self, Credentials, InspectError, Parts, PushError, Reference, Registry, Sending, Summary, Tool, assemble_tool,
    check_static, inspect,
};
use crate::project::images::{is_packed, pack_one};
use crate::stack::Component;
use crate::target::compose::made_reference;

/// Runs the command.
pub(super) async fn run(args: &Image, context: &Context) -> Result<Exit, Failure> {
    match args {
        Image::Build(args) => build(args, context),
        Image::Push(args) => push(args, context).await,
        Image::Inspect(args) => look(args, context),
    }
}

fn build(args: &ImageBuild, context: &Context) -> Result<Exit, Failure> {
    let (name, packed) = match &args.itself {
        Some(executable) => itself(&context.here.join(executable))?,
        None => packed(args.component.as_deref(), context)?,
    };
    if let Some(output) = &args.output {
        write(&packed, &name, &context.here.join(output), output.ends_with('/'))
            .map_err(|error| Failure::new(Exit::Error, format!("cannot write {output}: {error}")))?;
        context.ui.note(&format!("Wrote {output}"));
    }
    let summary = packed.summary(&name);
    context.ui.out(&match args.format {
        Format::Json => json_of(&summary),
        Format::Text => text_of(&summary),
    });
    Ok(Exit::Done)
}

fn write(packed: &image::Packed, name: &str, path: &Path, layout: bool) -> io::Result<()> {
    if layout {
        if path.read_dir().is_ok_and(|mut list| list.next().is_some()) {
            return Err(io::Error::other("the folder is not empty"));
        }
        return packed.write_layout(name, path);
    }
    let mut file = std::fs::File::create(path)?;
    io::copy(&mut packed.archive(name)?.reader(), &mut file)?;
    Ok(())
}

async fn push(args: &ImagePush, context: &Context) -> Result<Exit, Failure> {
    let reference: Reference = args.reference.parse().map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("`{}` is no image reference: {error}", args.reference),
        )
        .hint("write it as registry.example.com/team/predictor:1")
    })?;
    let (who, hint) = credentials(args, context, &reference).await?;
    let (_, packed) = packed(args.component.as_deref(), context)?;
    let target = format!("{}/{}", reference.registry(), reference.repository());
    let told = |sending: Sending| match sending.sent {
        0 => context.ui.note(&registry::line(&target, sending)),
        _ => context.ui.detail(&registry::line(&target, sending)),
    };
    let report = Registry::new(&reference, &who)
        .push(&packed, &told)
        .await
        .map_err(|error| refused(&error, &hint))?;
    context.ui.note(&format!(
        "Sent {} blobs, {} were there already.",
        report.sent, report.present
    ));
    context.ui.out(&report.pinned);
    Ok(Exit::Done)
}

fn refused(error: &PushError, hint: &str) -> Failure {
    let exit = match error {
        PushError::Denied { .. } => Exit::Denied,
        _ => Exit::Error,
    };
    let failure = Failure::of(exit, error);
    match error {
        PushError::Denied { .. } => failure
            .hint(hint)
            .hint("--username with --password-file gives other credentials"),
        _ => registry::remedy(error).into_iter().fold(failure, Failure::hint),
    }
}

/// The flags', else what `docker login` stored, else nobody's; and what to do when they are refused.
async fn credentials(
    args: &ImagePush,
    context: &Context,
    reference: &Reference,
) -> Result<(Credentials, String), Failure> {
    match (&args.username, &args.password_file) {
        (Some(user), Some(path)) => {
            let path = context.here.join(path);
            let password = std::fs::read_to_string(&path)
                .map_err(|error| Failure::new(Exit::Error, format!("cannot read {}: {error}", path.display())))?;
            let who = Credentials::Basic {
                user: user.clone(),
                password: Secret::new(password.trim_end_matches(['\n', '\r'])),
            };
            Ok((who, format!("`{user}` may not push there, or has another password")))
        }
        (None, None) => Ok(registry::stored(reference).await),
        _ => Err(Failure::new(Exit::Usage, "--username and --password-file go together")),
    }
}

/// Where this machine keeps certificates of authorities.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The image of the mlstack that `executable` is, and its name.
fn itself(executable: &Path) -> Result<(String, image::Packed), Failure> {
    let failed = |path: &Path, error: &dyn Error| {
        Failure::new(Exit::Error, format!("{} cannot be packed: it {error}", path.display()))
            .hint("packaging/build makes one that can")
    };
    let path = executable
        .canonicalize()
        .map_err(|error| Failure::new(Exit::Error, format!("cannot read {}: {error}", executable.display())))?;
    let bytes = std::fs::read(&path).map_err(|error| failed(&path, &error))?;
    let architecture = check_static(&bytes).map_err(|error| failed(&path, &error))?;
    let mut executables = BTreeMap::from([("mlstack".to_owned(), Parts::bytes(bytes))]);
    let server = std::fs::read(path.with_file_name("mlstack-server")).ok();
    if let Some(server) = server.filter(|server| check_static(server) == Ok(architecture)) {
        executables.insert("mlstack-server".to_owned(), Parts::bytes(server));
    }
    let tool = Tool {
        executables,
        architecture,
        certificates: std::fs::read(CERTIFICATES).ok().map(Parts::bytes),
    };
    let packed = assemble_tool(&tool).and_then(|image| image.pack());
    let packed = packed.map_err(|error| Failure::new(Exit::Error, format!("cannot pack the image: {error}")))?;
    Ok((format!("mlstack:{NUMBER}"), packed))
}

/// The component's image and the name it gets on its way.
fn packed(component: Option<&str>, context: &Context) -> Result<(String, image::Packed), Failure> {
    let loaded = load(context)?;
    let component = choose(&loaded, component)?;
    let server = server_binary(context, Look::Prepare)?
        .ok_or_else(|| Failure::new(Exit::Error, "there is no model server to pack"))?;
    let image =
        pack_one(&loaded.stack, component, &loaded.jail, &server).map_err(|error| Failure::of(Exit::Error, &error))?;
    let packed = image
        .pack()
        .map_err(|error| Failure::new(Exit::Error, format!("cannot pack the image: {error}")))?;
    Ok((
        made_reference(&loaded.stack, component, Some(image.id().as_str())),
        packed,
    ))
}

fn choose<'a>(loaded: &'a Loaded, named: Option<&str>) -> Result<&'a Component, Failure> {
    let bundled: Vec<&Component> = loaded
        .stack
        .components
        .values()
        .filter(|component| is_packed(component))
        .collect();
    let names = bundled
        .iter()
        .map(|component| component.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    match named {
        Some(name) => bundled
            .into_iter()
            .find(|component| component.name == name)
            .ok_or_else(|| {
                Failure::new(Exit::Usage, format!("`{name}` has no image of mlstack's making"))
                    .hint(format!("these have: {names}"))
            }),
        None if bundled.len() == 1 => Ok(bundled[0]),
        None if bundled.is_empty() => Err(
            Failure::new(Exit::Error, "no component has an image of mlstack's making")
                .hint("model servers and frontends without `image` and `build` have one"),
        ),
        None => Err(
            Failure::new(Exit::Usage, "several components have an image of mlstack's making")
                .hint(format!("name one of: {names}")),
        ),
    }
}

fn look(args: &ImageInspect, context: &Context) -> Result<Exit, Failure> {
    let summary = inspect(&context.here.join(&args.path)).map_err(|error: InspectError| {
        Failure::of(Exit::Error, &error).hint("`mlstack image build -o image.tar` writes one")
    })?;
    let text = match args.format {
        Format::Json => json_of(&summary),
        Format::Text => text_of(&summary),
    };
    context.ui.out(&text);
    Ok(Exit::Done)
}

fn text_of(summary: &Summary) -> String {
    let mut text = String::new();
    if let Some(reference) = &summary.reference {
        let _ = writeln!(text, "name      {reference}");
    }
    let _ = writeln!(text, "id        {}\nmanifest  {}", summary.id, summary.manifest);
    for (media_type, digest, bytes) in &summary.layers {
        let packed = if media_type.ends_with("gzip") { "gzip" } else { "plain" };
        let _ = writeln!(text, "layer     {digest}  {packed}, {}", human_size(*bytes));
    }
    for field in ["User", "Entrypoint", "Cmd", "Labels"] {
        if !summary.config[field].is_null() {
            let _ = writeln!(text, "{:<9} {}", field.to_lowercase(), summary.config[field]);
        }
    }
    text
}

/// Bytes as people say them: `8.4 MB`, `12 kB`.
pub(super) fn human_size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..100_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        100_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn json_of(summary: &Summary) -> String {
    let layers: Vec<_> = summary
        .layers
        .iter()
        .map(|(media_type, digest, size)| json!({"mediaType": media_type, "digest": digest, "size": size}))
        .collect();
    let value = json!({
        "reference": summary.reference, "id": summary.id, "manifest": summary.manifest,
        "layers": layers, "config": summary.config,
    });
    format!("{value:#}")
}
