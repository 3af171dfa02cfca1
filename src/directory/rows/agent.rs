//! Apps and their menus (wecom-api AG-1 to AG-7).
//!
//! Must not know: configuration of our own.

use super::{
    super::{
        declare::{endpoints, shapes},
        wire::Flag,
    },
    shapes::{Done, MenuButton, UserRef},
};
use crate::secret::Secret;

shapes! {
    /// Members who may see an app.
    AllowedUsers {
        user: Vec<UserRef>,
    }

    /// Departments that may see an app.
    AllowedParties {
        partyid: Vec<i64>,
    }

    /// Tags that may see an app.
    AllowedTags {
        tagid: Vec<i64>,
    }

    /// An app in a list.
    AgentName {
        agentid: i64,
        name: String,
        square_logo_url: String,
    }
}

endpoints! {
    /// An app and who may see it: the check to make before a sweep. Codes: 40056, 301002 not the token's app.
    "AG-1" agent_get AgentGet B "90227" "获取指定的应用详情"
    GET "/cgi-bin/agent/get" [repeatable()]
    { agentid: i64 }
    => Agent {
        agentid: i64,
        name: String,
        square_logo_url: String,
        description: String,
        allow_userinfos: Option<AllowedUsers>,
        /// Spelt so.
        allow_partys: Option<AllowedParties>,
        allow_tags: Option<AllowedTags>,
        close: Flag,
        redirect_domain: String,
        report_location_flag: Flag,
        /// Spelt so.
        isreportenter: Flag,
        home_url: String,
        customized_publish_status: Option<i64>,
    }

    /// Apps; the token of an app lists that app only.
    "AG-2" agent_list AgentList C "90227" "获取access_token对应的应用列表"
    GET "/cgi-bin/agent/list" [repeatable()]
    {}
    => Agents { agentlist: Vec<AgentName> }

    /// Changes an app; absent keys keep. Trusted domains at most 20 times a month.
    "AG-3" agent_set AgentSet C "90228" "设置应用"
    POST "/cgi-bin/agent/set" []
    { agentid: i64 }
    optional {
        report_location_flag: Flag,
        isreportenter: Flag,
        logo_mediaid: String,
        /// At most 32 characters.
        name: String,
        /// 4 to 120 characters.
        description: String,
        redirect_domain: String,
        home_url: String,
    }
    => Done

    /// Sets an app's menu: 1 to 3 buttons, each with at most 5 below it.
    "AG-4" menu_create MenuCreate C "90231" "创建菜单"
    POST "/cgi-bin/menu/create?agentid=" []
    {
        /// Goes into the address.
        agentid: i64,
        button: Vec<MenuButton>,
    }
    => Done

    /// An app's menu; 46003, none was set, is read as the empty menu.
    "AG-5" menu_get MenuGet C "90232" "获取菜单"
    GET "/cgi-bin/menu/get" [repeatable() empty_on(&[46003])]
    { agentid: i64 }
    => Menu { button: Vec<MenuButton> }

    /// Takes an app's menu away.
    "AG-6" menu_delete MenuDelete C "90233" "删除菜单"
    GET "/cgi-bin/menu/delete" []
    { agentid: i64 }
    => Done

    /// Turns an own app into one developed by a provider. Cannot be undone.
    "AG-7" migrate_to_customized_app MigrateToCustomizedApp C "96072" "自建应用迁移成代开发应用"
    POST "/cgi-bin/agent/migrate_to_customized_app" []
    {
        /// In the body, beside the access token in the address.
        suite_access_token: Secret,
    }
    => Done
}
