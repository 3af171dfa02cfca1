//! Messages to members, chats and robots (wecom-api MS-1 to MS-8, bodies §3.1). No send is ever repeated by itself,
//! unless the platform was told to recognise it.
//!
//! Must not know: what is told.

use serde_json::Value;

use super::{
    super::{
        declare::{endpoints, shapes},
        row::{TokenKind, per_day, per_hour, per_minute},
        wire::{Flag, Piped},
    },
    shapes::{Done, MediaRef, Text},
};
use crate::secret::Secret;

shapes! {
    /// A film.
    Video {
        media_id: String,
        /// At most 128 bytes.
        title: Option<String>,
        /// At most 512 bytes.
        description: Option<String>,
    }

    /// A card.
    TextCard {
        /// At most 128 characters.
        title: String,
        /// At most 512 characters.
        description: String,
        url: String,
        /// At most 4 characters.
        btntxt: Option<String>,
    }

    /// News.
    News {
        /// 1 to 8 (45008).
        articles: Vec<Article>,
    }

    /// One piece of news.
    Article {
        /// At most 128 bytes.
        title: String,
        /// At most 512 bytes.
        description: Option<String>,
        url: Option<String>,
        picurl: Option<String>,
        appid: Option<String>,
        pagepath: Option<String>,
    }

    /// News whose text the platform keeps.
    MpNews {
        /// 1 to 8.
        articles: Vec<MpArticle>,
    }

    /// One such piece.
    MpArticle {
        /// At most 128 bytes.
        title: String,
        thumb_media_id: String,
        /// At most 64 bytes.
        author: Option<String>,
        content_source_url: Option<String>,
        /// At most 666 KB.
        content: String,
        /// At most 512 bytes.
        digest: Option<String>,
    }

    /// A text in markdown.
    Markdown {
        /// At most 2048 bytes, 4096 for a robot.
        content: String,
    }

    /// A picture inside a robot's message, at most 2 MB.
    InlinePicture {
        /// Without line breaks.
        base64: String,
        /// Of the raw bytes.
        md5: String,
    }

    /// A chat made by an app.
    AppChat {
        chatid: String,
        name: String,
        owner: String,
        userlist: Vec<String>,
    }
}

endpoints! {
    /// Tells members something. Receivers who could not be reached are in the answer, with `errcode` 0; all of them
    /// unreachable is 81013, none given 82001. A member gets 30 a minute and 1000 an hour, more are dropped silently.
    /// Never repeated, unless `enable_duplicate_check` is set.
    "MS-1" message_send MessageSend B "90236" "发送应用消息"
    POST "/cgi-bin/message/send" [each("touser", &[per_minute(30), per_hour(1000)])]
    {
        /// `text`, `image`, `voice`, `video`, `file`, `textcard`, `news`, `mpnews`, `markdown`, `miniprogram_notice`,
        /// `template_card`, and the field of that name.
        msgtype: String,
        agentid: i64,
    }
    optional {
        /// At most 1000, or `@all`.
        touser: Piped,
        /// At most 100.
        toparty: Piped,
        /// At most 100.
        totag: Piped,
        /// At most 2048 bytes; longer is cut.
        text: Text,
        image: MediaRef,
        voice: MediaRef,
        video: Video,
        file: MediaRef,
        textcard: TextCard,
        news: News,
        mpnews: MpNews,
        markdown: Markdown,
        miniprogram_notice: Value,
        template_card: Value,
        interactive_taskcard: Value,
        /// 1 not to be forwarded, 2 within the company only; not for voice, textcard, news, markdown.
        safe: i64,
        enable_id_trans: Flag,
        enable_duplicate_check: Flag,
        /// Seconds; 1800 without it, at most 14400.
        duplicate_check_interval: i64,
    }
    => SentMessage {
        /// LOWER-CASED.
        invaliduser: Piped,
        invalidparty: Piped,
        invalidtag: Piped,
        unlicenseduser: Piped,
        msgid: String,
        response_code: Option<String>,
    }

    /// Makes a chat; the app must be visible to the root department. 1000 a day. Code: 86215 exists.
    "MS-2" appchat_create AppchatCreate B "90245" "创建群聊会话"
    POST "/cgi-bin/appchat/create" [limits(&[per_day(1000)])]
    {
        /// 2 to 2000.
        userlist: Vec<String>,
    }
    optional {
        /// At most 50 characters.
        name: String,
        owner: String,
        /// At most 32 of 0-9, a-z, A-Z.
        chatid: String,
    }
    => CreatedChat { chatid: String }

    /// Changes a chat. 1000 an hour. Code: 86216 member invalid.
    "MS-3" appchat_update AppchatUpdate C "90246" "修改群聊会话"
    POST "/cgi-bin/appchat/update" [limits(&[per_hour(1000)])]
    { chatid: String }
    optional { name: String, owner: String, add_user_list: Vec<String>, del_user_list: Vec<String> }
    => Done

    /// A chat made by the same app (86008 otherwise).
    "MS-4" appchat_get AppchatGet C "90247" "获取群聊会话"
    GET "/cgi-bin/appchat/get" [repeatable()]
    { chatid: String }
    => OneAppChat { chat_info: AppChat }

    /// Tells a chat something. A member gets 200 a minute, more are dropped.
    "MS-5" appchat_send AppchatSend B "90248" "应用推送消息"
    POST "/cgi-bin/appchat/send" [each("chatid", &[per_minute(200), per_day(10_000)])]
    {
        chatid: String,
        /// As [`MessageSend::msgtype`], without cards for programs.
        msgtype: String,
    }
    optional {
        text: Text,
        image: MediaRef,
        voice: MediaRef,
        video: Video,
        file: MediaRef,
        textcard: TextCard,
        news: News,
        mpnews: MpNews,
        markdown: Markdown,
        safe: i64,
    }
    => Done

    /// Tells a group something through a robot: 20 a minute. The key is the credential. Codes: 93000 key wrong or robot
    /// gone, 93004 switched off, 93008 not in the group.
    "MS-6" webhook_send WebhookSend B "91770" "群机器人发送消息"
    POST "/cgi-bin/webhook/send?key="
    [token(TokenKind::None) limits(&[per_minute(20)])]
    {
        /// Goes into the address; never logged.
        key: Secret,
        /// `text`, `markdown`, `image`, `news`, `file`, `voice` or `template_card`.
        msgtype: String,
    }
    optional {
        text: Text,
        markdown: Markdown,
        image: InlinePicture,
        news: News,
        file: MediaRef,
        voice: MediaRef,
        template_card: Value,
    }
    => Done

    /// Uploads a file of 5 bytes to 20 MB for the same robot; kept 3 days.
    "MS-7" webhook_upload_media WebhookUploadMedia C "91770" "群机器人文件上传"
    POST "/cgi-bin/webhook/upload_media?key=&type=file"
    [token(TokenKind::None) upload() limits(&[per_minute(20)])]
    { key: Secret }
    => RobotMedia {
        kind = "type": String,
        media_id: String,
        /// Seconds.
        created_at: i64,
    }

    /// Takes a message back within 24 hours.
    "MS-8" message_recall MessageRecall C "94867" "撤回应用消息"
    POST "/cgi-bin/message/recall" []
    { msgid: String }
    => Done
}
