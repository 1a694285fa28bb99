//! The names Compose gives to what it makes.

/// `<project>-<service>-<number>`; `number` counts from 1.
pub fn container_name(project: &str, service: &str, number: u32) -> String {
    format!("{project}-{service}-{number}")
}

/// `<project>_<key>`.
pub fn network_name(project: &str, key: &str) -> String {
    format!("{project}_{key}")
}

/// `<project>_<key>`.
pub fn volume_name(project: &str, key: &str) -> String {
    format!("{project}_{key}")
}
