//! The cast: members, customers, robots, and the chats they are in.

use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

use super::{
    text::pick,
    words::{GIVEN, SURNAMES},
};

/// Who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Of the company.
    Member,
    /// From outside.
    Customer,
    /// No human being.
    Robot,
}

/// Somebody with an id (messages §2).
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) role: Role,
}

/// A conversation. The first of `people` is a member: the owner of a group, or one side of a single chat.
#[derive(Debug)]
pub(super) struct Chat {
    /// `None` for a single chat.
    pub(super) room: Option<String>,
    pub(super) people: Vec<usize>,
    pub(super) external: bool,
}

/// Everybody and every chat, made from the seed before the first message.
pub(super) struct Cast {
    pub(super) people: Vec<Person>,
    pub(super) chats: Vec<Chat>,
    /// Ranges of `chats`: member-member, member-customer, internal groups, customer groups.
    sorts: [std::ops::Range<usize>; 4],
    members: usize,
}

/// How often a message belongs to each of the four sorts of chat.
const SHARES: [f64; 4] = [0.16, 0.42, 0.2, 0.22];

impl Cast {
    /// Grows with the number of messages, so that chats have a plausible length at any size.
    pub(super) fn new(seed: u64, messages: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0050_454f_504c_4500);
        let count = |per: u64, least: u64, most: u64| (messages / per).clamp(least, most) as usize;
        let (members, customers) = (count(400, 12, 300), count(60, 40, 20_000));
        let mut people: Vec<Person> = (0..members).map(|nth| member(&mut rng, nth)).collect();
        people.extend((0..customers).map(|_| customer(&mut rng)));
        people.extend((0..3).map(|nth| Person {
            id: format!("wb{}", tail(&mut rng, 30)),
            name: ["告警机器人", "日报助手", "审批通知"][nth].to_owned(),
            role: Role::Robot,
        }));
        let robots = members + customers..members + customers + 3;
        let mut cast = Self {
            people,
            chats: Vec::new(),
            sorts: Default::default(),
            members,
        };
        let mut start = 0;
        let mut close = |cast: &mut Self, sort: usize| {
            cast.sorts[sort] = start..cast.chats.len();
            start = cast.chats.len();
        };
        for _ in 0..members * 2 {
            let one = rng.random_range(0..members);
            let other = (one + rng.random_range(1..members)) % members;
            cast.add(None, vec![one, other], false);
        }
        close(&mut cast, 0);
        for customer in members..members + customers {
            // A few busy members serve many customers.
            let member = rng.random_range(0..members).min(rng.random_range(0..members));
            cast.add(None, vec![member, customer], true);
        }
        close(&mut cast, 1);
        for _ in 0..count(1500, 4, 200) {
            let mut roster = sample(&mut rng, 0..members, 3, 60);
            if rng.random_bool(0.5) {
                roster.push(rng.random_range(robots.clone()));
            }
            let room = room(&mut rng);
            cast.add(Some(room), roster, false);
        }
        close(&mut cast, 2);
        for _ in 0..count(800, 5, 1000) {
            let mut roster = sample(&mut rng, 0..members, 1, 6);
            roster.extend(sample(&mut rng, members..members + customers, 1, 195));
            if rng.random_bool(0.2) {
                roster.push(rng.random_range(robots.clone()));
            }
            let room = room(&mut rng);
            cast.add(Some(room), roster, true);
        }
        close(&mut cast, 3);
        cast
    }

    /// A chat, busy ones more often.
    pub(super) fn any_chat(&self, rng: &mut ChaCha8Rng) -> usize {
        let mut draw = rng.random::<f64>();
        let sort = SHARES.iter().position(|share| {
            draw -= share;
            draw < 0.0
        });
        self.chat_of(rng, sort.unwrap_or(3))
    }

    /// A single chat of a member with a customer.
    pub(super) fn single_with_customer(&self, rng: &mut ChaCha8Rng) -> usize {
        self.chat_of(rng, 1)
    }

    /// A group of members only.
    pub(super) fn internal_group(&self, rng: &mut ChaCha8Rng) -> usize {
        self.chat_of(rng, 2)
    }

    /// A group with customers in it.
    pub(super) fn customer_group(&self, rng: &mut ChaCha8Rng) -> usize {
        self.chat_of(rng, 3)
    }

    /// A member.
    pub(super) fn any_member(&self, rng: &mut ChaCha8Rng) -> usize {
        rng.random_range(0..self.members)
    }

    /// A robot.
    pub(super) fn any_robot(&self, rng: &mut ChaCha8Rng) -> usize {
        self.people.len() - 1 - rng.random_range(0..3)
    }

    fn chat_of(&self, rng: &mut ChaCha8Rng, sort: usize) -> usize {
        let range = &self.sorts[sort];
        // The lesser of two draws: the first chats of a sort are the busy ones.
        rng.random_range(range.clone())
            .min(rng.random_range(range.clone()))
    }

    fn add(&mut self, room: Option<String>, people: Vec<usize>, external: bool) {
        self.chats.push(Chat {
            room,
            people,
            external,
        });
    }
}

fn member(rng: &mut ChaCha8Rng, nth: usize) -> Person {
    let (surname, given) = (pick(rng, SURNAMES), pick(rng, GIVEN));
    // Ids are chosen by companies: pinyin mostly, sometimes a staff number or a telephone number (messages §2).
    let id = match nth % 12 {
        5 => format!("{:07}", rng.random_range(1..99_999)),
        8 => format!("1390000{:04}", rng.random_range(0..10_000)),
        2 | 9 => format!("{}{}{nth}", surname.1, given.1).to_lowercase(),
        _ => format!("{}{}{nth}", surname.1, given.1),
    };
    Person {
        id,
        name: format!("{}{}", surname.0, given.0),
        role: Role::Member,
    }
}

fn customer(rng: &mut ChaCha8Rng) -> Person {
    let prefix = if rng.random_bool(0.1) { "wo" } else { "wm" };
    let name = super::text::name(rng);
    Person {
        id: format!("{prefix}{}", tail(rng, 30)),
        name,
        role: Role::Customer,
    }
}

fn room(rng: &mut ChaCha8Rng) -> String {
    format!("wr{}", tail(rng, 30))
}

/// Letters of an id given by WeCom.
fn tail(rng: &mut ChaCha8Rng, len: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    (0..len)
        .map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]))
        .collect()
}

/// Some of a range, without repetition; small groups are far more frequent than large ones.
fn sample(rng: &mut ChaCha8Rng, from: std::ops::Range<usize>, least: usize, most: usize) -> Vec<usize> {
    let share = rng.random::<f64>().powi(6);
    let size = (least + (share * (most - least) as f64) as usize + rng.random_range(0..4)).min(from.len());
    let mut chosen: Vec<usize> = Vec::with_capacity(size);
    while chosen.len() < size {
        let one = rng.random_range(from.clone());
        if !chosen.contains(&one) {
            chosen.push(one);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_have_the_forms_of_wecom() {
        let cast = Cast::new(1, 100_000);
        let ids: HashSet<_> = cast.people.iter().map(|person| &person.id).collect();
        assert_eq!(ids.len(), cast.people.len());
        for person in &cast.people {
            match person.role {
                Role::Customer => assert!(person.id.len() == 32 && person.id.starts_with('w')),
                Role::Robot => assert!(person.id.starts_with("wb")),
                Role::Member => assert!((1..=64).contains(&person.id.len())),
            }
        }
    }

    #[test]
    fn nobody_talks_to_himself_and_nobody_is_twice_in_a_group() {
        let cast = Cast::new(2, 10);
        for chat in &cast.chats {
            let people: HashSet<_> = chat.people.iter().collect();
            assert_eq!(people.len(), chat.people.len());
            assert!(people.len() >= 2);
            assert_eq!(cast.people[chat.people[0]].role, Role::Member);
            assert_eq!(
                chat.external,
                chat.people
                    .iter()
                    .any(|who| cast.people[*who].role == Role::Customer)
            );
        }
    }
}
