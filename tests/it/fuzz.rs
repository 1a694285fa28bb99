//! A storm of damaged stack files: no panic, no long wait, and every diagnostic can be drawn.
//!
//! `MLSTACK_FUZZ_CASES` sets how many (100,000 when unsaid).

use std::time::{Duration, Instant};

use mlstack::diag::Locate as _;
use mlstack::diag::render::{self, Source, Style};
use mlstack::stack::{self, Options};

use crate::bad_stacks;

/// A small generator of the same numbers every time (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const BITS: [&str; 40] = [
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "!t ",
    "<<: ",
    "? ",
    "# ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "~",
    "null",
    "${",
    "${db.url}",
    "${secrets.x}",
    "\t",
    "\r\n",
    "\u{feff}",
    "ä",
    "🚀",
    "\u{202e}",
    "\0",
    "1e999",
    "-1",
    "0x",
    "x-y: 1",
];

/// One text, made of pieces of others.
fn damaged(random: &mut Random, seeds: &[String]) -> String {
    let mut text = random.pick(seeds).clone();
    for _ in 0..=random.below(3) {
        let (start, end) = (place(random, &text), place(random, &text));
        let (start, end) = (start.min(end), start.max(end));
        match random.below(6) {
            0 => text.insert_str(start, random.pick::<&str>(&BITS)),
            1 => text.replace_range(start..end.min(text.floor_char_boundary(start + 8)).max(start), ""),
            2 => text.replace_range(
                start..text.ceil_char_boundary((start + 1).min(text.len())),
                random.pick::<&str>(&BITS),
            ),
            3 => text.truncate(start),
            4 => {
                let other = random.pick(seeds);
                let from = other.floor_char_boundary(random.below(other.len() + 1));
                text.replace_range(start.., &other[from..]);
            }
            _ => {
                let part = text[start..end].to_owned();
                text.insert_str(start, &part);
            }
        }
    }
    text
}

fn place(random: &mut Random, text: &str) -> usize {
    text.floor_char_boundary(random.below(text.len() + 1))
}

fn options(random: &mut Random) -> Options {
    Options {
        environment: (random.below(4) == 0).then(|| "prod".to_owned()),
        every_environment: random.below(2) == 0,
        today: None,
    }
}

/// Everything that a stack file goes through, on a text that may be anything.
fn read(text: &str, options: &Options, draw: bool) {
    let parsed = stack::parse(text, options);
    for diagnostic in &parsed.diagnostics {
        let span = parsed.document.locate(&diagnostic.at);
        assert!(
            text.get(span.start..span.end()).is_some(),
            "{text:?} {diagnostic:?} {span:?}"
        );
    }
    assert_eq!(
        parsed.stack.is_some(),
        !parsed.diagnostics.iter().any(mlstack::diag::Diagnostic::is_error)
    );
    let source = Source {
        file: "mlstack.yaml",
        text,
        places: &parsed.document,
    };
    if draw {
        let style = Style {
            color: false,
            width: 80,
        };
        render::text(&source, &parsed.diagnostics, style);
        render::json(&source, &parsed.diagnostics);
    }
}

fn seeds() -> Vec<String> {
    let mut seeds: Vec<_> = bad_stacks::files().into_iter().map(|(_, text)| text).collect();
    seeds.push(include_str!("../../examples/diabetes/mlstack.yaml").to_owned());
    seeds
}

#[test]
fn damaged_stack_files_do_no_harm() {
    let cases: u32 = std::env::var("MLSTACK_FUZZ_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    let threads = std::thread::available_parallelism()
        .map_or(1, |n| u32::try_from(n.get()).unwrap_or(1))
        .min(8);
    let seeds = &seeds();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || storm(u64::from(thread), cases.div_ceil(threads), seeds));
        }
    });
}

fn storm(seed: u64, cases: u32, seeds: &[String]) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (seed + 1).wrapping_mul(0xD134_2543_DE82_EF95));
    let mut slowest = Duration::ZERO;
    for case in 0..cases {
        let (text, options) = (damaged(&mut random, seeds), options(&mut random));
        let start = Instant::now();
        read(&text, &options, case % 50 == 0);
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < Duration::from_secs(5), "the slowest took {slowest:?}");
}

/// Texts near a megabyte that make each stage work hardest.
#[test]
fn large_texts_end_soon() {
    let head = "version: 1\nname: shop\ncomponents:\n";
    let many =
        |line: &dyn Fn(usize) -> String, count: usize| head.to_owned() + &(0..count).map(line).collect::<String>();
    let heavy = [
        "- ".repeat(500_000),
        "{".repeat(1_000_000),
        "a: &a [*a, *a]\n".repeat(60_000),
        "ä".repeat(500_000),
        "\"".repeat(1_000_000),
        "\u{1b}".repeat(1_000_000),
        "x".repeat(1 << 20),
        "a:\n".repeat(300_000),
        many(&|i| format!("  unknown{i}: {{tipe: x}}\n"), 6000),
        many(
            &|i| format!("  c{i}: {{type: service, image: x, uses: [c{}]}}\n", i + 1),
            3300,
        ),
        many(
            &|i| format!("  c{i}: {{type: service, image: x, uses: [c{}]}}\n", (i + 1) % 3300),
            3300,
        ),
        many(&|i| format!("  c{i}: {{type: database, expose: 8000}}\n"), 5000),
        many(
            &|i| format!("  c{i}: {{type: service, env: {{A: '${{d{i}.url}}'}}}}\n"),
            4000,
        ),
        format!(
            "{head}  a: {{type: service, image: x, uses: [{}]}}\n",
            "zz, ".repeat(19_000)
        ),
        format!(
            "{head}  a: {{type: database}}\nenvironments: {{{}}}\n",
            (0..4000)
                .map(|i| format!("e{i}: {{components: {{a: {{x: 1}}}}}}, "))
                .collect::<String>()
        ),
        format!(
            "{head}  a: {{type: service, image: x, env: {{A: '{}'}}}}\n",
            "${a.b}".repeat(150_000)
        ),
    ];
    for (i, text) in heavy.iter().enumerate() {
        let start = Instant::now();
        read(
            text,
            &Options {
                environment: None,
                every_environment: true,
                today: None,
            },
            true,
        );
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "text {i} took {:?}",
            start.elapsed()
        );
    }
}

/// A stack of a thousand components is read while the user blinks; in a release build twenty times faster.
#[test]
fn a_thousand_components_are_read_at_once() {
    let component = |i: usize| {
        let uses = if i == 0 {
            String::new()
        } else {
            format!(", uses: [c{}]", i - 1)
        };
        format!(
            "  c{i}: {{type: service, image: 'nginx:1.29.3', resources: {{cpu: 500m, memory: 64Mi}}, env: {{A: a, B: '${{c0.host}}'}}{uses}}}\n"
        )
    };
    let text = format!(
        "version: 1\nname: big\ncomponents:\n{}",
        (1..1001).fold(component(0), |text, i| text + &component(i))
    );
    let start = Instant::now();
    let parsed = stack::parse(&text, &Options::default());
    let took = start.elapsed();
    assert_eq!(
        parsed.stack.map(|stack| stack.components.len()),
        Some(1001),
        "{:?}",
        parsed.diagnostics.first()
    );
    assert!(took < Duration::from_secs(3), "{took:?}");
    println!("a thousand components: {took:?}");
}
