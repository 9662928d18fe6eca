//! What a comparison does beyond the figures that it always has.

/// What is measured only if it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// It is.
    Wanted,
    /// It is not.
    Unwanted,
}
