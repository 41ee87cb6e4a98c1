//! causeway-index
