//! Members (wecom-api US-1 to US-17).
//!
//! Userids are compared without regard to case; the first-seen spelling is for display.
//!
//! Must not know: what names are used for.

use super::{
    super::{
        declare::{endpoints, shapes},
        wire::Flag,
    },
    shapes::{Done, ExtAttr, ExternalProfile, User},
};
use crate::secret::Secret;

shapes! {
    /// A member in a short list.
    SimpleUser {
        userid: String,
        name: String,
        department: Vec<i64>,
        open_userid: Option<String>,
    }

    /// A member in one department.
    DepartmentUser {
        userid: String,
        /// Third-party apps get this one instead.
        open_userid: Option<String>,
        department: i64,
    }

    /// Further names of a business mailbox.
    MailAliases {
        /// At most 5.
        item: Vec<String>,
    }
}

endpoints! {
    /// Makes a member; at least one of mobile and email. Accounts a month: three times the seats. Codes: 60102 userid,
    /// 60104 mobile, 60106 mail exist; 60103 bad mobile.
    "US-1" user_create UserCreate C "90195" "创建成员"
    POST "/cgi-bin/user/create" [contact()]
    {
        /// 1 to 64 bytes, unique without regard to case.
        userid: String,
        /// 1 to 64 characters.
        name: String,
        /// At most 100.
        department: Vec<i64>,
    }
    optional {
        alias: String,
        mobile: String,
        /// 6 to 64 bytes.
        email: String,
        biz_mail: String,
        /// Parallel to `department`, up to 2^32-1.
        order: Vec<i64>,
        /// At most 128 characters.
        position: String,
        /// `1` or `2`, as text.
        gender: String,
        telephone: String,
        is_leader_in_dept: Vec<Flag>,
        /// At most 5.
        direct_leader: Vec<String>,
        avatar_mediaid: String,
        enable: Flag,
        extattr: ExtAttr,
        /// The platform's default is true.
        to_invite: bool,
        /// At most 12 characters.
        external_position: String,
        external_profile: ExternalProfile,
        address: String,
        main_department: i64,
    }
    => Done

    /// One member. Unknown or invisible: 60111, 60011. Most personal fields are no longer given to most apps.
    "US-2" user_get UserGet A "90196" "读取成员"
    GET "/cgi-bin/user/get" [repeatable() about_member("userid", "/userid")]
    { userid: String }
    => User

    /// Changes a member: an absent key keeps, a present list replaces.
    "US-3" user_update UserUpdate C "90197" "更新成员"
    POST "/cgi-bin/user/update" [contact()]
    { userid: String }
    optional {
        /// Once only, while the id is one the system made.
        new_userid: String,
        name: String,
        department: Vec<i64>,
        alias: String,
        mobile: String,
        email: String,
        biz_mail: String,
        biz_mail_alias: MailAliases,
        order: Vec<i64>,
        position: String,
        /// `1` or `2`, as text.
        gender: String,
        telephone: String,
        is_leader_in_dept: Vec<Flag>,
        direct_leader: Vec<String>,
        avatar_mediaid: String,
        enable: Flag,
        extattr: ExtAttr,
        external_position: String,
        external_profile: ExternalProfile,
        address: String,
        main_department: i64,
    }
    => Done

    /// Deletes a member: a GET that changes something, so it is never repeated.
    "US-4" user_delete UserDelete C "90198" "删除成员"
    GET "/cgi-bin/user/delete" [contact()]
    { userid: String }
    => Done

    /// Deletes members; one wrong id fails the whole call.
    "US-5" user_batch_delete UserBatchDelete C "90199" "批量删除成员"
    POST "/cgi-bin/user/batchdelete" [contact()]
    {
        /// At most 200.
        useridlist: Vec<String>,
    }
    => Done

    /// Members of a department. Too large an answer is 45029: walk the departments one by one.
    "US-6" user_simple_list UserSimpleList A "90200" "获取部门成员"
    GET "/cgi-bin/user/simplelist" [repeatable()]
    { department_id: i64 }
    optional {
        /// Gone from newer documents.
        fetch_child: Flag,
    }
    => SimpleUsers { userlist: Vec<SimpleUser> }

    /// Members of a department in detail; limits as [`UserSimpleList`]. A member appears once per department asked.
    "US-7" user_list UserList A "90201" "获取部门成员详情"
    GET "/cgi-bin/user/list" [repeatable() holds(&["userlist"])]
    { department_id: i64 }
    optional {
        /// Gone from newer documents.
        fetch_child: Flag,
    }
    => Users { userlist: Vec<User> }

    /// Every userid of the company with its departments, no names: the baseline of completeness. Secret of 通讯录同步
    /// only.
    "US-8" user_list_id UserListId A "96067" "获取成员ID列表"
    POST "/cgi-bin/user/list_id"
    [contact() repeatable() cursor()]
    {}
    optional {
        cursor: String,
        /// 1 to 10000, which is the default.
        limit: i64,
    }
    => UserIds { dept_user: Vec<DepartmentUser>, next_cursor: Option<String> }

    /// The userid behind a mobile number. Not found is 46004, which is no failure; many misses block the call for a day.
    "US-9" userid_by_mobile UseridByMobile B "91693" "手机号获取userid"
    POST "/cgi-bin/user/getuserid"
    [repeatable() empty_on(&[46004, 60111])]
    {
        /// 5 to 32 bytes.
        mobile: String,
    }
    => FoundUserid { userid: String }

    /// The userid behind an address; misses as [`UseridByMobile`].
    "US-10" userid_by_email UseridByEmail B "95895" "邮箱获取userid"
    POST "/cgi-bin/user/get_userid_by_email"
    [repeatable() empty_on(&[46004, 60111])]
    { email: String }
    optional {
        /// 1 company mail (default), 2 personal.
        email_type: i64,
    }
    => FoundUserid

    /// Lets a member in after the company's own second verification.
    "US-11" user_auth_success UserAuthSuccess C "90203" "二次验证"
    GET "/cgi-bin/user/authsucc" [contact()]
    { userid: String }
    => Done

    /// Who signed in. A member has `userid`, an outsider `openid`. A code works once, for 5 minutes (40029).
    "US-12" oauth_user_info OauthUserInfo B "91023" "获取访问用户身份"
    GET "/cgi-bin/auth/getuserinfo" []
    {
        /// At most 512 bytes.
        code: Secret,
    }
    => SignedIn {
        /// Of a member.
        userid: Option<String>,
        /// For [`OauthUserDetail`], 1800 seconds.
        user_ticket: Option<Secret>,
        /// Of an outsider.
        openid: Option<String>,
        external_userid: Option<String>,
    }

    /// The older path with capitalised keys; members of linked companies come as `CorpId/userid`.
    "US-13" oauth_user_info_legacy OauthUserInfoLegacy B "91023" "获取访问用户身份（旧）"
    GET "/cgi-bin/user/getuserinfo" []
    { code: Secret }
    => SignedInLegacy {
        userid = "UserId": Option<String>,
        device_id = "DeviceId": Option<String>,
        openid = "OpenId": Option<String>,
        external_userid: Option<String>,
        user_ticket: Option<Secret>,
        /// Seconds.
        expires_in: Option<i64>,
    }

    /// Details the administrator enabled and the member granted.
    "US-14" oauth_user_detail OauthUserDetail B "95833" "获取访问用户敏感信息"
    POST "/cgi-bin/auth/getuserdetail" [repeatable()]
    { user_ticket: Secret }
    => UserDetail {
        userid: String,
        /// 0, 1 or 2.
        gender: Option<i64>,
        avatar: Option<String>,
        qr_code: Option<String>,
        mobile: Option<String>,
        email: Option<String>,
        biz_mail: Option<String>,
        address: Option<String>,
    }

    /// A QR code to join the company, valid for 7 days.
    "US-15" join_qrcode JoinQrcode C "91714" "获取加入企业二维码"
    GET "/cgi-bin/corp/get_join_qrcode" [contact() repeatable()]
    {}
    optional {
        /// 1: 171 px, 2: 399, 3: 741, 4: 2052.
        size_type: i64,
    }
    => JoinCode {
        /// An address.
        join_qrcode: String,
    }

    /// Invites; not all three lists empty. What could not be invited comes back in the answer, with `errcode` 0.
    "US-16" invite Invite C "90975" "邀请成员"
    POST "/cgi-bin/batch/invite" [contact()]
    {}
    optional {
        /// At most 1000.
        user: Vec<String>,
        /// At most 100.
        party: Vec<i64>,
        /// At most 100.
        tag: Vec<i64>,
    }
    => Invited { invaliduser: Vec<String>, invalidparty: Vec<i64>, invalidtag: Vec<i64> }

    /// Who signed in to a mini program. A code works once.
    "US-17" js_code_to_session JsCodeToSession C "91507" "小程序登录code2Session"
    GET "/cgi-bin/miniprogram/jscode2session" []
    {
        js_code: Secret,
        /// `authorization_code`.
        grant_type: String,
    }
    => Session { corpid: String, userid: String, session_key: Secret }
}
