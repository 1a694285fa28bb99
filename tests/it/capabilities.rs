//! `docs/capabilities.md` says what the table says.

use std::path::Path;

use mlstack::target::capability;

#[test]
fn the_page_is_written_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/capabilities.md");
    let page = capability::page();
    if std::env::var_os("MLSTACK_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the documentation can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/capabilities.md is old: run this test with MLSTACK_BLESS=1"
    );
}
