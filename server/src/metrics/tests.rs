//! The text of `/metrics`.

use super::*;

fn lines_with(text: &str, part: &str) -> String {
    text.lines()
        .filter(|l| l.contains(part))
        .map(|l| format!("{l}\n"))
        .collect()
}

fn sample() -> Metrics {
    let metrics = Metrics::default();
    metrics.loaded("a\"b", "1", vec!["bmi".into(), "s 1".into()], Duration::from_millis(12));
    metrics.answered(Protocol::Predict, 200, Duration::from_micros(60));
    metrics.answered(Protocol::Predict, 200, Duration::from_micros(50));
    metrics.answered(Protocol::Oip, 418, Duration::from_secs(9));
    metrics.refused(Some(1));
    metrics.refused(Some(7));
    metrics.refused(None);
    metrics
}

#[test]
fn requests_are_counted_by_protocol_and_code() {
    insta::assert_snapshot!(lines_with(&sample().render(), "mlstack_requests_total"), @r#"
    # HELP mlstack_requests_total Requests answered.
    # TYPE mlstack_requests_total counter
    mlstack_requests_total{model="a\"b",version="1",protocol="predict",code="200"} 2
    mlstack_requests_total{model="a\"b",version="1",protocol="oip",code="other"} 1
    "#);
}

#[test]
fn refusals_are_counted_by_feature_of_the_signature() {
    insta::assert_snapshot!(lines_with(&sample().render(), "validation"), @r#"
    # HELP mlstack_validation_errors_total Inputs refused, by feature.
    # TYPE mlstack_validation_errors_total counter
    mlstack_validation_errors_total{model="a\"b",version="1",field="bmi"} 0
    mlstack_validation_errors_total{model="a\"b",version="1",field="s 1"} 1
    mlstack_validation_errors_total{model="a\"b",version="1",field=""} 2
    "#);
}

#[test]
fn a_histogram_is_cumulative_and_its_bounds_inclusive() {
    let text = sample().render();
    let own = lines_with(
        &text,
        "request_duration_seconds_bucket{model=\"a\\\"b\",version=\"1\",protocol=\"predict\"",
    );
    let counts: Vec<&str> = own.lines().filter_map(|l| l.rsplit(' ').next()).collect();
    assert_eq!(counts[..3], ["1", "2", "2"]);
    assert_eq!(counts.last(), Some(&"2"));
    assert!(text.contains(
        "mlstack_request_duration_seconds_bucket{model=\"a\\\"b\",version=\"1\",protocol=\"oip\",le=\"+Inf\"} 1"
    ));
}

/// Every line is a comment or `name{labels} number`, every family has one HELP and one TYPE.
#[test]
fn the_text_follows_the_exposition_format() {
    let text = sample().render();
    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            families.push(rest.split(' ').next().unwrap_or_default().to_owned());
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = series.split('{').next().unwrap_or_default();
            let last = families.last().unwrap();
            assert!(name.starts_with(last.as_str()), "{name} under {last}");
        }
    }
    let unique: std::collections::BTreeSet<_> = families.iter().collect();
    assert_eq!(unique.len(), families.len());
    assert!(families.iter().any(|f| f == "process_resident_memory_bytes"));
}
