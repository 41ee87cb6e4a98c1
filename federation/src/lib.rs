//! The `causeway` library: wiring of replica, agent and operator verbs.
