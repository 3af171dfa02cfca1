//! The frame every message shares (messages §1), read in one pass over the outermost object.

use super::{json::View, time::Time};

/// Names of the frame's fields; everything else at the top is payload.
const FIELDS: [&str; 7] = [
    "msgid", "action", "from", "tolist", "roomid", "msgtime", "msgtype",
];

/// The frame's values, borrowed. Missing, null and oddly typed fields are empty.
#[derive(Default)]
pub(super) struct Envelope<'t> {
    pub(super) msgid: &'t str,
    pub(super) action: &'t str,
    pub(super) from: &'t str,
    pub(super) to: Vec<String>,
    pub(super) roomid: &'t str,
    pub(super) msgtype: &'t str,
    pub(super) time: Time,
    /// A switch of companies (messages §4.22), which has `user` and `time` in place of the rest.
    pub(super) switch: bool,
}

impl<'t> Envelope<'t> {
    pub(super) fn of(root: View<'t>) -> Self {
        let mut envelope = Self::default();
        let (mut user, mut time) = ("", Time::default());
        for (key, value) in root.fields() {
            let text = || value.as_text().unwrap_or_default();
            match key {
                "msgid" => envelope.msgid = text(),
                "action" => envelope.action = text(),
                "from" => envelope.from = text(),
                "tolist" => envelope.to = receivers(value),
                "roomid" => envelope.roomid = text(),
                "msgtype" => envelope.msgtype = text(),
                "msgtime" => envelope.time = Time::of(value),
                "user" => user = text(),
                "time" => time = Time::of(value),
                _ => {}
            }
        }
        let (action, msgtype) = (envelope.action, envelope.msgtype);
        envelope.switch = msgtype == "switch" || action == "switch" && msgtype.is_empty();
        if envelope.switch {
            envelope.from = if user.is_empty() { envelope.from } else { user };
            if time.is_given() {
                envelope.time = time;
            }
            envelope.msgtype = "switch";
        }
        envelope
    }

    /// True for a field of the frame, false for one of the payload.
    pub(super) fn owns(field: &str) -> bool {
        FIELDS.contains(&field)
    }
}

/// A list of ids; ids are text or digits. A single text is a list too, parted by commas as some pipelines do:
/// no id of WeCom's contains one.
fn receivers(value: View<'_>) -> Vec<String> {
    match value.as_text() {
        Some(line) => line
            .split([',', ';', '|'])
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect(),
        None => value
            .items()
            .filter_map(View::as_text)
            .map(str::to_owned)
            .collect(),
    }
}
