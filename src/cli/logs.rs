//! `mlstack logs`: what the containers print.

use futures_util::StreamExt as _;
use mlstack_provider::LogsRequest;

use super::Context;
use super::args::Logs;
use super::exit::Exit;
use super::failure::Failure;
use super::load::load;
use super::site::Site;
use super::survey::know_secrets;
use crate::view::log_line;

/// Runs the command. Ctrl-C ends it, and so does a reader that goes away.
pub(super) async fn run(args: &Logs, context: &Context) -> Result<Exit, Failure> {
    let loaded = load(context)?;
    let names = &loaded.stack.components;
    if let Some(unknown) = args.components.iter().find(|name| !names.contains_key(*name)) {
        let all: Vec<_> = names.keys().map(String::as_str).collect();
        return Err(
            Failure::new(Exit::Usage, format!("the stack has no component `{unknown}`"))
                .hint(format!("its components are: {}", all.join(", "))),
        );
    }
    let request = LogsRequest {
        components: args.components.clone(),
        follow: args.follow,
        tail: Some(args.tail),
        since: None,
    };
    let components: Vec<&str> = names.keys().map(String::as_str).collect();
    let style = context.ui.style();
    let reader = Site::of(loaded.target, &loaded.stack, context).await?.reader();
    know_secrets(&loaded)?;
    reader.learn_secrets(&loaded.stack.name).await?;
    let mut lines = reader.logs(&loaded.stack.name, &request).await?;
    while let Some(line) = lines.next().await {
        context.ui.out(&log_line(&line?, &components, style));
        if !context.ui.is_heard() {
            break;
        }
    }
    Ok(Exit::Done)
}
