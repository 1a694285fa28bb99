//! Serves a double until stdin ends: prints a kubeconfig, then, for each line that it reads, how many calls came since the
//! last, and how many of them wrote.
//!
//! `cargo run --release -p mlstack-kube-double --example serve -- SPEED`; what measures clients uses it.

#![expect(clippy::print_stdout, reason = "whoever started it reads that")]

use mlstack_kube_double::Double;
use tokio::runtime::Runtime;

fn main() -> std::io::Result<()> {
    let speed = std::env::args().nth(1).and_then(|speed| speed.parse().ok());
    let runtime = Runtime::new()?;
    let double = runtime.block_on(Double::start_at_speed(speed.unwrap_or(1)));
    println!("{}---", double.kubeconfig());
    for line in std::io::stdin().lines() {
        line?;
        let calls = double.calls();
        println!(
            "{} {}",
            calls.len(),
            calls.iter().filter(|call| call.is_write()).count()
        );
        double.forget_calls();
    }
    Ok(())
}
