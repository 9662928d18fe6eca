//! Which checks to run.

use super::checks::{CHECKS, DATAGRAM_CHECKS};
use super::definition::{Check, Level};
use crate::measure::load::Transport;
use crate::text::nearest::nearest;
use std::fmt;

/// Which checks to run; by default all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those of a server of this kind.
    pub transport: Transport,
    /// Only these, by name; empty means no restriction.
    pub only: Vec<String>,
    /// Without these, by name.
    pub skip: Vec<String>,
    /// Only those that are quick.
    pub quick: bool,
    /// Only those of this step of the course and of the steps before it.
    pub level: Option<Level>,
}

/// A selection that is no selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectionError {
    /// There is no check of this name.
    Unknown {
        /// What was asked for.
        name: String,
        /// The check that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The conditions leave no check.
    Empty,
}

impl Selection {
    /// The checks that it selects, in the order in which they run.
    ///
    /// # Errors
    ///
    /// A name is unknown, or no check is left.
    pub fn checks(&self) -> Result<Vec<Check>, SelectionError> {
        let names = self.only.iter().chain(&self.skip);
        let all = self.all();
        let unknown = names
            .into_iter()
            .find(|name| !all.iter().any(|check| check.name == **name));
        if let Some(name) = unknown {
            return Err(SelectionError::Unknown {
                name: name.clone(),
                nearest: nearest(name, all.iter().map(|check| check.name)),
            });
        }
        let checks = all.iter().filter(|check| self.includes(check));
        let checks: Vec<Check> = checks.copied().collect();
        if checks.is_empty() {
            return Err(SelectionError::Empty);
        }
        Ok(checks)
    }

    fn all(&self) -> &'static [Check] {
        match self.transport {
            Transport::Stream => &CHECKS,
            Transport::Datagrams => &DATAGRAM_CHECKS,
        }
    }

    fn includes(&self, check: &Check) -> bool {
        let is_named = |names: &[String]| names.iter().any(|name| name == check.name);
        let has_level = self
            .level
            .is_none_or(|limit| check.level.is_some_and(|level| level <= limit));
        (self.only.is_empty() || is_named(&self.only))
            && !is_named(&self.skip)
            && (!self.quick || check.quick)
            && has_level
    }
}

impl fmt::Display for SelectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown {
                name,
                nearest: Some(nearest),
            } => write!(f, "there is no check `{name}`; did you mean `{nearest}`?"),
            Self::Unknown {
                name,
                nearest: None,
            } => write!(f, "there is no check `{name}`; --list shows them all"),
            Self::Empty => f.write_str("these options leave no check to run"),
        }
    }
}

impl std::error::Error for SelectionError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(selection: &Selection) -> Vec<&'static str> {
        let checks = selection.checks().unwrap();
        checks.iter().map(|check| check.name).collect()
    }

    #[test]
    fn by_default_every_check_runs() {
        assert_eq!(names(&Selection::default()).len(), CHECKS.len());
    }

    #[test]
    fn the_checks_of_datagrams_are_others() {
        let selection = |only: &[&str]| Selection {
            transport: Transport::Datagrams,
            only: only.iter().map(|&name| name.to_owned()).collect(),
            ..Selection::default()
        };
        assert_eq!(names(&selection(&[])).len(), DATAGRAM_CHECKS.len());
        assert!(selection(&["half-close"]).checks().is_err());
    }

    #[test]
    fn conditions_add_up() {
        let selection = Selection {
            only: vec!["burst".to_owned(), "half-close".to_owned()],
            skip: vec!["burst".to_owned()],
            ..Selection::default()
        };
        assert_eq!(names(&selection), ["half-close"]);
    }

    #[test]
    fn a_level_includes_those_before_it_and_the_last_one_all_but_the_optional() {
        let of_level = |level| {
            names(&Selection {
                level: Some(level),
                ..Selection::default()
            })
        };
        let mut before = 0;
        for level in Level::ALL {
            let now = of_level(level);
            assert!(now.len() > before, "level {} adds nothing", level.number());
            before = now.len();
        }
        assert_eq!(
            before,
            CHECKS.iter().filter(|it| it.level.is_some()).count()
        );
    }

    #[test]
    fn levels_rise_in_the_order_of_the_list() {
        let levels: Vec<Level> = CHECKS.iter().filter_map(|check| check.level).collect();
        assert!(levels.is_sorted());
    }

    #[test]
    fn a_misspelt_name_is_refused_with_the_one_that_was_meant() {
        let selection = Selection {
            skip: vec!["half-clos".to_owned()],
            ..Selection::default()
        };
        let error = selection.checks().unwrap_err().to_string();
        assert!(error.contains("did you mean `half-close`?"), "{error}");
    }

    #[test]
    fn no_two_checks_have_the_same_name_and_each_explains_itself() {
        let all = CHECKS.iter().chain(&DATAGRAM_CHECKS);
        for (index, check) in all.clone().enumerate() {
            let mut others = all.clone().skip(index + 1);
            let twin = others.find(|it| it.name == check.name);
            assert!(twin.is_none(), "{}", check.name);
            for text in [check.promise, check.why, check.hint] {
                assert!(text.ends_with('.'), "{}: {text}", check.name);
            }
        }
    }
}
