//! External contacts (wecom-api EC-1 to EC-7). They need an own app that is allowed for 客户联系 (48002, 84074 otherwise).
//!
//! Must not know: what is kept of them.

use super::{
    super::declare::{endpoints, shapes},
    shapes::{Done, ExternalContact, FollowInfo, FollowUser},
};

shapes! {
    /// A contact and one member's view of it.
    FollowedContact {
        external_contact: ExternalContact,
        follow_info: FollowInfo,
    }

    /// Somebody outside who was served.
    ServedContact {
        is_customer: bool,
        /// Lives 4 hours; only to tell people apart.
        tmp_openid: Option<String>,
        external_userid: Option<String>,
        /// Masked.
        name: Option<String>,
        follow_userid: Option<String>,
        chat_id: Option<String>,
        chat_name: Option<String>,
        /// Seconds.
        add_time: i64,
    }
}

endpoints! {
    /// Members with the right to serve customers: where a sweep over all customers starts.
    "EC-1" get_follow_user_list GetFollowUserList A "92571" "获取配置了客户联系功能的成员列表"
    GET "/cgi-bin/externalcontact/get_follow_user_list" [repeatable() holds(&["follow_user"])]
    {}
    => FollowUsers {
        /// Userids.
        follow_user: Vec<String>,
    }

    /// A member's customers. A member without any answers 84061, which is read as the empty list. Codes: 40096, 60111
    /// unknown member.
    "EC-2" external_contact_list ExternalContactList A "92113" "获取客户列表"
    GET "/cgi-bin/externalcontact/list" [repeatable() empty_on(&[84061])]
    { userid: String }
    => ExternalContactIds {
        /// Singular on the wire.
        external_userid: Vec<String>,
    }

    /// A customer and who follows it; above 500 followers in pages. Somebody known only from a group is 84061.
    "EC-3" external_contact_get ExternalContactGet A "92114" "获取客户详情"
    GET "/cgi-bin/externalcontact/get"
    [repeatable() cursor() holds(&["follow_user"]) about("external_userid", "/external_contact/external_userid")]
    { external_userid: String }
    optional { cursor: String }
    => ExternalContactDetail {
        external_contact: ExternalContact,
        follow_user: Vec<FollowUser>,
        next_cursor: Option<String>,
    }

    /// Customers of up to 100 members, in pages that may be short or even empty: only an empty cursor ends them. Limited
    /// in how many run at once (45033).
    "EC-4" external_contact_batch_get ExternalContactBatchGet A "92994" "批量获取客户详情"
    POST "/cgi-bin/externalcontact/batch/get_by_user"
    [repeatable() cursor() parallel(3) holds(&["external_contact_list"])]
    {
        /// At most 100.
        userid_list: Vec<String>,
    }
    optional {
        cursor: String,
        /// At most 100; 50 without it.
        limit: i64,
    }
    => ExternalContacts { external_contact_list: Vec<FollowedContact>, next_cursor: Option<String> }

    /// Writes a remark; not all optional fields empty. An absent key keeps.
    "EC-5" external_contact_remark ExternalContactRemark C "92115" "修改客户备注信息"
    POST "/cgi-bin/externalcontact/remark" []
    { userid: String, external_userid: String }
    optional {
        /// At most 20 characters.
        remark: String,
        /// At most 150 characters.
        description: String,
        /// At most 20 characters; read back as `remark_corp_name`. WeChat contacts only.
        remark_company: String,
        /// Replaces; `[""]` clears.
        remark_mobiles: Vec<String>,
        remark_pic_mediaid: String,
    }
    => Done

    /// Ends a temporary conversation.
    "EC-6" close_temp_chat CloseTempChat C "92572" "结束临时会话"
    POST "/cgi-bin/externalcontact/close_temp_chat" []
    { userid: String, external_userid: String }
    => Done

    /// Everybody outside who was served, customers or not. Cursors and `tmp_openid` expire.
    "EC-7" served_contact_list ServedContactList B "99434" "获取已服务的外部联系人"
    POST "/cgi-bin/externalcontact/contact_list" [repeatable() cursor()]
    {}
    optional {
        cursor: String,
        /// 1000 without it.
        limit: i64,
    }
    => ServedContacts { info_list: Vec<ServedContact>, next_cursor: Option<String> }
}
