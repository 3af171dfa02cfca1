//! What the two digests have in common: blocks of 64 bytes, the beginning of one kept for the next time, and at the end
//! a bit, zeros and the length.

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;
/// Where the length begins in the last block.
const LENGTH: usize = BLOCK - 8;

/// What a digest does with whole blocks.
pub trait Kernel {
    /// What a block leads from and to.
    type State: Copy + Send + std::fmt::Debug;
    /// The digest.
    type Output;
    /// The state before the first block.
    const START: Self::State;
    /// The most streams that gain from one another.
    const LANES: usize;

    /// Takes the blocks of 1 to [`Kernel::LANES`] streams, equally many of each.
    fn blocks(states: &mut [&mut Self::State], blocks: &[&[[u8; BLOCK]]]);

    /// The length of it all, as the last block has it.
    fn length(bits: u64) -> [u8; 8];

    /// The digest out of the last state.
    fn output(state: Self::State) -> Self::Output;
}

/// A digest under way.
#[derive(Debug, Clone)]
pub struct Stream<K: Kernel> {
    state: K::State,
    length: u64,
    /// The beginning of a block, `length % BLOCK` bytes.
    begun: [u8; BLOCK],
}

impl<K: Kernel> Default for Stream<K> {
    fn default() -> Self {
        Self {
            state: K::START,
            length: 0,
            begun: [0; BLOCK],
        }
    }
}

impl<K: Kernel> Stream<K> {
    /// So many streams make full use of [`Stream::update_together`]; more are taken in groups.
    pub const LANES: usize = K::LANES;

    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The digest of `bytes`.
    pub fn digest(bytes: &[u8]) -> K::Output {
        let mut stream = Self::new();
        stream.update(bytes);
        stream.finish()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        Self::update_together(&mut [(self, bytes)]);
    }

    /// Takes the next bytes of several streams, however many of each; the more alike, the better.
    pub fn update_together(streams: &mut [(&mut Self, &[u8])]) {
        let mut whole: Vec<(&mut K::State, &[[u8; BLOCK]])> = Vec::with_capacity(streams.len());
        for (stream, bytes) in streams {
            let bytes = stream.complete(bytes);
            let (blocks, rest) = bytes.as_chunks();
            // Whatever was begun before is complete, or nothing is left to keep.
            stream.begun[..rest.len()].copy_from_slice(rest);
            if !blocks.is_empty() {
                whole.push((&mut stream.state, blocks));
            }
        }
        while !whole.is_empty() {
            let group = whole.len().min(K::LANES);
            let group = &mut whole[..group];
            let common = group.iter().map(|(_, blocks)| blocks.len()).min().unwrap_or(0);
            let blocks: Vec<_> = group.iter().map(|(_, blocks)| &blocks[..common]).collect();
            let mut states: Vec<_> = group.iter_mut().map(|(state, _)| &mut **state).collect();
            K::blocks(&mut states, &blocks);
            for (_, blocks) in group {
                *blocks = &blocks[common..];
            }
            whole.retain(|(_, blocks)| !blocks.is_empty());
        }
    }

    /// The digest of everything taken.
    pub fn finish(mut self) -> K::Output {
        let filled = self.filled();
        let mut last = [[0; BLOCK]; 2];
        let flat = last.as_flattened_mut();
        flat[..filled].copy_from_slice(&self.begun[..filled]);
        flat[filled] = 0x80;
        let count = if filled < LENGTH { 1 } else { 2 };
        last[count - 1][LENGTH..].copy_from_slice(&K::length(self.length.wrapping_mul(8)));
        K::blocks(&mut [&mut self.state], &[&last[..count]]);
        K::output(self.state)
    }

    fn filled(&self) -> usize {
        (self.length % BLOCK as u64) as usize
    }

    /// Counts the bytes, fills a block that was begun, and returns what is left of them.
    fn complete<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let filled = self.filled();
        self.length = self.length.wrapping_add(bytes.len() as u64);
        if filled == 0 {
            return bytes;
        }
        let (head, rest) = bytes.split_at(bytes.len().min(BLOCK - filled));
        self.begun[filled..filled + head.len()].copy_from_slice(head);
        if filled + head.len() == BLOCK {
            K::blocks(&mut [&mut self.state], &[&[self.begun]]);
        }
        rest
    }
}
