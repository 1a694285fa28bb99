//! Components that keep data: one copy each, and not open to other machines.

use super::{Context, Found, at_value};
use crate::diag::codes;
use crate::stack::model::{Component, Kind};
use crate::stack::suggest::a;

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    for component in cx.components().filter(|component| keeps_data(component)) {
        if component.replicas > 1 {
            let label = format!("{} runs as one copy", a(component.kind.name()));
            let help = "write `replicas: 1`, or remove the field";
            found.push(at_value(
                &codes::REPLICAS_OF_DATA,
                &component.path.key("replicas"),
                label,
                help,
            ));
        }
        if component.expose.as_ref().is_some_and(|expose| expose.public)
            && !matches!(component.kind, Kind::ObjectStore(_))
        {
            let label = format!(
                "every machine that reaches this one can reach the {}",
                component.kind.name()
            );
            let help = "remove `public`, or say why: `allow_degraded: {public-data: \"…\"}`";
            found.push(at_value(
                &codes::PUBLIC_DATA,
                &component.path.key("expose").key("public"),
                label,
                help,
            ));
        }
    }
}

fn keeps_data(component: &Component) -> bool {
    matches!(
        component.kind,
        Kind::Database(_) | Kind::ObjectStore(_) | Kind::Cache(_) | Kind::Broker(_)
    )
}
