//! "Did you mean": the known name that a misspelt one resembles most.

/// The name among `known` that is most like `name`, if any is like it at all.
///
/// ```
/// use mio_echo::text::nearest::nearest;
///
/// let known = ["half-close", "burst"];
/// assert_eq!(nearest("halfclose", known), Some("half-close"));
/// assert_eq!(nearest("quantum", known), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// From 0, nothing in common, to 1, the same.
    const ALIKE: f64 = 0.7;
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    let best = known
        .into_iter()
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    best.filter(|best| likeness(best) > ALIKE)
}
