//! What the experiments stand on.

pub(super) mod buffers;
pub(super) mod client;
pub(super) mod half;
pub(super) mod journal;
pub(super) mod kernel;
pub(super) mod page;
pub(super) mod peer;
pub(super) mod report;
pub(super) mod site;
pub(super) mod workbench;
