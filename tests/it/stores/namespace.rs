//! What a namespace does that no other store does: it may not be there yet, and it may go.
