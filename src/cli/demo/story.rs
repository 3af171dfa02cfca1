//! The demo's last messages are written, not made up: a refund that is promised to a customer and taken back, numbers that
//! change hands, two colleagues around the ends of a quarter. So that an auditor's questions have something to find.

use sdk_mock::generate::{Plan, Player, Role, START, Scripted, cast};
use serde_json::{Value, json};

/// Corpora with fewer messages have none of it.
const FROM: u64 = 1_000;

const MINUTE: i64 = 60_000;
/// Behind what is made up, in a demo of usual size: 10:00 in Beijing, two days after the beginning.
const TALK: i64 = START + 49 * 60 * MINUTE;
/// 2025-07-01 00:00 and 2025-10-01 00:00 in Beijing.
const QUARTER: [i64; 2] = [1_751_299_200_000, 1_759_248_000_000];

/// Who is in the story.
pub(super) struct Roles {
    /// A member with many customers.
    pub employee: Player,
    /// One of them.
    pub customer: Player,
    /// Another member.
    pub colleague: Player,
}

impl Roles {
    /// Out of a plan's cast.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let (players, talks) = cast(plan);
        let customers_of = |member: usize| {
            talks
                .iter()
                .filter(move |talk| {
                    talk.room.is_none() && talk.external && talk.people.first() == Some(&member)
                })
                .filter_map(|talk| talk.people.get(1).copied())
        };
        let members = || (0..players.len()).filter(|who| players[*who].role == Role::Member);
        // The first of equals, which is no matter of order in a map.
        let employee = members().rev().max_by_key(|who| customers_of(*who).count())?;
        let customer = customers_of(employee).next()?;
        let colleague = members().find(|who| *who != employee)?;
        Some(Self {
            employee: players[employee].clone(),
            customer: players[customer].clone(),
            colleague: players[colleague].clone(),
        })
    }
}

/// The messages, in the order of their seqs.
pub(super) fn of(plan: &Plan) -> Vec<Scripted> {
    if plan.messages < FROM {
        return Vec::new();
    }
    let Some(Roles {
        employee,
        customer,
        colleague,
    }) = Roles::of(plan)
    else {
        return Vec::new();
    };
    let (employee, customer, colleague) = (&*employee.id, &*customer.id, &*colleague.id);
    let mut story = Story::default();
    story.text(customer, employee, TALK, "上次那批货有问题，我要退款");
    let promise = story.text(
        employee,
        customer,
        TALK + MINUTE,
        "好的，我答应给您全额退款3,600元，三天内到账",
    );
    story.send(
        employee,
        customer,
        TALK + 2 * MINUTE + 30_000,
        "revoke",
        json!({"pre_msgid": promise}),
    );
    story.text(
        employee,
        customer,
        TALK + 4 * MINUTE,
        "刚才那条发错了，细节打我手机13812345678说",
    );
    story.text(
        customer,
        employee,
        TALK + 6 * MINUTE,
        "我换号码了：+8615987654321，旧的不用了",
    );
    story.text(
        customer,
        employee,
        TALK + 9 * MINUTE,
        "我想確認一下退款進度，發票開好了嗎？",
    );
    story.text(
        employee,
        colleague,
        TALK + 12 * MINUTE,
        "退款那句我撤回了，先别跟财务说",
    );
    let [begin, end] = QUARTER;
    story.text(employee, colleague, begin - 1_000, "二季度的对账单发你了");
    story.text(colleague, employee, begin, "收到，三季度的从今天起记");
    story.text(colleague, employee, end - 1_000, "三季度的帐封了");
    story.text(employee, colleague, end, "四季度的预算节后再说");
    story.messages
}

#[derive(Default)]
struct Story {
    messages: Vec<Scripted>,
}

impl Story {
    fn text(&mut self, from: &str, to: &str, time: i64, content: &str) -> String {
        self.send(from, to, time, "text", json!({"content": content}))
    }

    /// Returns the msgid.
    fn send(&mut self, from: &str, to: &str, time: i64, msgtype: &'static str, payload: Value) -> String {
        let is_external = [from, to]
            .iter()
            .any(|id| id.starts_with("wm") || id.starts_with("wo"));
        let msgid = format!(
            "{}_{time}{}",
            9_000_000_000_000_000_001 + self.messages.len() as u64,
            if is_external { "_external" } else { "" }
        );
        let action = if msgtype == "revoke" { "recall" } else { "send" };
        let plaintext = json!({"msgid": msgid, "action": action, "from": from, "tolist": [to], "roomid": "",
            "msgtime": time, "msgtype": msgtype, (msgtype): payload});
        self.messages.push(Scripted {
            msgid: msgid.clone(),
            msgtype,
            plaintext: plaintext.to_string().into_bytes(),
        });
        msgid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_begin_at_midnight_in_beijing() {
        for (time, text) in QUARTER
            .into_iter()
            .zip(["2025-07-01T00:00:00+08:00", "2025-10-01T00:00:00+08:00"])
        {
            let expected: jiff::Timestamp = text.parse().expect("a time");
            assert_eq!(expected.as_millisecond(), time);
        }
    }
}
