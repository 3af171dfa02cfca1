//! Customer groups (wecom-api GC-1 to GC-3). Internal rooms are asked for with `get_internal_room`; the id does not tell
//! which of the two a room is.
//!
//! Must not know: messages.

use super::{
    super::{
        declare::{endpoints, shapes},
        wire::Flag,
    },
    shapes::{GroupChat, OwnerFilter},
};

shapes! {
    /// A group in a list.
    GroupState {
        chat_id: String,
        /// 0 normal, 1 owner left, 2 being inherited, 3 inherited.
        status: i64,
    }
}

endpoints! {
    /// Customer groups. Without an owner filter and with more than 1000 members in sight it answers 81017: see
    /// [`Client::all_groups`](crate::directory::Client::all_groups), which goes on by slices of owners. An owner who has
    /// left, in the filter, is 40003.
    "GC-1" group_chat_list GroupChatList A "92120" "获取客户群列表"
    POST "/cgi-bin/externalcontact/groupchat/list" [repeatable() cursor() holds(&["group_chat_list"])]
    {
        /// 1 to 1000.
        limit: i64,
    }
    optional {
        /// 0 all, 1 owner left, 2 being inherited, 3 inherited.
        status_filter: i64,
        owner_filter: OwnerFilter,
        cursor: String,
    }
    => GroupStates { group_chat_list: Vec<GroupState>, next_cursor: Option<String> }

    /// One customer group. Codes that will never change: 49008 dismissed, 90501 and 90509 no customer group, 40050, 86001
    /// and 86003 unknown. After a change event it lags a few seconds.
    "GC-2" group_chat_get GroupChatGet A "92122" "获取客户群详情"
    POST "/cgi-bin/externalcontact/groupchat/get" [repeatable() about("chat_id", "/group_chat/chat_id")]
    { chat_id: String }
    optional {
        /// Names of the members too.
        need_name: Flag,
    }
    => OneGroupChat { group_chat: GroupChat }

    /// The group behind an id that a mini program saw. Code: 90511 invalid.
    "GC-3" opengid_to_chatid OpengidToChatid C "94822" "客户群opengid转换"
    POST "/cgi-bin/externalcontact/opengid_to_chatid" [repeatable()]
    { opengid: String }
    => ChatOfOpengid { chat_id: String }
}
