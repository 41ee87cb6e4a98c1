//! causeway-mesh
