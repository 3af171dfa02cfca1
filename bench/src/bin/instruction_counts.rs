//! The hot functions, one at a time, for `callgrind` to count: what it sees does not depend on who else uses the
//! machine, so a small drift means that the code has changed. `scripts/instruction-counts` runs this.
//!
//! `instruction-counts` alone names them; `instruction-counts NAME` does one of them once over a page and prints
//! how many records that was. Counted is only what happens inside the module `counted`.

use std::process::ExitCode;

use sdk_mock::generate::Length;
use shiguan::{message, store::contract::Outcome};
use shiguan_bench::{Archive, PAGE, Sample, outcomes};

/// Everything made beforehand.
struct Prepared {
    sample: Sample,
    texts: Vec<String>,
    archive: Archive,
    outcomes: Vec<Outcome>,
}

impl Prepared {
    fn new(folder: &std::path::Path, name: &str) -> Self {
        let sample = Sample::new(PAGE as u64, 7, Length::Short);
        let texts = sample.plaintexts[0]
            .iter()
            .flat_map(|body| message::read(body).segments)
            .map(|segment| segment.text)
            .collect();
        let mut archive = Archive::fresh(folder);
        let rows = match name {
            "settle" => archive.land(&sample.sealed[0]),
            _ => Vec::new(),
        };
        let outcomes = outcomes(&rows, &sample.plaintexts[0]);
        Self {
            sample,
            texts,
            archive,
            outcomes,
        }
    }
}

mod counted {
    use std::hint::black_box;

    use shiguan::{message, words};

    use super::Prepared;

    /// A page of `GetChatData`.
    #[inline(never)]
    pub(super) fn page_read(prepared: &mut Prepared) {
        black_box(shiguan_bench::read(black_box(&prepared.sample.pages[0])));
    }

    /// What opened records say.
    #[inline(never)]
    pub(super) fn message_read(prepared: &mut Prepared) {
        for body in &prepared.sample.plaintexts[0] {
            black_box(message::read(black_box(body)));
        }
    }

    /// Folding and cutting everything that can be searched.
    #[inline(never)]
    pub(super) fn terms(prepared: &mut Prepared) {
        for text in &prepared.texts {
            for pair in words::pairs(&words::fold(black_box(text))) {
                black_box(pair);
            }
        }
    }

    /// A page into the archive.
    #[inline(never)]
    pub(super) fn land(prepared: &mut Prepared) {
        black_box(prepared.archive.land(&prepared.sample.sealed[0]));
    }

    /// Verdicts: columns, bodies and index.
    #[inline(never)]
    pub(super) fn settle(prepared: &mut Prepared) {
        prepared.archive.settle(&prepared.outcomes);
    }
}

type Function = fn(&mut Prepared);

const ALL: [(&str, Function); 5] = [
    ("page_read", counted::page_read),
    ("message_read", counted::message_read),
    ("terms", counted::terms),
    ("land", counted::land),
    ("settle", counted::settle),
];

fn main() -> ExitCode {
    let Some(asked) = std::env::args().nth(1) else {
        for (name, _) in ALL {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    let Some((_, function)) = ALL.iter().find(|(name, _)| *name == asked) else {
        eprintln!("no function is called `{asked}`; without an argument all are named");
        return ExitCode::from(2);
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut prepared = Prepared::new(folder.path(), &asked);
    function(&mut prepared);
    println!("{}", prepared.sample.sealed[0].len());
    ExitCode::SUCCESS
}
