//! The vendor's header `WeWorkFinanceSdk_C.h` (v3) transcribed: 17 functions, two structs, one opaque handle
//! (finance-sdk §3). Layouts are asserted when this crate is compiled.
//!
//! Enters and leaves: nothing, these are types. Must not know: how the functions are found or who owns what.

use std::ffi::{c_char, c_int, c_uint, c_ulonglong};
use std::marker::{PhantomData, PhantomPinned};
use std::mem::{align_of, offset_of, size_of};

/// `WeWorkFinanceSdk_t`: opaque, only ever behind a pointer; neither `Send` nor `Sync`.
#[repr(C)]
pub struct WeWorkFinanceSdk {
    opaque: [u8; 0],
    not_send: PhantomData<(*mut u8, PhantomPinned)>,
}

/// `Slice_t`: a byte string whose buffer the library owns.
#[repr(C)]
pub struct Slice {
    /// First byte; may be NULL.
    pub buf: *mut c_char,
    /// Number of bytes.
    pub len: c_int,
}

/// `MediaData_t`: one chunk of a file; both buffers belong to the library.
#[repr(C)]
pub struct MediaData {
    /// Cursor for the next chunk.
    pub outindexbuf: *mut c_char,
    /// Its length.
    pub out_len: c_int,
    /// The bytes of this chunk; may contain NUL.
    pub data: *mut c_char,
    /// Their number.
    pub data_len: c_int,
    /// 1 when this was the last chunk.
    pub is_finish: c_int,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<c_int>() == 4 && size_of::<c_ulonglong>() == 8);
    assert!(size_of::<Slice>() == 16 && align_of::<Slice>() == 8);
    assert!(offset_of!(Slice, buf) == 0 && offset_of!(Slice, len) == 8);
    assert!(size_of::<MediaData>() == 32 && align_of::<MediaData>() == 8);
    assert!(offset_of!(MediaData, outindexbuf) == 0 && offset_of!(MediaData, out_len) == 8);
    assert!(offset_of!(MediaData, data) == 16 && offset_of!(MediaData, data_len) == 24);
    assert!(offset_of!(MediaData, is_finish) == 28);
};

macro_rules! functions {
    ($($(#[$doc:meta])* $field:ident = $symbol:ident : fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        /// One pointer per function, under the vendor's names in snake case.
        #[derive(Clone, Copy)]
        pub struct Api {
            $($(#[$doc])* pub $field: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)*
        }

        /// The names a library must export, in the header's order.
        pub const SYMBOLS: [&str; 17] = [$(stringify!($symbol)),*];

        impl Api {
            /// Looks every symbol up and fails with the names of all that are missing.
            ///
            /// # Safety
            /// A symbol of one of these names must be the function the header declares.
            pub(crate) unsafe fn find(
                library: &libloading::os::unix::Library,
            ) -> Result<Self, Vec<&'static str>> {
                let mut missing = Vec::new();
                $(
                    // SAFETY: the caller promises that the name stands for the header's function, whose
                    // signature is the field's type.
                    let $field = unsafe {
                        library.get::<unsafe extern "C" fn($($arg),*) $(-> $ret)?>(stringify!($symbol))
                    };
                    let $field = match $field {
                        Ok(symbol) => Some(*symbol),
                        Err(_) => { missing.push(stringify!($symbol)); None }
                    };
                )*
                match ($($field,)*) {
                    ($(Some($field),)*) => Ok(Self { $($field),* }),
                    _ => Err(missing),
                }
            }
        }
    };
}

functions! {
    /// Creates a handle.
    new_sdk = NewSdk: fn() -> *mut WeWorkFinanceSdk;
    /// Gives the handle its company and secret; no network (finance-sdk §3.2).
    init = Init: fn(*mut WeWorkFinanceSdk, *const c_char, *const c_char) -> c_int;
    /// Pulls a page: handle, exclusive seq, limit, proxy, its credentials, seconds, answer.
    get_chat_data = GetChatData:
        fn(*mut WeWorkFinanceSdk, c_ulonglong, c_uint, *const c_char, *const c_char, c_int, *mut Slice) -> c_int;
    /// Opens one record: message key, body, answer.
    decrypt_data = DecryptData: fn(*const c_char, *const c_char, *mut Slice) -> c_int;
    /// Pulls one chunk: handle, cursor, file id, proxy, its credentials, seconds, answer.
    get_media_data = GetMediaData:
        fn(
            *mut WeWorkFinanceSdk, *const c_char, *const c_char, *const c_char, *const c_char, c_int, *mut MediaData
        ) -> c_int;
    /// Pairs with `NewSdk`, also after a failed `Init`.
    destroy_sdk = DestroySdk: fn(*mut WeWorkFinanceSdk);
    /// Creates an empty slice.
    new_slice = NewSlice: fn() -> *mut Slice;
    /// Pairs with `NewSlice`; also frees the buffer.
    free_slice = FreeSlice: fn(*mut Slice);
    /// The slice's bytes.
    get_content_from_slice = GetContentFromSlice: fn(*mut Slice) -> *mut c_char;
    /// The slice's length.
    get_slice_len = GetSliceLen: fn(*mut Slice) -> c_int;
    /// Creates an empty chunk.
    new_media_data = NewMediaData: fn() -> *mut MediaData;
    /// Pairs with `NewMediaData`; also frees both buffers.
    free_media_data = FreeMediaData: fn(*mut MediaData);
    /// The cursor for the next chunk.
    get_out_index_buf = GetOutIndexBuf: fn(*mut MediaData) -> *mut c_char;
    /// The chunk's bytes.
    get_data = GetData: fn(*mut MediaData) -> *mut c_char;
    /// The cursor's length.
    get_index_len = GetIndexLen: fn(*mut MediaData) -> c_int;
    /// The chunk's length.
    get_data_len = GetDataLen: fn(*mut MediaData) -> c_int;
    /// 1 when the chunk was the last one.
    is_media_data_finish = IsMediaDataFinish: fn(*mut MediaData) -> c_int;
}
