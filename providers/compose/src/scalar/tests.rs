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

#[test]
fn cores_are_numbers_in_their_shortest_form() {
    let cases = [
        (500, "0.5"),
        (1000, "1"),
        (100, "0.1"),
        (1, "0.001"),
        (1500, "1.5"),
        (4097001, "4097.001"),
    ];
    for (millis, text) in cases {
        assert_eq!(serde_json::to_string(&Cpus(millis)).expect("a number"), text);
        assert_eq!(serde_json::from_str::<Cpus>(text).expect(text), Cpus(millis));
    }
}

#[test]
fn bytes_are_text() {
    assert_eq!(serde_json::to_string(&Bytes(1 << 29)).expect("text"), "\"536870912\"");
    assert_eq!(serde_json::from_str::<Bytes>("\"5\"").expect("bytes"), Bytes(5));
    assert!(serde_json::from_str::<Bytes>("\"5m\"").is_err());
}
