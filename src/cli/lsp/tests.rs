use super::*;
use crate::stack::{Options, parse};

const STACK: &str = "version: 1\nname: shop\ncomponents:\n  api: {type: model-server, model: m.onnx}\n";

#[test]
fn models_are_looked_at_again_only_when_something_changed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (jail, mut models) = (Jail::new(&root), Models::default());
    let mut check = |text: &str| {
        let stack = parse(text, &Options::default()).stack.unwrap();
        let found = models.check(&stack, root.clone(), &jail);
        found.iter().map(|one| one.code.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(check(STACK), "model-missing");
    std::fs::write(root.join("m.onnx"), "no model").unwrap();
    assert_eq!(check(STACK), "not-onnx");
    // The same size at the same time: nobody looks, and what was found stands.
    let time = std::fs::metadata(root.join("m.onnx")).unwrap().modified().unwrap();
    let file = std::fs::File::create(root.join("m.onnx")).unwrap();
    std::io::Write::write_all(&mut &file, &[0x08, 0x08, 0, 0, 0, 0, 0, 0]).unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(check(&STACK.replace("shop", "other")), "not-onnx");
    assert_eq!(check(&STACK.replace("m.onnx", "n.onnx")), "model-missing");
    assert_eq!(
        check(&STACK.replace("m.onnx", "../m.onnx").replace("../", "")),
        "invalid-model"
    );
}
