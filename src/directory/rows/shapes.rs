//! Shapes that several families share (wecom-api §3).
//!
//! Must not know: rows.

use crate::directory::{declare::shapes, wire::Flag};

shapes! {
    /// An answer that says only that it was done; `errmsg` may be `ok`, `created`, `updated`, `deleted` or empty.
    Done {}

    /// A member. Since 2022 most apps get little more than id, name, departments and status.
    User {
        userid: String,
        name: Option<String>,
        /// All departments, by id.
        department: Vec<i64>,
        /// Place inside each department, up to 2^32-1, parallel to `department`.
        order: Option<Vec<i64>>,
        position: Option<String>,
        mobile: Option<String>,
        /// 0 unknown, 1 male, 2 female; often a text on the wire.
        gender: Option<i64>,
        email: Option<String>,
        biz_mail: Option<String>,
        /// Parallel to `department`.
        is_leader_in_dept: Option<Vec<Flag>>,
        direct_leader: Option<Vec<String>>,
        avatar: Option<String>,
        thumb_avatar: Option<String>,
        telephone: Option<String>,
        alias: Option<String>,
        english_name: Option<String>,
        address: Option<String>,
        open_userid: Option<String>,
        main_department: Option<i64>,
        extattr: Option<ExtAttr>,
        /// 1 active, 2 disabled, 4 not activated, 5 left.
        status: Option<i64>,
        enable: Option<Flag>,
        qr_code: Option<String>,
        external_position: Option<String>,
        external_profile: Option<ExternalProfile>,
    }

    /// Additional attributes of a member.
    ExtAttr {
        attrs: Vec<Attribute>,
    }

    /// One attribute: a text, a web page or a mini program.
    Attribute {
        /// 0 text, 1 web page, 2 mini program.
        kind = "type": Option<i64>,
        name: String,
        text: Option<AttributeText>,
        web: Option<AttributeWeb>,
        miniprogram: Option<AttributeMiniProgram>,
        /// Older pushes carry name and value only.
        value: Option<String>,
    }

    /// A text attribute.
    AttributeText {
        /// At most 12 characters in a profile.
        value: String,
    }

    /// A web page attribute.
    AttributeWeb {
        url: String,
        title: String,
    }

    /// A mini program attribute.
    AttributeMiniProgram {
        appid: String,
        pagepath: String,
        title: String,
    }

    /// What outsiders see of a member.
    ExternalProfile {
        external_corp_name: Option<String>,
        wechat_channels: Option<Channels>,
        external_attr: Option<Vec<Attribute>>,
    }

    /// A video channel.
    Channels {
        nickname: Option<String>,
        /// 0 unknown, 1 video, 2 live, 3 and more in newer documents.
        source: Option<i64>,
        status: Option<i64>,
    }

    /// An external contact.
    ExternalContact {
        external_userid: String,
        name: String,
        avatar: Option<String>,
        /// 1 WeChat, 2 WeCom.
        kind = "type": i64,
        /// 0 unknown, 1 male, 2 female.
        gender: Option<i64>,
        unionid: Option<String>,
        position: Option<String>,
        /// WeCom contacts only.
        corp_name: Option<String>,
        /// WeCom contacts only.
        corp_full_name: Option<String>,
        /// WeCom contacts only.
        external_profile: Option<ExternalProfile>,
    }

    /// A member's view of an external contact, from `external_contact_get`.
    FollowUser {
        /// The MEMBER.
        userid: String,
        remark: String,
        description: String,
        /// When the contact was added, seconds.
        createtime: i64,
        tags: Option<Vec<FollowTag>>,
        remark_corp_name: Option<String>,
        remark_mobiles: Option<Vec<String>>,
        oper_userid: Option<String>,
        /// How it was added: 0 unknown, 1 QR code, 2 phone search, 3 card, 4 group chat, 5 phone book, 6 WeChat
        /// contact, 8 third-party app, 9 e-mail, 10 video channel, 201 shared, 202 assigned; others are kept.
        add_way: i64,
        state: Option<String>,
        wechat_channels: Option<Channels>,
    }

    /// A tag on a contact.
    FollowTag {
        group_name: String,
        tag_name: String,
        /// 1 company, 2 the member's own, 3 strategy.
        kind = "type": i64,
        /// Missing for a member's own tags.
        tag_id: Option<String>,
    }

    /// As [`FollowUser`], but with bare tag ids; from `external_contact_batch_get`.
    FollowInfo {
        /// The MEMBER.
        userid: String,
        remark: String,
        description: String,
        /// Seconds.
        createtime: i64,
        tag_id: Option<Vec<String>>,
        remark_corp_name: Option<String>,
        remark_mobiles: Option<Vec<String>>,
        oper_userid: Option<String>,
        /// As in [`FollowUser`].
        add_way: i64,
        state: Option<String>,
        wechat_channels: Option<Channels>,
    }

    /// A group of customer tags.
    TagGroup {
        group_id: String,
        group_name: String,
        /// Seconds.
        create_time: i64,
        /// Up to 2^32-1.
        order: i64,
        /// Present only when ids were asked for.
        deleted: Option<bool>,
        tag: Vec<CustomerTag>,
        strategy_id: Option<i64>,
    }

    /// A customer tag.
    CustomerTag {
        id: String,
        name: String,
        /// Seconds.
        create_time: i64,
        /// Up to 2^32-1.
        order: i64,
        deleted: Option<bool>,
    }

    /// A tag to be made.
    NewTag {
        /// At most 30 characters.
        name: String,
        order: Option<i64>,
    }

    /// A customer group.
    GroupChat {
        chat_id: String,
        /// Empty for a group that was never named.
        name: String,
        owner: String,
        /// Seconds.
        create_time: i64,
        notice: Option<String>,
        member_list: Vec<GroupMember>,
        admin_list: Option<Vec<UserRef>>,
        member_version: Option<String>,
    }

    /// Somebody in a customer group.
    GroupMember {
        /// A userid or an external_userid.
        userid: String,
        /// 1 member of the company, 2 external.
        kind = "type": i64,
        unionid: Option<String>,
        /// Seconds.
        join_time: i64,
        /// 1 invited, 2 by link, 3 by QR code.
        join_scene: i64,
        /// Spelt so; only when the inviter belongs to the company.
        invitor: Option<UserRef>,
        group_nickname: Option<String>,
        /// With `need_name` only.
        name: Option<String>,
        state: Option<String>,
    }

    /// A userid in an object.
    UserRef {
        userid: String,
    }

    /// An owner filter.
    OwnerFilter {
        /// At most 100.
        userid_list: Vec<String>,
    }

    /// A text body.
    Text {
        content: String,
        /// Chats and robots: userids, or `@all`.
        mentioned_list: Option<Vec<String>>,
        /// Chats and robots: mobile numbers, or `@all`.
        mentioned_mobile_list: Option<Vec<String>>,
    }

    /// An uploaded file.
    MediaRef {
        media_id: String,
    }

    /// A picture: `media_id` when written, `pic_url` when read.
    Picture {
        media_id: Option<String>,
        pic_url: Option<String>,
    }

    /// A link.
    Link {
        /// At most 128 bytes.
        title: String,
        picurl: Option<String>,
        /// At most 512 bytes.
        desc: Option<String>,
        url: String,
    }

    /// A mini program.
    MiniProgram {
        /// At most 64 bytes.
        title: String,
        pic_media_id: Option<String>,
        appid: String,
        page: String,
    }

    /// One attachment of a group-send or welcome message.
    Attachment {
        /// `image`, `link`, `miniprogram`, `video` or `file`, and the object of that name.
        msgtype: String,
        image: Option<Picture>,
        link: Option<Link>,
        miniprogram: Option<MiniProgram>,
        video: Option<MediaRef>,
        file: Option<MediaRef>,
    }

    /// What a temporary conversation ends with: a text and one other.
    Conclusions {
        /// At most 4000 bytes.
        text: Option<Text>,
        image: Option<Picture>,
        link: Option<Link>,
        miniprogram: Option<MiniProgram>,
    }

    /// An id that failed, and why.
    FailedChat {
        chat_id: String,
        errcode: i64,
        errmsg: String,
    }

    /// A customer and the code of its transfer.
    TransferredCustomer {
        external_userid: String,
        /// 0 when it went well.
        errcode: i64,
    }

    /// A transfer's state.
    TransferState {
        external_userid: String,
        /// 1 done, 2 waiting, 3 refused, 4 limit reached, 5 no record.
        status: i64,
        /// Seconds.
        takeover_time: Option<i64>,
    }

    /// An id and the id it became.
    NewExternalId {
        external_userid: String,
        new_external_userid: String,
    }

    /// A button of an app's menu.
    MenuButton {
        kind = "type": Option<String>,
        name: String,
        key: Option<String>,
        url: Option<String>,
        appid: Option<String>,
        pagepath: Option<String>,
        sub_button: Option<Vec<MenuButton>>,
    }

    /// Where the result of an import is sent.
    JobCallback {
        url: String,
        token: crate::secret::Secret,
        encodingaeskey: crate::secret::Secret,
    }
}
