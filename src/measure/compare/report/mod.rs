//! The reports: a comparison as a table, a page, a chart, and as data.
//!
//! Every report is a pure function of a [`Comparison`](super::model::Comparison). `chart` selects what is drawn, and `svg`
//! draws it; `forest_plot` draws the ratios of the primary metric of each scenario.

mod bar_chart;
mod chart;
mod csv;
mod forest_plot;
mod html;
mod json;
mod line_chart;
mod markdown;
mod scale;
mod shape;
mod svg;
mod terminal;

pub use csv::csv;
pub use html::html;
pub use json::{LARGEST_MARGIN, from_json, json};
pub use markdown::markdown;
pub use svg::svg;
pub use terminal::terminal;
