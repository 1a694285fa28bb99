use proptest::prelude::*;

use super::*;

#[test]
fn sizes() {
    assert_eq!(size("256Mi"), Ok(256 << 20));
    assert_eq!(size("1.5Gi"), Ok(3 << 29));
    assert_eq!(size("10G"), Ok(10_000_000_000));
    assert_eq!(size("1k"), Ok(1000));
    for (text, form) in [
        ("512MB", "`512Mi`"),
        ("500", "`500Mi`"),
        ("10Gb", "`10Gi`"),
        ("2 Gi", "`2Gi`"),
        ("5m", "`5Mi`"),
    ] {
        assert_eq!(size(text), Err(Fault::Form(form.to_owned())), "{text}");
    }
    for text in ["", "Mi", "-1Mi", "1.2.3Mi", "ten", ".Mi"] {
        assert!(matches!(size(text), Err(Fault::Form(_))), "{text}");
    }
    for text in ["0Mi", "9999999Pi", "18446744073709551616Pi"] {
        assert!(size(text).is_err(), "{text}");
    }
}

#[test]
fn shares_of_cpu() {
    assert_eq!(cpu("500m"), Ok(500));
    assert_eq!(cpu("2"), Ok(2000));
    assert_eq!(cpu("0.25"), Ok(250));
    for text in ["50%", "0.5m", "", "m", "-1", "0", "0m", "100000", "1e3"] {
        assert!(cpu(text).is_err(), "{text}");
    }
}

#[test]
fn durations() {
    assert_eq!(duration("50ms"), Ok(50_000));
    assert_eq!(duration("1h30m"), Ok(5_400_000_000));
    assert_eq!(duration("1.5s"), Ok(1_500_000));
    for (text, form) in [
        ("10", "`10s`"),
        ("10 sec", "`10s`"),
        ("3S", "`3s`"),
        ("2d", "`48h`"),
        ("5 minutes", "`5m`"),
    ] {
        assert_eq!(duration(text), Err(Fault::Form(form.to_owned())), "{text}");
    }
    for text in ["", "s", "-1s", "0s", "1000h", "1s!", "soon"] {
        assert!(duration(text).is_err(), "{text}");
    }
}

#[test]
fn percentages() {
    assert_eq!(percent("70%"), Ok(70));
    assert_eq!(percent("70"), Err(Fault::Form("`70%`".to_owned())));
    for text in ["0%", "101%", "0.7", "%", "-1%"] {
        assert!(percent(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,24}") {
        let _ = (size(&text), cpu(&text), duration(&text), percent(&text));
    }

    #[test]
    fn whole_mebibytes_are_exact(number in 1u64..1 << 30) {
        prop_assert_eq!(size(&format!("{number}Mi")), Ok(number << 20));
        prop_assert_eq!(duration(&format!("{}ms", number % 600_000 + 1)), Ok((number % 600_000 + 1) * 1000));
    }

    /// A form that a fault proposes is one that works.
    #[test]
    fn proposals_work(number in 1u32..9999, unit in "[a-zA-Z ]{0,8}") {
        let text = format!("{number}{unit}");
        for (read, name) in [(size as fn(&str) -> _, "size"), (duration, "duration")] {
            if let Err(Fault::Form(form)) = read(&text) && let Some(form) = form.strip_prefix('`') {
                prop_assert!(!matches!(read(form.trim_end_matches('`')), Err(Fault::Form(_))), "{} {}", name, form);
            }
        }
    }
}
