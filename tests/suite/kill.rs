//! Promise 1: `kill -9` of parent and of child at random moments; the last run leaves what an undisturbed one would.

use std::{
    fs,
    process::{Child, Command},
    time::Duration,
};

use kit::{Archive, Corpus, PULL, Program};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use sdk_mock::faults::{Fault, Faults, Rule};

/// Disturbed pulls per test run; more for a long night: `SHIGUAN_KILL_SEEDS=50 cargo test kill`.
const SEEDS: u64 = 3;

/// What goes wrong besides the killing. All of it is a property of the record, so that both runs meet it.
fn faults(corpus: &Corpus) -> Faults {
    let truth = corpus.truth();
    Faults::new()
        .with(Rule::decrypt(Fault::Segfault).at_seq(truth[4_000].seq))
        .with(Rule::decrypt(Fault::Abort).at_seq(truth[11_111].seq))
        .with(Rule::chatdata(Fault::TruncateBody { keep: Some(80) }).with_probability(0.002, 1))
        .with(Rule::chatdata(Fault::ShortBody).with_probability(0.001, 2))
        .with(Rule::chatdata(Fault::TruncateKey { keep: Some(100) }).with_probability(0.001, 3))
        .with(Rule::chatdata(Fault::GarbleKey).with_probability(0.001, 4))
        .with(Rule::chatdata(Fault::WrongVersion { version: 77 }).with_probability(0.002, 5))
        .with(Rule::chatdata(Fault::ForeignKey).with_probability(0.001, 6))
        .with(
            Rule::decrypt(Fault::Return {
                code: 10006,
                slice: String::new(),
            })
            .with_probability(0.001, 7),
        )
}

#[test]
fn a_pull_killed_at_random_moments_ends_as_an_undisturbed_one() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let corpus = Corpus::generate(scratch.path(), 20_000, 42);
    corpus.misbehave(&faults(&corpus));

    let calm = program.archive(&scratch.path().join("calm"), &corpus);
    let books = calm.pull(&[3]);
    assert_eq!(books["received"], 20_000);
    let expected = calm.digest();

    let seeds = std::env::var("SHIGUAN_KILL_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(SEEDS);
    for seed in 0..seeds {
        let disturbed = program.archive(&scratch.path().join(format!("disturbed-{seed}")), &corpus);
        let kills = disturb(&disturbed, seed);
        assert!(kills > 0, "seed {seed}: nothing was killed, so nothing was shown");
        // The last word belongs to a run that nobody disturbs.
        disturbed.pull(&[3]);
        assert_eq!(disturbed.digest(), expected, "seed {seed}, after {kills} kills");
        assert_eq!(disturbed.stats()["records"], 20_000);
    }
}

/// Pulls and kills until a pull ends by itself or the rounds are used up; returns the number of kills.
fn disturb(archive: &Archive, seed: u64) -> u32 {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut kills = 0;
    for _ in 0..25 {
        let mut parent = archive.start(PULL);
        loop {
            std::thread::sleep(Duration::from_millis(20 + u64::from(chance.next_u32() % 400)));
            if parent.try_wait().expect("a status").is_some() {
                return kills;
            }
            kills += 1;
            if chance.next_u32().is_multiple_of(2) {
                parent.kill().expect("a living parent");
                parent.wait().expect("an end");
                break;
            }
            kill_a_child(&parent, &mut chance);
        }
    }
    kills
}

fn kill_a_child(parent: &Child, chance: &mut ChaCha8Rng) {
    let children = children_of(parent.id());
    if !children.is_empty() {
        let unlucky = children[chance.next_u32() as usize % children.len()];
        let _gone = Command::new("kill").args(["-9", &unlucky.to_string()]).status();
    }
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/stat"))
                .ok()
                .is_some_and(|stat| {
                    let rest = stat.rsplit(')').next().unwrap_or_default();
                    rest.split_whitespace().nth(1) == Some(&parent.to_string())
                })
        })
        .collect()
}
