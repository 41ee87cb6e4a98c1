//! causeway-memory
