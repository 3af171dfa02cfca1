//! Calls: recordings, documents shown in them, and the record that one took place (messages §4.26, §4.27, §4.30).

use serde::Serialize;

use super::{
    super::{
        json::View,
        phrase::{Language, bracketed, joined},
        place::{Place, Texts},
    },
    Nest, Shape, masked,
    media::{handle, size},
};
use crate::secret::Secret;

/// `meeting_voice_call`: the recording of a call. It began at the message's time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MeetingVoiceCall {
    /// From the top level; records of one call share it.
    pub voiceid: String,
    /// Seconds since 1970.
    pub endtime: Option<i64>,
    /// Whole seconds from the message's time to `endtime` (messages §6); the format has no length of its own.
    pub seconds: Option<u64>,
    /// Handle of the recording.
    #[serde(serialize_with = "masked")]
    pub sdkfileid: Secret,
    /// Documents shown.
    pub demofiledata: Vec<SharedFile>,
    /// Screens shared.
    pub sharescreendata: Vec<ScreenShare>,
}

/// A document shown in a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SharedFile {
    /// Name with extension.
    pub filename: String,
    /// Id of who showed it.
    pub demooperator: String,
    /// Seconds since 1970.
    pub starttime: Option<i64>,
    /// Seconds since 1970.
    pub endtime: Option<i64>,
}

/// A screen shared in a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ScreenShare {
    /// Id of who shared.
    pub share: String,
    /// Seconds since 1970.
    pub starttime: Option<i64>,
    /// Seconds since 1970.
    pub endtime: Option<i64>,
}

impl Shape for MeetingVoiceCall {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        let shared = |item: View<'_>| SharedFile {
            filename: item.text("filename"),
            demooperator: item.text("demooperator"),
            starttime: item.int("starttime"),
            endtime: item.int("endtime"),
        };
        let screen = |item: View<'_>| ScreenShare {
            share: item.text("share"),
            starttime: item.int("starttime"),
            endtime: item.int("endtime"),
        };
        Self {
            voiceid: String::new(),
            endtime: payload.int("endtime"),
            seconds: None,
            sdkfileid: handle(payload),
            demofiledata: payload.list("demofiledata").map(shared).collect(),
            sharescreendata: payload.list("sharescreendata").map(screen).collect(),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add_all(
            Place::Filename,
            self.demofiledata.iter().map(|file| &file.filename),
        );
    }

    fn line(&self, language: Language) -> String {
        let names: Vec<&str> = self
            .demofiledata
            .iter()
            .map(|file| file.filename.as_str())
            .collect();
        let length = self
            .seconds
            .map(|seconds| language.duration(seconds))
            .unwrap_or_default();
        language.tag(
            "音频存档",
            "call recording",
            &joined(" ", &[&length, &joined(" ", &names)]),
        )
    }
}

impl MeetingVoiceCall {
    /// Works out the length from the message's time in milliseconds.
    pub(super) fn began(&mut self, msgtime: Option<i64>) {
        let length = |end: i64, began: i64| end.checked_mul(1000)?.checked_sub(began);
        let began = msgtime.filter(|&ms| ms > 0);
        let length = self
            .endtime
            .zip(began)
            .and_then(|(end, began)| length(end, began));
        self.seconds = length.and_then(|ms| u64::try_from(ms / 1000).ok());
    }
}

/// `voip_doc_share`: a document shared in a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VoipDocShare {
    /// From the top level: the call.
    pub voipid: String,
    /// Name; may carry a doubled extension.
    pub filename: String,
    /// MD5 of the file in hex; may be empty.
    pub md5sum: String,
    /// Bytes; exceeds `i64` in one report.
    pub filesize: Option<u64>,
    /// Handle of the file.
    #[serde(serialize_with = "masked")]
    pub sdkfileid: Secret,
}

impl Shape for VoipDocShare {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            voipid: String::new(),
            filename: payload.text("filename"),
            md5sum: payload.text("md5sum"),
            filesize: payload.uint("filesize"),
            sdkfileid: handle(payload),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Filename, &self.filename);
    }

    fn line(&self, language: Language) -> String {
        language.tag(
            "音频共享文档",
            "document shared in a call",
            &bracketed(&self.filename, &[size(self.filesize)]),
        )
    }
}

/// `voiptext`: a call took place. No recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VoipText {
    /// Seconds.
    pub callduration: Option<u64>,
    /// 1 one-to-one video, 2 one-to-one voice, 3 group video, 4 group voice.
    pub invitetype: Option<u64>,
}

impl Shape for VoipText {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            callduration: payload.uint("callduration"),
            invitetype: payload.uint("invitetype"),
        }
    }

    fn line(&self, language: Language) -> String {
        let length = self
            .callduration
            .map(|seconds| language.duration(seconds))
            .unwrap_or_default();
        match self.invitetype {
            Some(1) => language.tag("视频通话", "video call", &length),
            Some(2) => language.tag("语音通话", "voice call", &length),
            Some(3) => language.tag("多人视频通话", "group video call", &length),
            Some(4) => language.tag("多人语音通话", "group voice call", &length),
            _ => language.tag("音视频通话", "call", &length),
        }
    }
}
