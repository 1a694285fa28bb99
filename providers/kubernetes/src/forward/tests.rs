use http::HeaderMap;

use super::own_time;

fn timed(text: &str) -> Option<u64> {
    let mut headers = HeaderMap::new();
    headers.insert("server-timing", text.parse().expect("a header"));
    own_time(&headers)
}

#[test]
fn a_server_may_say_how_long_it_took() {
    assert_eq!(timed("read;dur=0.011, infer;dur=1.250"), Some(1_261));
    assert_eq!(timed("db;dur=5, total;desc=all;dur=7.5"), Some(7_500));
    assert_eq!(timed("cache;desc=hit"), None);
    assert_eq!(timed("infer;dur=-1"), None);
    assert_eq!(timed("infer;dur=soon"), None);
    assert_eq!(own_time(&HeaderMap::new()), None);
}
