//! Tags of customers: the company's and those of strategies (wecom-api CT-1 to CT-9). 3000 of both together.
//!
//! Must not know: tags of members, which are another thing.

use super::{
    super::declare::endpoints,
    shapes::{Done, NewTag, TagGroup},
};

endpoints! {
    /// The company's tags; everything when no ids are given. With both lists only `group_id` counts.
    "CT-1" corp_tag_list CorpTagList B "92117" "获取企业标签库"
    POST "/cgi-bin/externalcontact/get_corp_tag_list" [repeatable() holds(&["tag_group"])]
    {}
    optional { tag_id: Vec<String>, group_id: Vec<String> }
    => TagGroups { tag_group: Vec<TagGroup> }

    /// Makes tags in one group; the answer has only the new ones. Names inside a group are unique.
    "CT-2" corp_tag_add CorpTagAdd B "92117" "添加企业客户标签"
    POST "/cgi-bin/externalcontact/add_corp_tag" []
    { tag: Vec<NewTag> }
    optional {
        group_id: String,
        /// At most 30 characters.
        group_name: String,
        order: i64,
        /// Third-party apps.
        agentid: i64,
    }
    => AddedTags {
        /// ONE group.
        tag_group: TagGroup,
    }

    /// Renames or moves a tag or group; an app only its own (81011).
    "CT-3" corp_tag_edit CorpTagEdit C "92117" "编辑企业客户标签"
    POST "/cgi-bin/externalcontact/edit_corp_tag" []
    { id: String }
    optional { name: String, order: i64, agentid: i64 }
    => Done

    /// Deletes tags or groups, not both lists empty; with its last tag a group goes too.
    "CT-4" corp_tag_del CorpTagDel C "92117" "删除企业客户标签"
    POST "/cgi-bin/externalcontact/del_corp_tag" []
    {}
    optional { tag_id: Vec<String>, group_id: Vec<String>, agentid: i64 }
    => Done

    /// Puts company tags on a customer or takes them off, not both lists empty. Codes: 84061 no contacts, 40068 tag.
    "CT-5" mark_tag MarkTag B "92118" "编辑客户企业标签"
    POST "/cgi-bin/externalcontact/mark_tag" []
    { userid: String, external_userid: String }
    optional {
        /// A member may put at most 3000 on one customer.
        add_tag: Vec<String>,
        remove_tag: Vec<String>,
    }
    => Done

    /// Tags of a strategy. Only the built-in 客户联系 secret may call.
    "CT-6" strategy_tag_list StrategyTagList B "94882" "获取指定规则组下的企业客户标签"
    POST "/cgi-bin/externalcontact/get_strategy_tag_list" [repeatable()]
    {}
    optional { strategy_id: i64, tag_id: Vec<String>, group_id: Vec<String> }
    => TagGroups

    /// Makes tags of a first-level strategy.
    "CT-7" strategy_tag_add StrategyTagAdd C "94882" "为指定规则组创建企业客户标签"
    POST "/cgi-bin/externalcontact/add_strategy_tag" []
    { strategy_id: i64, tag: Vec<NewTag> }
    optional { group_id: String, group_name: String, order: i64 }
    => AddedTags

    /// Renames or moves a strategy's tag, inside its strategy.
    "CT-8" strategy_tag_edit StrategyTagEdit C "94882" "编辑指定规则组下的企业客户标签"
    POST "/cgi-bin/externalcontact/edit_strategy_tag" []
    { id: String }
    optional { name: String, order: i64 }
    => Done

    /// Deletes a strategy's tags or groups.
    "CT-9" strategy_tag_del StrategyTagDel C "94882" "删除指定规则组下的企业客户标签"
    POST "/cgi-bin/externalcontact/del_strategy_tag" []
    {}
    optional { tag_id: Vec<String>, group_id: Vec<String> }
    => Done
}
