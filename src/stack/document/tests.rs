use super::*;
use crate::diag::Path;
use crate::stack::yaml;

const TEXT: &str = "# größer\nname: früh\nlist:\n  - ä: 1\n    b: [x,\n      y]\n";

fn document() -> Document {
    Document::new(TEXT, yaml::read(TEXT, &mut Vec::new()))
}

#[track_caller]
fn check(path: &Path, part: Part, text: &str, position: (usize, usize)) {
    let (document, at) = (document(), At::Path(path.clone(), part));
    let span = document.locate(&at);
    assert_eq!(
        (&TEXT[span.start..span.end()], document.position(&at)),
        (text, position)
    );
}

#[test]
fn places_of_keys_and_values() {
    let item = Path::root().key("list").index(0);
    check(&Path::root().key("name"), Part::Key, "name", (2, 1));
    check(&Path::root().key("name"), Part::Value, "früh", (2, 7));
    check(&item.key("ä"), Part::Key, "ä", (4, 5));
    check(&item.key("ä"), Part::Value, "1", (4, 8));
}

#[test]
fn long_values_end_with_their_first_line() {
    let item = Path::root().key("list").index(0);
    check(&item.key("b"), Part::Value, "[x,", (5, 8));
}

#[test]
fn what_does_not_exist_is_shown_at_the_nearest_place() {
    check(&Path::root(), Part::Key, "name", (2, 1));
    check(&Path::root().key("missing"), Part::Key, "name", (2, 1));
    check(&Path::root().key("list").key("x"), Part::Value, "list", (3, 1));
    let without_tree = Document::new(TEXT, None);
    assert_eq!(
        without_tree.position(&At::Path(Path::root().key("name"), Part::Key)),
        (1, 1)
    );
}
