//! One page that needs nothing but itself: no network, no script, no font.

use super::super::model::Comparison;
use super::super::statistics::FEWEST_FOR_AN_INTERVAL;
use super::super::summary::{Cell, Row, Table};
use super::super::warning::warnings;
use super::chart::{Group, groups};
use super::element::escaped;
use super::svg::{self, svg};
use super::{base, circumstances, failure_in_words, ratio_in_words, spread_in_words};

const STYLE: &str = include_str!("page.css");

/// The comparison as a page.
pub fn html(comparison: &Comparison) -> String {
    let groups = groups(comparison);
    let sections: String = groups
        .iter()
        .enumerate()
        .map(|(at, group)| section(at, group))
        .collect();
    let title = title(comparison);
    [
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
        &format!(
            "<title>{title}</title>\n<style>\n{STYLE}{}</style>\n</head>\n",
            svg::STYLE
        ),
        &format!(
            "<body>\n<main>\n<h1>{title}</h1>\n{}",
            introduction(comparison)
        ),
        &warning_box(comparison),
        &sections,
        &method(comparison),
        "</main>\n</body>\n</html>\n",
    ]
    .concat()
}

fn title(comparison: &Comparison) -> String {
    let names = comparison.contenders.iter();
    let names = names.filter(|contender| contender.role != super::Role::Again);
    let names: Vec<String> = names.map(|contender| escaped(&contender.name)).collect();
    match names.as_slice() {
        [first, second] => format!("Echo servers compared: {first} and {second}"),
        _ => format!("{} echo servers compared", names.len()),
    }
}

fn introduction(comparison: &Comparison) -> String {
    let rounds = usize::try_from(comparison.rounds).unwrap_or(usize::MAX);
    let whiskers = if rounds < FEWEST_FOR_AN_INTERVAL {
        "Whiskers run from the lowest to the highest value"
    } else {
        "Whiskers and numbers in parentheses are 95&nbsp;% intervals of the median"
    };
    format!(
        "<p class=\"soft\">{} · {}, {} cores · {}</p>\n<p>Checked: {}. {whiskers}; ratios are to {}, round by round.</p>\n",
        escaped(&comparison.started),
        escaped(&comparison.machine.processor),
        comparison.machine.cores,
        escaped(&comparison.machine.kernel),
        comparison.checked,
        escaped(base(comparison)),
    )
}

fn warning_box(comparison: &Comparison) -> String {
    let warnings = warnings(comparison);
    if warnings.is_empty() {
        return String::new();
    }
    let items = warnings
        .iter()
        .map(|warning| format!("<li>{}</li>\n", escaped(&warning.to_string())));
    format!(
        "<aside class=\"warnings\" aria-label=\"Warnings\"><p>Read with care</p>\n<ul>\n{}</ul></aside>\n",
        items.collect::<String>()
    )
}

fn section(at: usize, group: &Group<'_>) -> String {
    let charts = group.charts.iter().enumerate().map(|(number, chart)| {
        format!(
            "<figure>{}</figure>\n",
            svg(chart, &format!("chart-{at}-{number}"))
        )
    });
    format!(
        "<section>\n<h2>{}</h2>\n<div class=\"charts\">\n{}</div>\n{}</section>\n",
        escaped(&group.title),
        charts.collect::<String>(),
        group.tables.iter().map(table).collect::<String>(),
    )
}

fn table(table: &Table<'_>) -> String {
    let pattern = table.scenario.pattern;
    let heads = table.columns().map(|metric| {
        let meaning = escaped(metric.meaning(pattern));
        format!(
            "<th scope=\"col\" title=\"{meaning}\">{}</th>",
            escaped(metric.title(pattern))
        )
    });
    let name = escaped(&table.scenario.to_string());
    format!(
        "<h3>{name}</h3>\n<div class=\"scroll\" role=\"region\" aria-label=\"{name}\" tabindex=\"0\"><table>\n\
         <thead><tr><th scope=\"col\">contender</th>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
        heads.collect::<String>(),
        table
            .rows
            .iter()
            .map(|row| self::row(table, row))
            .collect::<String>(),
    )
}

fn row(table: &Table<'_>, row: &Row<'_>) -> String {
    let cells = match failure_in_words(row) {
        Some(failure) => {
            let columns = table.columns().count().max(1);
            format!(
                "<td class=\"failed\" colspan=\"{columns}\">{}</td>",
                escaped(&failure)
            )
        }
        None => table
            .columns()
            .map(|metric| cell(row.cell(metric)))
            .collect(),
    };
    let name = escaped(&row.contender.name);
    format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>\n")
}

fn cell(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else {
        return "<td>–</td>".to_owned();
    };
    let ratio = cell
        .ratio
        .map(|ratio| ratio_in_words(&ratio).replace("difference (", "difference<br>("));
    let mut content = cell.metric.write(cell.spread.median);
    for line in [spread_in_words(cell), ratio].into_iter().flatten() {
        content.push_str("<small>");
        content.push_str(&line);
        content.push_str("</small>");
    }
    format!("<td>{content}</td>")
}

fn method(comparison: &Comparison) -> String {
    let facts = circumstances(comparison)
        .into_iter()
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(&value)));
    let contenders = comparison.contenders.iter().map(|contender| {
        let (name, origin) = (escaped(&contender.name), escaped(&contender.origin));
        format!("<dt>{name}</dt><dd><code>{origin}</code></dd>\n")
    });
    format!(
        "<section>\n<h2>How it was measured</h2>\n<dl>\n{}</dl>\n<h3>Contenders</h3>\n<dl>\n{}</dl>\n\
         <h3>How to read it</h3>\n{}</section>\n",
        facts.collect::<String>(),
        contenders.collect::<String>(),
        READING,
    )
}

const READING: &str = "\
<p>In each round every contender is started afresh, measured, and ended; the order is drawn anew. A ratio \
compares two contenders of the same round, so a machine that is slow for a while is slow for both.</p>
<p>Each cell has the median of all rounds, below it the lowest and the highest value, and below that the \
ratio with the interval that holds its true median in at least 95 of 100 cases, whatever the noise looks \
like. If that interval holds 1, the two cannot be told apart: “no difference”. “(again)” is the first \
contender measured a second time: what it differs from itself by is the noise of this machine.</p>
<p>The generator costs about as much as a server. Where it was the limit, the speed says more about it than \
about the server; the server’s CPU time per message does not depend on it.</p>
";

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn every_scenario_and_every_contender_has_its_row() {
        let comparison = example::comparison();
        let page = html(&comparison);
        assert_eq!(page.matches("<tr><th scope=\"row\">").count(), 3 * 4);
        assert_eq!(page.matches("<svg class=\"chart\"").count(), 4);
        assert!(page.contains("failed in round 2: corrupted connection 3, byte 4096"));
    }

    #[test]
    fn it_fetches_nothing_and_lets_no_name_become_markup() {
        let page = html(&example::comparison());
        for foreign in [
            "http:", "https:", "src=", "<script", "<link", "@import", "url(", "<other>",
        ] {
            assert!(!page.contains(foreign), "the page holds {foreign}");
        }
    }
}
