//! mlstack
