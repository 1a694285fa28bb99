//! mlstack-provider-docker
