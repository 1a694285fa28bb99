use super::*;

#[test]
fn blocks_are_written_anew_and_the_rest_is_kept() {
    let page = "# A\n<!-- table: bucket -->\nold\n<!-- end -->\nrest\n";
    insta::assert_snapshot!(fill(page).unwrap(), @"
    # A
    <!-- table: bucket -->
    | field | value | default | what it is for |
    |---|---|---|---|
    | `versioning` | `true` or `false`, such as `true` | `false` | Keep old versions of objects |
    <!-- end -->
    rest
    ");
    assert_eq!(fill(&fill(page).unwrap()), fill(page));
}

#[test]
fn every_table_can_be_named() {
    for name in names() {
        assert!(table(name).is_some_and(|table| table.lines().count() > 2), "{name}");
    }
    assert!(fill("<!-- table: nothing -->\n<!-- end -->").is_err());
    assert!(fill("<!-- table: bucket -->").is_err());
}
