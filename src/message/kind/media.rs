//! Files (messages §4.2, §4.5, §4.6, §4.9, §4.10, §4.31). Handles stay secret; sizes are bytes, 0 when unknown.

use serde::Serialize;

use super::{
    super::{
        json::View,
        phrase::{Language, bracketed, bytes},
        place::{Place, Texts},
    },
    Nest, Shape, masked,
};
use crate::secret::Secret;

/// `image`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Image {
    /// Handle of the file.
    #[serde(serialize_with = "masked")]
    pub sdkfileid: Secret,
    /// MD5 of the file in hex; may be empty.
    pub md5sum: String,
    /// Bytes.
    pub filesize: Option<u64>,
}

impl Shape for Image {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            sdkfileid: handle(payload),
            md5sum: payload.text("md5sum"),
            filesize: payload.uint("filesize"),
        }
    }

    fn line(&self, language: Language) -> String {
        language.tag("图片", "image", &bracketed("", &[size(self.filesize)]))
    }
}

/// `voice`: AMR.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Voice {
    /// Handle of the file.
    #[serde(serialize_with = "masked")]
    pub sdkfileid: Secret,
    /// MD5 of the file in hex; may be empty.
    pub md5sum: String,
    /// Bytes.
    pub voice_size: Option<u64>,
    /// Seconds.
    pub play_length: Option<u64>,
}

impl Shape for Voice {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            sdkfileid: handle(payload),
            md5sum: payload.text("md5sum"),
            voice_size: payload.uint("voice_size"),
            play_length: payload.uint("play_length"),
        }
    }

    fn line(&self, language: Language) -> String {
        let length = self.play_length.map(|seconds| language.duration(seconds));
        language.tag("语音", "voice", &length.unwrap_or_default())
    }
}

/// `video`: MP4.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Video {
    /// Handle of the file.
    #[serde(serialize_with = "masked")]
    pub sdkfileid: Secret,
    /// MD5 of the file in hex; may be empty.
    pub md5sum: String,
    /// Bytes.
    pub filesize: Option<u64>,
    /// Seconds.
    pub play_length: Option<u64>,
}

impl Shape for Video {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            sdkfileid: handle(payload),
            md5sum: payload.text("md5sum"),
            filesize: payload.uint("filesize"),
            play_length: payload.uint("play_length"),
        }
    }

    fn line(&self, language: Language) -> String {
        let length = self.play_length.map(|seconds| language.duration(seconds));
        language.tag(
            "视频",
            "video",
            &bracketed(&length.unwrap_or_default(), &[size(self.filesize)]),
        )
    }
}

/// `emotion`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Emotion {
    /// `type`: 1 gif, 2 png.
    #[serde(rename = "type")]
    pub format: Option<u64>,
    /// Pixels.
    pub width: Option<u64>,
    /// Pixels.
    pub height: Option<u64>,
    /// Bytes; here not called `filesize`.
    pub imagesize: Option<u64>,
    /// MD5 of the file in hex; may be empty.
    pub md5sum: String,
    /// Handle of the file.
    #[serde(serialize_with = "masked")]
    pub sdkfileid: Secret,
}

impl Shape for Emotion {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            format: payload.uint("type"),
            width: payload.uint("width"),
            height: payload.uint("height"),
            imagesize: payload.uint("imagesize"),
            md5sum: payload.text("md5sum"),
            sdkfileid: handle(payload),
        }
    }

    fn line(&self, language: Language) -> String {
        language.tag("表情", "sticker", "")
    }
}

/// `file`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct File {
    /// Handle of the file.
    #[serde(serialize_with = "masked")]
    pub sdkfileid: Secret,
    /// MD5 of the file in hex; may be empty.
    pub md5sum: String,
    /// Name with extension, chosen by a user: untrusted as a path.
    pub filename: String,
    /// Extension without dot; may be empty.
    pub fileext: String,
    /// Bytes.
    pub filesize: Option<u64>,
}

impl Shape for File {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            sdkfileid: handle(payload),
            md5sum: payload.text("md5sum"),
            filename: payload.text("filename"),
            fileext: payload.text("fileext"),
            filesize: payload.uint("filesize"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Filename, &self.filename);
    }

    fn line(&self, language: Language) -> String {
        language.tag("文件", "file", &bracketed(&self.filename, &[size(self.filesize)]))
    }
}

/// `qydiskfile`: a file of the drive, named but not fetchable.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QyDiskFile {
    /// Name with extension.
    pub filename: String,
}

impl Shape for QyDiskFile {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            filename: payload.text("filename"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Filename, &self.filename);
    }

    fn line(&self, language: Language) -> String {
        language.tag("微盘文件", "drive file", &self.filename)
    }
}

/// The handle of the file a payload holds; empty when there is none.
pub(super) fn handle(payload: View<'_>) -> Secret {
    Secret::new(payload.text("sdkfileid"))
}

/// A size for a line; nothing when it is unknown.
pub(super) fn size(size: Option<u64>) -> Option<String> {
    size.filter(|size| *size > 0).map(bytes)
}
