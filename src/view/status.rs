//! What runs now, one row a copy of a component.

use mlstack_provider::{CopyStatus, Value};
use serde_json::json;

use super::{Paint, Style, table};

const TITLES: [&str; 4] = ["COMPONENT", "STATE", "SINCE", "ADDRESS"];
const STATE: usize = 1;

/// The table, with its titles.
pub fn status_text(copies: &[CopyStatus], style: Style) -> String {
    let drawn: Vec<_> = copies.iter().map(|copy| (cells(copy), paint(copy))).collect();
    table::rows(TITLES, &drawn, &[STATE], style)
}

fn cells(copy: &CopyStatus) -> [String; 4] {
    let component = match copy.copy {
        1 => copy.component.clone(),
        number => format!("{} #{number}", copy.component),
    };
    [
        component,
        state(copy).to_owned(),
        since(copy.since.as_deref().unwrap_or_default()),
        addresses(copy).join(" "),
    ]
}

/// What is told of its state: what is wrong, else how it feels, else the target's own word.
fn state(copy: &CopyStatus) -> &str {
    let told = copy.problem.as_ref().or(copy.health.as_ref());
    told.unwrap_or(&copy.state)
}

fn paint(copy: &CopyStatus) -> Paint {
    match state(copy) {
        _ if copy.problem.is_some() => Paint::Bad,
        "healthy" | "running" => Paint::Good,
        "unhealthy" | "dead" => Paint::Bad,
        _ => Paint::Careful,
    }
}

/// The moment without fractions: `2026-11-23 07:15:02`.
fn since(moment: &str) -> String {
    moment.get(..19).unwrap_or(moment).replace('T', " ")
}

/// `127.0.0.1:3000->8080/tcp` as something to open; what is said without `->` is.
fn addresses(copy: &CopyStatus) -> Vec<&str> {
    let host = |port| str::split_once(port, "->").map_or(port, |(host, _)| host);
    copy.ports.iter().map(|port| host(port)).collect()
}

/// The same for programs, with all that is known.
pub fn status_json(stack: &str, copies: &[CopyStatus]) -> Value {
    let one = |copy: &CopyStatus| {
        json!({
            "component": copy.component, "copy": copy.copy, "container": copy.name, "id": copy.id,
            "image": copy.image, "state": copy.state, "health": copy.health, "since": copy.since,
            "exit_code": copy.exit_code, "ports": copy.ports, "problem": copy.problem,
        })
    };
    json!({"stack": stack, "containers": copies.iter().map(one).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(component: &str, number: u32, health: Option<&str>) -> CopyStatus {
        CopyStatus {
            component: component.to_owned(),
            copy: number,
            state: "running".to_owned(),
            health: health.map(str::to_owned),
            since: Some("2026-11-23T07:15:02.123456789Z".to_owned()),
            ..CopyStatus::default()
        }
    }

    fn copies() -> [CopyStatus; 5] {
        let ports = ["127.0.0.1:8080->8080/tcp", "http://web.example.com"].map(str::to_owned);
        let failed = CopyStatus {
            state: "exited".to_owned(),
            problem: Some("exited with 1\u{1b}[2J".to_owned()),
            since: None,
            ..copy("db", 1, None)
        };
        [
            CopyStatus {
                ports: ports.to_vec(),
                ..copy("predictor", 1, Some("healthy"))
            },
            copy("predictor", 2, Some("starting")),
            copy("predictor", 3, Some("unhealthy")),
            copy("worker", 1, None),
            failed,
        ]
    }

    #[test]
    fn copies_are_a_table() {
        let plain = Style {
            color: false,
            width: 80,
        };
        insta::assert_snapshot!(status_text(&copies(), plain), @r"
        COMPONENT     STATE                   SINCE                ADDRESS
        predictor     healthy                 2026-11-23 07:15:02  127.0.0.1:8080 http://web.example.com
        predictor #2  starting                2026-11-23 07:15:02  -
        predictor #3  unhealthy               2026-11-23 07:15:02  -
        worker        running                 2026-11-23 07:15:02  -
        db            exited with 1\u{1b}[2J  -                    -
        ");
        let states = copies().map(|copy| paint(&copy));
        let [good, careful, bad] = [Paint::Good, Paint::Careful, Paint::Bad];
        assert_eq!(states, [good, careful, bad, good, bad]);
    }

    #[test]
    fn programs_are_told_all_of_it() {
        let told = status_json("shop", &copies()[4..]);
        insta::assert_snapshot!(format!("{told:#}"), @r#"
        {
          "stack": "shop",
          "containers": [
            {
              "component": "db",
              "copy": 1,
              "container": "",
              "id": "",
              "image": "",
              "state": "exited",
              "health": null,
              "since": null,
              "exit_code": null,
              "ports": [],
              "problem": "exited with 1\u001b[2J"
            }
          ]
        }
        "#);
    }
}
