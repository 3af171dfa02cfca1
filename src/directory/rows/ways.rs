//! Ways to become a customer or to join a group: QR codes and mini programs (wecom-api CW-1 to CW-5, JW-1 to JW-4).
//! 500 000 lasting ways of both kinds together.
//!
//! Must not know: who came by them.

use super::{
    super::{
        declare::{endpoints, shapes},
        wire::Flag,
    },
    shapes::{Conclusions, Done},
};

shapes! {
    /// A contact way as it is read.
    ContactWay {
        config_id: String,
        /// 1 one member, 2 several.
        kind = "type": Option<i64>,
        /// 1 mini program, 2 QR code.
        scene: Option<i64>,
        style: Option<i64>,
        remark: Option<String>,
        skip_verify: Option<bool>,
        state: Option<String>,
        qr_code: Option<String>,
        user: Option<Vec<String>>,
        party: Option<Vec<i64>>,
        is_temp: Option<bool>,
        /// Seconds.
        expires_in: Option<i64>,
        /// Seconds.
        chat_expires_in: Option<i64>,
        unionid: Option<String>,
        is_exclusive: Option<bool>,
        mark_source: Option<bool>,
        /// A picture comes back as `pic_url`.
        conclusions: Option<Conclusions>,
    }

    /// A contact way in a list.
    ContactWayId {
        config_id: String,
    }

    /// A join way as it is read.
    JoinWay {
        config_id: String,
        /// 1 mini program, 2 QR code.
        scene: Option<i64>,
        remark: Option<String>,
        auto_create_room: Option<Flag>,
        room_base_name: Option<String>,
        room_base_id: Option<i64>,
        chat_id_list: Option<Vec<String>>,
        qr_code: Option<String>,
        state: Option<String>,
        mark_source: Option<bool>,
    }
}

endpoints! {
    /// Makes a contact way; temporary ones 100 000 a day, 100 members each. Codes: 41054 not activated, 40098 not
    /// real-name verified.
    "CW-1" contact_way_add ContactWayAdd C "92228" "配置客户联系「联系我」方式"
    POST "/cgi-bin/externalcontact/add_contact_way" []
    {
        /// 1 one member, 2 several.
        kind = "type": i64,
        /// 1 mini program, 2 QR code.
        scene: i64,
    }
    optional {
        /// With scene 1.
        style: i64,
        /// At most 30 characters.
        remark: String,
        /// The platform's default is true.
        skip_verify: bool,
        /// At most 30 characters.
        state: String,
        /// Exactly one with type 1.
        user: Vec<String>,
        party: Vec<i64>,
        is_temp: bool,
        /// Seconds: 7 days without it, 14 days at most.
        expires_in: i64,
        /// Seconds: 24 hours without it, 14 days at most.
        chat_expires_in: i64,
        unionid: String,
        is_exclusive: bool,
        mark_source: bool,
        /// Temporary ways only.
        conclusions: Conclusions,
    }
    => AddedContactWay {
        config_id: String,
        /// With scene 2.
        qr_code: Option<String>,
    }

    /// One contact way.
    "CW-2" contact_way_get ContactWayGet C "92228" "获取企业已配置的「联系我」方式"
    POST "/cgi-bin/externalcontact/get_contact_way" [repeatable()]
    { config_id: String }
    => OneContactWay { contact_way: ContactWay }

    /// Ids of lasting contact ways made after 2021-07-10.
    "CW-3" contact_way_list ContactWayList C "92228" "获取企业已配置的「联系我」列表"
    POST "/cgi-bin/externalcontact/list_contact_way" [repeatable() cursor()]
    {}
    optional {
        /// Seconds; 90 days back without it.
        start_time: i64,
        /// Seconds.
        end_time: i64,
        cursor: String,
        /// 100 without it, at most 1000.
        limit: i64,
    }
    => ContactWays { contact_way: Vec<ContactWayId>, next_cursor: Option<String> }

    /// Changes a contact way: absent keeps, present lists replace.
    "CW-4" contact_way_update ContactWayUpdate C "92228" "更新企业已配置的「联系我」方式"
    POST "/cgi-bin/externalcontact/update_contact_way" []
    { config_id: String }
    optional {
        style: i64,
        remark: String,
        skip_verify: bool,
        state: String,
        user: Vec<String>,
        party: Vec<i64>,
        expires_in: i64,
        chat_expires_in: i64,
        unionid: String,
        is_exclusive: bool,
        mark_source: bool,
        conclusions: Conclusions,
    }
    => Done

    /// Deletes a contact way.
    "CW-5" contact_way_del ContactWayDel C "92228" "删除企业已配置的「联系我」方式"
    POST "/cgi-bin/externalcontact/del_contact_way" []
    { config_id: String }
    => Done

    /// Makes a way into groups.
    "JW-1" join_way_add JoinWayAdd C "92229" "配置客户群进群方式"
    POST "/cgi-bin/externalcontact/groupchat/add_join_way" []
    {
        /// 1 mini program, 2 QR code.
        scene: i64,
        /// At most 5.
        chat_id_list: Vec<String>,
    }
    optional {
        /// At most 30 characters.
        remark: String,
        /// The platform's default is 1.
        auto_create_room: Flag,
        /// At most 40 characters.
        room_base_name: String,
        room_base_id: i64,
        /// At most 30 characters; seen again on members and in events.
        state: String,
        mark_source: bool,
    }
    => AddedJoinWay { config_id: String }

    /// One way into groups.
    "JW-2" join_way_get JoinWayGet C "92229" "获取客户群进群方式配置"
    POST "/cgi-bin/externalcontact/groupchat/get_join_way" [repeatable()]
    { config_id: String }
    => OneJoinWay { join_way: JoinWay }

    /// REPLACES a way into groups: read it first and send everything.
    "JW-3" join_way_update JoinWayUpdate C "92229" "更新客户群进群方式配置"
    POST "/cgi-bin/externalcontact/groupchat/update_join_way" []
    { config_id: String, scene: i64, chat_id_list: Vec<String> }
    optional {
        remark: String,
        auto_create_room: Flag,
        room_base_name: String,
        room_base_id: i64,
        state: String,
        mark_source: bool,
    }
    => Done

    /// Deletes a way into groups.
    "JW-4" join_way_del JoinWayDel C "92229" "删除客户群进群方式配置"
    POST "/cgi-bin/externalcontact/groupchat/del_join_way" []
    { config_id: String }
    => Done
}
