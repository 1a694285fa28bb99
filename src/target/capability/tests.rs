use std::collections::BTreeSet;

use super::*;

#[test]
fn capabilities_have_names_of_their_own() {
    let names: BTreeSet<_> = Field::ALL.iter().map(|field| field.name()).collect();
    assert_eq!(names.len(), Field::ALL.len());
    for name in names {
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
            "{name}"
        );
    }
}

#[test]
fn a_field_is_found_by_its_name() {
    for field in Field::ALL {
        assert_eq!(Field::named(field.name()), Some(*field));
    }
    assert_eq!(Field::named("teleportation"), None);
}

#[test]
fn entries_are_short_and_fit_a_table() {
    for target in Target::ALL {
        for field in Field::ALL {
            let texts = match field.on(target) {
                Level::Full => continue,
                Level::Degraded { how, .. } => vec![how],
                Level::Unsupported { why, instead } => vec![why, instead],
            };
            for text in texts {
                assert!(
                    text.len() <= 90 && !text.ends_with('.') && !text.contains(['|', '\n']),
                    "{field:?}: {text}"
                );
            }
        }
    }
}
