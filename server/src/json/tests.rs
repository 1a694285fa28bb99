//! The reader against serde_json, on good and on broken bodies.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn tree(cursor: &mut Cursor<'_>) -> Result<Value, Syntax> {
    match cursor.peek() {
        b'{' => {
            let mut map = serde_json::Map::new();
            cursor.object(|c, key| {
                let value = tree(c)?;
                map.insert(key.into_owned(), value);
                Ok::<(), Syntax>(())
            })?;
            Ok(Value::Object(map))
        }
        b'[' => {
            let mut list = Vec::new();
            cursor.array(|c, _| {
                list.push(tree(c)?);
                Ok::<(), Syntax>(())
            })?;
            Ok(Value::Array(list))
        }
        _ => Ok(match cursor.scalar()? {
            Scalar::Null => Value::Null,
            Scalar::Bool(b) => b.into(),
            Scalar::Number(n) => serde_json::from_str(n).unwrap_or(Value::Null),
            Scalar::NotFinite => {
                return Err(Syntax {
                    offset: 0,
                    what: "not finite",
                });
            }
            Scalar::Text(t) => t.into_owned().into(),
        }),
    }
}

fn read(body: &[u8]) -> Result<Value, Syntax> {
    let mut cursor = Cursor::new(body)?;
    let value = tree(&mut cursor)?;
    cursor.end()?;
    Ok(value)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn reads_what_serde_json_writes(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert_eq!(read(text.as_bytes()), Ok(value));
    }

    /// One byte of a good body changed: both readers agree whether it is still JSON.
    #[test]
    fn refuses_what_serde_json_refuses(value in any_json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = serde_json::to_vec(&value).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        let judge = serde_json::from_slice::<Value>(&body);
        let overflow = judge.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
        prop_assert!(overflow || judge.is_ok() == read(&body).is_ok(), "{}", String::from_utf8_lossy(&body));
    }

    #[test]
    fn never_panics(body in prop::collection::vec(prop::sample::select(br#"{}[]",:\u0123eE+-.tfn N"#.to_vec()), 0..60)) {
        let judge = serde_json::from_slice::<Value>(&body);
        let overflow = judge.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
        prop_assert!(overflow || judge.is_ok() == read(&body).is_ok(), "{}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn depth_ends_at_the_limit() {
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(Cursor::new(nested(32).as_bytes()).unwrap().skip().is_ok());
    let deep = nested(33);
    assert_eq!(
        Cursor::new(deep.as_bytes()).unwrap().skip().unwrap_err().to_string(),
        "nested more than 32 deep at byte 32"
    );
    let bomb = "[".repeat(1_000_000);
    assert!(Cursor::new(bomb.as_bytes()).unwrap().skip().is_err());
}

#[test]
fn numbers_stay_as_they_were_written() {
    let mut cursor = Cursor::new(b" 9007199254740993 ").unwrap();
    assert_eq!(cursor.scalar(), Ok(Scalar::Number("9007199254740993")));
    assert_eq!(cursor.end(), Ok(()));
}

#[test]
fn tokens_that_python_writes_are_told_apart() {
    for token in ["NaN", "Infinity", "-Infinity"] {
        assert_eq!(
            Cursor::new(token.as_bytes()).unwrap().scalar(),
            Ok(Scalar::NotFinite),
            "{token}"
        );
    }
    for token in ["nan", "+1", ".5", "1.", "01", "-", "0x1", "1e", "Inf"] {
        assert!(read(token.as_bytes()).is_err(), "{token}");
    }
}

#[test]
fn strings_without_escapes_are_not_copied() {
    assert!(matches!(
        Cursor::new(br#""mean radius""#).unwrap().scalar(),
        Ok(Scalar::Text(Cow::Borrowed("mean radius")))
    ));
    assert_eq!(read(br#""\ud83d\ude00\n\u00e9""#), Ok("😀\né".into()));
    assert!(read(br#""\ud83d""#).is_err());
    assert!(read(b"\"\xff\"").is_err());
}
