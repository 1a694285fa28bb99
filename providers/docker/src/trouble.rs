//! Why a container does not work, in words a user can act on.
//!
//! Pure: reads an inspection, asks nobody.

use std::net::Ipv4Addr;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum as Status, HealthStatusEnum, RestartPolicy};
use mlstack_provider::redact::redact;
use mlstack_provider::{ErrorKind, ProviderError};

/// The most characters of one probe's output that are shown.
const PROBE_OUTPUT: usize = 400;
/// The most characters of a probe's command that are shown.
const PROBE_COMMAND: usize = 120;

/// A reason, and below it what the container itself wrote.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Failure {
    pub(crate) reason: String,
    #[source]
    pub(crate) output: Option<Output>,
}

/// The last words of a container.
#[derive(Debug, thiserror::Error)]
#[error("its last lines:\n{0}")]
pub(crate) struct Output(pub(crate) String);

/// Why a container does not work now; `None` when it does, is starting, or did its work and ended.
pub(crate) fn problem(container: &ContainerInspectResponse) -> Option<String> {
    let state = container.state.as_ref()?;
    let code = state.exit_code.unwrap_or(0);
    match state.status? {
        Status::RUNNING => (health(container) == HealthStatusEnum::UNHEALTHY).then(|| "unhealthy".to_owned()),
        Status::EXITED if state.oom_killed == Some(true) => Some(format!("exited ({code}), out of memory")),
        Status::EXITED if code == 0 && restart(container) == "no" => None,
        Status::EXITED => Some(format!("exited ({code})")),
        Status::CREATED => Some("created, never started".to_owned()),
        Status::RESTARTING => Some(format!("restarting after exit code {code}")),
        other => Some(other.to_string()),
    }
}

/// What the health check says; `NONE` when there is none.
pub(crate) fn health(container: &ContainerInspectResponse) -> HealthStatusEnum {
    let health = container.state.as_ref().and_then(|state| state.health.as_ref());
    match health.and_then(|health| health.status) {
        None | Some(HealthStatusEnum::EMPTY) => HealthStatusEnum::NONE,
        Some(status) => status,
    }
}

/// The restart policy's name, `no` when there is none.
pub(crate) fn restart(container: &ContainerInspectResponse) -> String {
    let policy = container
        .host_config
        .as_ref()
        .and_then(|host| host.restart_policy.as_ref());
    let name = policy_name(policy);
    if name.is_empty() { "no".to_owned() } else { name }
}

/// The policy's name as the engine has it; may be empty.
pub(crate) fn policy_name(policy: Option<&RestartPolicy>) -> String {
    let name = policy.and_then(|policy| policy.name);
    name.map(|name| name.to_string()).unwrap_or_default()
}

/// What the last probe of the health check was, and printed; `None` when it went well, or there was none.
pub(crate) fn failed_probe(container: &ContainerInspectResponse) -> Option<String> {
    let log = container.state.as_ref()?.health.as_ref()?.log.as_ref()?;
    let probe = log.last()?;
    let code = probe.exit_code.filter(|code| *code != 0)?;
    let (command, output) = (probe_command(container), probe.output.as_deref().unwrap_or_default());
    Some(match shortened(output.trim(), PROBE_OUTPUT) {
        nothing if nothing.is_empty() => format!("its health check{command} ended with code {code} and said nothing"),
        output => format!("its health check{command} ended with code {code}: {output}"),
    })
}

/// What the health check runs, in the form in which it can be pasted; with a space before it.
fn probe_command(container: &ContainerInspectResponse) -> String {
    let check = container.config.as_ref().and_then(|config| config.healthcheck.as_ref());
    let words = check.and_then(|check| check.test.as_deref()).unwrap_or_default();
    let command = match words {
        [kind, script] if kind == "CMD-SHELL" => script.clone(),
        [_, words @ ..] => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        [] => return String::new(),
    };
    format!(" `{}`", shortened(&command, PROBE_COMMAND))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Secrets leave before a text is cut: half of one would not be found.
fn shortened(text: &str, most: usize) -> String {
    let text = redact(text);
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// The error for a container that came up wrong; `lines` is the end of its log.
pub(crate) fn not_ready(action: &str, container: &ContainerInspectResponse, lines: String) -> ProviderError {
    let (reason, hint) = reason(container, &lines);
    let output = (!lines.is_empty()).then_some(Output(lines));
    let error = ProviderError::new(ErrorKind::NotReady, action).because(Failure { reason, output });
    hint.into_iter().fold(error, ProviderError::hint)
}

/// The error for a container that is still not ready after `limit`.
pub(crate) fn too_slow(
    action: &str,
    container: &ContainerInspectResponse,
    lines: String,
    limit: Duration,
) -> ProviderError {
    let probe = failed_probe(container)
        .map(|probe| format!("; {probe}"))
        .unwrap_or_default();
    let reason = format!("still not healthy after {} s{probe}", limit.as_secs());
    let output = (!lines.is_empty()).then_some(Output(lines));
    ProviderError::new(ErrorKind::Timeout, action)
        .because(Failure { reason, output })
        .hint(format!(
            "if it only needs longer, write in the stack file: rollout: {{ timeout: {}s }}",
            limit.as_secs() * 2
        ))
}

fn reason(container: &ContainerInspectResponse, lines: &str) -> (String, Option<String>) {
    let state = container.state.clone().unwrap_or_default();
    let code = state.exit_code.unwrap_or(0);
    if health(container) == HealthStatusEnum::UNHEALTHY {
        let probe = failed_probe(container).map(|probe| format!(": {probe}"));
        let hint = "see that it answers its health check; one that only starts slowly needs healthcheck.start_period";
        let reason = format!("it runs but is unhealthy{}", probe.unwrap_or_default());
        return (reason, Some(hint.to_owned()));
    }
    if state.oom_killed == Some(true) {
        return out_of_memory(container);
    }
    if let Some(error) = state.error.filter(|error| !error.is_empty()) {
        let image = container.config.as_ref().and_then(|config| config.image.as_deref());
        let hint = hint_for_start(&error, image.unwrap_or_default());
        return (essence(&error).to_owned(), hint);
    }
    let (why, hint) = last_words(container, lines).unwrap_or_else(|| (String::new(), hint_for_code(code, lines)));
    (format!("it exited with code {code}{why}"), Some(hint))
}

fn hint_for_code(code: i64, lines: &str) -> String {
    let hint = match code {
        0 => "a service must go on running: its command must not leave the foreground",
        125..=127 => "its command cannot be run: check command, entrypoint and user",
        139 => "it crashed (segmentation fault): is the image made for this processor?",
        137 => "it was killed: by somebody, or for want of memory on the machine (sudo dmesg | tail)",
        _ if lines.is_empty() => "it wrote nothing: check command and env",
        _ => "its last lines say why; mend that, then apply again",
    };
    hint.to_owned()
}

/// What the end of its log gives away about why it ended, and what to do.
fn last_words(container: &ContainerInspectResponse, lines: &str) -> Option<(String, String)> {
    let lines = lines.to_lowercase();
    if lines.contains("no space left on device") {
        let hint = format!("{DISK_FULL}; a tmpfs, /dev/shm or a volume with a size may be full too");
        return Some((": no space is left where it writes".to_owned(), hint));
    }
    lines
        .contains("permission denied")
        .then(|| not_permitted(container, &lines))
        .flatten()
}

/// It was refused at something that is mounted for writing.
fn not_permitted(container: &ContainerInspectResponse, lines: &str) -> Option<(String, String)> {
    let writable = container.mounts.iter().flatten().filter(|mount| mount.rw == Some(true));
    let mount = writable
        .filter(|mount| {
            mount
                .destination
                .as_ref()
                .is_some_and(|path| lines.contains(&path.to_lowercase()))
        })
        .max_by_key(|mount| mount.destination.as_ref().map(String::len))?;
    let user = container.config.as_ref().and_then(|config| config.user.clone());
    let user = user
        .filter(|user| !user.is_empty())
        .unwrap_or_else(|| "root".to_owned());
    let path = mount.destination.as_deref().unwrap_or_default();
    let hint = match (&mount.name, &mount.source) {
        (Some(volume), _) => {
            format!(
                "give it to that user: docker run --rm --network none -v {volume}:{path} busybox:1 chown -R {user} {path}"
            )
        }
        (None, source) => format!(
            "give it to that user: sudo chown -R {user} {}",
            source.as_deref().unwrap_or(path)
        ),
    };
    Some((format!(": its user {user} may not write to {path}"), hint))
}

fn out_of_memory(container: &ContainerInspectResponse) -> (String, Option<String>) {
    let limit = container
        .host_config
        .as_ref()
        .and_then(|host| host.memory)
        .filter(|limit| *limit > 0);
    match limit.map(|limit| limit >> 20) {
        Some(limit) => (
            format!("it was killed: out of memory (its limit is {limit} MiB)"),
            Some(format!("give it more: resources: {{ memory: {}Mi }}", limit * 2)),
        ),
        None => (
            "it was killed: the machine is out of memory".to_owned(),
            Some("see what takes it: docker stats --no-stream".to_owned()),
        ),
    }
}

/// What to do when there is no space.
pub(crate) const DISK_FULL: &str =
    "see what fills the engine's disk: docker system df; and make room, as with: docker image prune";

/// An engine's refusal to start a container, without the names of the programs that it went through.
pub(crate) fn essence(message: &str) -> &str {
    let wrappings = [
        "starting container process caused: ",
        "unable to start container process: ",
        "error during container init: ",
    ];
    let inner = wrappings.iter().fold(message, |message, wrapping| {
        message.rsplit_once(wrapping).map_or(message, |(_, inner)| inner)
    });
    inner.strip_suffix(": unknown").unwrap_or(inner)
}

/// What to do about an engine's refusal to start a container of `image`.
pub(crate) fn hint_for_start(message: &str, image: &str) -> Option<String> {
    if message.contains("executable file not found") || message.contains("no such file or directory") {
        return Some(format!(
            "its command is not in the image, or not what it needs; the image's own: \
             docker image inspect -f '{{{{.Config.Entrypoint}}}} {{{{.Config.Cmd}}}}' {image}"
        ));
    }
    let hints = [
        (
            "permission denied",
            "its user may not run its command: check the file's mode in the image",
        ),
        (
            "could not select device driver",
            "the engine has no GPU runtime: install nvidia-container-toolkit and restart it",
        ),
        ("no space left", DISK_FULL),
        ("unable to find user", "the image has no such user: use a number"),
    ];
    hints
        .into_iter()
        .find(|(words, _)| message.contains(words))
        .map(|(_, hint)| hint.to_owned())
}

/// The host port a start failed on because something else has it.
pub(crate) fn port_taken(message: &str) -> Option<u16> {
    let taken = ["port is already allocated", "address already in use"];
    if !taken.iter().any(|words| message.contains(words)) {
        return None;
    }
    // `Bind for 127.0.0.1:3000 failed`, `listen tcp4 0.0.0.0:3000: bind`, `bind host port for 0.0.0.0:3000:172.18.0.2:80/tcp`
    message.split(' ').find_map(port_after_address)
}

fn port_after_address(word: &str) -> Option<u16> {
    let pieces: Vec<&str> = word.split(':').collect();
    let is_address = |piece: &str| piece.ends_with(']') || piece.parse::<Ipv4Addr>().is_ok();
    pieces.windows(2).find(|pair| is_address(pair[0]))?[1].parse().ok()
}

#[cfg(test)]
mod tests;
