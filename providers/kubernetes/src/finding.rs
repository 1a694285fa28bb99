//! The refusals among findings.

use mlstack_provider::{Finding, Level, ProviderError};

/// The refusals among `findings` as one error; `None` when there are none.
pub(crate) fn refused(findings: &[Finding]) -> Option<ProviderError> {
    let refusals: Vec<&Finding> = findings.iter().filter(|found| found.level == Level::Refusal).collect();
    let first = refusals.first()?;
    let rest = refusals.iter().skip(1).map(|found| format!("\n{found}"));
    let text: String = std::iter::once(first.text.clone()).chain(rest).collect();
    let error = ProviderError::new(first.kind, "the cluster would refuse")
        .at(&first.address)
        .because(text);
    let mut hints: Vec<String> = refusals.iter().filter_map(|found| found.hint.clone()).collect();
    hints.dedup();
    Some(hints.into_iter().take(3).fold(error, ProviderError::hint))
}
