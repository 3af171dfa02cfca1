//! The fence: the only crate that knows the C interface of the WeCom Finance SDK.
//!
//! The vendor library aborts, leaks and prints where it likes (finance-sdk §7, §11), so it runs in a child process
//! that is expected to die. This crate holds both what runs inside that child and the words spoken with it:
//!
//! ```text
//!   parent (room `source`)                     child (`shiguan sdk-child`)
//!   wire  ── frames over two pipes ──►  wire ─ child ─ handle ─ load ─ raw ─► vendor .so
//!   codes ◄─ codes, bytes, size ──────         cage: what the process gives up first
//!   mark  ◄─ shared file ─────────────  mark: which item is in hand, survives any death
//! ```
//!
//! In reading order: [`raw`] the header, [`load`] the loader, [`handle`] owned objects, [`codes`] what the numbers
//! mean, [`wire`] the protocol, [`mark`] the marker file, [`lend`] large replies, [`cage`] and [`child`] the process.
//!
//! Enters: a library path, requests. Leaves: return codes and bytes, verbatim.
//! Must not know: private keys, what a message means, databases, the program's configuration.
//!
//! Linux only, as the vendor library is (finance-sdk §2).

pub mod cage;
pub mod child;
pub mod codes;
pub mod handle;
pub mod lend;
pub mod load;
pub mod mark;
pub mod raw;
pub mod wire;
