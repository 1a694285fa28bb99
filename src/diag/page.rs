//! `docs/diagnostics.md`: every code with its explanation.

use std::fmt::Write as _;

use super::Severity;
use super::codes::{ALL, Code};

/// Where the page is read: what `mlstack explain` prints about `code`.
pub fn address(code: &Code) -> String {
    format!("https://mlstack.dev/diagnostics#{}", code.name)
}

/// The whole page.
pub fn page() -> String {
    let mut page = String::from(
        "# Diagnostics\n\n\
         <!-- Written from `src/diag/codes.rs` and `src/diag/explain/`; a test keeps it so. -->\n\n\
         What can be wrong with a stack file. `mlstack explain CODE` prints the same. Every example is a whole stack\n\
         file but for its first two lines, `version: 1` and `name: shop`; tests run all of them.\n\n\
         | code | | |\n|---|---|---|\n",
    );
    for code in ALL {
        let _ = writeln!(
            page,
            "| [`{0}`](#{0}) | {1} | {2} |",
            code.name,
            severity(code),
            code.summary
        );
    }
    for code in ALL {
        let _ = write!(page, "\n## {}\n\n{}: {}.", code.name, severity(code), code.summary);
        if code.waivable {
            let _ = write!(
                page,
                " Silenced by `allow_degraded: {{{}: \"the reason\"}}` on the component.",
                code.name
            );
        }
        let explanation = code.explanation.replace("```yaml refused", "```yaml");
        let _ = write!(page, "\n\n{}\n", explanation.trim_end());
    }
    page
}

fn severity(code: &Code) -> &'static str {
    match code.severity {
        Severity::Error => "error",
        Severity::Warning => "advice",
    }
}
