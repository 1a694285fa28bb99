//! How each step is carried out, one file a kind.

pub(crate) mod copies;
pub(crate) mod image;
pub(crate) mod network;
pub(crate) mod recover;
pub(crate) mod service;
pub(crate) mod update;
pub(crate) mod volume;
