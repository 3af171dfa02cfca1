//! The one writer: a thread that owns the [`Store`] and does what it is asked, in order.
//!
//! SQLite calls block; keeping them on a thread of their own keeps the async side free to talk to the
//! children, and the queue's order is the order of commits.

use std::{
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use tokio::sync::{mpsc, oneshot};

use super::Error;
use crate::store::Store;

type Task = Box<dyn FnOnce(&mut Store) + Send>;

/// A handle to the writer's thread; clones share the thread.
#[derive(Clone)]
pub struct Desk {
    tasks: mpsc::Sender<Task>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Desk {
    /// Hands the store to a thread of its own. The thread ends when the last handle is dropped.
    pub fn open(mut store: Store) -> Result<Self, Error> {
        let (tasks, mut inbox) = mpsc::channel::<Task>(4);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                while let Some(task) = inbox.blocking_recv() {
                    task(&mut store);
                }
            })
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
            // A panic of the store's thread has already been told to whoever asked it something.
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
        self.tasks.send(task).await.map_err(|_| store_thread_died())?;
        answer.await.map_err(|_| store_thread_died())
    }
}

fn store_thread_died() -> Error {
    Error::Worker("the store's thread ended unexpectedly; nothing uncommitted was kept, run again".to_owned())
}
