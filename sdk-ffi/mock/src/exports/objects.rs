//! Objects that cross the C interface: given away once, taken back once, and on a list in between.

use std::{
    collections::HashSet,
    ffi::{c_char, c_int},
    ptr,
    sync::{Mutex, PoisonError},
};

use crate::engine::Chunk;

/// One sort of object and those of it that are alive.
pub(super) struct Kind {
    name: &'static str,
    alive: Mutex<Option<HashSet<usize>>>,
}

pub(super) static SDKS: Kind = Kind::new("WeWorkFinanceSdk_t");
pub(super) static SLICES: Kind = Kind::new("Slice_t");
pub(super) static MEDIA: Kind = Kind::new("MediaData_t");

impl Kind {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            alive: Mutex::new(None),
        }
    }

    /// How many are alive.
    pub(super) fn live(&self) -> c_int {
        self.with(|alive| c_int::try_from(alive.len()).unwrap_or(c_int::MAX))
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashSet<usize>) -> T) -> T {
        act(self
            .alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_default())
    }

    /// The client broke the rules of the header; the real library would be in undefined behaviour now.
    fn refuse(&self, what: &str) -> ! {
        eprintln!(
            "sdk-mock: a {} was {what} that is not alive (freed twice, used after free, or never made)",
            self.name
        );
        std::process::abort()
    }
}

/// An object with a list.
pub(super) trait Listed {
    const KIND: &'static Kind;
}

/// Gives an object to the client.
pub(super) fn give<T: Listed>(object: T) -> *mut T {
    let pointer = Box::into_raw(Box::new(object));
    T::KIND.with(|alive| alive.insert(pointer.addr()));
    pointer
}

/// Takes an object back and frees it; NULL is no object and fine.
///
/// # Safety
/// The client does not use the pointer again, nor at the same time on another thread.
pub(super) unsafe fn take_back<T: Listed>(pointer: *mut T) {
    if pointer.is_null() {
        return;
    }
    if !T::KIND.with(|alive| alive.remove(&pointer.addr())) {
        T::KIND.refuse("freed");
    }
    // SAFETY: it was on the list, so it came from `Box::into_raw` in `give` and has not been freed since.
    drop(unsafe { Box::from_raw(pointer) });
}

/// Looks at a live object.
///
/// # Safety
/// Nobody changes or frees it meanwhile (one thread per handle, finance-sdk §11).
pub(super) unsafe fn lend<'a, T: Listed>(pointer: *const T) -> &'a T {
    check(pointer);
    // SAFETY: it is on the list, so it points to a live `T`; the caller rules out changes meanwhile.
    unsafe { &*pointer }
}

/// Changes a live object.
///
/// # Safety
/// Nobody else looks at it meanwhile (one thread per handle, finance-sdk §11).
pub(super) unsafe fn lend_mut<'a, T: Listed>(pointer: *mut T) -> &'a mut T {
    check(pointer);
    // SAFETY: it is on the list, so it points to a live `T`; the caller rules out other users meanwhile.
    unsafe { &mut *pointer }
}

fn check<T: Listed>(pointer: *const T) {
    if !T::KIND.with(|alive| alive.contains(&pointer.addr())) {
        T::KIND.refuse("used");
    }
}

/// `Slice_t` of the header, followed by what owns the bytes.
#[repr(C)]
pub struct Slice {
    buf: *mut c_char,
    len: c_int,
    owner: Vec<u8>,
}

/// `MediaData_t` of the header, followed by what owns the bytes.
#[repr(C)]
pub struct MediaData {
    outindexbuf: *mut c_char,
    out_len: c_int,
    data: *mut c_char,
    data_len: c_int,
    is_finish: c_int,
    owners: [Vec<u8>; 2],
}

impl Listed for Slice {
    const KIND: &'static Kind = &SLICES;
}

impl Listed for MediaData {
    const KIND: &'static Kind = &MEDIA;
}

impl Slice {
    pub(super) fn empty() -> Self {
        let mut slice = Self {
            buf: ptr::null_mut(),
            len: 0,
            owner: Vec::new(),
        };
        slice.fill(Vec::new());
        slice
    }

    /// Holds these bytes from now on, with a NUL behind them for clients that use `strlen`.
    pub(super) fn fill(&mut self, content: Vec<u8>) {
        (self.buf, self.len, self.owner) = owned(content);
    }

    pub(super) fn buf(&self) -> *mut c_char {
        self.buf
    }

    pub(super) fn len(&self) -> c_int {
        self.len
    }
}

impl MediaData {
    pub(super) fn empty() -> Self {
        Self {
            outindexbuf: ptr::null_mut(),
            out_len: 0,
            data: ptr::null_mut(),
            data_len: 0,
            is_finish: 0,
            owners: [Vec::new(), Vec::new()],
        }
    }

    /// Holds this chunk from now on; after a failure all members stay zero (finance-sdk §3.1).
    pub(super) fn fill(&mut self, chunk: Chunk) {
        *self = Self::empty();
        if chunk.code == crate::engine::code::OK {
            (self.outindexbuf, self.out_len, self.owners[0]) = owned(chunk.next.into_bytes());
            (self.data, self.data_len, self.owners[1]) = owned(chunk.data);
            self.data_len = chunk.data_len.unwrap_or(self.data_len);
            self.is_finish = chunk.is_finish.unwrap_or(c_int::from(chunk.finished));
        }
    }

    pub(super) fn index_buf(&self) -> *mut c_char {
        self.outindexbuf
    }

    pub(super) fn index_len(&self) -> c_int {
        self.out_len
    }

    pub(super) fn data(&self) -> *mut c_char {
        self.data
    }

    pub(super) fn data_len(&self) -> c_int {
        self.data_len
    }

    pub(super) fn finished(&self) -> c_int {
        self.is_finish
    }
}

fn owned(mut content: Vec<u8>) -> (*mut c_char, c_int, Vec<u8>) {
    let len = c_int::try_from(content.len()).unwrap_or(c_int::MAX);
    content.push(0);
    (content.as_mut_ptr().cast(), len, content)
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn the_visible_part_is_laid_out_as_in_the_header() {
        assert_eq!((offset_of!(Slice, buf), offset_of!(Slice, len)), (0, 8));
        assert_eq!(
            (offset_of!(MediaData, outindexbuf), offset_of!(MediaData, out_len)),
            (0, 8)
        );
        assert_eq!(
            (offset_of!(MediaData, data), offset_of!(MediaData, data_len)),
            (16, 24)
        );
        assert_eq!(offset_of!(MediaData, is_finish), 28);
    }
}
