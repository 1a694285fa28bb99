//! Looks at and changes a Kubernetes cluster, through its API server alone.
//!
//! Owns what is between the objects of a stack and a server: server-side apply, what the server says would change, who
//! owns which field, the inventory of the stack, and why a rollout does not get on. The read side is a reader, the write
//! side an engine. Never reads a stack file, never decides what to change.
