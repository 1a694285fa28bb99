# The menu. `just check` before a commit.

# List the recipes.
default:
    @just --list

# Fast answers: format, types, lints.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# The tests that match, or all; `tests/run -y` prepares a fresh machine first.
test *filter:
    cargo nextest run --workspace {{ filter }}

# Accept the snapshots as they are now. Read the diff before committing it.
bless *filter:
    INSTA_UPDATE=always cargo nextest run --workspace {{ filter }}

# Everything that must hold for every commit.
ci:
    bash .ci/run

# A stack on this machine's Docker engine.
demo:
    ./quickstart

# The stand-in images: what there is, and what the engine has.
images:
    tests/images/build.sh --list

# Optimised executables.
release:
    cargo build --release --locked

# What is shipped for this machine, below dist/release/.
package:
    packaging/build
