//! The provider against an API server that answers as a real one was recorded to answer.

mod answers;
mod causes;
mod changes;
mod deliveries;
mod locks;
mod looks;
mod objects;
mod proofs;
mod shelves;
mod stage;
