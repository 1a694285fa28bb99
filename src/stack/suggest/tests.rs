use super::*;

const WORDS: [&str; 4] = ["replicas", "resources", "model-server", "db"];

#[test]
fn near_words_are_meant() {
    assert_eq!(nearest("replica", WORDS), Some("replicas"));
    assert_eq!(nearest("modelServer", WORDS), Some("model-server"));
    assert_eq!(nearest("bd", WORDS), Some("db"));
    assert_eq!(nearest("elephant", WORDS), None);
    assert_eq!(nearest("", WORDS), None);
}

#[test]
fn words_for_people() {
    assert_eq!(did_you_mean("replcas", WORDS).text, "did you mean `replicas`?");
    assert_eq!(
        did_you_mean("x", ["elephant", "giraffe"]).text,
        "one of `elephant`, `giraffe`"
    );
    assert_eq!(one_of(["elephant"]), "there is only `elephant`");
    assert_eq!(one_of([]), "there are none");
    assert_eq!(
        (a("object-store"), a("database")),
        ("an object-store".to_owned(), "a database".to_owned())
    );
}
