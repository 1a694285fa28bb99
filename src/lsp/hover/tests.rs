use super::*;
use crate::lsp::tests::{STACK, good, marked};

/// What is told where the mark stands in a stack file of the tests.
fn told(from: &str, to: &str) -> String {
    let (text, byte) = marked(&STACK.replacen(from, to, 1));
    let stack = good(&text);
    match hover(&text, byte, &Reading::of(&text), stack.as_ref()) {
        None => "nothing".to_owned(),
        Some((span, told)) => format!("[{}]\n{told}", &text[span.start..span.end()]),
    }
}

#[test]
fn fields_are_told_from_the_tables() {
    insta::assert_snapshot!(told("replicas: 2", "repl‸icas: 2"), @"
    [replicas]
    **replicas** · How many copies

    1 to 1000, such as `2`; default `1`

    - `replicas` · compose: full · k8s: full
    ");
    insta::assert_snapshot!(told("memory: 256Mi", "memory: 256‸Mi"), @"
    [256Mi]
    **memory** · Memory

    a size, such as `256Mi`

    - `resources.memory` · compose: full · k8s: full
    ");
    insta::assert_snapshot!(told("version: 1", "version‸: 1"), @"
    [version]
    **version** · The version of the stack language

    a whole number, such as `1`; required
    ");
    insta::assert_snapshot!(told("p95: 50ms", "p9‸5: 50ms"), @"
    [p95]
    **p95** · The slowest acceptable 95th percentile

    a time, such as `50ms`

    - `checks[].p95` · compose: full · k8s: full
    ");
    insta::assert_snapshot!(told("replicas: 4", "replicas: ‸4"), @"
    [4]
    **replicas** · How many copies

    1 to 1000, such as `2`; default `1`

    - `replicas` · compose: full · k8s: full
    ");
}

#[test]
fn words_are_told() {
    insta::assert_snapshot!(told("type: database", "type: data‸base"), @"
    [database]
    `type: database` · PostgreSQL

    - `type: database` · compose: full · k8s: full
    ");
    insta::assert_snapshot!(told("grpc", "gr‸pc"), @"
    [grpc]
    `protocols: grpc` · Ways to ask; `rest` is always there

    - `protocols: [grpc]` · compose: unsupported (the bundled server of this version answers HTTP only) · k8s: unsupported (the bundled server of this version answers HTTP only)
    ");
    insta::assert_snapshot!(told("target: k8s", "target: k‸8s"), @"
    [k8s]
    `target: k8s` · Where this environment runs
    ");
}

#[test]
fn names_are_told() {
    insta::assert_snapshot!(told("uses: [db]", "uses: [d‸b]"), @"
    [db]
    `db` · database: PostgreSQL

    reached at `db:5432` inside the stack

    used by:

    - `predictor` by `uses`, `log_predictions`, `env.URL`
    ");
    insta::assert_snapshot!(told("  web:", "  we‸b:"), @"
    [web]
    `web` · frontend: A web page: the bundled one to try a model, or anybody's image

    reached at `web:8080` inside the stack

    used by no component
    ");
    insta::assert_snapshot!(told("${db.url}", "${db.u‸rl}"), @"
    [url]
    `postgres://app@db:5432/app`

    `url` of `db`: the whole address, without credentials
    ");
    insta::assert_snapshot!(told("${secrets.key}", "${secrets.k‸ey}"), @"
    [key]
    `key` · secret from `generate`: Made once, this many random characters, and kept

    used by:

    - `predictor` by `env.KEY`
    - `store` by `access_key`, `secret_key`
    ");
    insta::assert_snapshot!(told("predictor: {replicas", "predi‸ctor: {replicas"), @"
    [predictor]
    `predictor` · model-server: Serves a model: the bundled server, or anybody's image

    reached at `predictor:8080` inside the stack

    used by:

    - `web` by `calls`

    changed in `prod`
    ");
}

#[test]
fn what_is_unknown_is_not_told() {
    assert_eq!(told("# a stack", "# a ‸stack"), "nothing");
    assert_eq!(told("version: 1", "version: 1\nunkno‸wn: 2"), "nothing");
    insta::assert_snapshot!(told("uses: [db]", "uses: [d‸bb]"), @"
    [dbb]
    `dbb`: no component has this name, or it has no type yet

    used by:

    - `predictor` by `uses`
    ");
    insta::assert_snapshot!(told("${db.url}", "${db.ur‸ll}"), @"
    [urll]
    `db` has no `urll`
    ");
}

#[test]
fn a_strangers_words_are_only_shown() {
    let name = "`![x](https://spy.example)`";
    let text = STACK.replacen("  web:", &format!("  we‸{name}:"), 1).replacen(
        "calls: predictor",
        &format!("calls: 'we{name}'"),
        1,
    );
    let (text, byte) = marked(&text.replacen("type: frontend", "type: '<img src=//spy>'", 1));
    let (_, told) = hover(&text, byte, &Reading::of(&text), None).unwrap();
    insta::assert_snapshot!(told, @"
    `we'![x](https://spy.example)'` · `<img src=//spy>`

    used by:

    - `we'![x](https://spy.example)'` by `calls`
    ");
}
