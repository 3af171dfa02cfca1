//! Whether the archive holds what WeCom itself counted, per person and day, and anything of every customer group.
//!
//! WeCom counts what members do with customers (获取「联系客户统计」数据) and what happens in customer groups
//! (获取「群聊数据统计」数据). [`read_member`] and [`read_groups`] ask for those counts, [`compare()`] lays the archive's own beside
//! them and says why they may differ; what nothing explains is what somebody has to look into.
//!
//! What is compared:
//!
//! | WeCom | the archive |
//! | --- | --- |
//! | `chat_cnt`, `message_cnt` of a member and day | single chats with somebody outside that the member wrote in, and the messages |
//! | growth of `msg_total` of an owner's groups over a day | messages of all people in those groups |
//!
//! Days begin at midnight in Beijing, whatever zone the archive is shown in. Internal conversations are in none of WeCom's
//! counts, so nothing here says anything about them. Recalls and answers about consent are not counted as messages.
//! `msg_total` is documented as a running total up to the day (截至当天), so a day is its growth; where it falls, because
//! a group was dismissed or given away, that day cannot be compared.
//!
//! Which customer groups there are at all is a question of its own (获取客户群列表): [`read_listed`] lists them, and of those of
//! which the archive holds nothing [`Absent`] says what they are and why that may be.
//!
//! Enters: a client, ids, days, counts. Leaves: counts, lines, absent groups. Must not know: SQL, consent's rules, terminals, clocks.

mod absent;
mod ask;
mod compare;
mod listing;

pub use self::{
    absent::{Absent, Finding, Reason, Surroundings, explain_each, explain_together, owners_to_count},
    ask::{Groups, Told, read_groups, read_member},
    compare::{Cause, Circumstances, Counts, Line, Verdict, What, compare},
    listing::{Known, Listed, Portrait, read_listed, read_portrait, read_silent},
};

/// Milliseconds that Beijing is ahead of UTC; it has no summer time.
pub const EAST_MS: i64 = 8 * 3_600_000;
/// A day.
pub const DAY_MS: i64 = 86_400_000;
/// How many days back WeCom keeps its counts.
pub const KEPT_DAYS: i64 = 180;

/// The number of the day in Beijing that a moment is in, counted from 1970.
pub fn day_of(ms: i64) -> i64 {
    (ms + EAST_MS).div_euclid(DAY_MS)
}

/// The first millisecond of a day in Beijing.
pub fn begin_of(day: i64) -> i64 {
    day * DAY_MS - EAST_MS
}
