//! The page, in a browser.

use super::{comparison, saved};
use crate::harness::browser::{Screen, document_of};
use crate::harness::tool_or_skip;
use mio_echo::measure::compare::model::MeasurementStatus;
use mio_echo::measure::compare::{OfferedLoad, report};

#[test]
fn a_browser_shows_every_chart_and_row_and_nothing_overflows_a_telephone() {
    if !tool_or_skip("chromium") {
        return;
    }
    let mut comparison = comparison(saved());
    // The same values as if they had been measured at a rate. On a slow machine there may be too few messages for a p99.
    for mut results in comparison.scenarios.clone() {
        results.scenario.load = OfferedLoad::Rate(1);
        for measurement in &mut results.measurements {
            let MeasurementStatus::Measured(values) = &mut measurement.status else {
                panic!("{measurement:?}");
            };
            let percentiles = &mut values.service_time.percentiles_ns;
            percentiles.insert("p99".to_owned(), Some(values.elapsed_ns));
        }
        comparison.scenarios.push(results);
    }
    let page = report::html(&comparison);
    for screen in [Screen::DESKTOP, Screen::TELEPHONE] {
        let seen = seen_in_a_browser(&page, screen);
        let expected = format!("{} 5 12", screen.width);
        assert_eq!(seen, expected, "{screen:?}");
    }
}

/// Width of the content, number of visible charts with a whisker per contender and scenario, number of visible rows.
fn seen_in_a_browser(page: &str, screen: Screen) -> String {
    let probe = "<script>
        const isSeen = element => element.getBoundingClientRect().height > 20;
        const charts = [...document.querySelectorAll('figure svg.chart')].filter(chart =>
            isSeen(chart) && chart.querySelectorAll('.whisker').length == 6);
        const rows = [...document.querySelectorAll('tbody tr')].filter(isSeen);
        const facts = [document.documentElement.scrollWidth, charts.length, rows.length];
        document.title = 'seen ' + facts.join(' ') + ' end';
    </script></body>";
    let document = document_of(&page.replace("</body>", probe), "", screen);
    // The words of the script come before those that it writes.
    let (_, title) = document.split_once("<title>").expect("a title");
    let (_, seen) = title
        .split_once("seen ")
        .unwrap_or_else(|| panic!("{document}"));
    let (seen, _) = seen.split_once(" end").unwrap();
    seen.to_owned()
}
