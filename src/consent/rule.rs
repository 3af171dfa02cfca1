//! From the people of a message to its state (the rule is written down in [`super`]).

use super::{
    change::{Standing, Subject, Talk},
    ledger::{Span, span_at},
};
use crate::{ids::Millis, message::is_external};

/// What the rule needs of a message. Ids are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending<'m> {
    /// The scope is external.
    pub external: bool,
    /// The sender; may be empty.
    pub from: &'m str,
    /// The room, if it was said in one.
    pub room: Option<&'m str>,
    /// Everybody in it; with or without the sender.
    pub people: &'m [String],
}

/// How a message stood when it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtSending {
    /// What it comes to.
    pub standing: Standing,
    /// Whose state that is; `None` when nobody external is named.
    pub subject: Option<Subject>,
    /// The span it fell into; `None` before the first.
    pub span: Option<Span>,
}

impl Sending<'_> {
    /// Whose states count; `None` when no consent is needed.
    pub fn subjects(&self) -> Option<Vec<Subject>> {
        let mut outside: Vec<&str> = self.people.iter().map(String::as_str).collect();
        outside.push(self.from);
        outside.retain(|id| is_external(id));
        outside.sort_unstable();
        outside.dedup();
        if !self.external && outside.is_empty() {
            return None;
        }
        if is_external(self.from) {
            outside.retain(|id| *id == self.from);
        }
        let talks: Vec<Talk> = match self.room {
            Some(room) => vec![Talk::Room(room.to_owned())],
            None if !self.from.is_empty() && !is_external(self.from) => {
                vec![Talk::With(self.from.to_owned())]
            }
            None => {
                let mut members: Vec<&String> = self
                    .people
                    .iter()
                    .filter(|id| !id.is_empty() && !is_external(id))
                    .collect();
                members.sort_unstable();
                members.dedup();
                members.into_iter().cloned().map(Talk::With).collect()
            }
        };
        let subject = |talk: &Talk, external: &&str| Subject {
            talk: talk.clone(),
            external: (*external).to_owned(),
        };
        Some(
            talks
                .iter()
                .flat_map(|talk| outside.iter().map(move |external| subject(talk, external)))
                .collect(),
        )
    }

    /// The state at `time`; `None` when no consent is needed. `spans` tells what is known of a subject.
    pub fn at<'s>(
        &self,
        time: Option<Millis>,
        spans: impl Fn(&Subject) -> Option<&'s [Span]>,
    ) -> Option<AtSending> {
        let judge = |subject: Subject| {
            let span = time.and_then(|time| span_at(spans(&subject).unwrap_or_default(), time));
            AtSending {
                standing: span.map_or(Standing::Unknown, |span| span.state.standing()),
                span: span.cloned(),
                subject: Some(subject),
            }
        };
        let nobody = AtSending {
            standing: Standing::Unknown,
            subject: None,
            span: None,
        };
        // The first of the gravest, so that the same one is named each time.
        let gravest = |worst: AtSending, other: AtSending| {
            if other.standing > worst.standing {
                other
            } else {
                worst
            }
        };
        let subjects = self.subjects()?;
        Some(subjects.into_iter().map(judge).reduce(gravest).unwrap_or(nobody))
    }
}

/// The gravest state of several subjects as it changes over time: what holds from each moment on. Before the first
/// moment, and without any subject, it is unknown.
pub fn gravest_over_time(all: &[&[Span]]) -> Vec<(Millis, Standing)> {
    let mut moments: Vec<Millis> = all
        .iter()
        .flat_map(|spans| spans.iter())
        .map(|span| span.from)
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let mut course: Vec<(Millis, Standing)> = Vec::with_capacity(moments.len());
    for at in moments {
        let standing =
            |spans: &&[Span]| span_at(spans, at).map_or(Standing::Unknown, |span| span.state.standing());
        let worst = all.iter().map(standing).max().unwrap_or(Standing::Unknown);
        if course.last().is_none_or(|(_, before)| *before != worst) {
            course.push((at, worst));
        }
    }
    course
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::{Change, How, State, spans};

    const ANNA: &str = "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const BERT: &str = "wmBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

    fn people(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn sending<'m>(from: &'m str, room: Option<&'m str>, people: &'m [String]) -> Sending<'m> {
        Sending {
            external: true,
            from,
            room,
            people,
        }
    }

    fn one(state: State, since: i64) -> Vec<Span> {
        spans(&[Change {
            state,
            since: Millis(since),
            dated: true,
            how: How::Message,
            learnt: Millis(0),
            seen: Millis(0),
            record: None,
        }])
    }

    #[test]
    fn internal_talk_needs_no_consent_and_external_talk_without_names_is_unknown() {
        let two = people(&["ken", "icef"]);
        let internal = Sending {
            external: false,
            ..sending("ken", None, &two)
        };
        assert_eq!(internal.subjects(), None);
        assert_eq!(sending("ken", None, &two).subjects(), Some(vec![]));
        let told = sending("ken", None, &two)
            .at(Some(Millis(1)), |_| None)
            .expect("a state");
        assert_eq!((told.standing, told.subject), (Standing::Unknown, None));
        // Upstream and downstream: none, unless an external contact is named.
        let named = people(&["ken", ANNA]);
        let updown = Sending {
            external: false,
            ..sending("ken", None, &named)
        };
        assert_eq!(updown.subjects().map(|all| all.len()), Some(1));
    }

    #[test]
    fn a_sender_outside_counts_alone_and_a_member_by_the_gravest() {
        let everybody = people(&["ken", ANNA, BERT]);
        let (anna, bert) = (one(State::Agreed, 10), one(State::Refused, 20));
        let known = |subject: &Subject| {
            assert_eq!(subject.talk, Talk::Room("wr1".into()));
            Some(if subject.external == ANNA {
                &anna[..]
            } else {
                &bert[..]
            })
        };
        for (from, at, standing) in [
            (ANNA, 9, Standing::Unknown),
            (ANNA, 10, Standing::Agreed),
            (ANNA, 25, Standing::Agreed),
            (BERT, 19, Standing::Unknown),
            (BERT, 20, Standing::Refused),
            ("ken", 15, Standing::Unknown),
            ("ken", 20, Standing::Refused),
        ] {
            let told = sending(from, Some("wr1"), &everybody).at(Some(Millis(at)), known);
            assert_eq!(told.expect("a state").standing, standing, "{from} {at}");
        }
        let undated = sending(ANNA, Some("wr1"), &everybody).at(None, known);
        assert_eq!(undated.expect("a state").standing, Standing::Unknown);
        assert_eq!(
            gravest_over_time(&[&anna, &bert]),
            vec![(Millis(10), Standing::Unknown), (Millis(20), Standing::Refused)]
        );
    }

    #[test]
    fn in_a_single_chat_the_pair_counts_in_both_directions() {
        let pair = people(&["ken", ANNA]);
        let expected = Some(vec![Subject {
            talk: Talk::With("ken".into()),
            external: ANNA.into(),
        }]);
        assert_eq!(sending("ken", None, &pair).subjects(), expected);
        assert_eq!(sending(ANNA, None, &pair).subjects(), expected);
    }

    #[test]
    fn refused_is_gravest_then_unknown_then_default() {
        let mut all = Standing::ALL;
        all.sort_unstable();
        assert_eq!(
            all,
            [
                Standing::Agreed,
                Standing::Default,
                Standing::Unknown,
                Standing::Refused
            ]
        );
        for standing in Standing::ALL {
            assert_eq!(Standing::from_word(standing.as_str()), Some(standing));
        }
    }
}
