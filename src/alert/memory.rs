//! Incidents, and what was told of them, while the archive cannot be written: what the store does otherwise.
//!
//! It begins as a copy of what the store holds, as far as that can be read, so that nothing is told twice; and what it
//! knows is handed back when the store takes writes again.

use std::collections::BTreeMap;

use super::{Incident, Look, Notice, Pace, TargetState, Telling, due, tend};
use crate::ids::Millis;

/// The first reminder comes after this long, later ones after ever longer pauses.
const FIRST_REMINDER_MS: i64 = 600_000;
/// Incidents that are over and still kept, because a target may have to hear that they are.
const MOST_OVER: usize = 1_000;

/// The store's part, in memory. Incidents that the store does not know have negative numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    incidents: Vec<Incident>,
    /// By target, then by the incident's number.
    tellings: BTreeMap<String, BTreeMap<i64, Telling>>,
    states: BTreeMap<String, TargetState>,
    last_id: i64,
}

impl Memory {
    /// With what the store holds: incidents that are open, acknowledged, or not yet cleared everywhere.
    pub fn new(
        incidents: Vec<Incident>,
        tellings: BTreeMap<String, BTreeMap<i64, Telling>>,
        states: BTreeMap<String, TargetState>,
    ) -> Self {
        Self {
            incidents,
            tellings,
            states,
            last_id: 0,
        }
    }

    /// Keeps what the looks change, and returns that.
    pub fn look(&mut self, looks: &[Look], companies: &[String], now: Millis, calm_ms: i64) -> Vec<Incident> {
        let mut changed = tend(&self.incidents, looks, companies, now, calm_ms);
        for incident in &mut changed {
            let place = incident
                .id
                .and_then(|id| self.incidents.iter().position(|one| one.id == Some(id)));
            match place {
                Some(place) => self.incidents[place] = incident.clone(),
                None => {
                    self.last_id -= 1;
                    incident.id = Some(self.last_id);
                    self.incidents.push(incident.clone());
                }
            }
        }
        let over = self.incidents.iter().filter(|one| one.ended.is_some()).count();
        let mut too_many = over.saturating_sub(MOST_OVER);
        self.incidents.retain(|one| {
            let goes = too_many > 0 && one.ended.is_some() && one.acknowledged.is_none();
            too_many -= usize::from(goes);
            !goes
        });
        changed
    }

    /// What the target is to be told now. Reminders come more often at first than `pace` says: as long as nothing can
    /// be archived, every hour counts.
    pub fn due(&self, target: &str, pace: &Pace, now: Millis) -> Vec<Notice> {
        let (nothing, untold) = (BTreeMap::new(), TargetState::default());
        let pace = Pace {
            first_reminder_ms: Some(FIRST_REMINDER_MS.min(pace.remind_after_ms)),
            ..*pace
        };
        due(
            &self.incidents,
            self.tellings.get(target).unwrap_or(&nothing),
            self.states.get(target).unwrap_or(&untold),
            &pace,
            now,
        )
    }

    /// The target has these notices now.
    pub fn told(&mut self, target: &str, notices: &[Notice], now: Millis) {
        let tellings = self.tellings.entry(target.to_owned()).or_default();
        for notice in notices {
            let Some(id) = notice.incident.id else { continue };
            let telling = Telling::after(tellings.get(&id).copied(), notice.what, now);
            tellings.insert(id, telling);
        }
        let state = self.states.entry(target.to_owned()).or_default();
        *state = state.told(now);
    }

    /// The target could not be told.
    pub fn failed(&mut self, target: &str, now: Millis, fatal: bool, cause: String) -> TargetState {
        let state = self.states.entry(target.to_owned()).or_default();
        *state = state.failed(now, fatal, cause);
        state.clone()
    }

    /// Everything the store may lack: each incident with what each target was told of it.
    pub fn incidents(&self) -> impl Iterator<Item = (&Incident, Vec<(&str, Telling)>)> {
        self.incidents.iter().map(|incident| {
            let told = self.tellings.iter().filter_map(|(target, tellings)| {
                let telling = tellings.get(&incident.id?)?;
                Some((target.as_str(), *telling))
            });
            (incident, told.collect())
        })
    }

    /// How each target does.
    pub fn states(&self) -> impl Iterator<Item = (&str, &TargetState)> {
        self.states.iter().map(|(target, state)| (target.as_str(), state))
    }
}
