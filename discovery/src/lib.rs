//! causeway-discovery
