//! Customer service, 微信客服 (wecom-api KF-1).
//!
//! Must not know: how conversations of it are kept.

use serde_json::Value;

use super::super::{
    declare::{endpoints, shapes},
    row::Paging,
};
use crate::secret::Secret;

shapes! {
    /// A message or event; the body stands in `more` under the name of its `msgtype`.
    KfMessage {
        msgid: String,
        /// Events have it inside `event`.
        open_kfid: Option<String>,
        /// Events have it inside `event`.
        external_userid: Option<String>,
        /// Seconds.
        send_time: i64,
        /// 3 customer, 4 system, 5 a member.
        origin: i64,
        servicer_userid: Option<String>,
        msgtype: String,
        event: Option<Value>,
    }
}

endpoints! {
    /// Messages of the last 3 days from the cursor on; without one from the oldest. The cursor is kept for ever, and an
    /// empty page with `has_more` is normal. Codes: 95007 token bad, go on without it; 45009 soon without a token; 45033
    /// above 5 at once; 95000, 95004 account; 95011, 95012, 95017 not switched on.
    "KF-1" kf_sync_msg KfSyncMsg B "94670" "读取客服消息"
    POST "/cgi-bin/kf/sync_msg" [repeatable() paging(Paging::HasMore) parallel(2)]
    {}
    optional {
        /// At most 64 bytes.
        cursor: String,
        /// Of the event, 10 minutes, at most 128 bytes.
        token: Secret,
        /// At most 1000, which is the default.
        limit: i64,
        /// 0 AMR, 1 SILK.
        voice_format: i64,
        open_kfid: String,
    }
    => KfMessages { next_cursor: Option<String>, has_more: bool, msg_list: Vec<KfMessage> }
}
