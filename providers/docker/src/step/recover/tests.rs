use super::{Remedy, remedy};

#[test]
fn the_names_alone_say_what_to_do() {
    let cases = [
        (true, false, false, Remedy::Nothing),
        (false, false, false, Remedy::Nothing),
        (true, true, false, Remedy::DropNew),
        (true, true, true, Remedy::DropNew),
        (false, true, false, Remedy::DropNew),
        (false, true, true, Remedy::Promote),
        (false, false, true, Remedy::Restore),
        (true, false, true, Remedy::Prove),
    ];
    for (current, new, old, expected) in cases {
        assert_eq!(remedy(current, new, old), expected, "{current} {new} {old}");
    }
}

#[test]
fn every_remedy_comes_to_an_end() {
    for start in 0..8 {
        let (mut current, mut new, mut old) = (start & 1 > 0, start & 2 > 0, start & 4 > 0);
        for round in 0.. {
            assert!(round < 4, "no end from {start:03b}");
            match remedy(current, new, old) {
                Remedy::Nothing | Remedy::Prove => break,
                Remedy::DropNew => new = false,
                Remedy::Promote => (current, new) = (true, false),
                Remedy::Restore => (current, old) = (true, false),
            }
        }
        assert!(
            current || start == 0 || start == 2,
            "something that served is still there: {start:03b}"
        );
    }
}
