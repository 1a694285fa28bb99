//! mlstack: from one text, over a plan, to a running machine-learning stack.
//!
//! ```text
//! mlstack.yaml ─stack::parse─▶ Stack ─target::lower─▶ Resources ─plan::plan─▶ Plan ─apply─▶ Outcome ─▶ ledger
//!                 │                       │              ▲ observe (providers)    │
//!                 └▶ diag                 └▶ render      └ planning cannot write  └ events ▶ view
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`diag`] | what is wrong in a stack file: codes, places, the picture of an error |
//! | [`stack`] | the stack file: parse, merge, check, schema, format |
//! | [`target`] | what each target can carry, and the lowering of a stack to its resources |
//! | [`plan`] | the difference between what is wanted and what runs, in order, with reasons |
//! | [`review`] | what a pull request does to a stack, as data |
//! | [`apply`] | carries out a plan, decides nothing |
//! | [`ledger`] | what live objects cannot remember: history, good revisions, plans already used; the lock |
//! | [`atomic`] | files that are there whole or not at all |
//! | [`lines`] | two texts, line by line |
//! | [`ci`] | workflows for GitHub and GitLab that call mlstack |
//! | [`render`] | resources as files: `compose.yaml`, or one file for each object of Kubernetes |
//! | [`image`] | the OCI image of server and model, without a daemon |
//! | [`project`] | the folder of a stack: the stack file, the files it names, and nothing outside |
//! | [`view`] | plans, outcomes and states as text or JSON; prints nothing |
//! | [`lsp`] | what an editor asks about a stack file, answered |
//! | [`cli`] | the command line; the only module that prints |

pub mod apply;
pub mod atomic;
pub mod ci;
pub mod cli;
pub mod diag;
pub mod image;
pub mod ledger;
pub mod lines;
pub mod lsp;
pub mod plan;
pub mod project;
pub mod render;
pub mod review;
pub mod stack;
pub mod target;
pub mod view;
