use proptest::prelude::*;

use super::*;

fn drawn(before: &str, after: &str, context: usize) -> String {
    let mut out = String::new();
    for hunk in hunks(before, after, context) {
        out.extend([format!("@ {:?} {:?}\n", hunk.before, hunk.after)]);
        for line in hunk.lines {
            let (sign, text) = match line {
                Line::Same(text) => (' ', text),
                Line::Gone(text) => ('-', text),
                Line::New(text) => ('+', text),
            };
            out.extend([format!("{sign}{text}\n")]);
        }
    }
    out
}

#[test]
fn a_hunk_is_what_differs_and_some_around_it() {
    let before = "a\nb\nc\nd\ne\nf\ng\nh\n";
    let after = "a\nb\nC\nd\ne\nf\ng\nh\ni\n";
    insta::assert_snapshot!(drawn(before, after, 1), @"
    @ 1..4 1..4
     b
    -c
    +C
     d
    @ 7..8 7..9
     h
    +i
    ");
    insta::assert_snapshot!(drawn(before, after, 0), @"
    @ 2..3 2..3
    -c
    +C
    @ 8..8 8..9
    +i
    ");
    assert_eq!(
        drawn(before, after, 3).matches('@').count(),
        1,
        "hunks that touch are one"
    );
    assert_eq!(drawn(before, before, 3), "");
}

#[test]
fn what_is_added_is_named_by_its_line() {
    assert_eq!(added("a\nb\n", "a\nx\nb\ny\n"), BTreeSet::from([2, 4]));
    assert_eq!(added("", "a\n"), BTreeSet::from([1]));
    assert_eq!(added("a\n", ""), BTreeSet::new());
}

#[test]
fn texts_that_share_nothing_take_no_time() {
    let text = |sign: char| (0..100_000).map(|n| format!("{sign}{n}\n")).collect::<String>();
    let (before, after) = (text('a'), text('b'));
    assert_eq!(added(&before, &after).len(), 100_000);
}

proptest! {
    /// Hunks applied to the text before give the text after.
    #[test]
    fn hunks_lead_from_one_text_to_the_other(
        before in prop::collection::vec("[abc]", 0..30),
        after in prop::collection::vec("[abc]", 0..30),
        context in 0_usize..4,
    ) {
        let (old, new) = (before.join("\n"), after.join("\n"));
        let mut made: Vec<&str> = Vec::new();
        let lines: Vec<&str> = old.lines().collect();
        let mut at = 0;
        for hunk in hunks(&old, &new, context) {
            prop_assert!(hunk.before.start >= at);
            made.extend(&lines[at..hunk.before.start]);
            prop_assert_eq!(made.len(), hunk.after.start);
            for line in &hunk.lines {
                match line {
                    Line::Same(text) | Line::New(text) => made.push(text),
                    Line::Gone(_) => {}
                }
            }
            at = hunk.before.end;
            prop_assert_eq!(made.len(), hunk.after.end);
        }
        made.extend(&lines[at..]);
        prop_assert_eq!(made, new.lines().collect::<Vec<_>>());
    }
}
