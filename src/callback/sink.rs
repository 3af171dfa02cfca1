//! Where events go: the port, and the queue in front of it.

use std::{collections::BTreeMap, future::Future};

use tokio::sync::{mpsc, oneshot};

use super::Notice;
use crate::{events, ids::Millis};

/// Events that are handed to a sink together. A commit costs a write to the disk however many events are in it.
const TOGETHER: usize = 128;

/// An event, and when it came to which company.
#[derive(Debug)]
pub struct Arrived {
    /// The company's name in the configuration.
    pub company: String,
    /// When it was received.
    pub received: Millis,
    /// What it says.
    pub notice: Notice,
}

/// An event in the queue. Whoever called is answered when the sink has said whether it is kept.
#[derive(Debug)]
pub struct Pending {
    pub(super) arrived: Arrived,
    kept: oneshot::Sender<bool>,
}

impl Pending {
    /// The event, and where its outcome will be told: true when it is on disk. An error means that nobody is left to
    /// keep it.
    pub fn new(arrived: Arrived) -> (Self, oneshot::Receiver<bool>) {
        let (kept, outcome) = oneshot::channel();
        (Self { arrived, kept }, outcome)
    }
}

/// Keeps events.
pub trait EventSink: Send {
    /// Keeps these, in the order of their arrival, and says of each whether it is on disk. Some may have been kept
    /// before, because WeCom repeats; those count as kept.
    fn keep(&mut self, arrived: Vec<Arrived>) -> impl Future<Output = Vec<bool>> + Send;
}

/// Hands events to a sink, as many at once as are waiting, until the listener is gone and the queue is empty.
pub async fn drain<S: EventSink>(events: &mut mpsc::Receiver<Pending>, sink: &mut S) {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while events.recv_many(&mut waiting, TOGETHER).await > 0 {
        let (arrived, callers): (Vec<_>, Vec<_>) = waiting
            .drain(..)
            .map(|pending| (pending.arrived, pending.kept))
            .unzip();
        let kept = sink.keep(arrived).await;
        for (caller, kept) in callers.into_iter().zip(kept) {
            // A caller that has gone, or was told to come again, is recognised when it comes again.
            let _gone = caller.send(kept);
        }
    }
}

/// Logs each event by its name, with how many of that name there were.
#[derive(Debug, Default)]
pub struct Counting {
    counts: BTreeMap<(String, String), u64>,
}

/// Names counted apart; more would mean that somebody makes them up.
const NAMES: usize = 256;

impl Counting {
    /// Counts one.
    pub fn count(&mut self, arrived: &Arrived) {
        let name = arrived.notice.name();
        let key = (arrived.company.clone(), name.clone());
        let count = if self.counts.len() < NAMES || self.counts.contains_key(&key) {
            let count = self.counts.entry(key).or_default();
            *count += 1;
            *count
        } else {
            0
        };
        events::callback_taken(&arrived.company, &name, arrived.notice.is_known(), count);
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    /// Keeps every second event it ever got, and notes how many came at once.
    #[derive(Default)]
    struct EverySecond {
        batches: std::sync::Arc<std::sync::Mutex<Vec<usize>>>,
        seen: usize,
    }

    impl EventSink for EverySecond {
        async fn keep(&mut self, arrived: Vec<Arrived>) -> Vec<bool> {
            self.batches.lock().unwrap().push(arrived.len());
            arrived
                .iter()
                .map(|_| {
                    self.seen += 1;
                    self.seen.is_multiple_of(2)
                })
                .collect()
        }
    }

    #[tokio::test]
    async fn events_that_wait_together_are_kept_together_and_each_caller_learns_its_own_outcome() {
        let (sender, mut queue) = mpsc::channel(300);
        let mut outcomes = Vec::new();
        for number in 0..300 {
            let (pending, outcome) = Pending::new(Arrived {
                company: "acme".into(),
                received: Millis(number),
                notice: Notice::read(Zeroizing::new(Vec::new())),
            });
            sender.try_send(pending).unwrap();
            outcomes.push(outcome);
        }
        // A caller that went away costs the others nothing.
        drop(outcomes.remove(7));
        drop(sender);
        let mut sink = EverySecond::default();
        let batches = std::sync::Arc::clone(&sink.batches);
        drain(&mut queue, &mut sink).await;
        assert_eq!(*batches.lock().unwrap(), [128, 128, 44]);
        let mut kept = Vec::new();
        for outcome in outcomes {
            kept.push(outcome.await.unwrap());
        }
        let mut expected: Vec<bool> = (1..=300).map(|number: u32| number.is_multiple_of(2)).collect();
        expected.remove(7);
        assert_eq!(kept, expected);
    }
}
