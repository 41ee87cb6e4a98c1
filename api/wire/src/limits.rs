//! How large the parts of a message may be. A message beyond a limit is refused whole, and what was held before stays
//! in force: a size that doubles by mistake must not take a peer's memory or its configuration with it.

/// Bytes of one encoded message.
pub const MESSAGE_BYTES: usize = 64 << 20;

/// Rows of one list in a delta of facts or of a view: services, endpoints, namespaces, networks, owners.
pub const ROWS: usize = 1_000_000;

/// Items of a list inside one row: ports, addresses, accounts, shares, regions, nodes by locality.
pub const ITEMS: usize = 4_096;

/// Bytes of a sentence for people; longer ones are cut when written.
pub const SENTENCE_BYTES: usize = 4_096;

/// Bytes of one side of a diff of an object; longer ones are cut when written.
pub const OBJECT_BYTES: usize = 256 << 10;
