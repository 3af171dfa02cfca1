//! Every file that hangs on a message, found by walking, not by type (messages §5): whatever object has an
//! `sdkfileid` holds a file, also in types nobody has seen.
//!
//! A string is opened as a nested document only where the format nests: `content` of an item that names its
//! type. A sender can type anything into a text, and must not be able to make the archive fetch a handle of
//! the sender's choice.

use super::{
    json::{Tape, View},
    kind::nested_word,
};
use crate::secret::Secret;

/// Strings in strings that the walk follows. Escaping doubles with each level, so that real data cannot get
/// near; the bound keeps hand-made containers from using up the stack.
const DEEPEST: u8 = 64;

/// A file that hangs on a message, at any depth (everything that has an `sdkfileid`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// The type that carries it: `image`, `voice`, `file`, …
    pub kind: String,
    /// The bearer handle for `GetMediaData`; secret, never printed whole.
    pub sdkfileid: Secret,
    /// `md5sum` when announced and not empty, as received.
    pub md5: Option<String>,
    /// `filesize`, `voice_size` or `imagesize`.
    pub size: Option<u64>,
    /// `filename`, untrusted as a path.
    pub filename: Option<String>,
    /// `play_length` in seconds; of a recorded call the time to its end (messages §6).
    pub seconds: Option<u64>,
    /// How many containers deep (0: the message itself).
    pub depth: u8,
}

/// True for the key that marks a file handle, however it is spelled.
pub(super) fn is_handle(key: &str) -> bool {
    key.eq_ignore_ascii_case("sdkfileid")
}

/// All files inside `view`, in reading order.
pub(super) fn collect(view: View<'_>, kind: &str, depth: u8, out: &mut Vec<Media>) {
    let mut walk = view.walk();
    while let Some(found) = walk.next() {
        let Some(holder) = found.holder else { continue };
        if is_handle(found.key) {
            let handle = found.value.as_str().filter(|handle| !handle.is_empty());
            out.extend(handle.map(|handle| file(handle, holder, kind, depth)));
        } else if found.key == "content"
            && depth < DEEPEST
            && let Some(inner) = item_word(holder)
        {
            if let Some(tape) = found.value.as_str().and_then(Tape::parse) {
                collect(tape.root(), &inner, depth + 1, out);
            } else if found.value.is_object() || found.value.is_array() {
                collect(found.value, &inner, depth + 1, out);
                walk.pass_over(found.value);
            }
        }
    }
}

/// The type an item of a container names (`type`; in notes `msg_type`).
fn item_word(item: View<'_>) -> Option<String> {
    let named = item.field("type").or_else(|| item.field("msg_type"))?;
    named.as_str().map(nested_word)
}

fn file(handle: &str, holder: View<'_>, kind: &str, depth: u8) -> Media {
    let named = |key: &str| Some(holder.text(key)).filter(|text| !text.is_empty());
    Media {
        kind: kind.to_owned(),
        sdkfileid: Secret::new(handle),
        md5: named("md5sum"),
        size: ["filesize", "voice_size", "imagesize"]
            .into_iter()
            .find_map(|key| holder.uint(key)),
        filename: named("filename"),
        seconds: holder.uint("play_length"),
        depth,
    }
}
