//! From a credential to a token: which call makes it, and under which key it is kept.
//!
//! Must not know: how tokens are kept; what calls they are for.

use std::{pin::Pin, time::Duration};

use super::{
    access::Credential,
    client::{Client, jittered},
    error::Error,
    row::{Endpoint, Row, TokenKind},
    rows::{tickets, token as token_rows},
    tokens::{LONGEST_LIFE_MS, TokenHealth, TokenKey, believed, not_a_token},
};
use crate::{ids::Millis, secret::Secret};

/// Background refresh: pauses after failures, and the shortest pause at all.
const REFRESH_MS: (u64, u64) = (500, 60_000);
const REFRESH_LEAST_MS: i64 = 5_000;
/// Pause when tokens come that cannot be kept: nothing is gained by fetching them ahead.
const UNKEPT_MS: u64 = 600_000;
const GET_TOKEN: &str = token_rows::GetToken::ROW.name;

impl Client {
    /// A ticket for pages inside WeCom, kept as tokens are; `agent` for `agentConfig`.
    pub async fn ticket(&self, agent: bool) -> Result<Secret, Error> {
        let app = self.token(tickets::GetJsapiTicket::ROW, TokenKind::App).await?;
        let row = if agent {
            tickets::GetAgentTicket::ROW
        } else {
            tickets::GetJsapiTicket::ROW
        };
        // A ticket belongs to the app, not to the token of the hour.
        let who = &self.0.access.corpid;
        let key = match self.0.access.credential(TokenKind::App) {
            Some(Credential::Secret(secret)) => TokenKey::of(self.0.http.host(), row.name, who, secret),
            _ => TokenKey::of(self.0.http.host(), row.name, who, &app),
        };
        self.0
            .tokens
            .obtain(row.name, &key, || async {
                let ticket = if agent {
                    self.call(&tickets::GetAgentTicket::new("agent_config")).await?
                } else {
                    self.call(&tickets::GetJsapiTicket::new()).await?
                };
                believed(row.name, ticket.ticket, ticket.expires_in)
            })
            .await
    }

    /// The stable token of an official account or mini program, kept as tokens are.
    pub async fn stable_token(&self, appid: &str, secret: &Secret) -> Result<Secret, Error> {
        let row = token_rows::MpStableToken::ROW;
        let key = TokenKey::of(self.0.http.host(), row.name, appid, secret);
        self.0
            .tokens
            .obtain(row.name, &key, || async {
                let request = token_rows::MpStableToken::new("client_credential", appid, secret.clone());
                let made = self.call(&request).await?;
                believed(row.name, made.access_token, made.expires_in)
            })
            .await
    }

    /// The kinds of tokens it can have.
    pub fn kinds(&self) -> Vec<TokenKind> {
        self.0.access.kinds().collect()
    }

    /// What is known of the credential of that kind.
    pub fn health(&self, kind: TokenKind) -> Option<TokenHealth> {
        let credential = self.0.access.credential(kind)?;
        Some(self.0.tokens.health(&self.key(credential)?))
    }

    /// Fetches every configured token ahead of its end, for as long as it is polled; dropping it stops it at once. A
    /// failure is tried again with growing pauses and shows in [`Client::health`]; it never ends by itself.
    pub async fn keep_fresh(&self) {
        let kinds: Vec<TokenKind> = self.0.access.kinds().collect();
        let mut failures = vec![0_u32; kinds.len()];
        let mut due = vec![self.0.clock.now(); kinds.len()];
        while let Some(next) = (0..kinds.len()).min_by_key(|at| due[*at]) {
            let now = self.0.clock.now();
            let pause = due[next].0.saturating_sub(now.0);
            // Further off than any token lives: the clock was set back meanwhile, and nothing is known about the token.
            if (1..=LONGEST_LIFE_MS).contains(&pause) {
                self.0
                    .clock
                    .sleep(Duration::from_millis(pause.unsigned_abs()))
                    .await;
            }
            let asked = self.token(token_rows::GetToken::ROW, kinds[next]).await;
            let now = self.0.clock.now();
            let health = self.health(kinds[next]).unwrap_or_default();
            if asked.is_ok() && health.failed.is_some() && health.fresh_until.is_none() {
                failures[next] = 0;
                due[next] = Millis(now.0 + i64::try_from(jittered(UNKEPT_MS)).unwrap_or(600_000));
                continue;
            }
            // An old token that is still served hides the failure from callers, not from us.
            let failed = asked.err().or(health.failed.map(|(_, error)| error));
            due[next] = match failed {
                None => {
                    failures[next] = 0;
                    let fresh = health.fresh_until.unwrap_or(now).0;
                    Millis(fresh.max(now.0 + REFRESH_LEAST_MS))
                }
                Some(error) => {
                    let grown = REFRESH_MS.0.saturating_mul(1 << failures[next].min(20));
                    failures[next] += 1;
                    let pause = jittered(grown.min(REFRESH_MS.1));
                    let rest = error
                        .retry_after()
                        .filter(|_| matches!(error, Error::Credential { .. } | Error::Resting { .. }));
                    let pause = pause.max(rest.unwrap_or(0) * 1000);
                    tracing::warn!(%error, pause_ms = pause, "cannot refresh a token; trying again");
                    Millis(now.0 + i64::try_from(pause).unwrap_or(60_000))
                }
            };
        }
    }

    fn key(&self, credential: &Credential) -> Option<TokenKey> {
        let corpid = &self.0.access.corpid;
        let host = self.0.http.host();
        match credential {
            Credential::Secret(secret) => Some(TokenKey::of(host, "get_token", corpid, secret)),
            Credential::Suite { suite_id, secret, .. } => {
                Some(TokenKey::of(host, "get_suite_token", suite_id, secret))
            }
            Credential::Authorised { permanent_code } => {
                Some(TokenKey::of(host, "get_corp_token", corpid, permanent_code))
            }
            Credential::Supplied(_) => None,
        }
    }

    pub(super) async fn token(&self, row: &'static Row, kind: TokenKind) -> Result<Secret, Error> {
        let api = row.name;
        let credential = self
            .0
            .access
            .credential(kind)
            .ok_or(Error::NoCredential { api, kind })?;
        if let Credential::Supplied(source) = credential {
            let token = source.token().await;
            return token
                .and_then(|token| match not_a_token(&token) {
                    None => Ok(token),
                    Some(why) => Err(why.to_owned()),
                })
                .map_err(|why| Error::Source { api, why });
        }
        let Some(key) = self.key(credential) else {
            return Err(Error::NoCredential { api, kind });
        };
        let corpid = self.0.access.corpid.clone();
        let tokens = &self.0.tokens;
        match credential.clone() {
            Credential::Secret(secret) => {
                let request = token_rows::GetToken::new(corpid, secret);
                tokens
                    .obtain(api, &key, || async move {
                        let made = self.call_for_token(&request).await?;
                        believed(GET_TOKEN, made.access_token, made.expires_in)
                    })
                    .await
            }
            Credential::Suite {
                suite_id,
                secret,
                ticket,
            } => {
                let request = token_rows::GetSuiteToken::new(suite_id, secret, ticket.current());
                tokens
                    .obtain(api, &key, || async move {
                        let made = self.call_for_token(&request).await?;
                        let row = token_rows::GetSuiteToken::ROW;
                        believed(row.name, made.suite_access_token, made.expires_in)
                    })
                    .await
            }
            Credential::Authorised { permanent_code } => {
                let request = token_rows::GetCorpToken::new(corpid, permanent_code);
                tokens
                    .obtain(api, &key, || async move {
                        let made = self.call_for_token(&request).await?;
                        let row = token_rows::GetCorpToken::ROW;
                        believed(row.name, made.access_token, made.expires_in)
                    })
                    .await
            }
            Credential::Supplied(_) => Err(Error::NoCredential { api, kind }),
        }
    }

    /// A call whose answer a call waits for: boxed, since the one type would hold itself.
    fn call_for_token<'a, E: Endpoint>(
        &'a self,
        request: &'a E,
    ) -> Pin<Box<dyn Future<Output = Result<E::Answer, Error>> + Send + 'a>> {
        Box::pin(self.call(request))
    }

    pub(super) fn drop_token(&self, kind: TokenKind, used: Option<&Secret>) {
        let (Some(credential), Some(used)) = (self.0.access.credential(kind), used) else {
            return;
        };
        match credential {
            Credential::Supplied(source) => source.invalidate(used),
            other => {
                if let Some(key) = self.key(other) {
                    self.0.tokens.invalidate(&key, used);
                }
            }
        }
    }
}
