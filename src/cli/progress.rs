//! The bar on a terminal: counts and rate while a run works. Nothing where nobody looks.

use std::{
    io::IsTerminal,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::archive::Progress;

/// True when a bar should be drawn: a terminal on stderr, and no program reading along.
pub(super) fn wanted(json: bool) -> bool {
    !json && std::io::stderr().is_terminal()
}

/// A bar that redraws itself from the run's counters until dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    painter: Option<JoinHandle<()>>,
}

impl Bar {
    /// `total` when it is known (the demo knows), a spinner otherwise.
    pub(super) fn start(label: &str, counters: Arc<Progress>, total: Option<u64>) -> Self {
        let bar = match total {
            Some(total) => ProgressBar::new(total)
                .with_style(style("{prefix} [{bar:32.cyan/blue}] {pos}/{len} {msg} {elapsed}")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {prefix} {pos} {msg} {elapsed}")),
        };
        bar.set_prefix(label.to_owned());
        let painter = {
            let bar = bar.clone();
            thread::spawn(move || paint(&bar, &counters))
        };
        Self {
            bar,
            painter: Some(painter),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if let Some(painter) = self.painter.take() {
            let _ended = painter.join();
        }
    }
}

fn paint(bar: &ProgressBar, counters: &Progress) {
    let began = Instant::now();
    while !bar.is_finished() {
        let counts = counters.counts();
        let seconds = began.elapsed().as_secs_f64().max(0.001);
        bar.set_position(counts.opened + counts.waiting);
        bar.set_message(format!(
            "received {}  opened {}  waiting {}  {:.0}/s",
            counts.received,
            counts.opened,
            counts.waiting,
            counts.opened as f64 / seconds
        ));
        thread::sleep(Duration::from_millis(100));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
