//! causeway-render
