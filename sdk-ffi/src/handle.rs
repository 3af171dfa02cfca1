//! Owned objects over the raw functions: whatever the library hands out is freed exactly once, and nothing can be
//! pulled or opened before `Init` has succeeded (finance-sdk §3.1, §3.2).
//!
//! Enters: C strings. Leaves: a return code and, whatever the code, the bytes that came with it.
//! Must not know: processes, frames, retries.
//!
//! A handle that `Init` has not accepted cannot open anything:
//!
//! ```compile_fail,E0599
//! fn early(library: &sdk_ffi::load::Library) {
//!     let mut sdk = sdk_ffi::handle::Sdk::new(library).unwrap();
//!     sdk.decrypt(c"key", c"body");
//! }
//! ```
//!
//! and bytes cannot be read after their slice is freed:
//!
//! ```compile_fail,E0505
//! fn late(mut sdk: sdk_ffi::handle::Sdk<'_, sdk_ffi::handle::Ready>) {
//!     let (_, slice) = sdk.decrypt(c"key", c"body").unwrap();
//!     let bytes = slice.bytes();
//!     drop(slice);
//!     println!("{}", bytes.len());
//! }
//! ```

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::load::Library;
use crate::raw;

/// State of a handle that `Init` has not accepted yet.
#[derive(Debug)]
pub enum Created {}
/// State of a handle that may pull, open and fetch.
#[derive(Debug)]
pub enum Ready {}

/// The library could not make an object (`New…` returned NULL): it is out of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SDK returned NULL instead of a new object; the machine is probably out of memory")]
pub struct NoObject;

/// One `WeWorkFinanceSdk_t`, destroyed on drop. Not `Send`: one handle per thread (finance-sdk §11).
#[derive(Debug)]
pub struct Sdk<'lib, State> {
    library: &'lib Library,
    handle: NonNull<raw::WeWorkFinanceSdk>,
    state: PhantomData<State>,
}

impl<'lib> Sdk<'lib, Created> {
    /// `NewSdk`.
    pub fn new(library: &'lib Library) -> Result<Self, NoObject> {
        // SAFETY: takes no argument; the pointer is checked.
        let handle = NonNull::new(unsafe { (library.api().new_sdk)() }).ok_or(NoObject)?;
        Ok(Self {
            library,
            handle,
            state: PhantomData,
        })
    }

    /// `Init`. A refused handle is destroyed, as the vendor's sample does (finance-sdk §3.1); the error is the code.
    pub fn init(self, corpid: &CStr, secret: &CStr) -> Result<Sdk<'lib, Ready>, i32> {
        // SAFETY: the handle came from `NewSdk` of this library and is alive; both strings end in NUL and are only
        // read during the call (finance-sdk §3).
        let code =
            unsafe { (self.library.api().init)(self.handle.as_ptr(), corpid.as_ptr(), secret.as_ptr()) };
        if code != 0 {
            return Err(code);
        }
        let ready = Sdk {
            library: self.library,
            handle: self.handle,
            state: PhantomData,
        };
        std::mem::forget(self); // the handle moved into `ready`; only one of the two may destroy it
        Ok(ready)
    }
}

impl<'lib> Sdk<'lib, Ready> {
    /// `GetChatData`: the records after `seq`, at most `limit`; `timeout` in seconds, where 0 would mean for ever.
    pub fn chat_data(
        &mut self,
        seq: u64,
        limit: u32,
        proxy: &CStr,
        passwd: &CStr,
        timeout: i32,
    ) -> Result<(i32, Slice<'lib>), NoObject> {
        let slice = Slice::new(self.library)?;
        // SAFETY: handle and slice are alive and of this library; strings end in NUL.
        let code = unsafe {
            (self.library.api().get_chat_data)(
                self.handle.as_ptr(),
                seq,
                limit,
                proxy.as_ptr(),
                passwd.as_ptr(),
                timeout,
                slice.raw.as_ptr(),
            )
        };
        Ok((code, slice))
    }

    /// `DecryptData`. The C function takes no handle; ours does, so that nothing is opened before `Init`.
    /// A `body` under 13 bytes aborts the process (finance-sdk §7): the guard is the caller's.
    pub fn decrypt(&mut self, key: &CStr, body: &CStr) -> Result<(i32, Slice<'lib>), NoObject> {
        let slice = Slice::new(self.library)?;
        // SAFETY: the slice is alive and of this library; strings end in NUL.
        let code =
            unsafe { (self.library.api().decrypt_data)(key.as_ptr(), body.as_ptr(), slice.raw.as_ptr()) };
        Ok((code, slice))
    }

    /// `GetMediaData`: the chunk at `index` (empty for the first) of `file_id`.
    pub fn media_chunk(
        &mut self,
        index: &CStr,
        file_id: &CStr,
        proxy: &CStr,
        passwd: &CStr,
        timeout: i32,
    ) -> Result<(i32, Media<'lib>), NoObject> {
        let media = Media::new(self.library)?;
        // SAFETY: handle and media object are alive and of this library; strings end in NUL.
        let code = unsafe {
            (self.library.api().get_media_data)(
                self.handle.as_ptr(),
                index.as_ptr(),
                file_id.as_ptr(),
                proxy.as_ptr(),
                passwd.as_ptr(),
                timeout,
                media.raw.as_ptr(),
            )
        };
        Ok((code, media))
    }
}

impl<State> Drop for Sdk<'_, State> {
    fn drop(&mut self) {
        // SAFETY: the handle came from `NewSdk` of this library; this value is its only owner (`init` forgets the
        // one it moves out of) and drops once.
        unsafe { (self.library.api().destroy_sdk)(self.handle.as_ptr()) }
    }
}

/// One `Slice_t` and the buffer inside it, freed together on drop.
#[derive(Debug)]
pub struct Slice<'lib> {
    library: &'lib Library,
    raw: NonNull<raw::Slice>,
}

impl<'lib> Slice<'lib> {
    fn new(library: &'lib Library) -> Result<Self, NoObject> {
        // SAFETY: takes no argument; the pointer is checked.
        let raw = NonNull::new(unsafe { (library.api().new_slice)() }).ok_or(NoObject)?;
        Ok(Self { library, raw })
    }

    /// What the call left in it, also after a failure (finance-sdk §4): empty when there is nothing.
    pub fn bytes(&self) -> &[u8] {
        let api = self.library.api();
        // SAFETY: the slice is alive; the length function is the vendor's own, as the bytes may contain NUL.
        let (start, len) = unsafe {
            (
                (api.get_content_from_slice)(self.raw.as_ptr()),
                (api.get_slice_len)(self.raw.as_ptr()),
            )
        };
        // SAFETY: the library owns `len` bytes at `start` until `FreeSlice`, which needs `self` (finance-sdk §3.1).
        unsafe { view(start, len) }
    }
}

impl Drop for Slice<'_> {
    fn drop(&mut self) {
        // SAFETY: came from `NewSlice` of this library; this value is its only owner and drops once.
        unsafe { (self.library.api().free_slice)(self.raw.as_ptr()) }
    }
}

/// One `MediaData_t` and both buffers inside it, freed together on drop.
#[derive(Debug)]
pub struct Media<'lib> {
    library: &'lib Library,
    raw: NonNull<raw::MediaData>,
}

impl<'lib> Media<'lib> {
    fn new(library: &'lib Library) -> Result<Self, NoObject> {
        // SAFETY: takes no argument; the pointer is checked.
        let raw = NonNull::new(unsafe { (library.api().new_media_data)() }).ok_or(NoObject)?;
        Ok(Self { library, raw })
    }

    /// The bytes of this chunk; the last chunk's belong to the file, too (finance-sdk §9).
    pub fn data(&self) -> &[u8] {
        let api = self.library.api();
        // SAFETY: the media object is alive.
        let (start, len) = unsafe {
            (
                (api.get_data)(self.raw.as_ptr()),
                (api.get_data_len)(self.raw.as_ptr()),
            )
        };
        // SAFETY: the library owns `len` bytes at `start` until `FreeMediaData`, which needs `self`.
        unsafe { view(start, len) }
    }

    /// The cursor to hand back for the next chunk.
    pub fn next_index(&self) -> &[u8] {
        let api = self.library.api();
        // SAFETY: the media object is alive.
        let (start, len) = unsafe {
            (
                (api.get_out_index_buf)(self.raw.as_ptr()),
                (api.get_index_len)(self.raw.as_ptr()),
            )
        };
        // SAFETY: the library owns `len` bytes at `start` until `FreeMediaData`, which needs `self`.
        unsafe { view(start, len) }
    }

    /// True for the last chunk.
    pub fn finished(&self) -> bool {
        // SAFETY: the media object is alive.
        unsafe { (self.library.api().is_media_data_finish)(self.raw.as_ptr()) == 1 }
    }

    /// False when the members contradict each other: a negative length, a length without bytes, or an `is_finish` that is
    /// neither 0 nor 1. What such an object holds is not to be believed.
    pub fn is_plausible(&self) -> bool {
        let (api, raw) = (self.library.api(), self.raw.as_ptr());
        // SAFETY: the media object is alive; pointers are only compared with NULL.
        let (members, mark) = unsafe {
            (
                [
                    ((api.get_data)(raw), (api.get_data_len)(raw)),
                    ((api.get_out_index_buf)(raw), (api.get_index_len)(raw)),
                ],
                (api.is_media_data_finish)(raw),
            )
        };
        let whole = |(start, len): &(*mut c_char, c_int)| *len == 0 || (*len > 0 && !start.is_null());
        members.iter().all(whole) && matches!(mark, 0 | 1)
    }
}

impl Drop for Media<'_> {
    fn drop(&mut self) {
        // SAFETY: came from `NewMediaData` of this library; this value is its only owner and drops once.
        unsafe { (self.library.api().free_media_data)(self.raw.as_ptr()) }
    }
}

/// A NULL pointer or a length that is not positive stands for "nothing".
///
/// # Safety
/// When `start` is not NULL and `len` is positive, `len` bytes at `start` stay readable and unchanged for `'a`.
unsafe fn view<'a>(start: *const c_char, len: c_int) -> &'a [u8] {
    match usize::try_from(len) {
        Ok(len) if len > 0 && !start.is_null() => {
            // SAFETY: promised by the caller.
            unsafe { std::slice::from_raw_parts(start.cast(), len) }
        }
        _ => &[],
    }
}
