//! JSON that cannot act on a terminal: the same values, with every character that [`sanitize`](super) would print as a sign
//! written as `\uXXXX`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{
    Result, Serializer,
    ser::{CompactFormatter, Formatter, PrettyFormatter},
};

use super::escape::{Escaper, Place};

/// On one line.
pub fn to_string(value: &impl Serialize) -> Result<String> {
    written(value, CompactFormatter)
}

/// Indented, for people who read an answer of WeCom.
pub fn to_string_pretty(value: &impl Serialize) -> Result<String> {
    written(value, PrettyFormatter::new())
}

fn written(value: &impl Serialize, formatter: impl Formatter) -> Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Escaping(formatter)))?;
    String::from_utf8(bytes).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// Another formatter with its strings escaped.
struct Escaping<F>(F);

macro_rules! passed_on {
    ($($name:ident ( $($argument:ident : $kind:ty),* );)*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, writer: &mut W $(, $argument: $kind)*) -> io::Result<()> {
            self.0.$name(writer $(, $argument)*)
        })*
    };
}

impl<F: Formatter> Formatter for Escaping<F> {
    passed_on! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        writer.write_all(Escaper::all(Place::Json, fragment).as_bytes())
    }

    /// JSON text that is passed on unread: what has to be escaped can only stand inside its strings, except line breaks and
    /// tabs between its tokens.
    fn write_raw_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for (index, line) in fragment.split(['\n', '\r', '\t']).enumerate() {
            if index > 0 {
                writer.write_all(b" ")?;
            }
            writer.write_all(Escaper::all(Place::Json, line).as_bytes())?;
        }
        Ok(())
    }
}
