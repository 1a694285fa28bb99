use super::*;
use crate::diag::render::{self, Source, Style};
use crate::stack::{Options, parse};

const ONNX: &[u8] = include_bytes!("../../../examples/diabetes/model/diabetes-v2.onnx");
const SIGNATURE: &[u8] = include_bytes!("../../../examples/diabetes/model/diabetes-v2.signature.json");
const GOLDEN: &[u8] = include_bytes!("../../../examples/diabetes/model/diabetes-v2.golden.json");

const ROW: &str = "age: 41, sex: 1, bmi: 20.5, bp: 80, s1: 124, s2: 48.8, s3: 64, s4: 2, s5: 4.0254, s6: 75";

/// A stack with one model and one check.
fn stack(request: &str, prediction: &str) -> String {
    format!(
        "version: 1
name: shop
components:
  api:
    type: model-server
    model: model/a.onnx
    checks:
      - request: {{ {request} }}
        expect: {{ prediction: {prediction}, within: 0.01 }}
"
    )
}

fn good() -> String {
    stack(ROW, "81.676685")
}

/// What is wrong with the models of `text`, where `files` exist.
fn wrong(text: &str, files: &[(&str, File)]) -> String {
    let parsed = parse(text, &Options::default());
    let read = |path: &str| {
        files
            .iter()
            .find(|(name, _)| *name == path)
            .map_or(File::Missing, |(_, file)| file.clone())
    };
    let found = check(&parsed.stack.expect("the stack is good"), &read);
    let source = Source {
        file: "mlstack.yaml",
        text,
        places: &parsed.document,
    };
    render::text(
        &source,
        &found,
        Style {
            color: false,
            width: 100,
        },
    )
}

fn onnx() -> (&'static str, File) {
    ("model/a.onnx", File::Found(ONNX.to_vec()))
}

fn signature() -> (&'static str, File) {
    ("model/a.signature.json", File::Found(SIGNATURE.to_vec()))
}

fn golden() -> (&'static str, File) {
    ("model/a.golden.json", File::Found(GOLDEN.to_vec()))
}

#[test]
fn a_good_model() {
    assert_eq!(wrong(&good(), &[onnx(), signature(), golden()]), "");
}

#[test]
fn a_missing_model() {
    insta::assert_snapshot!(wrong(&good(), &[]), @"
    mlstack::model-missing

      × the model file does not exist
       ╭─[mlstack.yaml:6:12]
     6 │     model: model/a.onnx
       ·            ──────┬─────
       ·                  ╰── there is no file `model/a.onnx`
       ╰────
      help: check the path, which is relative to the stack file, and whether the file is committed

    mlstack.yaml: 1 error
    ");
}

#[test]
fn a_model_that_is_not_read() {
    let file = File::Refused("`model/a.onnx` leads outside the stack file's folder".to_owned());
    insta::assert_snapshot!(wrong(&good(), &[("model/a.onnx", file)]), @"
    mlstack::model-unreadable

      × the model file cannot be read
       ╭─[mlstack.yaml:6:12]
     6 │     model: model/a.onnx
       ·            ──────┬─────
       ·                  ╰── `model/a.onnx` leads outside the stack file's folder
       ╰────
      help: a regular file below the folder of the stack file, which you may read

    mlstack.yaml: 1 error
    ");
}

#[test]
fn a_pointer_of_git_lfs() {
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n",
        "0".repeat(64)
    );
    let pointer = File::Found(pointer.into_bytes());
    insta::assert_snapshot!(wrong(&good(), &[("model/a.onnx", pointer)]), @"
    mlstack::model-pointer

      × the model is kept by Git LFS and is not here
       ╭─[mlstack.yaml:6:12]
     6 │     model: model/a.onnx
       ·            ──────┬─────
       ·                  ╰── `model/a.onnx` is a pointer to 12345 bytes that are not here
       ╰────
      help: git lfs pull --include model/a.onnx

    mlstack.yaml: 1 error
    ");
}

#[test]
fn a_file_that_is_no_onnx() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n".to_vec();
    insta::assert_snapshot!(wrong(&good(), &[("model/a.onnx", File::Found(pointer))]), @"
    mlstack::not-onnx

      × not an ONNX model
       ╭─[mlstack.yaml:6:12]
     6 │     model: model/a.onnx
       ·            ──────┬─────
       ·                  ╰── this looks like a Git LFS pointer, not the file itself
       ╰────
      help: git lfs pull

    mlstack.yaml: 1 error
    ");
}

#[test]
fn a_damaged_model() {
    let cut = File::Found(ONNX[..ONNX.len() / 2].to_vec());
    insta::assert_snapshot!(wrong(&good(), &[("model/a.onnx", cut)]), @"
    mlstack::invalid-model

      × a damaged model
       ╭─[mlstack.yaml:6:12]
     6 │     model: model/a.onnx
       ·            ──────┬─────
       ·                  ╰── the ONNX file is damaged: failed to decode Protobuf message: ModelProto.graph: buffer underflow
       ╰────
      help: export or download the model again, and compare its size and sha256

    mlstack.yaml: 1 error
    ");
}

#[test]
fn an_operator_that_the_server_lacks() {
    let operator = mlstack_onnx::UnsupportedOperator {
        domain: "ai.onnx".to_owned(),
        operator: "Einsum".to_owned(),
        version: 12,
        nodes: vec!["attention/scores".to_owned(), "attention/values".to_owned()],
    };
    assert_eq!(
        list(&[operator]),
        "ai.onnx.Einsum (version 12; node attention/scores and 1 more)"
    );
    // The same length keeps the file whole: `Gemm`, `MatMul` or whatever stands there becomes an unknown operator.
    let file = File::Found(unknown_operator());
    insta::assert_snapshot!(wrong(&good(), &[("model/a.onnx", file)]), @"
    mlstack::unsupported-operator

      × the model needs an operator that the server lacks
       ╭─[mlstack.yaml:6:12]
     6 │     model: model/a.onnx
       ·            ──────┬─────
       ·                  ╰── ai.onnx.ml.ZinearRegressor (version 1; node LinearRegressor (ZinearRegressor))
       ╰────
      help: export the model with other options, or serve it with your own image

    mlstack.yaml: 1 error
    ");
}

/// The model with the name of one of its operators changed.
fn unknown_operator() -> Vec<u8> {
    let mut bytes = ONNX.to_vec();
    for (_, name) in mlstack_onnx::supported_operators() {
        let tagged = [&[0x22, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        if let Some(at) = bytes.windows(tagged.len()).position(|window| window == tagged) {
            bytes[at + 2] = b'Z';
            return bytes;
        }
    }
    panic!("no operator found in the model");
}

#[test]
fn a_pinned_digest() {
    let text = good().replace(
        "model: model/a.onnx",
        &format!("model: {{uri: model/a.onnx, sha256: {}}}", "ab".repeat(32)),
    );
    insta::assert_snapshot!(wrong(&text, &[onnx(), signature()]), @"
    mlstack::model-digest

      × the model is not the pinned one
       ╭─[mlstack.yaml:6:40]
     6 │     model: {uri: model/a.onnx, sha256: abababababababababababababababababababababababababababababababab}
       ·                                        ────────────────────────────────┬───────────────────────────────
       ·                                                                        ╰── `model/a.onnx` has another digest
       ╰────
      help: if the change is meant, write `sha256:
            86cc269270d928917489efdc07aaccec2103c2fff25d84388cecce17a7c079e3`

    mlstack.yaml: 1 error
    ");
}

#[test]
fn a_signature_that_does_not_fit() {
    let fewer = String::from_utf8(SIGNATURE.to_vec())
        .unwrap()
        .replacen("\"age\"", "\"sex\"", 1);
    let file = ("model/a.signature.json", File::Found(fewer.into_bytes()));
    insta::assert_snapshot!(wrong(&good(), &[onnx(), file]), @"
    mlstack::bad-signature

      × the model's signature file is wrong
       ╭─[mlstack.yaml:6:12]
     6 │     model: model/a.onnx
       ·            ──────┬─────
       ·                  ╰── the signature is not valid: feature 'sex' is listed twice (spaces count as _)
       ╰────
      help: mend `model/a.signature.json`

    mlstack.yaml: 1 error
    ");
}

#[test]
fn golden_samples_that_the_model_fails() {
    let other = String::from_utf8(GOLDEN.to_vec())
        .unwrap()
        .replacen("81.676685", "99", 1);
    let file = ("model/a.golden.json", File::Found(other.into_bytes()));
    insta::assert_snapshot!(wrong(&good(), &[onnx(), signature(), file]), @"
    mlstack::bad-golden

      × the model's golden samples are wrong
       ╭─[mlstack.yaml:6:12]
     6 │     model: model/a.onnx
       ·            ──────┬─────
       ·                  ╰── golden row 1: the prediction is 81.67666625976562, expected 99
       ╰────
      help: mend `model/a.golden.json`, or write it again from the program that trained the model

    mlstack.yaml: 1 error
    ");
}

#[test]
fn features_of_a_check() {
    let text = stack(&ROW.replace("bmi", "bmii").replace("age: 41", "age: old"), "81");
    insta::assert_snapshot!(wrong(&text, &[onnx(), signature()]), @"
    mlstack::bad-feature

      × a feature that the model does not accept
       ╭─[mlstack.yaml:8:25]
     8 │       - request: { age: old, sex: 1, bmii: 20.5, bp: 80, s1: 124, s2: 48.8, s3: 64, s4: 2, s5: 4.0254, s6: 75 }
       ·                         ─┬─
       ·                          ╰── 'age' must be a number, not a text
       ╰────

    mlstack::unknown-feature

      × the model has no such feature
       ╭─[mlstack.yaml:8:38]
     8 │       - request: { age: old, sex: 1, bmii: 20.5, bp: 80, s1: 124, s2: 48.8, s3: 64, s4: 2, s5: 4.0254, s6: 75 }
       ·                                      ──┬─
       ·                                        ╰── the model has no feature `bmii`
       ╰────
      help: did you mean `bmi`?

    mlstack::missing-feature

      × a feature is missing
       ╭─[mlstack.yaml:8:9]
     8 │       - request: { age: old, sex: 1, bmii: 20.5, bp: 80, s1: 124, s2: 48.8, s3: 64, s4: 2, s5: 4.0254, s6: 75 }
       ·         ───┬───
       ·            ╰── `bmi` is missing
       ╰────
      help: add `bmi: …`

    mlstack.yaml: 3 errors
    ");
}

#[test]
fn a_check_that_fails() {
    insta::assert_snapshot!(wrong(&stack(ROW, "83"), &[onnx(), signature()]), @"
    mlstack::failed-check

      × the model answers a check otherwise
       ╭─[mlstack.yaml:9:31]
     9 │         expect: { prediction: 83, within: 0.01 }
       ·                               ─┬
       ·                                ╰── the model answers 81.67667
       ╰────
      help: write `prediction: 81.67667` if that is right, or widen `within`

    mlstack.yaml: 1 error
    ");
}

#[test]
fn files_beside_a_model() {
    assert_eq!(beside("model/a.onnx", ".golden.json"), "model/a.golden.json");
    assert_eq!(beside("model/a", ".golden.json"), "model/a.golden.json");
}
