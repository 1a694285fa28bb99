use super::*;

#[test]
fn durations_read_as_go_prints_them() {
    let cases = [
        (0, "0s"),
        (7, "7µs"),
        (1_500, "1.5ms"),
        (250_000, "250ms"),
        (5_000_000, "5s"),
        (5_250_000, "5.25s"),
        (60_000_000, "1m0s"),
        (90_000_000, "1m30s"),
        (3_600_000_000, "1h0m0s"),
        (3_661_000_001, "1h1m1.000001s"),
    ];
    for (micros, text) in cases {
        assert_eq!(Duration(micros).to_string(), text);
        assert_eq!(text.parse::<Duration>().expect(text), Duration(micros));
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in ["", "5", "s", "5x", "-5s", "5s5", "1.2.3s", "99999999999999999999h"] {
        assert!(text.parse::<Duration>().is_err(), "{text}");
    }
}
