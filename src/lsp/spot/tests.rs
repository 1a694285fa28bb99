use super::*;
use crate::lsp::tests::marked;

fn shown(text: &str) -> String {
    let (text, byte) = marked(text);
    let sketch = Sketch::of(&text);
    match spot(&text, &sketch, byte) {
        None => "nothing".to_owned(),
        Some(spot) => {
            let word = &text[spot.word.start..spot.word.end()];
            let flow = if spot.is_flow { " flow" } else { "" };
            format!("{:?}{flow} {} `{word}` beside {:?}", spot.part, spot.path, spot.taken)
        }
    }
}

#[test]
fn spots() {
    let texts = [
        "ver‸sion: 1\nname: x",
        "version: ‸1\nname: x",
        "version: ‸",
        "a:\n  b: 1\n  ‸\n  c: 2\n",
        "a:\n  b: 1\n  ‸",
        "a:\n  b: 1\n‸",
        "a:\n  b:\n    ‸",
        "a:\n  b: x\n    ‸",
        "a:\n  re‸\n  b: 1\n",
        "a: [x, ‸]\n",
        "a: [x, y‸]\n",
        "a: [‸\nb: 1\n",
        "a: {b: 1, ‸}\n",
        "a: {b: 1, c‸}\n",
        "a: {b: ‸, c: 1}\n",
        "a: {b: ‸",
        "a: {b‸: 2",
        "a:\n- ‸\n- x\n",
        "a:\n  - b: 1\n    ‸\n",
        "a:\n  - b: ‸\n",
        "a: 1 # no ‸",
        "# ‸",
        "a: 'it''s # ‸'",
        "a: |\n  text ‸\nb: 1\n",
        "a: |\n  text\nb‸: 1\n",
        "‸",
    ];
    let all: Vec<_> = texts
        .iter()
        .map(|text| format!("{:<34} {}", format!("{text:?}"), shown(text)))
        .collect();
    insta::assert_snapshot!(all.join("\n"), @r##"
    "ver‸sion: 1\nname: x"             Key  `version` beside ["name"]
    "version: ‸1\nname: x"             Value version `1` beside []
    "version: ‸"                       Value version `` beside []
    "a:\n  b: 1\n  ‸\n  c: 2\n"        Open a `` beside ["b", "c"]
    "a:\n  b: 1\n  ‸"                  Open a `` beside ["b"]
    "a:\n  b: 1\n‸"                    Open  `` beside ["a"]
    "a:\n  b:\n    ‸"                  Open a.b `` beside []
    "a:\n  b: x\n    ‸"                Open a `` beside ["b"]
    "a:\n  re‸\n  b: 1\n"              Open a `re` beside ["b"]
    "a: [x, ‸]\n"                      Open flow a[1] `` beside ["x"]
    "a: [x, y‸]\n"                     Open flow a[1] `y` beside ["x"]
    "a: [‸\nb: 1\n"                    Open flow a `` beside []
    "a: {b: 1, ‸}\n"                   Open flow a `` beside ["b"]
    "a: {b: 1, c‸}\n"                  Open flow a `c` beside ["b"]
    "a: {b: ‸, c: 1}\n"                Value flow a.b `` beside []
    "a: {b: ‸"                         Value flow a.b `` beside []
    "a: {b‸: 2"                        Key flow a `b` beside []
    "a:\n- ‸\n- x\n"                   Open a[0] `` beside ["x"]
    "a:\n  - b: 1\n    ‸\n"            Open a[0] `` beside ["b"]
    "a:\n  - b: ‸\n"                   Value a[0].b `` beside []
    "a: 1 # no ‸"                      nothing
    "# ‸"                              nothing
    "a: 'it''s # ‸'"                   nothing
    "a: |\n  text ‸\nb: 1\n"           nothing
    "a: |\n  text\nb‸: 1\n"            Key  `b` beside ["a"]
    "‸"                                Open  `` beside []
    "##);
}
