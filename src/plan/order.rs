//! The order of the steps.
//!
//! Owns the edges. Going up, a thing waits for what it depends on; going down, for what stands on it. A thing that
//! is `apart` goes down and up again around the replacement of what it stands on.
//!
//! Why the graph has no cycle: among steps up, edges follow the wanted dependencies; among steps down, the live
//! ones backwards. A step up waits only for *early* steps down (those a replacement needs out of its way), and
//! an early step down waits for a step up only where that closes no cycle. Wanted dependencies have no cycle (the stack's check); live ones
//! could, as anybody can write labels: such a cycle is broken at its smallest address.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Step};

use super::decide::Decision;
use super::ports::taken_over;
use super::{Action, Node, Reason, World};

type Decisions<'a> = BTreeMap<&'a Address, Decision<'a>>;

/// A step that has no number yet.
struct Draft<'a> {
    address: &'a Address,
    step: Step,
    reason: Reason,
}

/// The steps of all decisions, each after those it waits for.
pub(super) fn nodes(world: &World<'_>, decisions: &Decisions<'_>) -> Vec<Node> {
    let mut graph = Graph::new(decisions);
    let early = graph.early(world, decisions);
    graph.order_down(world, &early);
    graph.order_up(world, decisions);
    graph.let_move_off(world, &early);
    graph.free_ports(world);
    graph.into_nodes()
}

/// Drafts with their edges; each address has at most one step down and one step up.
struct Graph<'a> {
    drafts: Vec<Draft<'a>>,
    after: Vec<BTreeSet<usize>>,
    up: BTreeMap<&'a Address, usize>,
    down: BTreeMap<&'a Address, usize>,
}

impl<'a> Graph<'a> {
    fn new(decisions: &Decisions<'a>) -> Self {
        let (drafts, up, down) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut graph = Self {
            drafts,
            after: Vec::new(),
            up,
            down,
        };
        for (address, decision) in decisions {
            if let Some(step) = step_down(decision) {
                graph.down.insert(address, graph.drafts.len());
                graph.push(address, step, &decision.reason);
            }
            if let Some(step) = step_up(decision) {
                graph.up.insert(address, graph.drafts.len());
                graph.push(address, step, &decision.reason);
            }
        }
        graph
    }

    fn push(&mut self, address: &'a Address, step: Step, reason: &Reason) {
        let reason = reason.clone();
        self.drafts.push(Draft { address, step, reason });
        self.after.push(BTreeSet::new());
    }

    /// What must go before something is made anew: whatever goes down and stands on it, however far.
    fn early(&self, world: &World<'a>, decisions: &Decisions<'a>) -> BTreeSet<&'a Address> {
        let replaced = decisions.iter().filter(|(_, d)| d.action == Action::Replace);
        let mut todo: Vec<&Address> = replaced.map(|(address, _)| *address).collect();
        let mut early: BTreeSet<&Address> = todo
            .iter()
            .copied()
            .filter(|address| self.down.contains_key(address))
            .collect();
        while let Some(address) = todo.pop() {
            let going = world.dependents(address).filter(|d| self.down.contains_key(d));
            todo.extend(going.filter(|dependent| early.insert(dependent)));
        }
        early
    }

    /// A step down waits for the steps of what stands on the thing: going, or moving off it.
    fn order_down(&mut self, world: &World<'a>, early: &BTreeSet<&Address>) {
        for (address, &node) in &self.down {
            for dependent in world.dependents(address) {
                let going = self.down.get(dependent);
                let moving = self.up.get(dependent).filter(|_| !early.contains(address));
                self.after[node].extend(going.or(moving));
            }
        }
    }

    /// A step up waits for its own step down, for what goes before a replacement, and for what it depends on.
    fn order_up(&mut self, world: &World<'a>, decisions: &Decisions<'a>) {
        let mut ready: BTreeMap<&Address, BTreeSet<usize>> = BTreeMap::new();
        for address in by_dependency(world) {
            let wanted = world.desired[address].depends_on.iter();
            let mut before: BTreeSet<usize> = wanted.filter_map(|on| ready.get(on)).flatten().copied().collect();
            if let Some(&node) = self.up.get(address) {
                before.extend(self.down.get(address));
                if decisions[address].action == Action::Replace {
                    before.extend(world.dependents(address).filter_map(|d| self.down.get(d)));
                }
                self.after[node] = std::mem::take(&mut before);
                before.insert(node);
            }
            ready.insert(address, before);
        }
    }

    /// An early step down waits for what moves off the thing too, unless that waits for it.
    fn let_move_off(&mut self, world: &World<'a>, early: &BTreeSet<&'a Address>) {
        for address in early {
            let node = self.down[address];
            for dependent in world.dependents(address).filter(|d| !self.down.contains_key(d)) {
                if let Some(&moving) = self.up.get(dependent)
                    && !self.waits_for(moving, node)
                {
                    self.after[node].insert(moving);
                }
            }
        }
    }

    /// Who takes over a published port waits until its holder is gone or moved, unless that waits for it.
    fn free_ports(&mut self, world: &World<'a>) {
        for (taker, holder) in taken_over(world) {
            let free = self.down.get(holder).or(self.up.get(holder));
            if let (Some(&node), Some(&free)) = (self.up.get(taker), free)
                && !self.waits_for(free, node)
            {
                self.after[node].insert(free);
            }
        }
    }

    /// Whether `node` waits for `other`, however far.
    fn waits_for(&self, node: usize, other: usize) -> bool {
        let (mut todo, mut seen) = (vec![node], BTreeSet::new());
        while let Some(next) = todo.pop() {
            if next == other {
                return true;
            }
            if seen.insert(next) {
                todo.extend(&self.after[next]);
            }
        }
        false
    }

    fn into_nodes(mut self) -> Vec<Node> {
        let order = sorted(&mut self.after, |i| self.drafts[i].address);
        let mut ids = vec![0; order.len()];
        for (place, &draft) in order.iter().enumerate() {
            ids[draft] = place + 1;
        }
        let mut nodes: Vec<Node> = std::iter::zip(self.drafts, self.after)
            .enumerate()
            .map(|(i, (draft, after))| {
                let mut after: Vec<usize> = after.into_iter().map(|a| ids[a]).collect();
                after.sort_unstable();
                Node {
                    id: ids[i],
                    after,
                    step: draft.step,
                    reason: draft.reason,
                }
            })
            .collect();
        nodes.sort_unstable_by_key(|node| node.id);
        nodes
    }
}

fn step_down(decision: &Decision<'_>) -> Option<Step> {
    let before = decision.observed?.clone();
    (decision.action == Action::Delete || decision.apart).then_some(Step::Delete { before })
}

fn step_up(decision: &Decision<'_>) -> Option<Step> {
    let after = decision.desired?.clone();
    let before = decision.observed.cloned();
    match (decision.action, before) {
        (Action::Create, _) => Some(Step::Create { resource: after }),
        (Action::Replace, _) if decision.apart => Some(Step::Create { resource: after }),
        (Action::Update, Some(before)) => Some(Step::Update { before, after }),
        (Action::Replace, Some(before)) => Some(Step::Replace { before, after }),
        (Action::Repair, Some(before)) => Some(Step::Repair { before, after }),
        _ => None,
    }
}

/// The wanted addresses, each after what it depends on.
fn by_dependency<'a>(world: &World<'a>) -> Vec<&'a Address> {
    let addresses: Vec<&Address> = world.desired.keys().copied().collect();
    let places: BTreeMap<&Address, usize> = addresses.iter().enumerate().map(|(i, a)| (*a, i)).collect();
    let place = |on: &Address| places.get(on).copied();
    let mut after: Vec<BTreeSet<usize>> = world
        .desired
        .values()
        .map(|r| r.depends_on.iter().filter_map(place).collect())
        .collect();
    sorted(&mut after, |i| addresses[i])
        .into_iter()
        .map(|i| addresses[i])
        .collect()
}

/// Sorts so that each comes after all in its `after`, the smallest key first; an edge that closes a cycle is dropped.
fn sorted<K: Ord>(after: &mut [BTreeSet<usize>], key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut waiting: Vec<usize> = after.iter().map(BTreeSet::len).collect();
    let mut followers = vec![Vec::new(); after.len()];
    for (node, before) in after.iter().enumerate() {
        before.iter().for_each(|&b| followers[b].push(node));
    }
    let mut ready: BTreeSet<(K, usize)> = (0..after.len())
        .filter(|&i| waiting[i] == 0)
        .map(|i| (key(i), i))
        .collect();
    let mut done = vec![false; after.len()];
    let mut order = Vec::with_capacity(after.len());
    while order.len() < after.len() {
        let Some((_, node)) = ready.pop_first() else {
            let (node, before) = closing_edge(after, &done, &key);
            after[node].remove(&before);
            followers[before].retain(|&f| f != node);
            waiting[node] -= 1;
            if waiting[node] == 0 {
                ready.insert((key(node), node));
            }
            continue;
        };
        done[node] = true;
        order.push(node);
        for &follower in &followers[node] {
            waiting[follower] -= 1;
            if waiting[follower] == 0 {
                ready.insert((key(follower), follower));
            }
        }
    }
    order
}

/// An edge of a cycle among the nodes not done: found by walking backwards from the smallest until one comes twice.
fn closing_edge<K: Ord>(after: &[BTreeSet<usize>], done: &[bool], key: &impl Fn(usize) -> K) -> (usize, usize) {
    let open = |set: &BTreeSet<usize>| set.iter().copied().filter(|&b| !done[b]).min_by_key(|&b| key(b));
    let mut node = (0..done.len())
        .filter(|&i| !done[i])
        .min_by_key(|&i| key(i))
        .expect("some node waits");
    let mut seen = BTreeSet::new();
    loop {
        let before = open(&after[node]).expect("a node that waits has something open before it");
        if !seen.insert(node) {
            return (node, before);
        }
        node = before;
    }
}
