//! One file per experiment.

pub(super) mod accept_once;
pub(super) mod always_writable;
pub(super) mod blocking_call;
pub(super) mod busy_wait;
pub(super) mod bytes_are_not_text;
pub(super) mod close_on_eof;
pub(super) mod close_on_rdhup;
pub(super) mod close_with_unread;
pub(super) mod coordinated_omission;
pub(super) mod duplicate_descriptor;
pub(super) mod echo_loop;
pub(super) mod emfile;
pub(super) mod exit_without_drain;
pub(super) mod fatal_would_block;
pub(super) mod forgotten_writable;
pub(super) mod no_budget;
pub(super) mod partial_write;
pub(super) mod read_once;
pub(super) mod short_read;
pub(super) mod sigpipe;
pub(super) mod slowloris;
pub(super) mod threads_vs_loop;
pub(super) mod thundering_herd;
pub(super) mod token_reuse;
pub(super) mod unbounded_queue;
pub(super) mod write_write_read;
