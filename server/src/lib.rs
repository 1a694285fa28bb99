//! mlstack-server
