//! The lock on the engine: made, held, over, taken over by one.

use std::time::Duration;

use mlstack_provider_docker::{Connection, EngineLock, HeldLock, Host, Taken};

use crate::stage::{Stage, on_stage};

const TIME: Duration = Duration::from_secs(2);

fn connection() -> Connection {
    Connection::new(Host::parse(std::env::var("DOCKER_HOST").ok().as_deref(), None).expect("DOCKER_HOST"))
}

async fn take(stage: &Stage, holder: &str) -> Taken {
    let taken = EngineLock::take(connection(), &stage.project, holder, TIME, |other| other == "dead");
    taken.await.expect("the engine answers")
}

/// How many of eight who try at once get it; what the others are told is that somebody has it.
async fn contend(stage: &Stage) -> Vec<EngineLock> {
    let tries = (0..8).map(|n| async move { take(stage, &format!("contender {n}")).await });
    let all = futures_util::future::join_all(tries).await;
    let ours = all.into_iter().filter_map(|taken| match taken {
        Taken::Ours(lock) => Some(lock),
        Taken::Held(other) => {
            assert!(other.starts_with("contender"), "{other}");
            None
        }
    });
    ours.collect()
}

fn ours(taken: Taken) -> EngineLock {
    match taken {
        Taken::Ours(lock) => lock,
        Taken::Held(other) => panic!("{other} has it"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_a_lock_that_is_free_over_or_a_dead_ones() {
    on_stage(|stage| async move {
        let project = stage.project.as_str();
        let first = contend(&stage).await;
        assert_eq!(first.len(), 1, "free");
        tokio::time::sleep(TIME + Duration::from_millis(100)).await;
        let second = contend(&stage).await;
        assert_eq!(second.len(), 1, "over");
        assert!(!first[0].renew().await.expect("an answer"), "it was taken over");
        first[0].release().await.expect("an answer");
        assert!(
            HeldLock::find(&connection(), project)
                .await
                .expect("an answer")
                .is_some(),
            "whoever lost it does not free the next one's"
        );
        second[0].release().await.expect("an answer");
        let dead = ours(take(&stage, "dead").await);
        assert_eq!(contend(&stage).await.len(), 1, "a dead one's");
        assert!(!dead.renew().await.expect("an answer"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_renewed_stays_and_says_who_has_it() {
    on_stage(|stage| async move {
        let lock = ours(take(&stage, "ann").await);
        for _ in 0..4 {
            tokio::time::sleep(TIME / 2).await;
            assert!(matches!(take(&stage, "bob").await, Taken::Held(other) if other == "ann"));
            assert!(lock.renew().await.expect("an answer"));
        }
        let seen = HeldLock::find(&connection(), &stage.project)
            .await
            .expect("an answer")
            .expect("a lock");
        assert_eq!((seen.holder.as_str(), seen.is_over), ("ann", false));
        lock.release().await.expect("an answer");
        assert!(
            HeldLock::find(&connection(), &stage.project)
                .await
                .expect("an answer")
                .is_none()
        );
        // Of two that were made one after the other, only the one that was seen is freed.
        let next = ours(take(&stage, "bob").await);
        seen.free(&connection()).await.expect("an answer");
        assert!(next.renew().await.expect("an answer"));
        next.release().await.expect("an answer");
    })
    .await;
}
