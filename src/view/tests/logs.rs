use mlstack_provider::LogLine;

use crate::view::{Style, log_line};

fn line(component: &str, copy: u32, text: &str) -> LogLine {
    LogLine {
        component: component.to_owned(),
        copy,
        stderr: false,
        time: String::new(),
        text: text.to_owned(),
    }
}

fn shown(color: bool) -> String {
    let lines = [
        line("api", 1, "ready"),
        line("worker", 2, "a\u{1b}[31mb"),
        line("gone", 1, "old"),
    ];
    let style = Style { color, width: 80 };
    let lines = lines.iter().map(|line| log_line(line, &["api", "worker"], style));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_line_has_its_name_in_front() {
    insta::assert_snapshot!(shown(false), @r"
    api    | ready
    worker-2 | a\u{1b}[31mb
    gone   | old
    ");
}

#[test]
fn each_component_has_a_colour_of_its_own() {
    insta::assert_snapshot!(shown(true).replace('\u{1b}', "ESC"), @r"
    ESC[36mapi    |ESC[0m ready
    ESC[33mworker-2 |ESC[0m a\u{1b}[31mb
    gone   | old
    ");
}
