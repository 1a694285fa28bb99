use insta::assert_snapshot;
use mlstack_provider::{Address, Source};

use super::*;
use crate::review::{ModelChange, Section, Severity, Violation, Waiver};

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../../tests/fixtures/sarif/sarif-2.1.0-rtm.5.json");
    // A bracket in one of its patterns, of a language, has no like; browsers let it pass.
    let text = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is a schema")
}

#[track_caller]
fn valid(document: &Value) {
    let faults: Vec<String> = schema()
        .iter_errors(document)
        .map(|fault| format!("{fault} at {}", fault.instance_path()))
        .collect();
    assert_eq!(faults, Vec::<String>::new(), "{document:#}");
}

fn review(line: usize) -> Review {
    let diagnostic = json!({
        "code": "mlstack::unknown-field", "severity": "error", "summary": "unknown field", "label": "`imag` is unknown",
        "help": "did you mean `image`?", "file": "mlstack.yaml", "line": line, "column": 5, "related": [],
    });
    let violation = Violation {
        policy: "no {latest} [tags](https://example.com)".to_owned(),
        severity: Severity::Error,
        address: Some(Address::new("service", "api")),
        text: "the image [floats](x) {0}".to_owned(),
        help: None,
        source: Some(Source {
            file: "mlstack.yaml".to_owned(),
            line,
            column: 0,
        }),
        waived: Some(Waiver {
            reason: "until monday".to_owned(),
            until: None,
        }),
    };
    let model = ModelChange {
        component: "api".to_owned(),
        breaking: vec!["input a is gone".to_owned()],
        ..ModelChange::default()
    };
    let section = Section {
        diagnostics: vec![diagnostic.clone(), diagnostic],
        violations: vec![violation],
        models: vec![model],
        failure: Some("the stack file cannot be used".to_owned()),
        ..Section::default()
    };
    Review::of("shop", section)
}

#[test]
fn the_document_is_valid() {
    let mut document = sarif(&review(7), &|file| format!("a folder/{file}"));
    valid(&document);
    document["runs"][0]["tool"]["driver"]["rules"][0]["help"] = json!("left out");
    assert_snapshot!(format!("{:#}", document["runs"][0]), @r#"
    {
      "tool": {
        "driver": {
          "name": "mlstack",
          "semanticVersion": "0.1.0",
          "informationUri": "https://mlstack.dev",
          "rules": [
            {
              "id": "mlstack::unknown-field",
              "name": "unknown-field",
              "shortDescription": {
                "text": "unknown field"
              },
              "fullDescription": {
                "text": "unknown field"
              },
              "help": "left out",
              "helpUri": "https://mlstack.dev/diagnostics#unknown-field"
            },
            {
              "id": "mlstack::breaking-model",
              "shortDescription": {
                "text": "the prediction API changes so that callers break"
              },
              "fullDescription": {
                "text": "the prediction API changes so that callers break"
              }
            },
            {
              "id": "no {latest} [tags](https://example.com)",
              "shortDescription": {
                "text": "a policy of the stack file"
              },
              "fullDescription": {
                "text": "a policy of the stack file"
              }
            }
          ]
        }
      },
      "invocations": [
        {
          "executionSuccessful": false
        }
      ],
      "originalUriBaseIds": {
        "SRCROOT": {
          "description": {
            "text": "The root of the repository"
          }
        }
      },
      "columnKind": "unicodeCodePoints",
      "results": [
        {
          "ruleId": "mlstack::unknown-field",
          "ruleIndex": 0,
          "level": "error",
          "message": {
            "text": "unknown field: `imag` is unknown; help: did you mean `image`?"
          },
          "partialFingerprints": {
            "mlstack/v1": "f5a6cf9c3aadf5fd33dceb1b6368bb57"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "a%20folder/mlstack.yaml",
                  "uriBaseId": "SRCROOT"
                },
                "region": {
                  "startLine": 7,
                  "startColumn": 5
                }
              }
            }
          ]
        },
        {
          "ruleId": "mlstack::breaking-model",
          "ruleIndex": 1,
          "level": "warning",
          "message": {
            "text": "Callers of api break: input a is gone"
          },
          "partialFingerprints": {
            "mlstack/v1": "6f0547ce8b586f390686dff7549c722b"
          }
        },
        {
          "ruleId": "no {latest} [tags](https://example.com)",
          "ruleIndex": 2,
          "level": "note",
          "message": {
            "text": "service/api: the image \\[floats\\](x) {{0}}"
          },
          "partialFingerprints": {
            "mlstack/v1": "f90a55a302e04fe7f2541143b7c88978"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "a%20folder/mlstack.yaml",
                  "uriBaseId": "SRCROOT"
                },
                "region": {
                  "startLine": 7,
                  "startColumn": 1
                }
              }
            }
          ],
          "suppressions": [
            {
              "kind": "inSource",
              "justification": "until monday"
            }
          ]
        }
      ]
    }
    "#);
    valid(&sarif(&Review::default(), &str::to_owned));
}

#[test]
fn fingerprints_stay_when_lines_move() {
    let prints = |line| {
        let document = sarif(&review(line), &str::to_owned);
        let results = document["runs"][0]["results"].as_array().cloned().unwrap_or_default();
        results
            .iter()
            .map(|result| result["partialFingerprints"]["mlstack/v1"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(prints(7), prints(90));
    let mut sorted = prints(7);
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 3, "each its own");
}

#[test]
fn whatever_is_told_the_document_stays_valid() {
    let text = include_str!("../../../tests/fixtures/injections.json");
    let all: Vec<String> = serde_json::from_str(text).expect("a list of texts");
    let schema = schema();
    for text in &all {
        let mut review = review(1);
        review.sections[0].violations[0].policy.clone_from(text);
        review.sections[0].violations[0].text.clone_from(text);
        review.sections[0].diagnostics[0]["label"] = json!(text);
        review.sections[0].diagnostics[0]["file"] = json!(text);
        assert!(schema.is_valid(&sarif(&review, &str::to_owned)), "{text:?}");
    }
}
