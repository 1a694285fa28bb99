//! mlstack-compose
