//! Parts of `shiguan run`: tasks that last until a stop. One that ends before that is started again, and costs the others
//! nothing.

use std::{future::Future, time::Duration};

use tokio::{sync::watch, time};

use super::outcome::Failure;
use crate::events;

/// Pauses before a part is started again: the first, and the longest; each is twice the one before.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// Runs `part` until it ends by itself without a failure, which it does after a stop. A failure or a panic of it is told to
/// the log, and it begins anew after a pause. `company` is empty for what belongs to none.
pub(super) async fn keep_going<F, P>(
    what: &'static str,
    company: String,
    pauses: (Duration, Duration),
    mut stop: watch::Receiver<bool>,
    part: F,
) -> Result<(), Failure>
where
    F: Fn() -> P,
    P: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let mut pause = pauses.0;
    loop {
        let cause = match tokio::spawn(part()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => failure.to_string(),
            Err(error) => error.to_string(),
        };
        events::part_failed(what, &company, pause, &cause);
        tokio::select! {
            () = time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        pause = pause.saturating_mul(2).min(pauses.1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    const SHORT: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(2));

    #[tokio::test]
    async fn a_part_that_fails_or_panics_begins_anew_and_one_that_ends_well_is_over() {
        let (_stop, stopped) = watch::channel(false);
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        keep_going("test", "acme".into(), SHORT, stopped, move || {
            let nth = count.fetch_add(1, Ordering::SeqCst);
            async move {
                match nth {
                    0 => Err(Failure::run("it failed")),
                    1 => panic!("it panicked"),
                    _ => Ok(()),
                }
            }
        })
        .await
        .expect("it goes on");
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_stop_ends_the_pause() {
        let (stop, stopped) = watch::channel(false);
        let hour = Duration::from_secs(3600);
        let part = tokio::spawn(keep_going(
            "test",
            String::new(),
            (hour, hour),
            stopped,
            || async { Err(Failure::run("it failed")) },
        ));
        stop.send_replace(true);
        part.await.expect("no panic").expect("a stop is no failure");
    }
}
