//! The trace: everything that the server does, event by event, as text, as JSON Lines and as a picture.
//!
//! A [`Tracer`] is an observer of the server; a server without one pays nothing for all this. Reading order:
//!
//! 1. [`Record`]: an event with its time and its place; its wording (`display`) and explanation (`explain`);
//! 2. [`Tracer`], the observer, and `recorder`, which leaves out what has not changed and asks about the buffers;
//! 3. the forms that are written while the server runs (`sink`): [`Text`], one line per event, for people, each as a
//!    few words or as a `sentence`;
//!    [`json_lines`], for programs;
//! 4. the forms that are made from a whole trace: [`snapshot`], the state of all connections at an instant;
//!    `lanes`, which value held from when to when; the [`timeline`] page; [`perfetto`].
//!
//! ```
//! use mio_echo::server::Mode;
//! use mio_echo::trace::{Event, Header, Target, Tracer};
//!
//! let tracer = Tracer::new(Target::Memory, Header::new(Mode::EventLoop), None)?;
//! // … server.run(tracer.clone()) …
//! let trace = tracer.finish()?.expect("the target is memory");
//! assert_eq!(trace.records.last().map(|last| &last.event), Some(&Event::Ended));
//! # Ok::<(), std::io::Error>(())
//! ```

mod display;
mod explain;
mod header;
pub mod json_lines;
mod lanes;
mod observer;
pub mod perfetto;
mod record;
mod recorder;
mod sentence;
mod sink;
pub mod snapshot;
mod text;
pub mod timeline;

pub use header::Header;
pub use json_lines::{ReadError, Trace};
pub use observer::Tracer;
pub use record::{Event, Lane, PhaseName, Record};
pub use sink::Target;
pub use text::{Colour, Text};
