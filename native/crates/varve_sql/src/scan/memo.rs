//! What is worked out once per scan.

use std::sync::OnceLock;

/// A value that is computed when it is first asked for. A clone computes its own: it is made to be changed.
pub(super) struct Memo<T>(OnceLock<T>);

impl<T: Clone> Memo<T> {
    /// The value; what fails is tried again.
    pub(super) fn get<E>(&self, compute: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if let Some(value) = self.0.get() {
            return Ok(value.clone());
        }
        let value = compute()?;
        Ok(self.0.get_or_init(|| value).clone())
    }
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Clone for Memo<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}
