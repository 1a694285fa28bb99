use super::line;
use crate::image::Sending;

#[test]
fn a_line_says_how_much_and_how_far() {
    let said = |total, sent| line("ghcr.io/me/shop-api", Sending { total, sent });
    insta::assert_snapshot!([said(34_100_000, 0), said(34_100_000, 8_525_000), said(0, 0)].join("\n"), @"
    pushing 34.1 MB to ghcr.io/me/shop-api
    pushing 34.1 MB to ghcr.io/me/shop-api: 25 %
    pushing to ghcr.io/me/shop-api
    ");
}
