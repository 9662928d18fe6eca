//! Servers side by side.
//!
//! | file | what it owns |
//! | --- | --- |
//! | [`peers`] | the servers to be measured against, as a manifest describes them |

pub mod peers;
