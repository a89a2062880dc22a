//! Configuration: from YAML (or JSON, which is YAML too) to typed structs, with the place of every mistake.
//!
//! A connector writes one struct with `Deserialize` and `JsonSchema`; its doc comments are its manual. The rest derives:
//!
//! 1. [`parse`] reads a file into documents of [`Node`]s, each with its place, and names every mistake of syntax at once.
//! 2. [`resolve`] puts in what `${env:NAME}` and `${file:/path}` stand for. Such values are never shown again.
//! 3. The engine's walker checks the tree against the [schemas](schema_of) that a [`Catalog`] knows by role and type.
//! 4. [`Node::read`] deserializes. Scalars take their type from the target, so `group: 1.10` is the text `1.10`.
//!
//! The tree and not serde decides what is wrong, because serde stops at the first mistake and forgets places wherever it
//! buffers. [`Size`], [`Duration`], [`Secret`] and [`Template`] have one reader each, used by serde and by the walker.

mod catalog;
mod de;
mod duration;
mod limits;
mod lines;
mod mistake;
mod node;
mod number;
mod parse;
mod quantity;
mod resolve;
mod schema;
mod secret;
mod size;
mod syntax;
mod template;

pub use catalog::{Catalog, Role};
pub use de::Unreadable;
pub use duration::Duration;
pub use limits::FILE_BYTES_MAX;
pub use mistake::{Mistake, Problem};
pub use node::{Key, Kind, Layout, Node, Scalar, Style};
pub use number::{float, integer};
pub use parse::{Document, Parsed, parse};
pub use resolve::{Environment, ProcessEnvironment, record_placeholder, resolve};
pub use schema::schema_of;
pub use secret::Secret;
pub use size::Size;
pub use template::{Part, Template};
