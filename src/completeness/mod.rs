//! Whether the archive holds what WeCom itself counted.
