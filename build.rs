//! What `mlstack version` says of the build: for which platform, and with which compiler.
//!
//! Reads nothing but what cargo hands it, so that the same sources, compiler and variables give the same executable.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=MLSTACK_BUILT_FOR={}", variable("TARGET"));
    println!("cargo::rustc-env=MLSTACK_BUILT_WITH={}", compiler());
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// `1.95.0` of `rustc 1.95.0 (59807616e 2026-04-14)`.
fn compiler() -> String {
    let output = Command::new(variable("RUSTC")).arg("--version").output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let version = said.unwrap_or_default();
    version.split(' ').nth(1).unwrap_or("unknown").to_owned()
}
