use super::*;

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
