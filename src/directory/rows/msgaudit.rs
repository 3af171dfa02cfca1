//! The archive's own calls (wecom-api MA-1 to MA-5, msgaudit-api §3). Only the archive's secret opens them.
//!
//! Note the platform's misspelling `exteranalopenid`, in requests and answers alike.
//!
//! Must not know: consent rules; this file only says what was answered.

use super::super::{
    declare::{endpoints, shapes},
    row::per_minute,
};

shapes! {
    /// A pair to ask about.
    AgreePair {
        userid: String,
        /// The external_userid.
        external_userid = "exteranalopenid": String,
    }

    /// A pair's consent.
    Agreement {
        /// When it last changed, seconds.
        status_change_time: i64,
        /// The member; rooms have none.
        userid: Option<String>,
        /// The external_userid.
        external_userid = "exteranalopenid": String,
        /// `Agree`, `Disagree`, `Default_Agree`; anything else is kept as text.
        agree_status: String,
    }

    /// Somebody in an internal room.
    RoomMember {
        /// A userid.
        memberid: String,
        /// Seconds.
        jointime: i64,
    }

    /// A robot.
    Robot {
        robot_id: String,
        name: String,
        creator_userid: String,
    }
}

endpoints! {
    /// Members whose conversations are recorded: departments and tags expanded, only seats in effect, the whole list
    /// at once. 1000 calls a minute.
    "MA-1" get_permit_user_list GetPermitUserList A "91614" "获取会话内容存档开启成员列表"
    POST "/cgi-bin/msgaudit/get_permit_user_list" [archive() repeatable() limits(&[per_minute(1000)]) holds(&["ids"])]
    {}
    optional {
        /// 1 office, 2 service, 3 enterprise edition; all without it.
        edition = "type": i64,
    }
    => PermitUserList {
        /// Userids.
        ids: Vec<String>,
    }

    /// Consent of pairs in single chats: 1 to 100 pairs (301060), 2500 calls a minute. One unknown pair fails the whole
    /// call (301061): see [`Client::check_single_agree`](crate::directory::Client::check_single_agree), which bisects.
    /// Match answers by the pair, never by position; pairs may be missing.
    "MA-2" check_single_agree CheckSingleAgree A "91782" "获取会话同意情况（单聊）"
    POST "/cgi-bin/msgaudit/check_single_agree" [archive() repeatable() limits(&[per_minute(2500)]) holds(&["agreeinfo"])]
    { info: Vec<AgreePair> }
    => SingleAgree { agreeinfo: Vec<Agreement> }

    /// Consent of the external people of one room. 1500 calls a minute.
    "MA-3" check_room_agree CheckRoomAgree A "91782" "获取会话同意情况（群聊）"
    POST "/cgi-bin/msgaudit/check_room_agree" [archive() repeatable() limits(&[per_minute(1500)]) holds(&["agreeinfo"])]
    { roomid: String }
    => RoomAgree { agreeinfo: Vec<Agreement> }

    /// An INTERNAL room; 301059 for a customer group, which `group_chat_get` answers for; 92002 for a room of another
    /// company. 2000 calls a minute.
    "MA-4" get_internal_room GetInternalRoom A "92951" "获取会话内容存档内部群信息"
    POST "/cgi-bin/msgaudit/groupchat/get" [archive() repeatable() limits(&[per_minute(2000)]) holds(&["members"])]
    { roomid: String }
    => InternalRoom {
        /// Empty for a room that was never named.
        roomname: String,
        creator: String,
        /// Seconds.
        room_create_time: i64,
        notice: String,
        members: Vec<RoomMember>,
    }

    /// A robot's name; senders of archived messages whose id begins with `wb` are robots. Its limit is not published;
    /// 600 a minute are assumed.
    "MA-5" get_robot_info GetRobotInfo A "91774" "获取机器人信息"
    GET "/cgi-bin/msgaudit/get_robot_info" [archive() repeatable() limits(&[per_minute(600)]) about("robot_id", "/data/robot_id")]
    { robot_id: String }
    => RobotInfo { data: Robot }
}
