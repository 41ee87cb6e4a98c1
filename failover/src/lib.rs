//! causeway-failover
