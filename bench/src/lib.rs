//! Seeded corpora in memory, for Criterion and for instruction counts: the same bytes on every machine.
//!
//! Enters: a number of records and a seed. Leaves: what each stage takes. Must not know: who measures what.

use std::path::Path;

use sdk_mock::{
    generate::{Length, Plan, plaintexts},
    seal::{Item, keys::KeyPair, message_key, seal},
};
use shiguan::{
    ids::{CompanyId, KeyVersion, Millis, RunId, Seq},
    message,
    record::Sealed,
    source::page::{self, Answer},
    store::{
        Store,
        contract::{Lease, Outcome, PullCall, Verdict},
    },
    unseal::{KeyRing, keyring},
};

/// Records of a page, as WeCom sends them at most (finance-sdk §5.1).
pub const PAGE: usize = 1000;

/// A corpus in memory.
pub struct Sample {
    /// The key that it is sealed to.
    pub pair: std::sync::Arc<KeyPair>,
    /// What `GetChatData` would answer, page by page.
    pub pages: Vec<Vec<u8>>,
    /// The same, read.
    pub sealed: Vec<Vec<Sealed>>,
    /// What the records open to, page by page.
    pub plaintexts: Vec<Vec<Vec<u8>>>,
}

impl Sample {
    /// Makes one; the same for the same arguments, except for the padding of the RSA blocks.
    pub fn new(records: u64, seed: u64, length: Length) -> Self {
        let plan = Plan {
            messages: records,
            seed,
            key_versions: 1,
            length,
            truth: false,
            ..Plan::default()
        };
        let pair = KeyPair::seeded(seed, 1).expect("a key pair");
        let sealer = pair.sealer().expect("its public half");
        let (mut items, mut bodies) = (Vec::new(), Vec::new());
        plaintexts(&plan, |draft| {
            let item = seal(&sealer, seed, draft.seq, &draft.msgid, &draft.plaintext);
            items.push(item.expect("a sealed record"));
            bodies.push(draft.plaintext);
        })
        .expect("a corpus");
        let pages: Vec<Vec<u8>> = items.chunks(PAGE).map(answer).collect();
        let sealed = pages.iter().map(|page| read(page)).collect();
        Self {
            pair,
            pages,
            sealed,
            plaintexts: bodies.chunks(PAGE).map(<[_]>::to_vec).collect(),
        }
    }

    /// The ring with its one key.
    pub fn ring(&self) -> KeyRing {
        let folder = tempfile::tempdir().expect("a folder");
        let path = self.pair.write(folder.path()).expect("a key file");
        let pem = std::fs::read(path).expect("its text");
        let mut ring = KeyRing::new();
        let key = keyring::import(&pem, None).expect("a key");
        ring.insert(KeyVersion(1), key).expect("an empty ring");
        ring
    }

    /// The text of a record's message key, without RSA.
    pub fn key_text(seed: u64, seq: Seq) -> String {
        message_key(seed, seq.0).text()
    }
}

fn answer(items: &[Item]) -> Vec<u8> {
    let items: Vec<String> = items
        .iter()
        .map(|item| serde_json::to_string(item).expect("JSON"))
        .collect();
    format!(
        r#"{{"errcode":0,"errmsg":"ok","chatdata":[{}]}}"#,
        items.join(",")
    )
    .into_bytes()
}

/// A page as the puller reads it.
pub fn read(page: &[u8]) -> Vec<Sealed> {
    match page::read(page) {
        Answer::Page(page) => page.records,
        Answer::Refused { message, .. } => unreachable!("a page of our own was refused: {message}"),
    }
}

/// A fresh archive with a company, its lease and a run.
pub struct Archive {
    /// The writing half.
    pub store: Store,
    /// The one company.
    pub company: CompanyId,
    lease: Lease,
    run: RunId,
}

/// When everything in these archives happens.
const NOW: Millis = Millis(1_760_000_000_000);

impl Archive {
    /// Makes one in a folder.
    pub fn fresh(folder: &Path) -> Self {
        let mut store = Store::open(&folder.join("archive.db")).expect("a store");
        let company = store.company("bench", "ww").expect("a company");
        let lease = store
            .acquire_lease(company, "bench", NOW, 600_000, &|_| true)
            .expect("a lease");
        let run = store.begin_run(company, "bench", NOW).expect("a run");
        Self {
            store,
            company,
            lease,
            run,
        }
    }

    /// Lands a page; the rows to settle, in order.
    pub fn land(&mut self, page: &[Sealed]) -> Vec<shiguan::ids::RecordId> {
        let call = PullCall {
            run: self.run,
            asked: Seq(0),
            limit: PAGE as u32,
            first: page.first().map(|record| record.seq),
            last: page.last().map(|record| record.seq),
            count: page.len() as u32,
            code: 0,
            errcode: 0,
            outcome: "ok".to_owned(),
            sdk_build: String::new(),
            at: NOW,
            took_ms: 0,
        };
        let landed = self.store.land(&self.lease, &call, page, &[]).expect("a commit");
        landed.fresh.into_iter().map(|(id, _)| id).collect()
    }

    /// Settles verdicts.
    pub fn settle(&mut self, outcomes: &[Outcome]) {
        let settled = self.store.settle(self.company, outcomes, "", &[], NOW);
        assert_eq!(settled.expect("a commit").opened, outcomes.len() as u64);
    }
}

/// Verdicts for landed rows.
pub fn outcomes(rows: &[shiguan::ids::RecordId], bodies: &[Vec<u8>]) -> Vec<Outcome> {
    rows.iter()
        .zip(bodies)
        .map(|(&id, body)| Outcome {
            id,
            verdict: Verdict::Opened {
                plaintext: body.clone(),
                message: Box::new(message::read(body)),
                msgid_differs: false,
            },
        })
        .collect()
}
