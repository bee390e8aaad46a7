//! What this processor has.

use std::sync::LazyLock;

use fearless_simd::Level;

/// Asked once.
pub(crate) static LEVEL: LazyLock<Level> = LazyLock::new(Level::new);
