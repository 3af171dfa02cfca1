//! Kinds of messages and how often they occur.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What a message is: a type of messages §3, or a variant of one that readers get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Text,
    QuoteWecom,
    QuoteWechat,
    Image,
    File,
    Voice,
    Link,
    Emotion,
    Video,
    Mixed,
    Record1,
    Record2,
    Record3,
    RevokeAfter,
    RevokeBefore,
    RevokeLost,
    Weapp,
    Card,
    Location,
    Meeting,
    MeetingBig,
    MeetingNotification,
    Voiptext,
    Docmsg,
    Markdown,
    News,
    NewsOld,
    Calendar,
    Todo,
    Vote,
    VoteTop,
    Collect,
    Redpacket,
    ExternalRedpacket,
    Agree,
    Disagree,
    Switch,
    Sphfeed,
    Qydiskfile,
    Note,
    Solitaire,
    MeetingVoiceCall,
    VoipDocShare,
    VoipDocShareBig,
    Unknown,
    NumbersAsText,
    ControlBytes,
    LoneSurrogate,
    RawSurrogate,
    EscapedNul,
    Timeless,
}

use Kind::*;

/// Every kind with its share of all messages, in parts of roughly ten thousand.
pub(super) const SHARES: [(Kind, u32); 51] = [
    (Text, 6640),
    (QuoteWecom, 240),
    (QuoteWechat, 120),
    (Image, 900),
    (File, 330),
    (Voice, 330),
    (Link, 260),
    (Emotion, 230),
    (Video, 110),
    (Mixed, 110),
    (Record1, 90),
    (Record2, 25),
    (Record3, 10),
    (RevokeAfter, 85),
    (RevokeBefore, 3),
    (RevokeLost, 4),
    (Weapp, 80),
    (Card, 55),
    (Location, 40),
    (Meeting, 40),
    (MeetingBig, 3),
    (MeetingNotification, 20),
    (Voiptext, 50),
    (Docmsg, 40),
    (Markdown, 45),
    (News, 18),
    (NewsOld, 2),
    (Calendar, 25),
    (Todo, 15),
    (Vote, 8),
    (VoteTop, 5),
    (Collect, 10),
    (Redpacket, 18),
    (ExternalRedpacket, 8),
    (Agree, 15),
    (Disagree, 2),
    (Switch, 20),
    (Sphfeed, 20),
    (Qydiskfile, 8),
    (Note, 5),
    (Solitaire, 3),
    (MeetingVoiceCall, 6),
    (VoipDocShare, 4),
    (VoipDocShareBig, 1),
    (Unknown, 3),
    (NumbersAsText, 8),
    (ControlBytes, 2),
    (LoneSurrogate, 2),
    (RawSurrogate, 1),
    (EscapedNul, 1),
    (Timeless, 2),
];

/// From this many messages on every kind occurs at least once.
pub(super) const ALL_KINDS_FROM: u64 = 2000;

impl Kind {
    /// A kind by its share.
    pub(super) fn draw(rng: &mut ChaCha8Rng) -> Self {
        const TOTAL: u32 = {
            let (mut total, mut at) = (0, 0);
            while at < SHARES.len() {
                total += SHARES[at].1;
                at += 1;
            }
            total
        };
        let mut draw = rng.random_range(0..TOTAL);
        for (kind, share) in SHARES {
            if draw < share {
                return kind;
            }
            draw -= share;
        }
        Text
    }

    /// The kind that must stand at this place, so that a corpus of some size holds all of them.
    pub(super) fn due(place: u64, messages: u64) -> Option<Self> {
        let step = (messages.min(ALL_KINDS_FROM) / (SHARES.len() as u64 + 1)).max(1);
        // In a small corpus they would crowd out everything else.
        let due = step >= 4 && place % step == step - 1;
        due.then(|| SHARES.get((place / step) as usize).map(|(kind, _)| *kind))
            .flatten()
    }

    /// The name in `msgtype`; `switch` for the action without one.
    pub(super) fn msgtype(self) -> &'static str {
        match self {
            Text | QuoteWecom | QuoteWechat | ControlBytes | LoneSurrogate | RawSurrogate | EscapedNul => {
                "text"
            }
            Image | Timeless => "image",
            File | NumbersAsText => "file",
            Voice => "voice",
            Link => "link",
            Emotion => "emotion",
            Video => "video",
            Mixed => "mixed",
            Record1 | Record2 | Record3 => "chatrecord",
            RevokeAfter | RevokeBefore | RevokeLost => "revoke",
            Weapp => "weapp",
            Card => "card",
            Location => "location",
            Meeting | MeetingBig => "meeting",
            MeetingNotification => "meeting_notification",
            Voiptext => "voiptext",
            Docmsg => "docmsg",
            Markdown => "markdown",
            News | NewsOld => "news",
            Calendar => "calendar",
            Todo => "todo",
            Vote | VoteTop => "vote",
            Collect => "collect",
            Redpacket => "redpacket",
            ExternalRedpacket => "external_redpacket",
            Agree => "agree",
            Disagree => "disagree",
            Switch => "switch",
            Sphfeed => "sphfeed",
            Qydiskfile => "qydiskfile",
            Note => "note",
            Solitaire => "solitaire",
            MeetingVoiceCall => "meeting_voice_call",
            VoipDocShare | VoipDocShareBig => "voip_doc_share",
            Unknown => "ai_summary_card",
        }
    }

    /// True for messages that somebody may take back.
    pub(super) fn can_be_recalled(self) -> bool {
        matches!(
            self,
            Text | QuoteWecom | QuoteWechat | Image | File | Voice | Link | Video | Mixed | Record1 | Card
        )
    }
}
