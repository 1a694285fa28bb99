//! The JSON Schema agrees with the parser: it accepts what the parser accepts, and refuses the structurally bad.

use std::path::{Path, PathBuf};

use mlstack::stack::{self, Options};
use serde_json::{Value, json};

use crate::bad_stacks;
use crate::review::{STACK, committed};
use crate::support::Sandbox;

/// What an editor's YAML reader makes of `text`; none where it cannot be read.
fn json(text: &str) -> Option<Value> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).ok()
}

fn stack_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            stack_files(&path, found);
        } else if path.ends_with("mlstack.yaml") {
            found.push(path);
        }
    }
}

#[test]
fn it_accepts_every_example() {
    let validator = jsonschema::validator_for(&stack::schema()).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["examples", "stacks"] {
        stack_files(&root.join(folder), &mut found);
    }
    assert!(!found.is_empty());
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let parsed = stack::parse(
            &text,
            &Options {
                environment: None,
                every_environment: true,
                today: None,
            },
        );
        assert!(parsed.stack.is_some(), "{}: {:#?}", path.display(), parsed.diagnostics);
        let errors: Vec<_> = validator
            .iter_errors(&json(&text).unwrap())
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
    }
}

/// Codes that the form of one value brings about.
const STRUCTURAL: [&str; 14] = [
    "unknown-field",
    "unknown-type",
    "unknown-engine",
    "not-bundled",
    "unknown-value",
    "wrong-type",
    "language-version",
    "wrong-unit",
    "bad-name",
    "bad-variable-name",
    "bad-bucket-name",
    "bad-digest",
    "empty-value",
    "key-not-text",
];

/// Files whose fault lies in the merge of an environment, or in what a number is.
const BEYOND: [&str; 4] = [
    "environment-breaks-base.yaml",
    "hex-and-exponent.yaml",
    "octal-number.yaml",
    "underscored-number.yaml",
];

#[test]
fn it_refuses_the_structurally_bad() {
    let validator = jsonschema::validator_for(&stack::schema()).unwrap();
    let (mut refused, mut passes) = (0, Vec::new());
    for (path, text) in bad_stacks::files() {
        let Some(value) = json(&text) else { continue };
        let picture = bad_stacks::picture(&text);
        let structural = STRUCTURAL
            .iter()
            .any(|code| picture.contains(&format!("mlstack::{code}\n")));
        let is_beyond = BEYOND.iter().any(|name| path.ends_with(name));
        if structural && !is_beyond {
            refused += 1;
            if validator.is_valid(&value) {
                passes.push(path);
            }
        }
    }
    assert_eq!(passes, Vec::<PathBuf>::new());
    assert!(refused > 30, "{refused}");
}

#[test]
fn whatever_it_refuses_the_parser_refuses() {
    let validator = jsonschema::validator_for(&stack::schema()).unwrap();
    for (path, text) in bad_stacks::files() {
        let parsed = stack::parse(&text, &Options::default());
        if let Some(value) = json(&text)
            && parsed.stack.is_some()
        {
            let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
        }
    }
}

/// What is wrong with a document by the schema that `mlstack schema` prints.
fn faults(sandbox: &Sandbox, of: &str, document: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(&sandbox.stdout(&format!("schema {of}"))).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(document).map(|error| error.to_string()).collect()
}

/// Runs a command that fails so, and gives the document that it prints all the same.
fn document(sandbox: &Sandbox, command: &str, code: i32) -> Value {
    let output = sandbox.command(command).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{command}");
    assert!(!output.stderr.is_empty(), "{command}: people are told as well");
    serde_json::from_slice(&output.stdout).expect(command)
}

/// Scripts read JSON also where there is no plan, or one that may not be carried out.
#[test]
fn what_stops_a_plan_is_told_in_its_document() {
    let sandbox = committed(Sandbox::new().stack(STACK));
    let both = [
        ("plan --offline --format json", "plan"),
        ("plan --offline --base base --format json", "review"),
    ];
    let section = |document: &Value| match &document["sections"] {
        Value::Array(sections) => sections[0].clone(),
        _ => document.clone(),
    };
    sandbox.write("mlstack.yaml", STACK.replace("storage: 1Gi", "storag: 1Gi"));
    for (command, of) in both {
        let document = document(&sandbox, command, 3);
        assert_eq!(faults(&sandbox, of, &document), Vec::<String>::new());
        let section = section(&document);
        assert_eq!(section["failure"], "the stack file cannot be used");
        assert_eq!(section["summary"]["destructive"], true);
        let told = &section["diagnostics"][0];
        assert_eq!(told["code"], "mlstack::unknown-field");
        assert_eq!(told["help"], "did you mean `storage`?");
        assert_eq!((&told["line"], &told["column"]), (&json!(15), &json!(5)));
        assert!(told["label"].is_string());
    }
    sandbox.write("mlstack.yaml", b"version: 1\n# \xff\n");
    for (command, of) in both {
        let document = document(&sandbox, command, 3);
        assert_eq!(faults(&sandbox, of, &document), Vec::<String>::new());
        let why = section(&document)["failure"].to_string();
        assert!(why.contains("is not UTF-8 text: byte 13"), "{why}");
    }
    sandbox.write(
        "mlstack.yaml",
        format!("{STACK}policies: {{ own: {{ deny: \"@.kind == 'service'\" }} }}\n"),
    );
    for (command, of) in both {
        let document = document(&sandbox, command, 5);
        assert_eq!(faults(&sandbox, of, &document), Vec::<String>::new());
        let section = section(&document);
        assert_eq!(section["violations"][0]["policy"], "own", "{section:#}");
        assert!(section["failure"].is_null() && section["resource_changes"][0].is_object());
    }
}

/// What a field of a change can be is what a change says: a condition on any other word is refused.
#[test]
fn conditions_know_each_word_of_a_change() {
    use mlstack::plan::Action;
    let actions = [
        Action::NoOp,
        Action::Create,
        Action::Update,
        Action::Replace,
        Action::Repair,
        Action::Delete,
        Action::Keep,
        Action::Refuse,
    ];
    let schema = mlstack::view::plan_schema();
    let change = &schema["properties"]["resource_changes"]["items"]["properties"];
    let disruptions = change["disruption"]["enum"].as_array().unwrap().iter();
    let words = actions.map(|action| ("action", action.name().to_owned())).into_iter();
    for (field, word) in words.chain(disruptions.map(|word| ("disruption", word.as_str().unwrap().to_owned()))) {
        let text = format!("{STACK}policies: {{ own: {{ deny: \"@.{field} == '{word}'\" }} }}\n");
        let parsed = stack::parse(&text, &Options::default());
        assert!(parsed.stack.is_some(), "{field} {word}: {:#?}", parsed.diagnostics);
    }
}
