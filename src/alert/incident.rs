//! From the first sight of a condition to its last: one incident, however often it is looked at.

use super::{Alert, Kind};
use crate::ids::Millis;

/// A condition that lasts, or lasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its number in the store; none before it is kept.
    pub id: Option<i64>,
    /// The company's name; empty for the archive as a whole.
    pub company: String,
    /// What it is.
    pub kind: Kind,
    /// Tells those of one kind apart.
    pub subject: String,
    /// First sight.
    pub began: Millis,
    /// Last sight.
    pub seen: Millis,
    /// When it was found to be over.
    pub ended: Option<Millis>,
    /// The latest facts.
    pub alert: Alert,
    /// Who took note of it, where that is what ends it.
    pub acknowledged: Option<Acknowledgement>,
}

/// A person took note of an incident that does not end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The person, as typed.
    pub by: String,
    /// When.
    pub at: Millis,
    /// What they had to say; may be empty.
    pub note: String,
}

impl Incident {
    /// Since when it is so, as far as that is known.
    pub fn since(&self) -> Millis {
        match self.alert {
            Alert::PullFailing { since, .. } => since.min(self.began),
            _ => self.began,
        }
    }
}

/// What one look found, by the kinds that were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The company's name; empty for the archive as a whole.
    pub company: String,
    /// Kinds and their alerts; no alerts: all well.
    pub verdicts: Vec<(Kind, Vec<Alert>)>,
}

/// What the looks change: new incidents, those seen again, those that are over. An incident is over when its condition
/// was not seen for `calm_ms`, so that one that comes and goes is one incident; and when its company is not one of
/// `companies` any more. An incident of a kind that needs an acknowledgement is never over here, and one that was
/// acknowledged is not raised again: `known` holds the open incidents and the acknowledged ones.
pub fn tend(
    known: &[Incident],
    looks: &[Look],
    companies: &[String],
    now: Millis,
    calm_ms: i64,
) -> Vec<Incident> {
    let mut changed = Vec::new();
    for look in looks {
        for (kind, alerts) in &look.verdicts {
            let open: Vec<&Incident> = known
                .iter()
                .filter(|one| one.ended.is_none() && one.company == look.company && one.kind == *kind)
                .collect();
            for incident in &open {
                let seen = alerts.iter().find(|alert| alert.subject() == incident.subject);
                match seen {
                    Some(alert) => changed.push(Incident {
                        seen: now,
                        alert: alert.clone(),
                        ..(*incident).clone()
                    }),
                    None if kind.needs_acknowledgement() => {}
                    None if now.is_past(incident.seen, calm_ms) => changed.push(Incident {
                        ended: Some(now),
                        ..(*incident).clone()
                    }),
                    None => {}
                }
            }
            for alert in alerts {
                let subject = alert.subject();
                let acknowledged = known.iter().any(|one| {
                    one.acknowledged.is_some()
                        && one.company == look.company
                        && one.kind == *kind
                        && one.subject == subject
                });
                if acknowledged || open.iter().any(|one| one.subject == subject) {
                    continue;
                }
                changed.push(Incident {
                    id: None,
                    company: look.company.clone(),
                    kind: *kind,
                    subject,
                    began: now,
                    seen: now,
                    ended: None,
                    alert: alert.clone(),
                    acknowledged: None,
                });
            }
        }
    }
    let gone = known.iter().filter(|one| {
        one.ended.is_none()
            && !one.company.is_empty()
            && !companies.contains(&one.company)
            && !one.kind.needs_acknowledgement()
    });
    changed.extend(gone.map(|incident| Incident {
        ended: Some(now.max(incident.seen)),
        ..incident.clone()
    }));
    changed
}
