//! The table against a plain set, and what its changes and its walks cost.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::rows::{CHUNK_ENTRIES_MAX, MERGED_ENTRIES_MAX};
use super::*;

type Table = PrefixTable<Vec<u8>>;

fn matched(table: &Table, topic: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let _ = table.walk(topic, |value| {
        found.push(value.clone());
        ControlFlow::Continue(())
    });
    found
}

fn insert(table: &mut Table, prefix: &[u8]) {
    *table.entry(prefix) = prefix.to_vec();
}

fn table_of(prefixes: impl IntoIterator<Item = Vec<u8>>) -> Table {
    let mut table = Table::default();
    prefixes.into_iter().for_each(|prefix| insert(&mut table, &prefix));
    table
}

/// Asserts that the table is what `naive` is, and finds in `topics` what that holds. Returns how many chunks there are.
fn check<'a>(table: &Table, naive: &BTreeSet<Vec<u8>>, topics: impl IntoIterator<Item = &'a Vec<u8>>) -> usize {
    assert!(table.prefixes().eq(naive.iter().map(Vec::as_slice)));
    for topic in topics {
        let expected: Vec<_> =
            (0..=topic.len()).map(|len| topic[..len].to_vec()).filter(|p| naive.contains(p)).collect();
        assert_eq!(table.matches(topic), !expected.is_empty());
        assert_eq!(matched(table, topic), expected, "{topic:?}");
        assert_eq!(table.get(topic).is_some(), naive.contains(topic));
    }
    assert_eq!((table.len(), table.lengths.check()), (naive.len(), naive.len()));
    table.rows.check()
}

fn number(number: usize) -> Vec<u8> {
    format!("{number:06}").into_bytes()
}

#[test]
fn the_empty_prefix_matches_everything_and_is_found_first() {
    for others in [1, 100, 2000] {
        let mut table = table_of((0..others).map(number));
        insert(&mut table, b"");
        assert_eq!(matched(&table, b"000000/"), [b"".to_vec(), number(0)]);
        assert_eq!(matched(&table, b""), [b"".to_vec()]);
        assert_eq!(matched(&table, b"!"), [b"".to_vec()]);
        table.remove(b"");
        assert!(!table.matches(b"") && !table.matches(b"!"));
    }
}

#[test]
fn chunks_split_and_merge_and_go_when_they_are_empty() {
    const ROWS: usize = 4 * CHUNK_ENTRIES_MAX;
    let topics: Vec<_> = (0..ROWS).step_by(7).map(number).collect();
    let ascending: Vec<_> = (0..ROWS).collect();
    let descending: Vec<_> = (0..ROWS).rev().collect();
    let mixed: Vec<_> = (0..ROWS).map(|at| at * 1_001 % ROWS).collect();
    for added in [&ascending, &descending, &mixed] {
        for removed in [&ascending, &descending, &mixed] {
            let mut naive: BTreeSet<_> = added.iter().copied().map(number).collect();
            let mut table = table_of(added.iter().copied().map(number));
            assert!(check(&table, &naive, &topics) >= 4);
            for (step, &at) in removed.iter().enumerate() {
                table.remove(&number(at));
                naive.remove(&number(at));
                if step % 301 == 0 {
                    check(&table, &naive, &topics);
                }
            }
            assert_eq!(check(&table, &naive, &topics), 0);
            insert(&mut table, b"again");
            assert_eq!(matched(&table, b"again and again"), [b"again".to_vec()]);
        }
    }
}

#[test]
fn what_is_dropped_at_once_leaves_whole_chunks() {
    const ROWS: usize = 4 * CHUNK_ENTRIES_MAX;
    for keep in [1, 2, 3, 100, ROWS] {
        let mut table = table_of((0..ROWS).map(number));
        let mut naive: BTreeSet<_> = (0..ROWS).map(number).collect();
        let mut kept = (0..ROWS).map(|at| at % keep == 0 && at > CHUNK_ENTRIES_MAX);
        table.retain(|_, _| kept.next().expect("one for each"));
        let mut kept = (0..ROWS).map(|at| at % keep == 0 && at > CHUNK_ENTRIES_MAX);
        naive.retain(|_| kept.next().expect("one for each"));
        check(&table, &naive, &(0..ROWS).map(number).collect::<Vec<_>>());
    }
}

#[test]
fn what_a_change_moves_does_not_grow_with_the_table() {
    let rows = 40 * CHUNK_ENTRIES_MAX;
    for order in [|at: usize, _| at, |at, rows| rows - at, |at, rows| at * 1_001 % rows] {
        let mut table = Table::default();
        let (moved, _) = effort::of(|| (0..rows).for_each(|at| insert(&mut table, &number(order(at, rows)))));
        assert!(moved <= rows * CHUNK_ENTRIES_MAX, "{moved}");
        let (moved, _) = effort::of(|| {
            for _ in 0..10 * CHUNK_ENTRIES_MAX {
                insert(&mut table, b"!");
                table.remove(b"!");
            }
        });
        assert!(moved <= 20 * CHUNK_ENTRIES_MAX * CHUNK_ENTRIES_MAX, "{moved}");
    }
}

/// Who goes back and forth at the edge of a split or of a merge moves a row at a time, not a chunk.
#[test]
fn no_chunk_is_split_and_merged_over_and_over() {
    for rows in [CHUNK_ENTRIES_MAX, CHUNK_ENTRIES_MAX + 1, MERGED_ENTRIES_MAX] {
        let mut table = table_of((0..2 * CHUNK_ENTRIES_MAX).map(number));
        (rows..2 * CHUNK_ENTRIES_MAX).for_each(|at| table.remove(&number(at)));
        let mut changes = 0;
        for _ in 0..CHUNK_ENTRIES_MAX {
            insert(&mut table, b"x");
            let before = table.rows.check();
            table.remove(b"x");
            changes += usize::from(table.rows.check() != before);
        }
        assert!(changes <= 2, "{changes}");
    }
}

#[test]
fn a_byte_of_a_topic_is_compared_once_however_many_prefixes_it_has() {
    const LEN: usize = 2000;
    let topic = vec![b'x'; LEN];
    let nested = |len: usize| topic[..len].to_vec();
    let beside = |len: usize| [&topic[..len], b"a"].concat();
    for (all, found) in [
        ((1..=LEN).map(nested).collect::<Vec<_>>(), LEN),
        ((1..=LEN).map(beside).collect(), 0),
        ((1..=LEN).flat_map(|len| [nested(len), beside(len)]).collect(), LEN),
    ] {
        let table = table_of(all);
        let (_, compared) = effort::of(|| assert_eq!(matched(&table, &topic).len(), found));
        // Each of some twelve rows of the first search in whole at worst; then a few bytes for each step.
        assert!(compared <= 24 * LEN, "{compared}");
    }
}

#[test]
fn lengths_that_come_and_go_move_no_others() {
    let mut table = table_of((1..100).map(|len| vec![b'x'; len]));
    for len in 1..100 {
        table.remove(&vec![b'x'; len]);
        table.lengths.check();
        assert_eq!(matched(&table, &[b'x'; 100]).len(), 99 - len);
    }
}

#[test]
fn bytes_in_common_are_counted_at_any_length() {
    for len in 0..40 {
        for other in 0..40 {
            let (a, mut b) = (vec![b'x'; len], vec![b'x'; other]);
            assert_eq!(common(&a, &b), len.min(other));
            for differs in 0..other {
                b[differs] = b'y';
                assert_eq!(common(&a, &b), differs.min(len));
                b[differs] = b'x';
            }
        }
    }
}

/// Few letters and short words, so that prefixes nest; some behind a long beginning, so that what is compared has any
/// length.
fn words(count: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let letter = || prop::sample::select(vec![0u8, b'a', b'b', 255]);
    let word = (0..20usize, prop::collection::vec(letter(), 0..6))
        .prop_map(|(long, end)| [&b"aaaaaaaaaaaaaaaaaaaa"[..long.saturating_sub(4)], &end].concat());
    prop::collection::vec(word, 0..count)
}

proptest! {
    /// Sometimes no more than are scanned, sometimes many chunks of them.
    #[test]
    fn the_table_finds_what_a_set_of_prefixes_holds(
        added in prop_oneof![words(20), words(60), words(3000)],
        removed in prop_oneof![words(30), words(3000)],
        cut in any::<u8>(),
        topics in words(40),
    ) {
        let (mut table, mut naive) = (Table::default(), BTreeSet::new());
        for word in &added {
            insert(&mut table, word);
            naive.insert(word.clone());
        }
        check(&table, &naive, &topics);
        for word in removed.iter().chain(added.iter().step_by(3)) {
            table.remove(word);
            naive.remove(word);
        }
        check(&table, &naive, &topics);
        table.retain(|prefix, _| prefix.last() != Some(&(cut % 4 * 85)));
        naive.retain(|prefix| prefix.last() != Some(&(cut % 4 * 85)));
        check(&table, &naive, &topics);
    }
}
