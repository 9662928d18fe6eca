//! SEEING it: what the server does, fact by fact, as text, as JSON Lines and as a picture.
//!
//! 1. [`Record`]: what happened, when and where;
//! 2. [`Text`]: one line a fact, for people.

mod record;
mod text;
mod words;

pub use record::{Call, Event, Hints, Lane, Part, PhaseName, Record, Who};
pub use text::{Colour, Text};
pub use words::brief;
