//! causeway-crds
