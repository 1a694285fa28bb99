//! mlstack-provider
