//! Conversations, whole.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::text::line_start;
use super::wire::Frame;
use super::{Beside, Inbox, Session};
use crate::diag::{Diagnostic, codes};
use crate::stack::Stack;

/// Knows of one model that is missing.
struct Shelf;

impl Beside for Shelf {
    fn about(&mut self, file: Option<&Path>, stack: &Stack) -> Vec<Diagnostic> {
        let path = stack.components.values().next().unwrap().path.key("model");
        let seen = file.map(|file| Diagnostic::at_value(&codes::MODEL_MISSING, &path, file.display().to_string()));
        seen.into_iter().collect()
    }
}

/// A session with one document open; what is sent comes back as lines.
struct Talk {
    session: Session,
    inbox: Inbox,
    text: String,
}

const URI: &str = "file:///stack/mlstack.yaml";

impl Talk {
    fn new() -> Self {
        let session = Session::new(None);
        let inbox = Inbox::default();
        let text = String::new();
        Self { session, inbox, text }
    }

    fn open(text: &str) -> (Self, Vec<Value>) {
        let mut talk = Self::new();
        talk.text = text.to_owned();
        talk.say("initialize", Some(0), json!({}));
        let item = json!({ "uri": URI, "languageId": "yaml", "version": 1, "text": text });
        let news = talk.say("textDocument/didOpen", None, json!({ "textDocument": item }));
        (talk, news)
    }

    fn say(&mut self, method: &str, id: Option<u64>, params: Value) -> Vec<Value> {
        let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        if let Some(id) = id {
            message["id"] = id.into();
        }
        self.send(Frame::Message(message))
    }

    fn send(&mut self, frame: Frame) -> Vec<Value> {
        let mut back: Vec<_> = self.inbox.push(frame).into_iter().collect();
        while let Some(message) = self.inbox.pop() {
            back.extend(self.session.receive(message, &mut Shelf));
        }
        back.extend(self.session.settle(&mut Shelf));
        back
    }
}

fn lines(messages: &[Value]) -> String {
    messages.iter().map(|message| format!("{message:#}\n")).collect()
}

const WRONG: &str = "version: 1\nname: shop\ncomponents:\n  é: {type: service}\n  web:\n    type: frontend\n    calls: apo # 😀\n    replica: 2\n  api: {type: model-server, model: m.onnx, uses: [\"wbe\"], env: {A: 'x ${wbe.url}'}}\n";

#[test]
fn what_is_wrong_is_published() {
    let (_, news) = Talk::open(WRONG);
    insta::assert_snapshot!(brief(&news[0]), @r#"
    3:2-3:3 "bad-name" "a name that targets cannot carry: lower-case letters, digits and hyphens, a letter first\nhelp: such as `api` or `web-2`"
    3:2-3:3 "missing-field" "a field is missing: a service needs one of `image`, `build`\nhelp: add `image: nginx:1.29`"
    3:2-3:3 "no-limits" "no memory limit: `é` may use all memory of its machine\nhelp: add `resources: {memory: 256Mi}`, with a number that fits"
    6:11-6:14 "unknown-component" "unknown component: no component is named `apo`\nhelp: did you mean `api`?"
    7:4-7:11 "unknown-field" "unknown field: a frontend has no field `replica`\nhelp: did you mean `replicas`?"
    8:50-8:55 "unknown-component" "unknown component: no component is named `wbe`\nhelp: did you mean `web`?"
    8:67-8:81 "unknown-component" "unknown component: no component is named `wbe`\nhelp: did you mean `web`?"
    "#);
    insta::assert_snapshot!(format!("{:#}", news[0]["params"]["diagnostics"][1]), @r#"
    {
      "range": {
        "start": {
          "line": 3,
          "character": 2
        },
        "end": {
          "line": 3,
          "character": 3
        }
      },
      "severity": 1,
      "code": "missing-field",
      "codeDescription": {
        "href": "https://mlstack.dev/diagnostics#missing-field"
      },
      "source": "mlstack",
      "message": "a field is missing: a service needs one of `image`, `build`\nhelp: add `image: nginx:1.29`",
      "relatedInformation": []
    }
    "#);
}

/// One line a diagnostic.
fn brief(news: &Value) -> String {
    let all = news["params"]["diagnostics"].as_array().unwrap().iter();
    all.map(|one| {
        let (start, end) = (&one["range"]["start"], &one["range"]["end"]);
        format!(
            "{}:{}-{}:{} {} {}\n",
            start["line"], start["character"], end["line"], end["character"], one["code"], one["message"]
        )
    })
    .collect()
}

#[test]
fn what_can_be_mended_is_offered() {
    let (mut talk, _) = Talk::open(WRONG);
    let all = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let params = json!({ "textDocument": { "uri": URI }, "range": all, "context": { "diagnostics": [] } });
    let answer = talk.say("textDocument/codeAction", Some(1), params);
    let actions = answer[0]["result"].as_array().unwrap().iter();
    let shown: Vec<_> = actions
        .map(|action| format!("{} {}", action["title"], action["edit"]["changes"][URI][0]["range"]))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    "Write `api`" {"start":{"line":6,"character":11},"end":{"line":6,"character":14}}
    "Write `replicas`" {"start":{"line":7,"character":4},"end":{"line":7,"character":11}}
    "Write `web`" {"start":{"line":8,"character":51},"end":{"line":8,"character":54}}
    "Write `web`" {"start":{"line":8,"character":72},"end":{"line":8,"character":75}}
    "#);
}

#[test]
fn beside_the_file_is_looked_only_where_there_is_one() {
    let right = "version: 1\nname: shop\ncomponents:\n  api: {type: model-server, model: m.onnx}\n";
    let (_, news) = Talk::open(right);
    insta::assert_snapshot!(brief(&news[0]), @r#"3:35-3:41 "model-missing" "the model file does not exist: /stack/mlstack.yaml""#);
    let mut talk = Talk::new();
    talk.say("initialize", Some(0), json!({}));
    let item = json!({ "uri": "untitled:1", "languageId": "mlstack", "version": 1, "text": right });
    let news = talk.say("textDocument/didOpen", None, json!({ "textDocument": item }));
    assert_eq!(news[0]["params"]["diagnostics"], json!([]));
}

#[test]
fn changes_and_the_end() {
    let (mut talk, _) = Talk::open("version: 1\nname: shop\n");
    let range = |line, from, to| json!({ "start": { "line": line, "character": from }, "end": { "line": line, "character": to } });
    let changes = json!([
        { "range": range(1, 6, 10), "text": "Läden" },
        { "range": range(0, 9, 10), "text": "2" },
    ]);
    let params = json!({ "textDocument": { "uri": URI, "version": 2 }, "contentChanges": changes });
    let mut all = talk.say("textDocument/didChange", None, params);
    let whole = json!([{ "text": "components:\n    web:   {type: frontend}\n" }]);
    let params = json!({ "textDocument": { "uri": URI, "version": 3 }, "contentChanges": whole });
    let _ = talk.say("textDocument/didChange", None, params);
    let about = json!({ "textDocument": { "uri": URI }, "options": { "tabSize": 8, "insertSpaces": false } });
    let formatted = talk.say("textDocument/formatting", Some(3), about.clone());
    let closed = talk.say("textDocument/didClose", None, about.clone());
    insta::assert_snapshot!(brief(&all.remove(0)), @r#"
    0:0-0:7 "missing-field" "a field is missing: a stack needs `components`\nhelp: add `components: {web: {type: frontend, calls: api}}`"
    0:9-0:10 "language-version" "unknown version of the stack language: version `2`; this mlstack knows version 1\nhelp: write `version: 1`, or use a newer mlstack"
    1:6-1:11 "bad-name" "a name that targets cannot carry: lower-case letters, digits and hyphens, a letter first\nhelp: such as `l-den`"
    "#);
    insta::assert_snapshot!(lines(&formatted) + &lines(&closed), @r#"
    {
      "jsonrpc": "2.0",
      "id": 3,
      "result": [
        {
          "range": {
            "start": {
              "line": 0,
              "character": 0
            },
            "end": {
              "line": 2,
              "character": 0
            }
          },
          "newText": "components:\n  web:   {type: frontend}\n"
        }
      ]
    }
    {
      "jsonrpc": "2.0",
      "method": "textDocument/publishDiagnostics",
      "params": {
        "uri": "file:///stack/mlstack.yaml",
        "diagnostics": []
      }
    }
    "#);
    assert_eq!(
        talk.say("textDocument/formatting", Some(4), about)[0]["result"],
        Value::Null
    );
    assert_eq!(talk.say("shutdown", Some(5), Value::Null)[0]["result"], Value::Null);
    assert_eq!(talk.session.end(), None);
    talk.say("exit", None, Value::Null);
    assert_eq!(talk.session.end(), Some(true));
}

#[test]
fn mistakes_of_a_client_are_told_and_survived() {
    let mut talk = Talk::new();
    let mut all = talk.say("textDocument/hover", Some(1), json!({}));
    all.extend(
        talk.say("initialize", Some(2), json!({}))
            .into_iter()
            .map(|_| "…".into()),
    );
    all.extend(talk.say("initialize", Some(3), json!({})));
    all.extend(talk.say("textDocument/unheard", Some(4), json!({})));
    all.extend(talk.say("textDocument/formatting", Some(5), json!({ "x": 1 })));
    all.extend(talk.say("textDocument/didOpen", None, json!([1])));
    all.extend(talk.send(Frame::Message(json!([]))));
    all.extend(talk.send(Frame::Message(json!({ "id": 6 }))));
    all.extend(talk.send(Frame::Message(json!({ "id": 7, "result": null }))));
    all.extend(talk.send(Frame::Damaged("half".to_owned())));
    all.extend(talk.say("shutdown", Some(8), json!({})));
    all.extend(talk.say("textDocument/formatting", Some(9), json!({})));
    let shown: Vec<_> = all.iter().map(Value::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    {"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"`initialize` comes first"}}
    "…"
    {"jsonrpc":"2.0","id":3,"error":{"code":-32600,"message":"initialized already"}}
    {"jsonrpc":"2.0","id":4,"error":{"code":-32601,"message":"this server has no `textDocument/unheard`"}}
    {"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"missing field `textDocument`"}}
    {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"a message is one JSON object"}}
    {"jsonrpc":"2.0","id":6,"error":{"code":-32600,"message":"a message has a `method`"}}
    {"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"half"}}
    {"jsonrpc":"2.0","id":8,"result":null}
    {"jsonrpc":"2.0","id":9,"error":{"code":-32600,"message":"shut down already"}}
    "#);
    talk.say("exit", None, Value::Null);
    assert_eq!(talk.session.end(), Some(true));
    let mut rude = Talk::new();
    rude.say("exit", None, Value::Null);
    assert_eq!(rude.session.end(), Some(false));
}

#[test]
fn a_request_is_taken_back() {
    let mut inbox = Inbox::default();
    let request = json!({ "jsonrpc": "2.0", "id": "a", "method": "shutdown" });
    assert_eq!(inbox.push(Frame::Message(request)), None);
    let cancel = |id: &str| Frame::Message(json!({ "method": "$/cancelRequest", "params": { "id": id } }));
    assert_eq!(inbox.push(cancel("b")), None);
    let told = inbox.push(cancel("a")).unwrap();
    assert_eq!(told["error"]["code"], -32800);
    assert!(inbox.is_empty());
}

#[test]
fn other_yaml_files_are_left_in_peace() {
    let mut talk = Talk::new();
    talk.say("initialize", Some(0), json!({}));
    let item = |uri: &str, text: &str| json!({ "textDocument": { "uri": uri, "languageId": "yaml", "version": 1, "text": text } });
    let news = talk.say(
        "textDocument/didOpen",
        None,
        item("file:///a/compose.yaml", "services: {}\n"),
    );
    assert_eq!(news[0]["params"]["diagnostics"], json!([]));
    let modeline = format!(
        "# yaml-language-server: $schema={}\nservices: {{}}\n",
        crate::stack::SCHEMA_ID
    );
    let news = talk.say("textDocument/didOpen", None, item("file:///a/other.yaml", &modeline));
    assert_ne!(news[0]["params"]["diagnostics"], json!([]));
}

/// A stack with something of everything.
pub(super) const STACK: &str = "# a stack
version: 1
name: shop
components:
  predictor:
    type: model-server
    model: m.onnx
    protocols: [rest, grpc]
    replicas: 2
    resources: {cpu: 500m, memory: 256Mi}
    uses: [db]
    log_predictions: db
    env:
      URL: ${db.url}
      KEY: ${secrets.key}
    checks:
      - request: {a: 1}
        expect: {prediction: 2}
        p95: 50ms
  db:
    type: database
    version: \"17\"
  store: {type: object-store, engine: s3, endpoint: 'https://s3.example.com', region: eu, access_key: key, secret_key: key}
  web:
    type: frontend
    calls: predictor
    expose: {port: 3000}
secrets:
  key: {generate: 32}
environments:
  dev: {target: compose}
  prod:
    target: k8s
    components:
      predictor: {replicas: 4}
";

/// A text without its mark, and where that stood.
pub(super) fn marked(text: &str) -> (String, usize) {
    let byte = text.find('‸').expect("a mark");
    (text.replacen('‸', "", 1), byte)
}

/// The stack, when it is right.
pub(super) fn good(text: &str) -> Option<Stack> {
    crate::stack::parse(text, &crate::stack::Options::default()).stack
}

/// The stack files of this repository, and the one above.
pub(super) fn examples() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = vec![STACK.to_owned()];
    for folder in ["examples", "stacks"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path().join("mlstack.yaml");
            all.extend(std::fs::read_to_string(path));
        }
    }
    assert!(all.len() > 2);
    all
}

/// Puts a text in, asks everything about a place, and gives the answers.
fn ask_all(talk: &mut Talk, text: &str, position: &Value) -> Vec<Value> {
    let change = json!({ "textDocument": { "uri": URI, "version": 2 }, "contentChanges": [{ "text": text }] });
    let mut all = Vec::new();
    if text != talk.text {
        talk.text = text.to_owned();
        talk.say("textDocument/didChange", None, change);
    }
    let params = json!({
        "textDocument": { "uri": URI }, "position": position, "newName": "other",
        "range": { "start": position, "end": position }, "context": { "includeDeclaration": true, "diagnostics": [] },
    });
    for method in [
        "hover",
        "completion",
        "definition",
        "references",
        "documentHighlight",
        "prepareRename",
        "rename",
        "codeAction",
    ] {
        all.extend(talk.say(&format!("textDocument/{method}"), Some(1), params.clone()));
    }
    all
}

#[test]
fn names_lead_to_each_other() {
    let (mut talk, _) = Talk::open(STACK);
    let place = |text: &str, word: &str| {
        let byte = text.find(word).unwrap() + word.len() - 2;
        let line = text[..byte].matches('\n').count();
        json!({ "line": line, "character": byte - line_start(text, byte) })
    };
    let mut shown = Vec::new();
    for word in [
        "calls: predictor",
        "${db.url",
        "${secrets.key",
        "      predictor",
        "access_key: key",
    ] {
        let mut params = json!({ "textDocument": { "uri": URI }, "position": place(STACK, word), "newName": "a2" });
        let found = talk.say("textDocument/definition", Some(1), params.clone());
        let start = |range: &Value| format!("{}:{}", range["start"]["line"], range["start"]["character"]);
        let to = start(&found[0]["result"]["range"]);
        let found = talk.say("textDocument/references", Some(2), params.clone());
        let all: Vec<_> = found[0]["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| start(&one["range"]))
            .collect();
        let found = talk.say("textDocument/rename", Some(3), params.clone());
        let edits = found[0]["result"]["changes"][URI].as_array().unwrap().len();
        params["newName"] = "Web!".into();
        let refused = talk.say("textDocument/rename", Some(4), params);
        shown.push(format!(
            "{word}: {to}, used at {}; {edits} edits; {}",
            all.join(" "),
            refused[0]["error"]["message"]
        ));
    }
    insta::assert_snapshot!(shown.join("\n"), @r#"
    calls: predictor: 4:2, used at 25:11 34:6; 3 edits; "lower-case letters, digits and hyphens, a letter first"
    ${db.url: 19:2, used at 10:11 11:21 13:13; 4 edits; "lower-case letters, digits and hyphens, a letter first"
    ${secrets.key: 28:2, used at 14:21 22:102 22:119; 4 edits; "lower-case letters, digits, `_` and `-`, a letter first, at most 40"
          predictor: 4:2, used at 25:11 34:6; 3 edits; "lower-case letters, digits and hyphens, a letter first"
    access_key: key: 28:2, used at 14:21 22:102 22:119; 4 edits; "lower-case letters, digits, `_` and `-`, a letter first, at most 40"
    "#);
}

#[test]
fn the_outline() {
    let (mut talk, _) = Talk::open("version: 1\ncomponents:\n  db: {type: database}\n  web:\n    type: frontend\n");
    let answer = talk.say(
        "textDocument/documentSymbol",
        Some(1),
        json!({ "textDocument": { "uri": URI } }),
    );
    fn lines(symbols: &Value, depth: usize, out: &mut String) {
        for symbol in symbols.as_array().unwrap() {
            let (from, to) = (&symbol["range"]["start"]["line"], &symbol["range"]["end"]["line"]);
            let (name, detail) = (&symbol["name"], &symbol["detail"]);
            let indent = "  ".repeat(depth);
            let _ = writeln!(out, "{indent}{name} {detail} {from}-{to}");
            lines(&symbol["children"], depth + 1, out);
        }
    }
    let mut out = String::new();
    lines(&answer[0]["result"], 0, &mut out);
    insta::assert_snapshot!(out, @r#"
    "version" "1" 0-0
    "components" "" 1-4
      "db" "database" 2-2
        "type" "database" 2-2
      "web" "frontend" 3-4
        "type" "frontend" 4-4
    "#);
}

/// Every place of every example: an answer, and no harm.
#[test]
fn every_place_has_answers() {
    for text in examples() {
        let (mut talk, _) = Talk::open(&text);
        for (line, content) in text.lines().enumerate() {
            for character in 0..=content.encode_utf16().count() {
                let answers = ask_all(&mut talk, &text, &json!({ "line": line, "character": character }));
                assert!(answers.iter().all(|answer| answer["id"] == 1), "{line}:{character}");
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    /// Texts cut off or torn anywhere, with the cursor anywhere.
    #[test]
    fn torn_texts_do_no_harm(which in 0..100usize, cut in 0.0..1.0f64, place in 0.0..1.0f64, junk in r#"[\[\]{}:"'$#|é\n -]{0,4}"#) {
        let all = examples();
        let text = &all[which % all.len()];
        let at = |share: f64| text.floor_char_boundary((share * text.len() as f64) as usize);
        let torn = if which < 50 { format!("{}{junk}", &text[..at(cut)]) } else { format!("{}{junk}{}", &text[..at(cut)], &text[at(cut.max(place))..]) };
        let byte = torn.floor_char_boundary((place * torn.len() as f64) as usize);
        let start = line_start(&torn, byte);
        let position = json!({ "line": torn[..byte].matches('\n').count(), "character": torn[start..byte].encode_utf16().count() });
        let (mut talk, _) = Talk::open("");
        ask_all(&mut talk, &torn, &position);
    }
}

#[test]
fn what_is_too_large_is_said_and_not_read() {
    let (mut talk, news) = Talk::open(&"a: 1\n".repeat(300_000));
    assert_eq!(news[0]["params"]["diagnostics"][0]["code"], "file-too-large");
    let answers = ask_all(
        &mut talk,
        &"a: 1\n".repeat(300_000),
        &json!({ "line": 9, "character": 0 }),
    );
    assert!(
        answers
            .iter()
            .all(|answer| answer["result"] == Value::Null || answer["result"] == json!([]))
    );
}
