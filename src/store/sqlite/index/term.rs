//! Terms: one number for everything a record can be asked for. What was once written keeps its meaning until the
//! index is built again.

/// What a term is about; its place above the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Kind {
    /// A pair of characters with the places its text counts for; the only kind with positions.
    Text = 0,
    /// The sender, by row.
    Sender = 1,
    /// Everybody in the message, by the row of the set.
    Audience = 2,
    /// The conversation, by row.
    Chat = 3,
    /// Outer and inner msgid, as a hash: candidates only.
    Msgid = 4,
    /// See [`Trait`].
    Trait = 5,
}

/// Small facts about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Trait {
    /// `msgtype`, by the row of the word.
    Type = 0,
    /// The company, by row.
    Company = 1,
    /// A bit of the column `flags` that is set, by its value.
    Flag = 2,
    /// The scope, as in its column, unless 0.
    Scope = 3,
    /// The chat is a room.
    Room = 4,
}

const KIND: u32 = 52;
const CLASS: u32 = 44;
const PLACES: u32 = 7;

/// The term of a value below 2^52.
pub(in crate::store::sqlite) fn term(kind: Kind, value: i64) -> u64 {
    (kind as u64) << KIND | (value.unsigned_abs() & ((1 << KIND) - 1))
}

/// The value of a term; of a small fact, the value without its class.
pub(super) fn value(term: u64) -> i64 {
    let bits = if term >> KIND == Kind::Trait as u64 {
        CLASS
    } else {
        KIND
    };
    (term & ((1 << bits) - 1)) as i64
}

/// The term of a small fact; `value` below 2^44.
pub(in crate::store::sqlite) fn trait_term(class: Trait, value: i64) -> u64 {
    term(Kind::Trait, (class as i64) << CLASS | value)
}

/// The term of a pair (42 bits) in a text that counts for these places (7 bits).
pub(in crate::store::sqlite) fn text(pair: u64, places: u8) -> u64 {
    pair << PLACES | u64::from(places & 0x7F)
}

/// All terms of these pairs, whatever the places.
pub(in crate::store::sqlite) fn text_range(first: u64, last: u64) -> (u64, u64) {
    (text(first, 0), text(last, 0x7F))
}

/// The pair of a text's term.
pub(super) fn pair_in(term: u64) -> u64 {
    term >> PLACES
}

/// The places of a text's term.
pub(super) fn places(term: u64) -> u8 {
    (term & 0x7F) as u8
}

/// True when the term's postings say where in the record.
pub(super) fn has_places(term: u64) -> bool {
    term >> KIND == Kind::Text as u64
}

/// FNV-1a, folded to 32 bits. Whoever finds by it compares what it found.
pub(in crate::store::sqlite) fn hash(text: &str) -> i64 {
    let long = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    ((long >> 32) ^ (long & 0xFFFF_FFFF)) as i64
}

/// False when the value is a row's number, which another way to the same archive may give differently.
pub(in crate::store::sqlite) fn is_logical(term: u64) -> bool {
    let rows = [Kind::Sender, Kind::Audience, Kind::Chat].map(|kind| kind as u64);
    let kind = term >> KIND;
    let class = (term & ((1 << KIND) - 1)) >> CLASS;
    let counted = [Trait::Type as u64, Trait::Company as u64];
    let numbered = rows.contains(&kind) || (kind == Kind::Trait as u64 && counted.contains(&class));
    !numbered
}
