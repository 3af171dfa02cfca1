//! Messages sent to many customers, and welcome messages (wecom-api GM-1 to GM-11).
//!
//! Must not know: who wrote them.

use super::{
    super::{
        declare::{endpoints, shapes},
        row::per_day,
        wire::Flag,
    },
    shapes::{Attachment, Done, Link, MediaRef, MiniProgram, Picture, Text},
};
use crate::secret::Secret;

shapes! {
    /// Customers by their tags.
    TagFilter {
        group_list: Vec<TagFilterGroup>,
    }

    /// Tags of one group.
    TagFilterGroup {
        tag_list: Vec<String>,
    }

    /// A task to send.
    GroupMessage {
        msgid: String,
        creator: Option<String>,
        /// Seconds; once documented as a text.
        create_time: i64,
        /// 0 by the company, 1 by a member.
        create_type: i64,
        text: Option<Text>,
        attachments: Option<Vec<Attachment>>,
    }

    /// A member's part of a task.
    GroupTask {
        userid: String,
        /// 0 not sent, 2 sent.
        status: i64,
        /// Seconds.
        send_time: Option<i64>,
    }

    /// What became of one receiver.
    GroupSendItem {
        /// Single chats.
        external_userid: Option<String>,
        /// Groups.
        chat_id: Option<String>,
        userid: String,
        /// 0 not sent, 1 sent, 2 no friend, 3 got another one already.
        status: i64,
        /// Seconds.
        send_time: Option<i64>,
    }
}

endpoints! {
    /// Makes a task that members must confirm; text and attachments not both empty. Receivers that cannot be reached are
    /// in the answer, with `errcode` 0. Code: 41048 nobody to send to.
    "GM-1" add_msg_template AddMsgTemplate C "92135" "创建企业群发"
    POST "/cgi-bin/externalcontact/add_msg_template" []
    {}
    optional {
        /// `single` (default) or `group`.
        chat_type: String,
        /// At most 10000.
        external_userid: Vec<String>,
        /// At most 2000.
        chat_id_list: Vec<String>,
        tag_filter: TagFilter,
        /// Required for groups.
        sender: String,
        allow_select: bool,
        /// At most 4000 bytes.
        text: Text,
        /// At most 9.
        attachments: Vec<Attachment>,
    }
    => MsgTemplate { fail_list: Vec<String>, msgid: String }

    /// Tasks of at most a month: explains bulk messages in the archive. Right after making one: 41063, later.
    "GM-2" groupmsg_list GroupmsgList B "93338" "获取群发记录列表"
    POST "/cgi-bin/externalcontact/get_groupmsg_list_v2" [repeatable() cursor()]
    {
        /// `single` or `group`.
        chat_type: String,
        /// Seconds.
        start_time: i64,
        /// Seconds, at most a month later.
        end_time: i64,
    }
    optional {
        creator: String,
        /// 0 company, 1 personal, 2 all (default).
        filter_type: i64,
        /// At most 100; 50 without it.
        limit: i64,
        cursor: String,
    }
    => GroupMessages { group_msg_list: Vec<GroupMessage>, next_cursor: Option<String> }

    /// Members' parts of a task.
    "GM-3" groupmsg_task GroupmsgTask C "93338" "获取群发成员发送任务列表"
    POST "/cgi-bin/externalcontact/get_groupmsg_task" [repeatable() cursor()]
    { msgid: String }
    optional {
        /// At most 1000; 500 without it.
        limit: i64,
        cursor: String,
    }
    => GroupTasks { task_list: Vec<GroupTask>, next_cursor: Option<String> }

    /// Receivers of one member's part.
    "GM-4" groupmsg_send_result GroupmsgSendResult C "93338" "获取企业群发成员执行结果"
    POST "/cgi-bin/externalcontact/get_groupmsg_send_result" [repeatable() cursor()]
    { msgid: String, userid: String }
    optional {
        /// At most 1000; 500 without it.
        limit: i64,
        cursor: String,
    }
    => GroupSendItems { send_list: Vec<GroupSendItem>, next_cursor: Option<String> }

    /// Welcomes a new customer: once, within 20 seconds of the event. Codes, all final: 41050 late, 41051 talking already,
    /// 41053 has not agreed to archiving, 41096 being sent.
    "GM-5" send_welcome_msg SendWelcomeMsg C "92137" "发送新客户欢迎语"
    POST "/cgi-bin/externalcontact/send_welcome_msg" []
    { welcome_code: Secret }
    optional {
        /// At most 4000 bytes.
        text: Text,
        /// At most 9.
        attachments: Vec<Attachment>,
    }
    => Done

    /// Makes a welcome of groups; at most 100 (41055). One attachment counts: image, link, miniprogram, file, video.
    "GM-6" group_welcome_template_add GroupWelcomeTemplateAdd C "92366" "添加入群欢迎语素材"
    POST "/cgi-bin/externalcontact/group_welcome_template/add" []
    {}
    optional {
        /// At most 3000 bytes; may hold `%NICKNAME%`.
        text: Text,
        image: Picture,
        link: Link,
        miniprogram: MiniProgram,
        file: MediaRef,
        video: MediaRef,
        agentid: i64,
        /// The platform's default is 1.
        notify: Flag,
    }
    => AddedWelcome { template_id: String }

    /// REPLACES a welcome of groups.
    "GM-7" group_welcome_template_edit GroupWelcomeTemplateEdit C "92366" "编辑入群欢迎语素材"
    POST "/cgi-bin/externalcontact/group_welcome_template/edit" []
    { template_id: String }
    optional {
        text: Text,
        image: Picture,
        link: Link,
        miniprogram: MiniProgram,
        file: MediaRef,
        video: MediaRef,
        agentid: i64,
    }
    => Done

    /// A welcome of groups; a picture comes back as `pic_url`.
    "GM-8" group_welcome_template_get GroupWelcomeTemplateGet C "92366" "获取入群欢迎语素材"
    POST "/cgi-bin/externalcontact/group_welcome_template/get" [repeatable()]
    { template_id: String }
    => GroupWelcome {
        text: Option<Text>,
        image: Option<Picture>,
        link: Option<Link>,
        miniprogram: Option<MiniProgram>,
        file: Option<MediaRef>,
        video: Option<MediaRef>,
        agentid: Option<i64>,
    }

    /// Deletes a welcome of groups.
    "GM-9" group_welcome_template_del GroupWelcomeTemplateDel C "92366" "删除入群欢迎语素材"
    POST "/cgi-bin/externalcontact/group_welcome_template/del" []
    { template_id: String }
    optional { agentid: i64 }
    => Done

    /// Reminds members of a task; 3 times in 24 hours (41094).
    "GM-10" remind_groupmsg_send RemindGroupmsgSend C "97610" "提醒成员群发"
    POST "/cgi-bin/externalcontact/remind_groupmsg_send" [each("msgid", &[per_day(3)])]
    { msgid: String }
    => Done

    /// Stops a task.
    "GM-11" cancel_groupmsg_send CancelGroupmsgSend C "97611" "停止企业群发"
    POST "/cgi-bin/externalcontact/cancel_groupmsg_send" []
    { msgid: String }
    => Done
}
