//! mlstack-provider-memory
