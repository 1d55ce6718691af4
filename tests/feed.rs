//! The feed's promises: no gap, no repeat, no memory without a listener.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use broca::server::feed::{Feed, Message, Role, Start};
use broca::shutdown;
use broca::time::Timestamp;
use futures_util::{Stream, StreamExt};

use crate::support::shelf::MemoryShelf;

fn feed() -> Arc<Feed> {
    Arc::new(Feed::new(Arc::new(MemoryShelf::default())))
}

fn message(text: &str) -> Message {
    Message {
        role: Role::Agent,
        text: text.to_owned(),
        key: None,
        turn: None,
        part: 0,
        at: Timestamp::now(),
    }
}

/// The ids in a stream of events.
fn ids(body: Body) -> impl Stream<Item = i64> {
    let pieces = body.into_data_stream();
    let texts = pieces.map(|piece| String::from_utf8(piece.expect("it goes on").to_vec()));
    texts.flat_map(|text| {
        let text = text.expect("UTF-8");
        let ids: Vec<i64> = text
            .lines()
            .filter_map(|line| line.strip_prefix("id: ")?.parse().ok())
            .collect();
        futures_util::stream::iter(ids)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_side_by_side_are_followed_in_order_even_by_a_slow_reader() {
    let feed = feed();
    let (_stopper, stop) = shutdown::channel();
    let early = feed
        .follow("s", Start::After(0), stop.clone())
        .await
        .expect("it opens");
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let feed = Arc::clone(&feed);
            tokio::task::spawn_blocking(move || {
                for n in 0..100 {
                    let key = format!("{writer}/{n}");
                    feed.append("s", &key, &message("x")).expect("in memory");
                    feed.tell("s", "{}");
                    feed.append("other", &key, &message("y"))
                        .expect("in memory");
                }
            })
        })
        .collect();
    let midway = feed
        .follow("s", Start::After(0), stop)
        .await
        .expect("it opens");
    let read =
        |answer: axum::response::Response| ids(answer.into_body()).take(400).collect::<Vec<_>>();
    let midway = read(midway).await;
    for writer in writers {
        writer.await.expect("no panic");
    }
    let early = read(early).await; // began to read only after more was told than is kept for it
    assert!(early.is_sorted() && early.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(early, midway);
}

#[tokio::test]
async fn memory_is_kept_only_for_who_listens() {
    let feed = feed();
    let (_stopper, stop) = shutdown::channel();
    for session in ["a", "b", "c"] {
        feed.append(session, "k", &message("x")).expect("in memory");
        feed.tell(session, "{}");
    }
    assert_eq!(feed.open_channels(), 0);
    let answer = feed.follow("a", Start::Now, stop).await.expect("it opens");
    assert_eq!(feed.open_channels(), 1);
    drop(answer);
    assert_eq!(feed.open_channels(), 0);
}

#[tokio::test]
async fn a_stream_ends_at_the_stop_and_when_its_session_is_forgotten() {
    let feed = feed();
    let (stopper, stop) = shutdown::channel();
    let ended = feed
        .follow("a", Start::Now, stop.clone())
        .await
        .expect("it opens");
    let forgotten = feed.follow("b", Start::Now, stop).await.expect("it opens");
    feed.forget("b").expect("in memory");
    stopper.stop();
    for answer in [ended, forgotten] {
        let mut ids = pin!(ids(answer.into_body()));
        let end = tokio::time::timeout(Duration::from_secs(5), ids.next()).await;
        assert_eq!(end.expect("at once"), None);
    }
}

#[tokio::test]
async fn one_key_is_kept_once() {
    let feed = feed();
    let first = feed.append("s", "k", &message("first")).expect("in memory");
    let again = feed.append("s", "k", &message("again")).expect("in memory");
    assert_eq!(first, again);
    let kept = feed.after("s", 0, 10).expect("in memory");
    assert_eq!((kept.len(), kept[0].message.text.as_str()), (1, "first"));
}
