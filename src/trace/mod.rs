//! SEEING it: what the server does, fact by fact, as text, as JSON Lines and as a picture.
//!
//! A [`Tracer`] is an observer of the server; without one, nothing of this costs anything. Read it in this
//! order:
//!
//! 1. [`Record`]: what happened, when and where, and its wording (`words`);
//! 2. [`Tracer`], which is told, and `recorder`, which leaves out what need not be said twice;
//! 3. where it goes: [`Text`], one line a fact, for people; [`json_lines`], for programs;
//! 4. what is made of it afterwards: [`state`], how everything stands at an instant; `lanes`, what held from
//!    when to when; the [`timeline`] page with what it says of each kind (`explain`); [`perfetto`].
//!
//! ```
//! use mio_echo::server::Mode;
//! use mio_echo::trace::{Event, Header, Lane, Record, Target, Tracer};
//!
//! let tracer = Tracer::new(Target::Memory, Header::new(Mode::EventLoop.into()), None)?;
//! // … server.run(tracer.clone()) …
//! let trace = tracer.finish().expect("it was kept in memory");
//! assert_eq!(trace.records.last().map(|last| &last.event), Some(&Event::Ended));
//! # Ok::<(), std::io::Error>(())
//! ```

mod explain;
mod header;
pub mod json_lines;
mod lanes;
mod observer;
pub mod perfetto;
mod record;
mod recorder;
mod sink;
pub mod state;
mod text;
pub mod timeline;
mod words;

pub use header::Header;
pub use json_lines::{ReadError, Trace};
pub use observer::Tracer;
pub use record::{Event, Lane, PhaseName, Record};
pub use sink::Target;
pub use text::{Colour, Text};
pub use words::brief;
