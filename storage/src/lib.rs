//! causeway-storage
