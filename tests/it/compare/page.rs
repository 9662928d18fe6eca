//! The page, in a browser.

use super::{comparison, saved};
use crate::harness::browser::document_of;
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
    for width in [1280, 390] {
        let seen = seen_in_a_browser(&page, width);
        assert_eq!(
            seen,
            [format!("{width}"), "5".to_owned(), "12".to_owned()],
            "{width} wide"
        );
    }
}

/// Width of the content, number of visible charts with a whisker per contender and scenario, number of visible rows.
fn seen_in_a_browser(page: &str, width: u32) -> Vec<String> {
    let probe = "<script>
        const isSeen = element => element.getBoundingClientRect().height > 20;
        const charts = [...document.querySelectorAll('figure svg.chart')].filter(chart =>
            isSeen(chart) && chart.querySelectorAll('.whisker').length == 6);
        const rows = [...document.querySelectorAll('tbody tr')].filter(isSeen);
        const facts = [document.documentElement.scrollWidth, charts.length, rows.length];
        parent.document.title = 'seen ' + facts.join(' ') + ' end';
    </script>";
    // A window has a minimum width; a frame has none.
    let page = page.replace("</body>", &format!("{probe}</body>"));
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!(
        "<body><iframe width={width} height=900 style='border:0' srcdoc=\"{page}\"></iframe>"
    );
    let options = ["--hide-scrollbars", "--window-size=1400,900"];
    let document = document_of(&frame, "", &options);
    let (_, seen) = document
        .split_once("seen ")
        .unwrap_or_else(|| panic!("{document}"));
    let (seen, _) = seen.split_once(" end").unwrap();
    seen.split(' ').map(str::to_owned).collect()
}
