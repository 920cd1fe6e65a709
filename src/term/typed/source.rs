//! The bytes that a typed read of this thread reads. serde carries slices only; here a slice of them becomes `Bytes` that
//! share their memory, so that no binary is copied.

use std::cell::RefCell;

use bytes::Bytes;

thread_local! {
    static SOURCE: RefCell<Option<Bytes>> = const { RefCell::new(None) };
}

/// Puts the source back that was there before.
struct Before(Option<Bytes>);

impl Drop for Before {
    fn drop(&mut self) {
        let before = self.0.take();
        // Without the thread's table there is nothing to put back.
        let _ = SOURCE.try_with(|source| *source.borrow_mut() = before);
    }
}

/// Runs `read`, which reads `bytes`.
pub(super) fn reading<T>(bytes: Bytes, read: impl FnOnce() -> T) -> T {
    let before = SOURCE.try_with(|source| source.borrow_mut().replace(bytes));
    let _before = Before(before.ok().flatten());
    read()
}

/// Whether a typed read is going on in this thread.
pub(super) fn is_reading() -> bool {
    SOURCE
        .try_with(|source| source.borrow().is_some())
        .unwrap_or_default()
}

/// `part` as bytes of its own, or as a part of the source if it is one.
pub(super) fn share(part: &[u8]) -> Bytes {
    let shared = SOURCE.try_with(|source| {
        let source = source.borrow();
        let source = source.as_ref()?;
        let (begin, part_begin) = (source.as_ptr().addr(), part.as_ptr().addr());
        let at = part_begin.checked_sub(begin)?;
        let end = at.checked_add(part.len())?;
        (end <= source.len()).then(|| source.slice(at..end))
    });
    let shared = shared.ok().flatten();
    shared.unwrap_or_else(|| Bytes::copy_from_slice(part))
}
