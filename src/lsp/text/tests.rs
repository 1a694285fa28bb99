use proptest::prelude::*;

use super::*;

fn at(line: u32, character: u32) -> Position {
    Position { line, character }
}

#[test]
fn columns_count_utf_16() {
    let text = "a: é\r\nb: 😀x\n";
    let lines = Lines::of(text);
    assert_eq!(lines.position(text, text.find('x').unwrap()), at(1, 5));
    assert_eq!(lines.byte(text, at(1, 5)), text.find('x').unwrap());
    // The middle of a pair is the character's start; behind a line is its end, without `\r`.
    assert_eq!(lines.byte(text, at(1, 4)), text.find('😀').unwrap());
    assert_eq!(lines.byte(text, at(0, 99)), text.find('\r').unwrap());
    assert_eq!(lines.byte(text, at(99, 0)), text.len());
    assert_eq!(lines.position(text, 99), at(2, 0));
}

proptest! {
    #[test]
    fn there_and_back(text in "(?s).{0,40}", place in 0.0..1.0f64) {
        let byte = text.floor_char_boundary((place * text.len() as f64) as usize);
        let lines = Lines::of(&text);
        let back = lines.byte(&text, lines.position(&text, byte));
        // Only the end of a line has two names.
        let is_end = text[..byte].ends_with('\r');
        prop_assert_eq!(back, if is_end && back != byte { byte - 1 } else { byte });
    }
}
