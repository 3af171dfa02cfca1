//! From a configured target to something that sends.

use sha2::{Digest, Sha256};

use crate::{
    alert::{Composed, Notice},
    cli::{
        context::{Context, api_options},
        outcome::Failure,
    },
    config::{Target, To},
    directory::{
        self, Class, Client, Error, Flag, Hook, Piped,
        rows::{
            messages::{MessageSend, WebhookSend},
            shapes::Text,
        },
    },
    events,
    ids::Millis,
    sanitize,
    secret::Secret,
};

/// The platform recognises a repetition of an app's message within so many seconds.
const SAME_S: i64 = 1_800;

/// A target that can be sent to.
pub(super) enum Sender {
    App {
        client: Client,
        agentid: i64,
        users: Piped,
        parties: Piped,
        tags: Piped,
    },
    Robot {
        client: Client,
        key: Secret,
    },
    Webhook(Box<Hook>),
}

/// Why a target was not told.
pub(super) struct Trouble {
    /// For people; nothing secret.
    pub(super) cause: String,
    /// Somebody has to set something right first.
    pub(super) fatal: bool,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self {
            cause: failure.to_string(),
            fatal: true,
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let fatal = matches!(
            error,
            Error::NoCredential { .. } | Error::Credential { .. } | Error::Options(_) | Error::Misused { .. }
        ) || matches!(error.class(), Some(Class::Config | Class::Bug));
        let advice = error.advice();
        Self {
            cause: match advice {
                Some(advice) => format!("{error}; {advice}"),
                None => error.to_string(),
            },
            fatal,
        }
    }
}

/// Reads the target's secrets and makes its client; sends nothing. A company's client of `known` is used as it is: it
/// knows what each receiver got lately, and whoever looks for trouble asks it.
pub(super) fn sender(
    context: &Context,
    target: &Target,
    known: &[(String, Client)],
) -> Result<Sender, Failure> {
    Ok(match &target.to {
        To::App {
            company,
            agentid,
            users,
            parties,
            tags,
        } => {
            let Some(company) = context.config.company(company) else {
                return Err(Failure::usage(format!("there is no company `{company}`")));
            };
            Sender::App {
                client: match known.iter().find(|(name, _)| *name == company.name) {
                    Some((_, client)) => client.clone(),
                    None => context.directory(company)?,
                },
                agentid: i64::from(*agentid),
                users: piped(users),
                parties: piped(parties),
                tags: piped(tags),
            }
        }
        To::Robot { key } => Sender::Robot {
            client: context.directory_of_nobody()?,
            key: context.read(key)?,
        },
        To::Webhook { url, secret, proxy } => {
            let options = directory::Options {
                proxy: proxy.clone(),
                ..api_options(&context.config.api)?
            };
            Sender::Webhook(Box::new(Hook::new(url, &context.read(secret)?, &options)?))
        }
    })
}

fn piped(text: &str) -> Piped {
    let ids = text.split('|').map(str::trim).filter(|id| !id.is_empty());
    Piped(ids.map(str::to_owned).collect())
}

fn some(ids: &Piped) -> Option<Piped> {
    (!ids.0.is_empty()).then(|| ids.clone())
}

impl Sender {
    /// Sends one message. `id` is the same for a repetition.
    pub(super) async fn send(
        &self,
        name: &str,
        id: &str,
        message: &Composed,
        now: Millis,
    ) -> Result<(), Trouble> {
        let text = Text {
            content: message.text.clone(),
            ..Text::default()
        };
        match self {
            Self::App {
                client,
                agentid,
                users,
                parties,
                tags,
            } => {
                let request = MessageSend {
                    touser: some(users),
                    toparty: some(parties),
                    totag: some(tags),
                    text: Some(text),
                    enable_duplicate_check: Some(Flag(true)),
                    duplicate_check_interval: Some(SAME_S),
                    ..MessageSend::new("text", *agentid)
                };
                let sent = client.call(&request).await?;
                let missed = sent.invaliduser.0.len() + sent.invalidparty.0.len() + sent.invalidtag.0.len();
                if missed > 0 {
                    // The others have it; sending it again would not reach these either.
                    events::alert_partly_told(name, missed);
                }
            }
            Self::Robot { client, key } => {
                let request = WebhookSend {
                    text: Some(text),
                    ..WebhookSend::new(key.clone(), "text")
                };
                client.call(&request).await?;
            }
            Self::Webhook(hook) => {
                // As everywhere: nothing in it acts on the terminal of whoever looks at it.
                let body = sanitize::json::to_string(&message.json).unwrap_or_default();
                hook.post(id, body, now).await?;
            }
        }
        Ok(())
    }
}

/// Equal for the same notices of the same incidents, so that a receiver knows a repetition.
pub(super) fn message_id(target: &str, notices: &[Notice]) -> String {
    let mut digest = Sha256::new();
    digest.update(target);
    for notice in notices {
        let incident = &notice.incident;
        digest.update(format!(
            "\n{:?} {} {} {}",
            incident.id,
            incident.began.0,
            notice.what.as_str(),
            notice.number
        ));
    }
    digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Alert, Incident, What};

    #[test]
    fn a_repetition_has_the_same_id_and_nothing_else_has() {
        let notice = |what: What, number: u32, began: i64| Notice {
            what,
            number,
            incident: Incident {
                id: Some(1),
                company: "acme".into(),
                kind: crate::alert::Kind::PoisonRecord,
                subject: String::new(),
                began: Millis(began),
                seen: Millis(began),
                ended: None,
                alert: Alert::PoisonRecord { records: 1 },
                acknowledged: None,
            },
        };
        let id = |notice: &Notice| message_id("duty", std::slice::from_ref(notice));
        let raised = notice(What::Raised, 0, 5);
        let mut later = raised.clone();
        later.incident.seen = Millis(99);
        later.incident.alert = Alert::PoisonRecord { records: 7 };
        assert_eq!(id(&raised), id(&later), "sent again after a failure");
        let others = [
            notice(What::Reminder, 1, 5),
            notice(What::Reminder, 2, 5),
            notice(What::AllClear, 0, 5),
            notice(What::Raised, 0, 6),
        ];
        let mut all: Vec<String> = others.iter().map(id).chain([id(&raised)]).collect();
        all.push(message_id("group", std::slice::from_ref(&raised)));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
