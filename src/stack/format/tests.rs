use proptest::prelude::*;

use super::*;

#[test]
fn the_canonical_layout() {
    let text = "\u{feff}

# head
version: 1   \r
name:    shop   # aligned comments stay


components:
    # about api
    api:
        type: service
        # about uses
        uses:
        - db     # why
        -   cache
        # end of uses
        command:
          -  sh
          -    - not
               - really
        env: {A: 1,
              B: 2}

        text: |
            line one
              line two
        folded: \"a
          b\"
    # about db
    db:
        type: database


# the end
";
    insta::assert_snapshot!(format(text).unwrap(), @r#"
    # head
    version: 1
    name:    shop   # aligned comments stay

    components:
      # about api
      api:
        type: service
        # about uses
        uses:
          - db     # why
          - cache
        # end of uses
        command:
          - sh
          - - not
            - really
        env: {A: 1,
              B: 2}

        text: |
            line one
              line two
        folded: "a
          b"
      # about db
      db:
        type: database

    # the end
    "#);
}

#[test]
fn what_is_canonical_stays() {
    for text in [
        include_str!("../../../examples/diabetes/mlstack.yaml"),
        "a: 1\n",
        "a:\n  - b: 1\n    c: 2\n  - d\n",
        "# only\na: {}\n",
    ] {
        assert_eq!(format(text).as_deref(), Ok(text));
    }
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    for text in ["", "a: [", "a: 1\na: 2\n", "a: &x 1\n", "a: !t 1\n"] {
        assert_eq!(format(text), Err(FormatError::Unreadable), "{text}");
    }
}

#[test]
fn what_would_change_is_left_alone() {
    // The number says how far the block is indented: moving its key changes the text.
    let text = "a:\n      b: |2\n          x\n         y\n";
    match format(text) {
        Ok(formatted) => assert!(same(&tree(text).unwrap(), &tree(&formatted).unwrap()), "{formatted}"),
        Err(error) => assert!(matches!(error, FormatError::Unsafe { .. })),
    }
}

/// A value in block or flow style, at an indentation of the writer's choice.
fn value(depth: u32) -> BoxedStrategy<Vec<String>> {
    let leaf = prop_oneof![
        "[a-z]{1,6}",
        "'[a-z #:]{0,8}'",
        "\\{a: 1, b: \\[2\\]\\}",
        "\"x\\\\n\"",
        Just("|\n one\n  two".to_owned())
    ];
    let leaf = leaf.prop_map(|text| text.split('\n').map(str::to_owned).collect::<Vec<_>>());
    leaf.prop_recursive(depth, 24, 4, |inner| {
        let entry = (inner, 1usize..5, any::<bool>(), 0usize..3);
        let entries = prop::collection::vec(entry, 1..4);
        (entries, any::<bool>()).prop_map(|(entries, list)| block(&entries, list))
    })
    .boxed()
}

type Entry = (Vec<String>, usize, bool, usize);

/// A block collection, with comments and blank lines between its entries.
fn block(entries: &[Entry], list: bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (i, (value, indent, comment, blank)) in entries.iter().enumerate() {
        let head = if list { "-".to_owned() } else { format!("k{i}:") };
        lines.extend(comment.then(|| "# note".to_owned()));
        lines.extend((0..*blank).map(|_| String::new()));
        lines.push(format!("{head} {}", value[0]));
        lines.extend(value[1..].iter().map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                " ".repeat(*indent) + line
            }
        }));
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn formatting_settles_and_changes_no_meaning(value in value(4)) {
        let text = format!("root: {}\n", value.iter().enumerate().map(|(i, line)| if i == 0 || line.is_empty() { line.clone() } else { format!("   {line}") }).collect::<Vec<_>>().join("\n"));
        let before = tree(&text);
        prop_assume!(before.is_ok());
        let formatted = super::format(&text);
        prop_assert!(formatted.is_ok(), "{}\n{:?}", text, formatted);
        let formatted = formatted.unwrap();
        prop_assert!(same(&before.unwrap(), &tree(&formatted).unwrap()));
        prop_assert_eq!(super::format(&formatted), Ok(formatted.clone()));
        prop_assert_eq!(text.matches("# note").count(), formatted.matches("# note").count());
    }

    #[test]
    fn no_text_panics(text in "[a-c:\\-# \\n{}\\[\\],|>'\"]{0,60}") {
        let _ = super::format(&text);
    }
}
