//! Every diagnostic code there is, with the text that `mlstack explain` prints.
//!
//! Owns the table and nothing else. An explanation lies in `explain/NAME.md`: why it matters, a stack file
//! that shows it and one that mends it; tests run both.

use super::Severity;

/// A kind of diagnostic.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// The name after `mlstack::`, in kebab-case.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The constant summary: one line, no user's names, no period.
    pub summary: &'static str,
    /// Markdown: why it matters, an example that fails, and how to mend it.
    pub explanation: &'static str,
    /// Whether `allow_degraded: {NAME: "why"}` on the component silences it.
    pub waivable: bool,
}

/// The code called `name`, with or without `mlstack::` in front.
pub fn find(name: &str) -> Option<&'static Code> {
    let name = name.strip_prefix("mlstack::").unwrap_or(name);
    ALL.iter().copied().find(|code| code.name == name)
}

macro_rules! codes {
    ($($ident:ident $name:literal $severity:ident $waivable:literal $summary:literal;)*) => {
        $(
            #[doc = $summary]
            pub static $ident: Code = Code {
                name: $name,
                severity: Severity::$severity,
                summary: $summary,
                explanation: include_str!(concat!("explain/", $name, ".md")),
                waivable: $waivable,
            };
        )*
        /// Every code, in the order of the table.
        pub static ALL: &[&Code] = &[$(&$ident),*];
    };
}

codes! {
    // The text itself.
    FILE_TOO_LARGE "file-too-large" Error false "the stack file is too large";
    TOO_DEEP "too-deep" Error false "the stack file is nested too deeply";
    TOO_MANY_VALUES "too-many-values" Error false "the stack file holds too many values";
    CONTROL_CHARACTER "control-character" Error false "an invisible character";
    SYNTAX "syntax" Error false "this is not valid YAML";
    EMPTY_FILE "empty-file" Error false "the stack file is empty";
    SEVERAL_DOCUMENTS "several-documents" Error false "more than one YAML document";
    DUPLICATE_KEY "duplicate-key" Error false "a key appears twice";
    KEY_NOT_TEXT "key-not-text" Error false "a key is not a text";
    YAML_ANCHOR "yaml-anchor" Error false "anchors and aliases are not used in stack files";
    YAML_MERGE_KEY "yaml-merge-key" Error false "merge keys are not used in stack files";
    YAML_TAG "yaml-tag" Error false "YAML tags are not used in stack files";
    YAML_DIRECTIVE "yaml-directive" Error false "YAML directives are not used in stack files";

    // Fields and their values.
    UNKNOWN_FIELD "unknown-field" Error false "unknown field";
    MISPLACED_FIELD "misplaced-field" Error false "this field has no effect here";
    MISSING_FIELD "missing-field" Error false "a field is missing";
    CONFLICTING_FIELDS "conflicting-fields" Error false "these fields exclude each other";
    WRONG_TYPE "wrong-type" Error false "a value of the wrong type";
    AMBIGUOUS_TEXT "ambiguous-text" Error false "YAML readers disagree about this value";
    EMPTY_VALUE "empty-value" Error false "an empty value";
    OUT_OF_RANGE "out-of-range" Error false "a number out of range";
    WRONG_UNIT "wrong-unit" Error false "a wrong unit";
    LANGUAGE_VERSION "language-version" Error false "unknown version of the stack language";
    UNKNOWN_TYPE "unknown-type" Error false "unknown component type";
    UNKNOWN_ENGINE "unknown-engine" Error false "unknown engine";
    NOT_BUNDLED "not-bundled" Error false "this engine is not bundled";
    UNKNOWN_VALUE "unknown-value" Error false "unknown value";
    DUPLICATE_ENTRY "duplicate-entry" Error false "an entry appears twice";

    // The form of texts.
    BAD_NAME "bad-name" Error false "a name that targets cannot carry";
    RESERVED_NAME "reserved-name" Error false "a reserved name";
    BAD_VARIABLE_NAME "bad-variable-name" Error false "a bad name for an environment variable";
    BAD_BUCKET_NAME "bad-bucket-name" Error false "a bad bucket name";
    BAD_IMAGE "bad-image" Error false "not an image reference";
    BAD_VERSION "bad-version" Error false "not a version";
    BAD_PATH "bad-path" Error false "a path that is not allowed here";
    BAD_URL "bad-url" Error false "not a usable URL";
    BAD_DIGEST "bad-digest" Error false "not a SHA-256 digest";
    BAD_REFERENCE "bad-reference" Error false "a reference that cannot be read";

    // Components among each other.
    UNKNOWN_ENVIRONMENT "unknown-environment" Error false "unknown environment";
    UNKNOWN_COMPONENT "unknown-component" Error false "unknown component";
    WRONG_COMPONENT_TYPE "wrong-component-type" Error false "a component of the wrong type";
    UNKNOWN_PROPERTY "unknown-property" Error false "unknown property";
    UNKNOWN_SECRET "unknown-secret" Error false "unknown secret";
    SECRET_IN_TEXT "secret-in-text" Error false "a secret inside a longer text";
    DEPENDENCY_CYCLE "dependency-cycle" Error false "components wait for each other";
    PORT_COLLISION "port-collision" Error false "two components want the same port";
    PORT_OF_REPLICAS "port-of-replicas" Error false "several copies cannot share one port";
    REPLICAS_OF_DATA "replicas-of-data" Error false "this component runs as one copy";
    CHECKS_WITHOUT_MODEL "checks-without-model" Error false "checks need a model";
    MQTT_WITHOUT_BROKER "mqtt-without-broker" Error false "MQTT needs a broker";
    PUBLIC_DATA "public-data" Error true "data reachable from other machines";

    DANGEROUS_MOUNT "dangerous-mount" Error true "a folder that gives a container too much";

    // Model files.
    MODEL_MISSING "model-missing" Error false "the model file does not exist";
    MODEL_UNREADABLE "model-unreadable" Error false "the model file cannot be read";
    MODEL_POINTER "model-pointer" Error false "the model is kept by Git LFS and is not here";
    NOT_ONNX "not-onnx" Error false "not an ONNX model";
    INVALID_MODEL "invalid-model" Error false "a damaged model";
    UNSUPPORTED_OPERATOR "unsupported-operator" Error false "the model needs an operator that the server lacks";
    MODEL_DIGEST "model-digest" Error false "the model is not the pinned one";
    BAD_SIGNATURE "bad-signature" Error false "the model's signature file is wrong";
    BAD_GOLDEN "bad-golden" Error false "the model's golden samples are wrong";
    UNKNOWN_FEATURE "unknown-feature" Error false "the model has no such feature";
    MISSING_FEATURE "missing-feature" Error false "a feature is missing";
    BAD_FEATURE "bad-feature" Error false "a feature that the model does not accept";
    FAILED_CHECK "failed-check" Error false "the model answers a check otherwise";

    // What the target can carry.
    UNSUPPORTED "unsupported" Error false "the target cannot do this";
    DEGRADED "degraded" Error false "the target can do this only in part";
    UNKNOWN_CAPABILITY "unknown-capability" Error false "unknown capability";

    // Policies.
    BAD_POLICY "bad-policy" Error false "a policy that says nothing";
    BAD_CONDITION "bad-condition" Error false "a condition that cannot be read";
    BAD_DATE "bad-date" Error false "not a day";

    // Advice.
    FLOATING_TAG "floating-tag" Warning true "an image tag that moves";
    NO_LIMITS "no-limits" Warning true "no memory limit";
    SECRET_IN_FILE "secret-in-file" Warning true "a secret written in the stack file";
    ONE_REPLICA "one-replica" Warning true "one copy in production";
    UNPINNED_MODEL "unpinned-model" Warning true "a model in production that can change";
    UNVERSIONED_MODELS "unversioned-models" Warning true "a bucket of models without versions";
    HOST_MOUNT "host-mount" Warning true "a folder of the machine in production";
    LARGE_CONTEXT "large-context" Warning true "a build context of more than 1 GiB or 50,000 files";
    ENDED_WAIVER "ended-waiver" Warning false "a waiver whose time is over";
    UNNEEDED_ALLOWANCE "unneeded-allowance" Warning false "an allowance that nothing needs";
    MISSING_SECRET "missing-secret" Warning false "a secret has no value here";
    UNUSED_SECRET "unused-secret" Warning false "a secret that nothing uses";
}
