//! `docs/capabilities.md` says what the table says, and the explanations about targets show what they explain.

use std::path::Path;

use mlstack::diag::codes::{self, Code};
use mlstack::stack;
use mlstack::target::{Target, capability};

#[test]
fn the_page_is_written_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/capabilities.md");
    let page = capability::page();
    if std::env::var_os("MLSTACK_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the documentation can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/capabilities.md is old: run this test with MLSTACK_BLESS=1"
    );
}

/// The block of YAML after `fence` in an explanation, as a whole stack file.
fn example(code: &Code, fence: &str) -> String {
    let after = code.explanation.split(fence).nth(1).unwrap();
    format!("version: 1\nname: shop\n{}", after.split("```").next().unwrap())
}

/// The codes that a stack file leads to on Docker Compose.
fn codes_of(text: &str) -> Vec<&'static str> {
    let parsed = stack::parse(text, &stack::Options::default());
    let of_target = parsed.stack.map(|stack| capability::check(&stack, Target::Compose));
    let all = parsed.diagnostics.into_iter().chain(of_target.into_iter().flatten());
    all.map(|diagnostic| diagnostic.code.name).collect()
}

#[test]
fn explanations_show_the_refusal_and_its_mend() {
    let missing = codes_of(&example(&codes::UNKNOWN_CAPABILITY, "```yaml refused\n"));
    assert_eq!(missing, ["degraded", "unknown-capability"]);
    for code in [&codes::UNSUPPORTED, &codes::DEGRADED, &codes::UNNEEDED_ALLOWANCE] {
        assert_eq!(codes_of(&example(code, "```yaml refused\n")), [code.name]);
    }
    for code in [
        &codes::UNSUPPORTED,
        &codes::DEGRADED,
        &codes::UNKNOWN_CAPABILITY,
        &codes::UNNEEDED_ALLOWANCE,
    ] {
        assert_eq!(codes_of(&example(code, "```yaml\n")), [] as [&str; 0], "{}", code.name);
    }
}
