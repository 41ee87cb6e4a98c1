//! A whole replica whose power is cut.
