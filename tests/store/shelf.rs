//! What endpoints keep for themselves.

use std::time::Duration;

use broca::shelf::{Keep, Kept, Shelf};
use broca::store::shelf::{StoreShelf, sweep};
use broca::time::Timestamp;

use crate::support::database::{Database, each};

fn on_each(case: impl Fn(&mut Database, &StoreShelf, &StoreShelf)) {
    each(|db| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let store = db.store();
        let _inside = runtime.enter();
        let one = StoreShelf::new(store.clone(), "webchat");
        let two = StoreShelf::new(store, "telegram");
        case(db, &one, &two);
    });
}

fn keys(shelf: &StoreShelf, drawer: &str) -> Vec<String> {
    let all = shelf.after(drawer, 0, 100).expect("it is read");
    all.into_iter().map(|kept| kept.key).collect()
}

fn until(at: Timestamp) -> Keep {
    Keep {
        until: Some(at),
        person: None,
    }
}

#[test]
fn a_key_is_added_once() {
    on_each(|_, shelf, _| {
        let (first, is_new) = shelf.add("d", "k", "one", Keep::default()).expect("added");
        assert!(is_new);
        let (again, is_new) = shelf.add("d", "k", "two", Keep::default()).expect("added");
        assert!(!is_new);
        assert_eq!(again, first);
        assert_eq!(shelf.get("d", "k").expect("read"), Some(first));
    });
}

#[test]
fn put_sets_whether_or_not_there_was_one() {
    on_each(|_, shelf, _| {
        for value in ["one", "two"] {
            shelf.put("d", "k", value, Keep::default()).expect("put");
            let stands = shelf.get("d", "k").expect("read").expect("it is there");
            assert_eq!(stands.value, value);
        }
        assert_eq!(keys(shelf, "d"), ["k"]);
    });
}

#[test]
fn numbers_grow_and_are_never_used_again() {
    on_each(|_, shelf, _| {
        let mut last = 0;
        for round in 0..5 {
            let key = format!("k{round}");
            let (Kept { number, .. }, _) =
                shelf.add("d", &key, "v", Keep::default()).expect("added");
            assert!(number > last);
            last = number;
            shelf.remove("d", &key).expect("removed");
            assert_eq!(shelf.get("d", &key).expect("read"), None);
        }
    });
}

#[test]
fn a_reader_goes_on_where_it_stopped() {
    on_each(|_, shelf, _| {
        for key in ["a", "b", "c", "d"] {
            shelf.put("d", key, "v", Keep::default()).expect("put");
        }
        let first = shelf.after("d", 0, 2).expect("read");
        assert_eq!(first.len(), 2);
        let rest = shelf.after("d", first[1].number, 9).expect("read");
        let rest: Vec<_> = rest.into_iter().map(|kept| kept.key).collect();
        assert_eq!(rest, ["c", "d"]);
    });
}

#[test]
fn drawers_and_endpoints_are_apart() {
    on_each(|_, one, two| {
        one.put("d", "k", "mine", Keep::default()).expect("put");
        assert_eq!(one.get("e", "k").expect("read"), None);
        assert_eq!(two.get("d", "k").expect("read"), None);
        assert!(
            two.add("d", "k", "theirs", Keep::default())
                .expect("added")
                .1
        );
        two.remove("d", "k").expect("removed");
        assert_eq!(
            one.get("d", "k").expect("read").expect("there").value,
            "mine"
        );
        assert!(keys(two, "d").is_empty());
    });
}

#[test]
fn what_expires_is_gone_at_once_and_swept_later() {
    on_each(|db, shelf, _| {
        let now = Timestamp::now();
        let gone = until(now.minus(Duration::from_secs(1)));
        shelf.put("d", "gone", "old", gone).expect("put");
        shelf.put("d", "gone too", "old", gone).expect("put");
        let stays = until(now.plus(Duration::from_secs(600)));
        shelf.put("d", "stays", "v", stays).expect("put");
        shelf
            .put("d", "for ever", "v", Keep::default())
            .expect("put");
        assert_eq!(shelf.get("d", "gone").expect("read"), None);
        assert_eq!(keys(shelf, "d"), ["stays", "for ever"]);
        let (fresh, is_new) = shelf.add("d", "gone", "new", stays).expect("added");
        assert!(is_new);
        assert_eq!(fresh.value, "new");
        assert_eq!(db.write(|conn| sweep(conn, now, 100)), 1);
        assert_eq!(db.count("shelf"), 3);
    });
}
