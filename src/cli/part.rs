//! Parts of `shiguan run`: tasks that last until a stop. One that ends before that is started again, and costs the others
//! nothing.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time};

use super::outcome::Failure;
use crate::events;

/// Pauses before a part is started again: the first, and the longest. Each is twice the one before, and a part that lasted
/// longer than the longest begins again with the first.
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
    let mut last = None;
    loop {
        let began = Instant::now();
        let cause = match tokio::spawn(part()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => failure.to_string(),
            Err(error) => error.to_string(),
        };
        let pause = next_pause(last, began.elapsed(), pauses);
        last = Some(pause);
        events::part_failed(what, &company, pause, &cause);
        tokio::select! {
            () = time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
    }
}

/// The pause after a part that lasted so long; `last` is the pause before it.
fn next_pause(last: Option<Duration>, lasted: Duration, (first, longest): (Duration, Duration)) -> Duration {
    match last {
        Some(last) if lasted <= longest => last.saturating_mul(2).min(longest),
        _ => first,
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

    #[test]
    fn pauses_grow_and_begin_anew_after_a_part_that_lasted() {
        let (second, minutes) = (Duration::from_secs(1), Duration::from_secs(300));
        let after = |last: Option<u64>, lasted: u64| {
            let last = last.map(Duration::from_secs);
            next_pause(last, Duration::from_secs(lasted), (second, minutes)).as_secs()
        };
        assert_eq!(after(None, 0), 1);
        assert_eq!(
            [after(Some(1), 0), after(Some(2), 300), after(Some(256), 0)],
            [2, 4, 300]
        );
        assert_eq!(after(Some(300), 301), 1);
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
