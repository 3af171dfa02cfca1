//! One id for another (wecom-api ID-1 to ID-8).
//!
//! Must not know: whose ids they are.

use super::{
    super::{
        declare::{endpoints, shapes},
        row::{TokenKind, per_day, per_hour},
    },
    shapes::NewExternalId,
};

shapes! {
    /// A userid and its encrypted form.
    OpenUserId {
        userid: String,
        open_userid: String,
    }

    /// A contact as one company knows it.
    CompanyContact {
        corpid: String,
        external_userid: String,
    }
}

endpoints! {
    /// A member's openid. Code: 43004 no WeChat linked.
    "ID-1" convert_to_openid ConvertToOpenid C "90202" "userid转openid"
    POST "/cgi-bin/user/convert_to_openid" [repeatable()]
    { userid: String }
    => Openid { openid: String }

    /// The member behind an openid.
    "ID-2" convert_to_userid ConvertToUserid C "90202" "openid转userid"
    POST "/cgi-bin/user/convert_to_userid" [repeatable()]
    { openid: String }
    => Userid { userid: String }

    /// Encrypted ids for a provider; ids that are none are in the answer, with `errcode` 0.
    "ID-3" userid_to_openuserid UseridToOpenuserid C "95435" "userid转换"
    POST "/cgi-bin/batch/userid_to_openuserid" [repeatable()]
    {
        /// At most 1000.
        userid_list: Vec<String>,
    }
    => OpenUserIds { open_userid_list: Vec<OpenUserId>, invalid_userid_list: Vec<String> }

    /// Contacts' ids for a provider: archived messages and answers may differ, so both are kept.
    "ID-4" get_new_external_userid GetNewExternalUserid B "95327" "转换external_userid"
    POST "/cgi-bin/externalcontact/get_new_external_userid" [repeatable()]
    {
        /// At most 1000; 200 are advised.
        external_userid_list: Vec<String>,
    }
    => NewExternalIds { items: Vec<NewExternalId> }

    /// The same for people known only from a group.
    "ID-5" group_new_external_userid GroupNewExternalUserid C "95327" "转换客户群成员external_userid"
    POST "/cgi-bin/externalcontact/groupchat/get_new_external_userid" [repeatable()]
    {
        chat_id: String,
        /// Its limit is not published; 1000 are assumed.
        external_userid_list: Vec<String>,
    }
    => NewExternalIds

    /// The contact behind a unionid. Codes: 84061 no customer; 610014 to 610016, 845001 to 845003 subjects differ.
    "ID-6" unionid_to_external_userid UnionidToExternalUserid C "93274" "unionid转换为external_userid"
    POST "/cgi-bin/externalcontact/unionid_to_external_userid" [repeatable()]
    { unionid: String, openid: String }
    => ExternalUserid { external_userid: String }

    /// The same for a provider, over all its companies.
    "ID-7" unionid_to_external_userid_3rd UnionidToExternalUserid3rd C "95327 / 95878" "unionid查询external_userid（第三方）"
    POST "/cgi-bin/service/externalcontact/unionid_to_external_userid_3rd?suite_access_token="
    [token(TokenKind::Suite) repeatable() limits(&[per_hour(50_000), per_day(240_000)])]
    { unionid: String, openid: String }
    optional { corpid: String }
    => CompanyContacts { external_userid_info: Vec<CompanyContact> }

    /// A contact's id as the provider knows it: the same key, another value.
    "ID-8" to_service_external_userid ToServiceExternalUserid C "95195" "代开发应用external_userid转换"
    POST "/cgi-bin/externalcontact/to_service_external_userid" [repeatable()]
    { external_userid: String }
    => ExternalUserid
}
