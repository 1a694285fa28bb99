use super::*;
use crate::stack::yaml;

/// Code and label of everything that is wrong with the form of a service with these fields.
fn wrong(fields: &str) -> Vec<String> {
    let text = format!("version: 1\nname: shop\ncomponents:\n  it: {{type: service, {fields}}}\n");
    let mut diagnostics = Vec::new();
    let root = yaml::read(&text, &mut diagnostics).unwrap();
    check(&root, &mut diagnostics);
    diagnostics
        .iter()
        .map(|diagnostic| format!("{}: {}", diagnostic.code.name, diagnostic.label))
        .collect()
}

#[test]
fn numbers_stand_where_texts_are_wanted_if_every_reader_agrees() {
    assert_eq!(
        wrong("env: {A: 8080, B: 1.5, C: -3, D: 0, E: 'no'}"),
        Vec::<String>::new()
    );
    assert_eq!(
        wrong("env: {A: 1.0}"),
        ["ambiguous-text: `1.0` is a number to some readers of YAML"]
    );
}

#[test]
fn extensions_are_ignored_everywhere() {
    assert_eq!(
        wrong("x-a: {b: [1]}, resources: {x-b: 2, memory: 1Gi}, expose: {x-c: ~, port: 80}"),
        Vec::<String>::new()
    );
}

#[test]
fn refused_values_are_not_told_twice() {
    assert_eq!(
        wrong("image: *nothing, env: {A: *nothing}, uses: *nothing, resources: *nothing").len(),
        4
    );
}

#[test]
fn examples_of_items() {
    assert_eq!(inside("[db]"), "db");
    assert_eq!(inside("{A: b}"), "A: b");
    assert_eq!(inside("x"), "x");
}
