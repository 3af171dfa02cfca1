//! The one writer: a thread that owns the [`Store`] and does what it is asked, in order.
//!
//! SQLite calls block; keeping them on a thread of their own keeps the async side free to talk to the
//! children, and the queue's order is the order of commits.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use tokio::sync::{mpsc, oneshot};

use super::Error;
use crate::{events, store::Store};

type Task = Box<dyn FnOnce(&mut Store) + Send>;

/// A handle to the writer's thread; clones share the thread.
#[derive(Clone)]
pub struct Desk {
    tasks: mpsc::Sender<Task>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Desk {
    /// Hands the store to a thread of its own. The thread ends when the last handle is dropped.
    pub fn open(store: Store) -> Result<Self, Error> {
        let (tasks, inbox) = mpsc::channel::<Task>(4);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || work(store, inbox))
            .map_err(|error| Error::Worker(format!("cannot start the store's thread: {error}")))?;
        Ok(Self {
            tasks,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Gives this handle back; when it is the last one, waits until the store is closed, which also folds its
    /// write-ahead log into the archive's file.
    pub fn close(self) {
        let Self { tasks, thread } = self;
        drop(tasks);
        let last = Arc::into_inner(thread).and_then(|thread| thread.into_inner().ok().flatten());
        if let Some(thread) = last {
            // It catches the panics of what it is asked to do.
            let _ended = thread.join();
        }
    }

    /// Runs `task` on the store's thread and waits for its answer.
    pub async fn ask<R, F>(&self, task: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&mut Store) -> R + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task: Task = Box::new(move |store| {
            // The asker may have gone; the work is done all the same.
            let _gone = reply.send(task(store));
        });
        self.tasks.send(task).await.map_err(|_| unanswered())?;
        answer.await.map_err(|_| unanswered())
    }
}

/// Does what is asked until nobody can ask any more. A panic costs what panicked: its transaction is rolled back, whoever
/// asked gets an error, and the store is opened anew, because what it remembered may be half changed.
fn work(store: Store, mut inbox: mpsc::Receiver<Task>) {
    let path = store.path().to_owned();
    let mut store = Some(store);
    while let Some(task) = inbox.blocking_recv() {
        if store.is_none() {
            store = reopen(&path);
        }
        // A task that is dropped is told to its asker.
        let Some(open) = &mut store else { continue };
        if catch_unwind(AssertUnwindSafe(|| task(open))).is_err() {
            events::store_broke_off();
            store = None;
        }
    }
}

fn reopen(path: &Path) -> Option<Store> {
    match Store::open(path) {
        Ok(store) => Some(store),
        Err(error) => {
            events::store_not_reopened(&error);
            None
        }
    }
}

fn unanswered() -> Error {
    Error::Worker(
        "the archive did not do what it was asked, because of a fault of this program that the log tells; nothing of \
         it was kept"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Millis;

    #[tokio::test]
    async fn a_panic_costs_what_panicked_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("archive.db");
        let desk = Desk::open(Store::open(&path).unwrap()).unwrap();
        let company = |name: &'static str| {
            desk.ask(move |store| {
                store
                    .company(name, "ww1")
                    .map(|company| company.0)
                    .map_err(|e| e.to_string())
            })
        };
        assert_eq!(company("acme").await.unwrap(), Ok(1));
        // In the middle of a transaction.
        let broken = desk
            .ask(|store| store.tend_incidents(Millis(1), |_| panic!("a fault")))
            .await;
        assert!(matches!(broken, Err(Error::Worker(_))));
        assert_eq!(company("other").await.unwrap(), Ok(2), "it goes on");
        // While the file cannot be opened nothing is done, and that is told; then it goes on.
        let aside = dir.path().join("aside");
        let broken = desk.ask(|_| panic!("a fault")).await;
        assert!(matches!(broken, Err(Error::Worker(_))));
        std::fs::rename(&path, &aside).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(company("third").await, Err(Error::Worker(_))));
        std::fs::remove_dir(&path).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        assert_eq!(company("third").await.unwrap(), Ok(3));
        desk.close();
    }
}
