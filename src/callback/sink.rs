//! Where events go: the port, and the one that only counts.

use std::{collections::BTreeMap, future::Future};

use tokio::sync::mpsc;

use super::Notice;
use crate::{events, ids::Millis};

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

/// Takes events, one after the other, in the order of their arrival. The caller of the callback has long been
/// answered; a slow sink holds up nobody, but what does not fit into the queue in front of it is only counted.
pub trait EventSink: Send {
    /// Takes one event. It may be one that was taken before: WeCom repeats.
    fn take(&mut self, arrived: Arrived) -> impl Future<Output = ()> + Send;
}

/// Hands events to a sink until the listener is gone and the queue is empty.
pub async fn drain<S: EventSink>(mut events: mpsc::Receiver<Arrived>, mut sink: S) {
    while let Some(arrived) = events.recv().await {
        sink.take(arrived).await;
    }
}

/// Logs each event by its name, with how many of that name there were.
#[derive(Debug, Default)]
pub struct Counting {
    counts: BTreeMap<(String, String), u64>,
}

/// Names counted apart; more would mean that somebody makes them up.
const NAMES: usize = 256;

impl EventSink for Counting {
    async fn take(&mut self, arrived: Arrived) {
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
