use super::*;

#[test]
fn a_field_with_everything() {
    insta::assert_snapshot!(format!("{:#}", schema()["$defs"]["cache"]["properties"]["storage"]), @r#"
    {
      "description": "How much it may keep",
      "type": "string",
      "pattern": "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)$",
      "examples": [
        "10Gi"
      ]
    }
    "#);
    insta::assert_snapshot!(format!("{:#}", schema()["$defs"]["service"]["properties"]["expose"]), @r#"
    {
      "description": "Makes it reachable from outside the stack",
      "anyOf": [
        {
          "type": "integer",
          "minimum": 1,
          "maximum": 65535
        },
        {
          "type": "object",
          "properties": {
            "port": {
              "description": "The port outside",
              "type": "integer",
              "minimum": 1,
              "maximum": 65535,
              "examples": [
                8080
              ]
            },
            "to": {
              "description": "The port inside; the component's own when unsaid",
              "type": "integer",
              "minimum": 1,
              "maximum": 65535,
              "examples": [
                80
              ]
            },
            "public": {
              "description": "Reachable from other machines, not only from this one",
              "type": "boolean",
              "default": false,
              "examples": [
                true
              ]
            }
          },
          "patternProperties": {
            "^x-": {}
          },
          "required": [
            "port"
          ],
          "additionalProperties": false
        }
      ],
      "examples": [
        {
          "port": 8080
        }
      ]
    }
    "#);
}

#[test]
fn it_is_a_schema() {
    jsonschema::validator_for(&schema()).unwrap();
    jsonschema::meta::validate(&schema()).unwrap();
}
