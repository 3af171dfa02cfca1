//! Tags of members (wecom-api TG-1 to TG-7). Apps see only tags they made or that are visible to them.
//!
//! Must not know: customer tags, which are another thing.

use super::{
    super::{
        declare::{endpoints, shapes},
        wire::Piped,
    },
    shapes::Done,
};

shapes! {
    /// A tag.
    MemberTag {
        tagid: i64,
        tagname: String,
    }

    /// A member with a tag.
    TaggedUser {
        userid: String,
        name: Option<String>,
    }

    /// Who could not be tagged or untagged; `errcode` is 0 all the same.
    TagChange {
        /// Joined by `|` on the wire.
        invalidlist: Piped,
        /// An array on the wire.
        invalidparty: Vec<i64>,
    }
}

endpoints! {
    /// Makes a tag; 3000 in all. Codes: 40071 exists, 40072 too long.
    "TG-1" tag_create TagCreate C "90210" "创建标签"
    POST "/cgi-bin/tag/create" []
    {
        /// At most 32 characters.
        tagname: String,
    }
    optional { tagid: i64 }
    => CreatedTag { tagid: i64 }

    /// Renames a tag. Code: 40068 unknown.
    "TG-2" tag_update TagUpdate C "90211" "更新标签名字"
    POST "/cgi-bin/tag/update" []
    { tagid: i64, tagname: String }
    => Done

    /// Deletes a tag.
    "TG-3" tag_delete TagDelete C "90212" "删除标签"
    GET "/cgi-bin/tag/delete" []
    { tagid: i64 }
    => Done

    /// Who has a tag, of those the app may see.
    "TG-4" tag_get TagGet B "90213" "获取标签成员"
    GET "/cgi-bin/tag/get" [repeatable() holds(&["userlist"])]
    { tagid: i64 }
    => TagMembers { tagname: String, userlist: Vec<TaggedUser>, partylist: Vec<i64> }

    /// Tags members and departments, not both lists empty. Code: 40070 all of them invalid, 81014 too many.
    "TG-5" tag_add_users TagAddUsers C "90214" "增加标签成员"
    POST "/cgi-bin/tag/addtagusers" []
    { tagid: i64 }
    optional {
        /// At most 1000.
        userlist: Vec<String>,
        /// At most 100.
        partylist: Vec<i64>,
    }
    => TagChange

    /// Takes a tag off. Code: 40031 all of them invalid.
    "TG-6" tag_del_users TagDelUsers C "90215" "删除标签成员"
    POST "/cgi-bin/tag/deltagusers" []
    { tagid: i64 }
    optional {
        /// At most 1000.
        userlist: Vec<String>,
        /// At most 100.
        partylist: Vec<i64>,
    }
    => TagChange

    /// All tags.
    "TG-7" tag_list TagList B "90216" "获取标签列表"
    GET "/cgi-bin/tag/list" [repeatable() holds(&["taglist"])]
    {}
    => Tags { taglist: Vec<MemberTag> }
}
