//! The macros that turn a few lines of declaration into an endpoint's types.
//!
//! A declaration says: id and name, mark, page id, Chinese name; method and path; token, repeatability, limits,
//! paging; the request's fields; the answer's. Everything else (reading, writing, the table, the documentation
//! heading) is written here once.
//!
//! Must not know: HTTP, tokens' values, configuration.

/// The wire's name of a field: its own, unless another one is given.
macro_rules! wire_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

/// Types of answers and of what stands inside requests: fields by their wire names, the rest in `more`.
macro_rules! shapes {
    ($(
        $(#[$about:meta])*
        $name:ident { $( $(#[$what:meta])* $field:ident $(= $wire:literal)? : $kind:ty ),* $(,)? }
    )*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $(
                #[doc = concat!("`", $crate::directory::declare::wire_name!($field $($wire)?), "`")]
                #[doc = ""]
                $(#[$what])*
                pub $field: $kind,
            )*
            /// Everything else that came.
            pub more: serde_json::Map<String, serde_json::Value>,
        }

        impl $crate::directory::wire::Wire for $name {
            fn read(value: &serde_json::Value) -> Option<Self> {
                #[allow(unused_mut)]
                let mut reading = $crate::directory::wire::Reading::of(value)?;
                Some(Self {
                    $( $field: reading.field($crate::directory::declare::wire_name!($field $($wire)?)), )*
                    more: reading.rest(),
                })
            }

            fn write(&self) -> Option<serde_json::Value> {
                #[allow(unused_mut)]
                let mut writing = $crate::directory::wire::Writing::default();
                $( writing.field($crate::directory::declare::wire_name!($field $($wire)?), &self.$field); )*
                Some(writing.done(&self.more))
            }

            fn untyped(&self, path: &str, found: &mut Vec<String>) {
                for name in self.more.keys() {
                    found.push(format!("{path}{name}"));
                }
                $( $crate::directory::wire::Wire::untyped(
                    &self.$field,
                    &format!("{path}{}.", $crate::directory::declare::wire_name!($field $($wire)?)),
                    found,
                ); )*
            }
        }
    )*};
}

/// Endpoints: request type, answer type (declared here with `{}`, or named when it exists), row, and the file's
/// table. Requests have no `more`: what is not declared is not sent.
macro_rules! endpoints {
    ($(
        $(#[$about:meta])*
        $id:literal $row_name:ident $name:ident $mark:ident $page:literal $chinese:literal
        $method:ident $path:literal [$( $option:ident ( $($value:expr),* ) )*]
        { $( $(#[$must_what:meta])* $must:ident $(= $must_wire:literal)? : $must_kind:ty ),* $(,)? }
        $( optional { $( $(#[$may_what:meta])* $may:ident $(= $may_wire:literal)? : $may_kind:ty ),* $(,)? } )?
        => $answer:ident $({ $($shape:tt)* })?
    )*) => {
        $(
            $(#[$about])*
            #[doc = ""]
            #[doc = concat!("`", $id, "` ", stringify!($method), " `", $path, "`, page ", $page, ", ", $chinese, ".")]
            #[derive(Debug, Clone, Default, PartialEq)]
            pub struct $name {
                $(
                    #[doc = concat!("`", $crate::directory::declare::wire_name!($must $($must_wire)?), "`")]
                    #[doc = ""]
                    $(#[$must_what])*
                    pub $must: $must_kind,
                )*
                $($(
                    #[doc = concat!("`", $crate::directory::declare::wire_name!($may $($may_wire)?), "`, left out when `None`")]
                    #[doc = ""]
                    $(#[$may_what])*
                    pub $may: Option<$may_kind>,
                )*)?
            }

            impl $name {
                /// With everything that is required; the rest is left out.
                #[allow(clippy::too_many_arguments, clippy::needless_update)]
                pub fn new($($must: impl Into<$must_kind>),*) -> Self {
                    Self { $($must: $must.into(),)* ..Self::default() }
                }
            }

            impl $crate::directory::wire::Wire for $name {
                fn read(value: &serde_json::Value) -> Option<Self> {
                    #[allow(unused_mut, unused_variables)]
                    let mut reading = $crate::directory::wire::Reading::of(value)?;
                    Some(Self {
                        $( $must: reading.field($crate::directory::declare::wire_name!($must $($must_wire)?)), )*
                        $($( $may: reading.field($crate::directory::declare::wire_name!($may $($may_wire)?)), )*)?
                    })
                }

                fn write(&self) -> Option<serde_json::Value> {
                    #[allow(unused_mut)]
                    let mut writing = $crate::directory::wire::Writing::default();
                    $( writing.field($crate::directory::declare::wire_name!($must $($must_wire)?), &self.$must); )*
                    $($( writing.field($crate::directory::declare::wire_name!($may $($may_wire)?), &self.$may); )*)?
                    Some(writing.done(&serde_json::Map::new()))
                }
            }

            impl $crate::directory::row::Endpoint for $name {
                const ROW: &'static $crate::directory::row::Row = &$crate::directory::row::Row::new(
                    ($id, stringify!($row_name), $chinese),
                    $crate::directory::row::Mark::$mark,
                    $page,
                    $crate::directory::row::Method::$method,
                    $path,
                )
                $( .$option($($value),*) )*;
                type Answer = $answer;
            }

            $( $crate::directory::declare::shapes! {
                #[doc = concat!("What `", stringify!($row_name), "` answers.")]
                $answer { $($shape)* }
            } )?
        )*

        /// The rows of this file.
        pub(in crate::directory) const TABLE: &[$crate::directory::row::Entry] =
            &[$( $crate::directory::row::Entry::of::<$name>() ),*];
    };
}

pub(super) use {endpoints, shapes, wire_name};
