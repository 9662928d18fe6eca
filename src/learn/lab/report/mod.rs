//! A finished experiment, for people: as text for a terminal and as an HTML page.

mod code;
mod excerpt;
mod page;
mod parting;
mod text;

pub use page::write_page;
pub use text::text;
