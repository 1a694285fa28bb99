use mlstack_provider::{Address, Source};
use serde_json::json;

use super::*;
use crate::review::{Section, Severity, Violation, Waiver};

fn at(line: usize) -> Option<Source> {
    Some(Source {
        file: "mlstack.yaml".to_owned(),
        line,
        column: 3,
    })
}

fn violation(policy: &str, severity: Severity, text: &str) -> Violation {
    Violation {
        policy: policy.to_owned(),
        severity,
        address: Some(Address::new("service", "api")),
        text: text.to_owned(),
        help: None,
        source: at(7),
        waived: None,
    }
}

fn review(violations: Vec<Violation>) -> Review {
    let section = Section {
        environment: Some("prod".to_owned()),
        fingerprint: "ab".repeat(32),
        violations,
        ..Section::default()
    };
    Review::of("shop", section)
}

#[test]
fn the_weightiest_come_first_and_no_more_than_ten() {
    let mut all: Vec<_> = (0..12)
        .map(|n| violation("advice", Severity::Warning, &format!("number {n}")))
        .collect();
    all.push(violation("no-latest", Severity::Error, "a floating tag"));
    let (lines, more) = annotations(&review(all), &|file| format!("stacks/{file}"));
    assert_eq!(more, 3);
    assert_eq!(lines.lines().count(), 10);
    assert_eq!(
        lines.lines().next(),
        Some("::error file=stacks/mlstack.yaml,line=7,col=3,title=no-latest::service/api: a floating tag")
    );
}

#[test]
fn no_text_forms_a_command_or_a_property() {
    let mut waived = violation(
        "a,line=1::x\n::error::y",
        Severity::Error,
        "50%\r\n::add-mask::x ##[error]z",
    );
    waived.waived = Some(Waiver {
        reason: "\n::stop-commands::t".to_owned(),
        until: None,
    });
    let (lines, _) = annotations(&review(vec![waived]), &|_| "a:b,c%.yaml".to_owned());
    insta::assert_snapshot!(lines, @r"::notice file=a%3Ab%2Cc%25.yaml,line=7,col=3,title=a%2Cline=1%3A%3Ax\n%3A%3Aerror%3A%3Ay::service/api: 50%25\r\n::add-mask::x \u{23}#[error]z (waived: \n::stop-commands::t)");
    assert_eq!(lines.lines().count(), 1);
}

#[test]
fn what_several_environments_share_is_said_once() {
    let mut review = review(vec![violation("p", Severity::Warning, "text")]);
    let mut other = review.sections[0].clone();
    other.environment = Some("dev".to_owned());
    review.sections.push(other);
    assert_eq!(annotations(&review, &str::to_owned).0.lines().count(), 1);
}

#[test]
fn outputs_are_numbers_or_stand_between_delimiters() {
    insta::assert_snapshot!(outputs(&review(Vec::new()), "D"), @r#"
    changes=false
    destructive=false
    add=0
    change=0
    replace=0
    destroy=0
    fingerprint=abababababababababababababababababababababababababababababababab
    fingerprints<<D
    {"prod":"abababababababababababababababababababababababababababababababab"}
    D
    "#);
    let mut hostile = review(Vec::new());
    hostile.sections[0].fingerprint = "x\nadd=9".to_owned();
    hostile.sections[0].environment = Some("a\"\nD\nb".to_owned());
    hostile.sections[0].diagnostics = vec![json!({})];
    insta::assert_snapshot!(outputs(&hostile, "D"), @r#"
    changes=false
    destructive=false
    add=0
    change=0
    replace=0
    destroy=0
    fingerprint<<D
    x
    add=9
    D
    fingerprints<<D
    {"a\"\nD\nb":"x\nadd=9"}
    D
    "#);
}
