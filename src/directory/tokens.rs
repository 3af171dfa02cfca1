//! One token per credential, whoever asks and however many at once (token-and-errors §1.3).
//!
//! A token is fetched by one caller while the others wait and share its result, the failure too; it is used until a
//! margin before its end; it is dropped only by somebody who used that very token. A secret that the platform does not
//! take rests for a growing time, because repeating it gets the address blocked. While a fetch fails, a token that has
//! not really ended is still served.
//!
//! Other processes join in through [`TokenShelf`]. What a shelf cannot do is logged and never fails a call.
//!
//! Must not know: HTTP; how a token is fetched is handed in.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::{clock::Clock, error::Error};
use crate::{ids::Millis, secret::Secret};

/// First and longest rest of a credential that is not accepted, in milliseconds.
const BROKEN_MS: (i64, i64) = (60_000, 3_600_000);
/// Codes of the token call that say so: secret, corpid, old form of secret.
const BROKEN_CODES: [i64; 5] = [40001, 40013, 40091, 40084, 40125];

/// What a token belongs to: host, who, and a fingerprint of the secret, never the secret and never the company alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenKey(String);

impl TokenKey {
    pub(super) fn of(host: &str, call: &str, who: &str, secret: &Secret) -> Self {
        let mut hash = Sha256::new();
        for part in [host, call, who, secret.expose()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A token and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The token.
    pub token: Secret,
    /// From when on another one is fetched: a margin before the end.
    pub fresh_until: Millis,
    /// The end.
    pub ends: Millis,
}

/// Where several processes share tokens. A platform token is as good as the secret for two hours: what keeps it on
/// disk keeps it owner-only.
pub trait TokenShelf: fmt::Debug + Send + Sync {
    /// The token kept under that key.
    fn load(&self, key: &TokenKey) -> Result<Option<Kept>, String>;
    /// Keeps it, in place of any other.
    fn keep(&self, key: &TokenKey, kept: &Kept) -> Result<(), String>;
    /// Drops it, if it is still this one.
    fn discard(&self, key: &TokenKey, token: &Secret) -> Result<(), String>;
}

/// A shelf inside this process.
#[derive(Debug, Default)]
pub struct MemoryShelf(Mutex<HashMap<TokenKey, Kept>>);

impl MemoryShelf {
    fn map(&self) -> MutexGuard<'_, HashMap<TokenKey, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenShelf for MemoryShelf {
    fn load(&self, key: &TokenKey) -> Result<Option<Kept>, String> {
        Ok(self.map().get(key).cloned())
    }

    fn keep(&self, key: &TokenKey, kept: &Kept) -> Result<(), String> {
        self.map().insert(key.clone(), kept.clone());
        Ok(())
    }

    fn discard(&self, key: &TokenKey, token: &Secret) -> Result<(), String> {
        let mut map = self.map();
        if map.get(key).is_some_and(|kept| kept.token == *token) {
            map.remove(key);
        }
        Ok(())
    }
}

/// What is known of a credential, for health output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenHealth {
    /// When a token was last fetched.
    pub fetched_at: Option<Millis>,
    /// Until when the current one is used.
    pub fresh_until: Option<Millis>,
    /// When a fetch last failed, and why; cleared by a success.
    pub failed: Option<(Millis, Error)>,
}

#[derive(Debug, Default)]
struct Slot {
    kept: Mutex<Option<Kept>>,
    health: Mutex<TokenHealth>,
    /// Fetches that ended, well or not.
    rounds: AtomicU64,
    gate: tokio::sync::Mutex<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    /// How the last fetch failed.
    failed: Option<Error>,
    /// Until when the credential rests, and how long the last rest was.
    broken: Option<(Millis, i64, Box<super::error::Refusal>)>,
}

/// All tokens of a client.
#[derive(Debug)]
pub struct Tokens {
    shelf: Arc<dyn TokenShelf>,
    clock: Arc<dyn Clock>,
    margin: Duration,
    slots: Mutex<HashMap<TokenKey, Arc<Slot>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tokens {
    pub(super) fn new(shelf: Arc<dyn TokenShelf>, clock: Arc<dyn Clock>, margin: Duration) -> Self {
        Self {
            shelf,
            clock,
            margin,
            slots: Mutex::default(),
        }
    }

    fn slot(&self, key: &TokenKey) -> Arc<Slot> {
        Arc::clone(locked(&self.slots).entry(key.clone()).or_default())
    }

    /// What is known of a credential.
    pub fn health(&self, key: &TokenKey) -> TokenHealth {
        locked(&self.slot(key).health).clone()
    }

    /// The token, fetched by `fetch` (token and seconds it lives) when there is none.
    pub(super) async fn obtain<F>(
        &self,
        api: &'static str,
        key: &TokenKey,
        fetch: impl FnOnce() -> F,
    ) -> Result<Secret, Error>
    where
        F: Future<Output = Result<(Secret, i64), Error>>,
    {
        let slot = self.slot(key);
        let seen = slot.rounds.load(Ordering::Acquire);
        if let Some(token) = self.fresh(&slot) {
            return Ok(token);
        }
        let mut gate = slot.gate.lock().await;
        // Somebody may have fetched while we waited: the success stands in the slot, the failure at the gate.
        if let Some(token) = self.fresh(&slot) {
            return Ok(token);
        }
        if slot.rounds.load(Ordering::Acquire) != seen
            && let Some(failed) = &gate.failed
        {
            return self.old(&slot).ok_or_else(|| failed.clone());
        }
        if let Some(token) = self.shelved(key, &slot) {
            return Ok(token);
        }
        let now = self.clock.now();
        if let Some((until, _, refusal)) = &gate.broken
            && *until > now
        {
            return self.old(&slot).ok_or_else(|| Error::Credential {
                api,
                refusal: refusal.clone(),
                seconds: u64::try_from(until.0 - now.0).unwrap_or(0).div_ceil(1000),
                until: *until,
            });
        }
        let fetched = fetch().await;
        let now = self.clock.now();
        let answer = match fetched {
            Ok((token, seconds)) => {
                *gate = Gate::default();
                self.take_in(key, &slot, &token, seconds, now);
                Ok(token)
            }
            Err(error) => {
                gate.broken(&error, now);
                gate.failed = Some(error.clone());
                locked(&slot.health).failed = Some((now, error.clone()));
                self.old(&slot).ok_or(error)
            }
        };
        slot.rounds.fetch_add(1, Ordering::Release);
        answer
    }

    /// Drops the token, unless somebody has put another in its place already.
    pub(super) fn invalidate(&self, key: &TokenKey, used: &Secret) {
        let slot = self.slot(key);
        let mut kept = locked(&slot.kept);
        if kept.as_ref().is_some_and(|kept| kept.token == *used) {
            *kept = None;
        }
        drop(kept);
        if let Err(error) = self.shelf.discard(key, used) {
            tracing::warn!(error, "a token that ended stays on the shared shelf");
        }
    }

    fn fresh(&self, slot: &Slot) -> Option<Secret> {
        let now = self.clock.now();
        locked(&slot.kept)
            .as_ref()
            .filter(|kept| kept.fresh_until > now)
            .map(|kept| kept.token.clone())
    }

    /// A token inside its margin: better than none.
    fn old(&self, slot: &Slot) -> Option<Secret> {
        let now = self.clock.now();
        locked(&slot.kept)
            .as_ref()
            .filter(|kept| kept.ends > now)
            .map(|kept| kept.token.clone())
    }

    fn shelved(&self, key: &TokenKey, slot: &Slot) -> Option<Secret> {
        match self.shelf.load(key) {
            Ok(found) => {
                let found = found.filter(|kept| kept.fresh_until > self.clock.now())?;
                let token = found.token.clone();
                locked(&slot.health).fresh_until = Some(found.fresh_until);
                *locked(&slot.kept) = Some(found);
                Some(token)
            }
            Err(error) => {
                tracing::warn!(
                    error,
                    "cannot read the shared shelf of tokens; fetching one of our own"
                );
                None
            }
        }
    }

    fn take_in(&self, key: &TokenKey, slot: &Slot, token: &Secret, seconds: i64, now: Millis) {
        // Without a life it is used once and not kept.
        let life = seconds.max(0).saturating_mul(1000);
        let margin = i64::try_from(self.margin.as_millis())
            .unwrap_or(i64::MAX)
            .min(life / 2);
        let kept = Kept {
            token: token.clone(),
            fresh_until: Millis(now.0.saturating_add(life - margin)),
            ends: Millis(now.0.saturating_add(life)),
        };
        *locked(&slot.health) = TokenHealth {
            fetched_at: Some(now),
            fresh_until: Some(kept.fresh_until),
            failed: None,
        };
        if life == 0 {
            *locked(&slot.kept) = None;
            return;
        }
        if let Err(error) = self.shelf.keep(key, &kept) {
            tracing::warn!(
                error,
                "cannot put a token on the shared shelf; only this process has it"
            );
        }
        *locked(&slot.kept) = Some(kept);
    }
}

impl Gate {
    fn broken(&mut self, error: &Error, now: Millis) {
        let Error::Refused(refusal) = error else { return };
        if !BROKEN_CODES.contains(&refusal.code) {
            return;
        }
        let rest = self
            .broken
            .as_ref()
            .map_or(BROKEN_MS.0, |(_, last, _)| (last * 2).min(BROKEN_MS.1));
        self.broken = Some((Millis(now.0 + rest), rest, Box::new(refusal.clone())));
    }
}
