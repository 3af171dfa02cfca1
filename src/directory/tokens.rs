//! One token per credential, whoever asks and however many at once (token-and-errors §1.3).
//!
//! A token is fetched by one caller while the others wait and share its result, the failure too; it is used until a
//! margin before its end; it is dropped only by somebody who used that very token. A secret that the platform does not
//! take rests for a growing time, because repeating it gets the address blocked; so does one whose answers make no sense.
//! While a fetch fails, a token that has not really ended is still served.
//!
//! What was fetched and what another process shares is used only when it can be a token and when its end is as near as
//! the end of a token can be: a clock that was wrong for a while must not make a token last for years.
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
/// As [`BROKEN_MS`], of a credential for which answers come that make no sense.
const SENSELESS_MS: (i64, i64) = (10_000, 600_000);
/// No token lives longer: documented are 7,200 seconds for every kind.
pub(super) const LONGEST_LIFE_MS: i64 = 24 * 3_600_000;
/// Bytes of a token at most; documented are 512.
const LONGEST: usize = 2_048;
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
    /// When a fetch last failed, or brought a token that cannot be kept, and why; cleared by one that can.
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
    /// What the last fetch brought without a lifetime: for those who waited for it, and nobody after them.
    once: Option<Secret>,
    rest: Option<Rest>,
}

/// A credential that is not asked for.
#[derive(Debug)]
struct Rest {
    until: Millis,
    /// How long it is in all.
    ms: i64,
    /// The code that began it; none for an answer that made no sense.
    refusal: Option<Box<super::error::Refusal>>,
}

impl Rest {
    /// Milliseconds that are left. A rest that seems longer than it was to be has been overtaken by the clock.
    fn left(&self, now: Millis) -> Option<i64> {
        let left = self.until.0.saturating_sub(now.0);
        (1..=self.ms).contains(&left).then_some(left)
    }

    fn error(&self, api: &'static str, left: i64) -> Error {
        let seconds = left.unsigned_abs().div_ceil(1000);
        match &self.refusal {
            Some(refusal) => Error::Credential {
                api,
                refusal: refusal.clone(),
                seconds,
                until: self.until,
            },
            None => Error::Resting {
                api,
                seconds,
                until: self.until,
                why: "what came as its token made no sense",
            },
        }
    }
}

/// All tokens of a client.
#[derive(Debug)]
pub struct Tokens {
    shelf: Arc<dyn TokenShelf>,
    clock: Arc<dyn Clock>,
    margin: Duration,
    slots: Mutex<HashMap<TokenKey, Arc<Slot>>>,
}

/// Why a text cannot be a token or a ticket.
pub(super) fn not_a_token(token: &Secret) -> Option<&'static str> {
    let text = token.expose();
    if text.trim().is_empty() {
        Some("it holds no token")
    } else if text.len() > LONGEST {
        Some("its token is far longer than tokens are")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("its token holds characters that no token has")
    } else {
        None
    }
}

/// The token and the seconds it lives: a success without a token is none (token-and-errors §1.3 rule 8). Whether the lifetime
/// can be one is looked at when it is taken in: a good token without one can be used all the same, once (rule 2).
pub(super) fn believed(api: &'static str, token: Secret, seconds: i64) -> Result<(Secret, i64), Error> {
    match not_a_token(&token) {
        None => Ok((token, seconds)),
        Some(why) => Err(Error::Implausible {
            api,
            why: why.to_owned(),
        }),
    }
}

impl Kept {
    /// Can this be a token that was fetched at that time or before? A shelf is a file that anybody may have damaged, and
    /// the clock may have been wrong when it was written.
    fn is_plausible(&self, now: Millis) -> bool {
        not_a_token(&self.token).is_none()
            && self.fresh_until <= self.ends
            && self.ends.0.saturating_sub(now.0) <= LONGEST_LIFE_MS
    }
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
        if slot.rounds.load(Ordering::Acquire) != seen {
            if let Some(failed) = &gate.failed {
                return self.old(&slot).ok_or_else(|| failed.clone());
            }
            if let Some(token) = &gate.once {
                return Ok(token.clone());
            }
        }
        if let Some(token) = self.shelved(key, &slot) {
            return Ok(token);
        }
        let now = self.clock.now();
        if let Some(rest) = &gate.rest
            && let Some(left) = rest.left(now)
        {
            return self.old(&slot).ok_or_else(|| rest.error(api, left));
        }
        let fetched = fetch().await;
        let now = self.clock.now();
        let answer = match fetched {
            Ok((token, seconds)) => {
                *gate = Gate::default();
                if (1..=LONGEST_LIFE_MS / 1000).contains(&seconds) {
                    self.take_in(key, &slot, &token, seconds, now);
                } else {
                    use_once(api, &slot, seconds, now);
                    gate.once = Some(token.clone());
                }
                Ok(token)
            }
            Err(error) => {
                gate.rest_after(&error, now);
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
            .filter(|kept| kept.fresh_until > now && kept.is_plausible(now))
            .map(|kept| kept.token.clone())
    }

    /// A token inside its margin: better than none.
    fn old(&self, slot: &Slot) -> Option<Secret> {
        let now = self.clock.now();
        locked(&slot.kept)
            .as_ref()
            .filter(|kept| kept.ends > now && kept.is_plausible(now))
            .map(|kept| kept.token.clone())
    }

    fn shelved(&self, key: &TokenKey, slot: &Slot) -> Option<Secret> {
        match self.shelf.load(key) {
            Ok(found) => {
                let (found, now) = (found?, self.clock.now());
                if !found.is_plausible(now) {
                    tracing::warn!(
                        "what stands on the shared shelf cannot be a token; dropped, fetching another"
                    );
                    if let Err(error) = self.shelf.discard(key, &found.token) {
                        tracing::warn!(error, "it stays on the shared shelf");
                    }
                    return None;
                }
                if found.fresh_until <= now {
                    return None;
                }
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
        let life = seconds.saturating_mul(1000);
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
        if let Err(error) = self.shelf.keep(key, &kept) {
            tracing::warn!(
                error,
                "cannot put a token on the shared shelf; only this process has it"
            );
        }
        *locked(&slot.kept) = Some(kept);
    }
}

/// A token whose lifetime cannot be one is not kept, and whoever looks after the credential is told.
fn use_once(api: &'static str, slot: &Slot, seconds: i64, now: Millis) {
    let error = Error::Implausible {
        api,
        why: format!(
            "a token came whose expires_in is missing or no lifetime: {seconds} seconds; it is used once and not kept"
        ),
    };
    tracing::warn!(
        event = "api.token_used_once",
        api,
        seconds,
        "a token came without a usable lifetime; it is not kept"
    );
    *locked(&slot.kept) = None;
    *locked(&slot.health) = TokenHealth {
        fetched_at: Some(now),
        fresh_until: None,
        failed: Some((now, error)),
    };
}

impl Gate {
    fn rest_after(&mut self, error: &Error, now: Millis) {
        let ((first, longest), refusal) = match error {
            Error::Refused(refusal) if BROKEN_CODES.contains(&refusal.code) => {
                (BROKEN_MS, Some(Box::new(refusal.clone())))
            }
            Error::Implausible { .. } => (SENSELESS_MS, None),
            _ => return,
        };
        let last = self
            .rest
            .as_ref()
            .filter(|rest| rest.refusal.is_some() == refusal.is_some());
        let ms = last.map_or(first, |rest| rest.ms.saturating_mul(2).min(longest));
        self.rest = Some(Rest {
            until: Millis(now.0.saturating_add(ms)),
            ms,
            refusal,
        });
    }
}
