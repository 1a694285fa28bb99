//! A comment has a limit: what matters most gets room first, and what is left out is counted.
//!
//! Owns [`Piece`] and how room is shared; knows nothing of what the pieces say.

/// A part of a comment, shown whole, in part or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Piece {
    /// Who gets room first.
    pub(super) rank: Rank,
    /// Before the rows; goes with the last of them.
    pub(super) head: String,
    /// What may be left out, from the end.
    pub(super) rows: Vec<Row>,
    /// What there is beyond the rows: it would never have found room.
    pub(super) rest: usize,
    /// What is counted when it is left out: `change`.
    pub(super) noun: &'static str,
}

/// A row, with how many things it tells of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) text: String,
    pub(super) holds: usize,
}

/// The order in which pieces get room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Always there; has no rows.
    #[default]
    Must,
    /// What is destroyed, refused or lost.
    Lost,
    /// What breaks callers or rules.
    Weighty,
    /// What changes.
    Changes,
    /// What is said beside it.
    Notes,
    /// The picture.
    Picture,
    /// The details.
    Details,
}

impl Rank {
    const SHARED: [Self; 6] = [
        Self::Lost,
        Self::Weighty,
        Self::Changes,
        Self::Notes,
        Self::Picture,
        Self::Details,
    ];
}

/// Room for the line that counts what is left out.
const NOTE: usize = 80;

/// What a text takes of the limit: units of UTF-16, the most careful way to count characters.
pub(super) fn cost(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

impl Piece {
    /// A piece that is always there.
    pub(super) fn must(text: impl Into<String>) -> Self {
        Self {
            head: text.into(),
            ..Self::default()
        }
    }

    fn whole(&self) -> usize {
        cost(&self.head) + self.rows.iter().map(|row| cost(&row.text)).sum::<usize>()
    }

    /// How many rows fit into `room`, and what they take of it.
    fn take(&self, room: usize) -> (usize, usize) {
        let mut used = cost(&self.head);
        for (count, row) in self.rows.iter().enumerate() {
            let more = used + cost(&row.text);
            if more > room {
                return if count == 0 { (0, 0) } else { (count, used) };
            }
            used = more;
        }
        (self.rows.len(), used)
    }

    fn write(&self, count: usize, out: &mut String) {
        if self.rank == Rank::Must {
            out.push_str(&self.head);
            return;
        }
        if count > 0 {
            out.push_str(&self.head);
            out.extend(self.rows[..count].iter().map(|row| row.text.as_str()));
            out.push_str(if out.ends_with("\n\n") { "" } else { "\n" });
        }
        let left: usize = self.rows[count..].iter().map(|row| row.holds).sum::<usize>() + self.rest;
        match left {
            0 => {}
            1 => out.extend(["… and 1 more ", self.noun, " is left out.\n\n"]),
            _ => out.extend(["… and ", &left.to_string(), " more ", self.noun, "s are left out.\n\n"]),
        }
    }
}

/// All pieces in their order, in at most `limit`; those that are always there are taken to fit.
pub(super) fn fit(pieces: &[Piece], limit: usize) -> String {
    let shared = || pieces.iter().filter(|piece| piece.rank != Rank::Must);
    let fixed: usize = pieces
        .iter()
        .filter(|p| p.rank == Rank::Must)
        .map(|p| cost(&p.head))
        .sum();
    let mut room = limit.saturating_sub(fixed + NOTE * shared().count());
    let mut taken = vec![0; pieces.len()];
    for rank in Rank::SHARED {
        // The smallest first: what it leaves goes to the larger ones.
        let mut same: Vec<usize> = (0..pieces.len()).filter(|&at| pieces[at].rank == rank).collect();
        same.sort_by_cached_key(|&at| pieces[at].whole());
        for (done, &at) in same.iter().enumerate() {
            let (count, used) = pieces[at].take(room / (same.len() - done));
            taken[at] = count;
            room -= used;
        }
    }
    let mut out = String::new();
    for (piece, count) in pieces.iter().zip(taken) {
        piece.write(count, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rank: Rank, rows: usize) -> Piece {
        let row = Row {
            text: "- something of some length\n".to_owned(),
            holds: 2,
        };
        Piece {
            rank,
            head: "Head\n\n".to_owned(),
            rows: vec![row; rows],
            noun: "thing",
            ..Piece::default()
        }
    }

    #[test]
    fn what_matters_most_gets_room_first() {
        let pieces = [
            Piece::must("Verdict\n\n"),
            list(Rank::Changes, 1000),
            list(Rank::Lost, 20),
            list(Rank::Details, 1000),
        ];
        let text = fit(&pieces, 2000);
        assert!(cost(&text) <= 2000, "{}", cost(&text));
        assert_eq!(text.matches("Head").count(), 2, "no room for details at all:\n{text}");
        assert!(text.contains("and 2000 more things are left out"));
        let shown = text.matches("- something").count() - 20;
        assert!(text.contains(&format!("and {} more things are left out", (1000 - shown) * 2)));
    }

    #[test]
    fn equals_share_and_the_small_leave_room_to_the_large() {
        let pieces = [
            list(Rank::Changes, 1000),
            list(Rank::Changes, 3),
            list(Rank::Changes, 1000),
        ];
        let text = fit(&pieces, 3000);
        let counts: Vec<usize> = text
            .split("Head")
            .skip(1)
            .map(|part| part.matches("- s").count())
            .collect();
        assert!(counts[1] == 3 && counts[0].abs_diff(counts[2]) <= 1, "{counts:?}");
        assert!((2700..=3000).contains(&cost(&text)), "{}", cost(&text));
    }

    #[test]
    fn characters_are_counted_with_care() {
        assert_eq!(cost("aä→😀"), 5);
    }
}
