//! What the user allows for one run.

/// What the user allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `--adopt`: objects that exist and are nobody's, or another tool's, become ours.
    pub adopt: bool,
    /// `--force-conflicts`: fields that others own and we want otherwise become ours.
    pub take_fields: bool,
}
