use super::*;
use crate::stack::yaml;

#[test]
fn paths_are_followed_as_far_as_they_go() {
    let root = yaml::read("a: {b: [x, y]}\n", &mut Vec::new()).unwrap();
    let b = Path::root().key("a").key("b");
    let starts = |path: &Path| {
        let (key, value, whole) = root.follow(path);
        (key.map(|span| span.start), value.start, whole)
    };
    assert_eq!(starts(&b), (Some(4), 7, true));
    assert_eq!(starts(&b.index(1)), (Some(11), 11, true));
    assert_eq!(starts(&b.index(2)), (Some(4), 7, false));
    assert_eq!(starts(&b.key("x")), (Some(4), 7, false));
}
