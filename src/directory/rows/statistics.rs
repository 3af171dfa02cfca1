//! The platform's own counts (wecom-api ST-1 to ST-3), to check the archive against. Days begin at midnight in Beijing;
//! 30 days at once, 180 days back.
//!
//! Must not know: what the archive holds.

use super::{
    super::{
        declare::{endpoints, shapes},
        row::Paging,
        wire::Flag,
    },
    shapes::OwnerFilter,
};

shapes! {
    /// One day of all members that were asked for, together.
    BehaviorDay {
        /// Midnight, seconds.
        stat_time: i64,
        chat_cnt: i64,
        message_cnt: i64,
        /// Percent; missing when nobody talked.
        reply_percentage: Option<f64>,
        /// Minutes.
        avg_reply_time: Option<i64>,
        negative_feedback_cnt: i64,
        new_apply_cnt: i64,
        new_contact_cnt: i64,
    }

    /// Counts of groups.
    GroupCounts {
        new_chat_cnt: i64,
        chat_total: i64,
        chat_has_msg: i64,
        new_member_cnt: i64,
        member_total: i64,
        member_has_msg: i64,
        msg_total: i64,
        migrate_trainee_chat_cnt: Option<i64>,
    }

    /// Counts of an owner.
    OwnerCounts {
        owner: String,
        data: GroupCounts,
    }

    /// Counts of a day.
    DayCounts {
        /// Midnight, seconds.
        stat_time: i64,
        data: GroupCounts,
    }
}

endpoints! {
    /// Conversations of members by day, added up over all that are given: ask for one member to know one.
    "ST-1" user_behavior_data UserBehaviorData B "92132" "获取「联系客户统计」数据"
    POST "/cgi-bin/externalcontact/get_user_behavior_data" [repeatable()]
    {
        /// Seconds.
        start_time: i64,
        /// Seconds.
        end_time: i64,
    }
    optional {
        /// At most 100; this or `partyid`.
        userid: Vec<String>,
        /// At most 100.
        partyid: Vec<i64>,
    }
    => BehaviorData { behavior_data: Vec<BehaviorDay> }

    /// Groups by owner: the only one that pages by offset.
    "ST-2" group_chat_statistic GroupChatStatistic B "92133" "获取「群聊数据统计」数据"
    POST "/cgi-bin/externalcontact/groupchat/statistic" [repeatable() paging(Paging::Offset)]
    {
        /// Seconds.
        day_begin_time: i64,
        /// Required here.
        owner_filter: OwnerFilter,
    }
    optional {
        /// Seconds.
        day_end_time: i64,
        /// 1 new groups, 2 total, 3 new members, 4 members.
        order_by: i64,
        order_asc: Flag,
        offset: i64,
        /// At most 1000; 500 without it.
        limit: i64,
    }
    => GroupStatistic { total: i64, next_offset: i64, items: Vec<OwnerCounts> }

    /// Groups by day.
    "ST-3" group_chat_statistic_by_day GroupChatStatisticByDay B "92133" "获取「群聊数据统计」数据（按自然日聚合）"
    POST "/cgi-bin/externalcontact/groupchat/statistic_group_by_day" [repeatable()]
    { day_begin_time: i64, owner_filter: OwnerFilter }
    optional { day_end_time: i64 }
    => GroupStatisticByDay { items: Vec<DayCounts> }
}
