//! The payloads: one variant per type of messages §3, one file per family.
//!
//! Enters: a type's word and its payload object. Leaves: a [`Payload`], its searchable texts, its line for
//! screens. Must not know: the envelope, ids of people, where files are fetched.

mod call;
mod card;
mod event;
mod form;
mod link;
mod media;
mod meeting;
mod mixed;
mod place;
mod text;
mod unknown;

use serde::{Serialize, Serializer};

pub use {
    call::{MeetingVoiceCall, ScreenShare, SharedFile, VoipDocShare, VoipText},
    card::{Card, SphFeed, Weapp},
    event::{Agree, Disagree, Revoke, Switch},
    form::{Collect, ExternalRedPacket, Question, RedPacket, Todo, Vote},
    link::{Article, DocMsg, Link, News},
    media::{Emotion, File, Image, QyDiskFile, Video, Voice},
    meeting::{Calendar, Meeting, MeetingNotification},
    mixed::{ChatRecord, Content, Item, Mixed, Note},
    place::Location,
    text::{Markdown, Text},
    unknown::{Solitaire, Unknown},
};

use super::{
    envelope::Envelope,
    json::{Tape, View},
    leftover,
    phrase::Language,
    place::Texts,
};
use crate::secret::Secret;

/// Containers that are read into one another; what is deeper is kept raw (messages §5).
pub(super) const DEEPEST: u8 = 16;

/// What every payload can do.
trait Shape: Sized {
    /// Reads the payload object. Never fails: what is missing or of another type is left empty.
    fn read(payload: View<'_>, nest: &mut Nest) -> Self;

    /// Hands over what can be searched, each field on its own.
    fn texts(&self, _out: &mut Texts) {}

    /// A line for screens, still with whatever characters the sender chose.
    fn line(&self, language: Language) -> String;
}

/// How deep the reading is, and what was odd on the way.
#[derive(Default)]
pub(super) struct Nest {
    /// Containers around the payload in hand.
    depth: u8,
    /// A nested document was kept as a string.
    pub(super) unread: bool,
    /// A nested document could only be read leniently.
    pub(super) lenient: bool,
    /// The payload of the message is not of its type's form.
    pub(super) misshapen: bool,
    /// Inside a forwarded conversation.
    forwarded: bool,
    /// Strings of items that no type declares, and whether they were forwarded.
    pub(super) left: Vec<(String, bool)>,
}

macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident($shape:ty) = $word:literal in $key:literal,)*) => {
        /// The typed view of a message's payload, by type (messages §3, §4).
        ///
        /// Serialised it is the payload's fields under their documented names plus `kind`, the type's word.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "kind")]
        pub enum Payload {
            $($(#[$doc])* #[serde(rename = $word)] $name($shape),)*
            /// A type, or a shape of a known type, that nobody has described.
            #[serde(rename = "unknown")]
            Unknown(Unknown),
        }

        /// Every type that is known by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// All of them, in the order of messages §3.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The `msgtype`.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The type of that `msgtype`, in whatever spelling ([`same_spelling`]).
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)*
                    _ => Self::ALL.iter().copied().find(|kind| same_spelling(kind.word(), word)),
                }
            }

            /// The key its payload stands under.
            fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            fn read(self, payload: View<'_>, nest: &mut Nest) -> Payload {
                match self { $(Self::$name => Payload::$name(Shape::read(payload, nest)),)* }
            }
        }

        impl Payload {
            /// Hands over what can be searched.
            pub(super) fn texts(&self, out: &mut Texts) {
                match self {
                    $(Self::$name(shape) => shape.texts(out),)*
                    Self::Unknown(shape) => shape.texts(out),
                }
            }

            /// Its type; `None` for what is unknown.
            pub fn kind(&self) -> Option<Kind> {
                match self { $(Self::$name(_) => Some(Kind::$name),)* Self::Unknown(_) => None }
            }

            /// A line for screens, not yet cleaned of control characters.
            pub(super) fn line(&self, language: Language) -> String {
                match self {
                    $(Self::$name(shape) => shape.line(language),)*
                    Self::Unknown(shape) => shape.line(language),
                }
            }
        }
    };
}

payloads! {
    /// 文本.
    Text(Text) = "text" in "text",
    /// 图片.
    Image(Image) = "image" in "image",
    /// 撤回消息.
    Revoke(Revoke) = "revoke" in "revoke",
    /// 同意会话聊天内容.
    Agree(Agree) = "agree" in "agree",
    /// 不同意会话聊天内容.
    Disagree(Disagree) = "disagree" in "disagree",
    /// 语音.
    Voice(Voice) = "voice" in "voice",
    /// 视频.
    Video(Video) = "video" in "video",
    /// 名片.
    Card(Card) = "card" in "card",
    /// 位置.
    Location(Location) = "location" in "location",
    /// 表情.
    Emotion(Emotion) = "emotion" in "emotion",
    /// 文件.
    File(File) = "file" in "file",
    /// 链接.
    Link(Link) = "link" in "link",
    /// 小程序消息.
    Weapp(Weapp) = "weapp" in "weapp",
    /// 会话记录消息.
    ChatRecord(ChatRecord) = "chatrecord" in "chatrecord",
    /// 待办消息.
    Todo(Todo) = "todo" in "todo",
    /// 投票消息.
    Vote(Vote) = "vote" in "vote",
    /// 填表消息.
    Collect(Collect) = "collect" in "collect",
    /// 红包消息.
    RedPacket(RedPacket) = "redpacket" in "redpacket",
    /// 会议邀请消息.
    Meeting(Meeting) = "meeting" in "meeting",
    /// 会议控制消息.
    MeetingNotification(MeetingNotification) = "meeting_notification" in "info",
    /// 切换企业日志: an action, its fields at the top.
    Switch(Switch) = "switch" in "",
    /// 在线文档消息.
    DocMsg(DocMsg) = "docmsg" in "doc",
    /// MarkDown 格式消息.
    Markdown(Markdown) = "markdown" in "info",
    /// 图文消息.
    News(News) = "news" in "info",
    /// 日程消息.
    Calendar(Calendar) = "calendar" in "calendar",
    /// 混合消息.
    Mixed(Mixed) = "mixed" in "mixed",
    /// 音频存档消息.
    MeetingVoiceCall(MeetingVoiceCall) = "meeting_voice_call" in "meeting_voice_call",
    /// 音频共享文档消息.
    VoipDocShare(VoipDocShare) = "voip_doc_share" in "voip_doc_share",
    /// 互通红包消息.
    ExternalRedPacket(ExternalRedPacket) = "external_redpacket" in "redpacket",
    /// 视频号消息.
    SphFeed(SphFeed) = "sphfeed" in "sphfeed",
    /// 音视频通话.
    VoipText(VoipText) = "voiptext" in "info",
    /// 微盘文件.
    QyDiskFile(QyDiskFile) = "qydiskfile" in "info",
    /// 笔记消息.
    Note(Note) = "note" in "info",
    /// 接龙消息: known by name, its fields are not (messages §4.33).
    Solitaire(Solitaire) = "solitaire" in "solitaire",
}

impl Payload {
    /// Reads the payload of a whole message.
    pub(super) fn of_message(msgtype: &str, root: View<'_>, nest: &mut Nest) -> Self {
        let Some(kind) = Kind::from_word(msgtype) else {
            return Self::Unknown(Unknown::of_message(root));
        };
        let own = || {
            let exact = root.field(kind.key()).or_else(|| root.field(kind.word()));
            exact.or_else(|| kind.payload_otherwise(root))
        };
        match kind {
            Kind::Switch => kind.read(root, nest),
            Kind::Solitaire => Self::Solitaire(Solitaire::of_message(root)),
            // messages §4.15: readers disagree whether the fields stand at the top; whichever is there counts.
            Kind::Vote if own().is_none() => kind.read(root, nest),
            _ => match own() {
                Some(payload) if payload.is_object() || kind == Kind::ChatRecord && payload.is_array() => {
                    let mut read = kind.read(payload, nest);
                    read.adopt(root);
                    read
                }
                // The payload is no object, or stands under a key nobody told of: keep its texts findable.
                found => {
                    let unknown = Unknown::of_message(root);
                    nest.misshapen = found.is_some() || !unknown.texts.is_empty();
                    match unknown.texts.is_empty() {
                        true => kind.read(root, nest),
                        false => Self::Unknown(unknown),
                    }
                }
            },
        }
    }

    /// Reads the payload object of an item inside a container; `None` when it is not of a payload's shape.
    fn of_item(word: &str, payload: View<'_>, nest: &mut Nest) -> Option<Self> {
        match Kind::from_word(&nested_word(word)) {
            Some(kind) if payload.is_object() || kind == Kind::ChatRecord && payload.is_array() => {
                let read = kind.read(payload, nest);
                nest.keep_left(&read, payload);
                Some(read)
            }
            None if payload.is_object() || payload.is_array() => {
                Some(Self::Unknown(Unknown::of_payload(payload)))
            }
            _ => None,
        }
    }

    /// Takes over the fields of two types that stand beside the payload object (messages §4.26, §4.27).
    fn adopt(&mut self, root: View<'_>) {
        match self {
            Self::MeetingVoiceCall(call) => {
                call.voiceid = root.text("voiceid");
                call.began(root.int("msgtime"));
            }
            Self::VoipDocShare(share) => share.voipid = root.text("voipid"),
            _ => {}
        }
    }

    /// The items of a container; none for other types.
    pub fn items(&self) -> &[Item] {
        match self {
            Self::ChatRecord(ChatRecord { items, .. })
            | Self::Mixed(Mixed { items })
            | Self::Note(Note { items }) => items,
            _ => &[],
        }
    }

    /// True for links, online documents and articles, also inside containers.
    pub fn has_link(&self) -> bool {
        match self {
            Self::Link(_) | Self::DocMsg(_) | Self::News(_) => true,
            _ => self
                .items()
                .iter()
                .any(|item| matches!(&item.content, Content::Read(inner) if inner.has_link())),
        }
    }
}

impl Kind {
    /// The payload where it stands under a key that is not the documented one: in another spelling, or an answer about
    /// consent under the key of the other answer. The type says which answer it is.
    fn payload_otherwise(self, root: View<'_>) -> Option<View<'_>> {
        let other = match self {
            Self::Agree => Self::Disagree,
            Self::Disagree => Self::Agree,
            other => other,
        };
        let names = [self.key(), self.word(), other.key()];
        let mut fields = root
            .fields()
            .filter(|(key, value)| !Envelope::owns(key) && !value.is_null());
        fields
            .find(|(key, _)| {
                names
                    .iter()
                    .any(|name| !name.is_empty() && same_spelling(name, key))
            })
            .map(|(_, value)| value)
    }
}

impl Nest {
    /// Keeps the strings of an item that its type does not declare.
    fn keep_left(&mut self, read: &Payload, payload: View<'_>) {
        let (mut strings, mut own) = (Vec::new(), Texts::default());
        leftover::strings("", payload, &mut strings);
        if !strings.is_empty() {
            read.texts(&mut own);
            let declared = own.segments.len();
            leftover::add(&strings, &mut own, false);
            let left = own
                .segments
                .drain(declared..)
                .map(|segment| (segment.text, self.forwarded));
            self.left.extend(left);
        }
    }
}

/// True for two spellings of one word of the format: WeCom's own pages and data differ in case and underscores
/// (`meeting_voice_call`, `meetingvoicecall`, `MeetingVoiceCall`).
pub fn same_spelling(a: &str, b: &str) -> bool {
    let letters = |byte: &u8| *byte != b'_' && *byte != b'-';
    let (mut left, mut right) = (a.bytes().filter(letters), b.bytes().filter(letters));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(&b) => {}
            _ => return false,
        }
    }
}

/// The type a nested item names, as a `msgtype`: `ChatRecordText` is `text`, in any case (messages §5).
pub(super) fn nested_word(word: &str) -> String {
    let mut word = word.to_ascii_lowercase();
    if let Some(inner) = word.strip_prefix("chatrecord").filter(|inner| !inner.is_empty()) {
        word = inner.to_owned();
    }
    word
}

/// Serialises a handle as what may be shown of it: whether there is one.
fn masked<S: Serializer>(handle: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(if handle.is_empty() { "" } else { "***" })
}
