//! Maps and lists: what the objects of a generation are made of, in bytes.
//!
//! A map says for each of up to 1,024 consecutive pages which object holds it, at which place, and the beginning of the
//! page's SHA-256, by which the next backup recognises that a page is still the same. Objects never span two maps, so
//! an unchanged part of the database leads to the same objects whatever happens elsewhere.

/// Pages of one map.
pub(super) const MAP_PAGES: usize = 1024;
/// Pages of one object.
pub(super) const OBJECT_PAGES: usize = 64;
/// Bytes of a page's digest that a map keeps: enough to recognise a page, and half of what the whole digest would cost.
pub(super) const MARK: usize = 16;
/// Entries of one list of files.
pub(super) const LIST_ENTRIES: usize = 1024;

const MAP_MAGIC: &[u8; 8] = b"SGMAP\0\0\x01";
const LIST_MAGIC: &[u8; 8] = b"SGLST\0\0\x01";

/// An object that holds pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object {
    /// SHA-256 of its pages, one behind the other: its name.
    pub(super) sha256: [u8; 32],
    /// Bytes of its file.
    pub(super) stored: u32,
    /// Pages in it, also those that nobody needs any more.
    pub(super) pages: u16,
}

/// Where a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// Which object of the map.
    pub(super) object: u16,
    /// Which page of the object.
    pub(super) place: u16,
    /// The beginning of its SHA-256.
    pub(super) mark: [u8; MARK],
}

/// Consecutive pages of the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Map {
    /// What holds them.
    pub(super) objects: Vec<Object>,
    /// Each page.
    pub(super) pages: Vec<Page>,
}

/// A file of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its name.
    pub(super) sha256: [u8; 32],
    /// Its size.
    pub(super) bytes: u64,
}

impl Map {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(12 + self.objects.len() * 38 + self.pages.len() * 20);
        out.extend(MAP_MAGIC);
        out.extend((self.objects.len() as u16).to_le_bytes());
        out.extend((self.pages.len() as u16).to_le_bytes());
        for object in &self.objects {
            out.extend(object.sha256);
            out.extend(object.stored.to_le_bytes());
            out.extend(object.pages.to_le_bytes());
        }
        // By columns, so that what repeats compresses.
        self.pages
            .iter()
            .for_each(|page| out.extend(page.object.to_le_bytes()));
        self.pages
            .iter()
            .for_each(|page| out.extend(page.place.to_le_bytes()));
        self.pages.iter().for_each(|page| out.extend(page.mark));
        out
    }

    /// Reads what [`Self::encode`] wrote; an error says what is wrong.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut rest = Cursor(bytes);
        if rest.array::<8>()? != *MAP_MAGIC {
            return Err("not a map of pages");
        }
        let objects = usize::from(rest.u16()?);
        let count = usize::from(rest.u16()?);
        if objects > MAP_PAGES || count > MAP_PAGES || count == 0 {
            return Err("a map with an impossible number of pages");
        }
        let mut map = Self::default();
        for _ in 0..objects {
            let object = Object {
                sha256: rest.array()?,
                stored: u32::from_le_bytes(rest.array()?),
                pages: rest.u16()?,
            };
            if object.pages == 0 || usize::from(object.pages) > OBJECT_PAGES {
                return Err("an object with an impossible number of pages");
            }
            map.objects.push(object);
        }
        let owners: Vec<u16> = (0..count).map(|_| rest.u16()).collect::<Result<_, _>>()?;
        let places: Vec<u16> = (0..count).map(|_| rest.u16()).collect::<Result<_, _>>()?;
        for (object, place) in owners.into_iter().zip(places) {
            let held = map.objects.get(usize::from(object)).map(|object| object.pages);
            if held.is_none_or(|pages| place >= pages) {
                return Err("a page outside of its object");
            }
            map.pages.push(Page {
                object,
                place,
                mark: rest.array()?,
            });
        }
        rest.end()?;
        Ok(map)
    }
}

/// A list of files.
pub(super) fn encode_list(files: &[Listed]) -> Vec<u8> {
    let mut out = Vec::with_capacity(10 + files.len() * 40);
    out.extend(LIST_MAGIC);
    out.extend((files.len() as u16).to_le_bytes());
    for file in files {
        out.extend(file.sha256);
        out.extend(file.bytes.to_le_bytes());
    }
    out
}

/// Reads what [`encode_list`] wrote; an error says what is wrong.
pub(super) fn decode_list(bytes: &[u8]) -> Result<Vec<Listed>, &'static str> {
    let mut rest = Cursor(bytes);
    if rest.array::<8>()? != *LIST_MAGIC {
        return Err("not a list of files");
    }
    let count = usize::from(rest.u16()?);
    if count > LIST_ENTRIES || count == 0 {
        return Err("a list with an impossible number of files");
    }
    let files = (0..count)
        .map(|_| {
            Ok(Listed {
                sha256: rest.array()?,
                bytes: u64::from_le_bytes(rest.array()?),
            })
        })
        .collect::<Result<_, &'static str>>()?;
    rest.end()?;
    Ok(files)
}

/// Bytes still to be read.
struct Cursor<'b>(&'b [u8]);

impl Cursor<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or("it ends too early")?;
        self.0 = tail;
        Ok(*head)
    }

    fn u16(&mut self) -> Result<u16, &'static str> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn end(self) -> Result<(), &'static str> {
        self.0.is_empty().then_some(()).ok_or("something follows its end")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map() -> impl Strategy<Value = Map> {
        let object = (any::<[u8; 32]>(), any::<u32>(), 1..=OBJECT_PAGES as u16);
        (prop::collection::vec(object, 1..40), 1..MAP_PAGES).prop_flat_map(|(objects, count)| {
            let sizes: Vec<u16> = objects.iter().map(|object| object.2).collect();
            let page = (0..objects.len(), any::<u16>(), any::<[u8; MARK]>());
            prop::collection::vec(page, count).prop_map(move |pages| Map {
                objects: objects
                    .iter()
                    .map(|&(sha256, stored, pages)| Object {
                        sha256,
                        stored,
                        pages,
                    })
                    .collect(),
                pages: pages
                    .into_iter()
                    .map(|(object, place, mark)| Page {
                        object: object as u16,
                        place: place % sizes[object],
                        mark,
                    })
                    .collect(),
            })
        })
    }

    proptest! {
        #[test]
        fn a_map_comes_back_as_it_was(map in map()) {
            prop_assert_eq!(Map::decode(&map.encode()), Ok(map));
        }

        /// A cut map is an error; an altered one is an error or a map whose pages lie inside of their objects.
        #[test]
        fn no_bytes_are_a_map_that_points_outside(
            map in map(), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = map.encode();
            prop_assert!(Map::decode(&bytes[..cut.index(bytes.len())]).is_err());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(map) = Map::decode(&bytes) {
                for page in &map.pages {
                    prop_assert!(page.place < map.objects[usize::from(page.object)].pages);
                }
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _whatever = (Map::decode(&bytes), decode_list(&bytes));
            let mut begun = MAP_MAGIC.to_vec();
            begun.extend(&bytes);
            let _whatever = Map::decode(&begun);
        }

        #[test]
        fn a_list_comes_back_as_it_was(
            files in prop::collection::vec((any::<[u8; 32]>(), any::<u64>()), 1..50), cut in any::<prop::sample::Index>(),
        ) {
            let files: Vec<Listed> =
                files.into_iter().map(|(sha256, bytes)| Listed { sha256, bytes }).collect();
            let bytes = encode_list(&files);
            prop_assert!(decode_list(&bytes[..cut.index(bytes.len())]).is_err());
            prop_assert_eq!(decode_list(&bytes), Ok(files));
        }
    }
}
