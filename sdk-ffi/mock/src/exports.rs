//! The 17 symbols of the vendor's header (finance-sdk §3) and one of our own, over the safe [`crate::engine`].
//!
//! Enters: raw pointers of a C client. Leaves: objects the client has to free. Every object handed out is on a list:
//! a pointer that is not (freed twice, used after free, never ours) ends the process with a sentence on stderr
//! instead of undefined behaviour. Must not know: how answers come about.

mod objects;
mod session;

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_ulonglong},
    ptr,
};

use objects::{Kind, Listed, MEDIA, SDKS, SLICES};
pub use objects::{MediaData, Slice};
use session::Session;

use crate::engine::{Ask, Chunk, Death, Reply, Turn, code, perform};

/// The opaque handle of the header.
pub struct WeWorkFinanceSdk {
    session: Session,
}

impl Listed for WeWorkFinanceSdk {
    const KIND: &'static Kind = &SDKS;
}

/// Makes a handle.
#[unsafe(no_mangle)]
pub extern "C" fn NewSdk() -> *mut WeWorkFinanceSdk {
    objects::give(WeWorkFinanceSdk {
        session: Session::default(),
    })
}

/// Initialises a handle: 10000 for an empty or NULL text, 0 for any other pair, as the real one (finance-sdk §3.2).
///
/// # Safety
/// `sdk` comes from [`NewSdk`] and is not in use elsewhere; both texts are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Init(
    sdk: *mut WeWorkFinanceSdk,
    corpid: *const c_char,
    secret: *const c_char,
) -> c_int {
    // SAFETY: the caller passes NULL or NUL-terminated texts (header).
    let empty = unsafe { [text(corpid), text(secret)] }
        .iter()
        .any(|text| text.is_none_or(<[u8]>::is_empty));
    if sdk.is_null() || empty {
        return code::ARGUMENT;
    }
    // SAFETY: `lend` checks that the handle is alive; it is used by one thread at a time (finance-sdk §11).
    let sdk = unsafe { objects::lend_mut(sdk) };
    sdk.session.initialise();
    code::OK
}

/// Pulls a page of records (finance-sdk §5). There is no network behind it: `proxy` and `passwd` are not used.
///
/// # Safety
/// `sdk` comes from [`NewSdk`], `chatdatas` from [`NewSlice`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetChatData(
    sdk: *mut WeWorkFinanceSdk,
    seq: c_ulonglong,
    limit: c_uint,
    _proxy: *const c_char,
    _passwd: *const c_char,
    timeout: c_int,
    chatdatas: *mut Slice,
) -> c_int {
    if sdk.is_null() || chatdatas.is_null() || limit == 0 || limit > crate::engine::GREATEST_LIMIT {
        return code::ARGUMENT;
    }
    // SAFETY: `lend` checks that the handle is alive.
    let sdk = unsafe { objects::lend(sdk) };
    let turn = match sdk.session.engine() {
        Ok(engine) => engine.chat_data(Ask { seq, limit, timeout }),
        Err(code) => Turn::just(Reply::failed(code)),
    };
    perform(&turn.effects, die);
    // SAFETY: `lend_mut` checks that the slice is alive; the client made it for this call.
    unsafe { objects::lend_mut(chatdatas) }.fill(turn.reply.content);
    turn.reply.code
}

/// Opens one body with the text of its key (finance-sdk §7). Needs no handle; a body under 13 characters takes the
/// process down.
///
/// # Safety
/// Both texts are NULL or NUL-terminated, `msg` comes from [`NewSlice`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn DecryptData(
    encrypt_key: *const c_char,
    encrypt_msg: *const c_char,
    msg: *mut Slice,
) -> c_int {
    // SAFETY: the caller passes NULL or NUL-terminated texts (header).
    let (key, body) = unsafe { (text(encrypt_key), text(encrypt_msg)) };
    let (Some(body), false) = (body, msg.is_null()) else {
        return code::ARGUMENT;
    };
    let turn = match session::for_decryption() {
        Ok(Some(engine)) => engine.decrypt(key, body),
        Ok(None) => crate::engine::decrypt(key, body),
        Err(code) => Turn::just(Reply::failed(code)),
    };
    perform(&turn.effects, die);
    // SAFETY: `lend_mut` checks that the slice is alive; the client made it for this call.
    unsafe { objects::lend_mut(msg) }.fill(turn.reply.content);
    turn.reply.code
}

/// Fetches one chunk of a file (finance-sdk §9).
///
/// # Safety
/// `sdk` comes from [`NewSdk`], `media_data` from [`NewMediaData`], texts are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetMediaData(
    sdk: *mut WeWorkFinanceSdk,
    indexbuf: *const c_char,
    sdk_fileid: *const c_char,
    _proxy: *const c_char,
    _passwd: *const c_char,
    timeout: c_int,
    media_data: *mut MediaData,
) -> c_int {
    // SAFETY: the caller passes NULL or NUL-terminated texts (header).
    let (cursor, file_id) = unsafe { (text(indexbuf), text(sdk_fileid)) };
    let (cursor, file_id) = (cursor.unwrap_or_default(), file_id.unwrap_or_default());
    if sdk.is_null() || media_data.is_null() || !crate::engine::media_arguments_are_sound(cursor, file_id) {
        return code::ARGUMENT;
    }
    // SAFETY: `lend` checks that the handle is alive.
    let sdk = unsafe { objects::lend(sdk) };
    let turn = match sdk.session.engine() {
        Ok(engine) => engine.media(cursor, file_id, timeout),
        Err(code) => Turn::just(Chunk::failed(code)),
    };
    perform(&turn.effects, die);
    let code = turn.reply.code;
    // SAFETY: `lend_mut` checks that the object is alive; the client made it for this call.
    unsafe { objects::lend_mut(media_data) }.fill(turn.reply);
    code
}

/// Frees a handle, initialised or not.
///
/// # Safety
/// `sdk` is NULL or comes from [`NewSdk`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn DestroySdk(sdk: *mut WeWorkFinanceSdk) {
    // SAFETY: `take_back` checks that it is alive; the caller gives it up.
    unsafe { objects::take_back(sdk) }
}

/// Makes an empty slice.
#[unsafe(no_mangle)]
pub extern "C" fn NewSlice() -> *mut Slice {
    objects::give(Slice::empty())
}

/// Frees a slice and what it holds.
///
/// # Safety
/// `slice` is NULL or comes from [`NewSlice`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FreeSlice(slice: *mut Slice) {
    // SAFETY: `take_back` checks that it is alive; the caller gives it up.
    unsafe { objects::take_back(slice) }
}

/// The bytes of a slice; never NULL for a live slice, also after a failure (finance-sdk §3.1).
///
/// # Safety
/// `slice` comes from [`NewSlice`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetContentFromSlice(slice: *mut Slice) -> *mut c_char {
    if slice.is_null() {
        ptr::null_mut()
    } else {
        // SAFETY: `lend` checks that it is alive.
        unsafe { objects::lend(slice) }.buf()
    }
}

/// The number of bytes in a slice.
///
/// # Safety
/// `slice` comes from [`NewSlice`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetSliceLen(slice: *mut Slice) -> c_int {
    if slice.is_null() {
        0
    } else {
        // SAFETY: `lend` checks that it is alive.
        unsafe { objects::lend(slice) }.len()
    }
}

/// Makes an empty media object.
#[unsafe(no_mangle)]
pub extern "C" fn NewMediaData() -> *mut MediaData {
    objects::give(MediaData::empty())
}

/// Frees a media object and what it holds.
///
/// # Safety
/// `media_data` is NULL or comes from [`NewMediaData`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FreeMediaData(media_data: *mut MediaData) {
    // SAFETY: `take_back` checks that it is alive; the caller gives it up.
    unsafe { objects::take_back(media_data) }
}

macro_rules! media_accessors {
    ($($(#[$doc:meta])* $name:ident -> $result:ty = $field:ident or $none:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `media_data` is NULL or comes from [`NewMediaData`].
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(media_data: *mut MediaData) -> $result {
            // SAFETY: `lend` checks that it is alive.
            if media_data.is_null() { $none } else { unsafe { objects::lend(media_data) }.$field() }
        }
    )*};
}
media_accessors! {
    /// The cursor for the next chunk; NULL when there is none.
    GetOutIndexBuf -> *mut c_char = index_buf or ptr::null_mut();
    /// The bytes of this chunk; NULL after a failure.
    GetData -> *mut c_char = data or ptr::null_mut();
    /// Length of the cursor.
    GetIndexLen -> c_int = index_len or 0;
    /// Number of bytes in this chunk.
    GetDataLen -> c_int = data_len or 0;
    /// 1 when this was the last chunk.
    IsMediaDataFinish -> c_int = finished or 0;
}

/// Not in the vendor's header: how many objects are alive. `kind` 0: handles, 1: slices, 2: media objects; any
/// other kind gives -1.
#[unsafe(no_mangle)]
pub extern "C" fn ShiguanMockLiveObjects(kind: c_int) -> c_int {
    match kind {
        0 => SDKS.live(),
        1 => SLICES.live(),
        2 => MEDIA.live(),
        _ => -1,
    }
}

/// Reads a text argument; nothing for NULL.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and stays so during the call.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: not NULL, and NUL-terminated by the caller's word.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Ends the process the way that was asked for.
fn die(death: Death) {
    // SAFETY: `_exit` of POSIX takes any int and does not return.
    unsafe extern "C" {
        safe fn _exit(status: c_int) -> !;
    }
    match death {
        Death::Segfault => {
            // SAFETY: none, and that is the point: nothing is ever mapped in the first page, so this write is a real
            // SIGSEGV at the address a null pointer dereference of C code would have. It never returns.
            unsafe { ptr::without_provenance_mut::<u64>(8).write_volatile(1) };
            std::process::abort()
        }
        Death::Abort | Death::Terminate => std::process::abort(),
        Death::Exit(status) => _exit(status),
    }
}
