//! Values by key that outlive an instance, a restart and an update of the plugin: for a transform that wants
//! [`Want::State`](crate::Want::State).
//!
//! They are kept with the checkpoint. What is changed during a batch counts once its answer is accepted; when the batch comes
//! again, it finds the values that it found before. In tests on the author's own machine each thread has its own.

/// The value of a key, if it has one.
pub fn get(key: &[u8]) -> Option<Vec<u8>> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::catchwater::plugin::state::get(key);
    #[cfg(not(target_family = "wasm"))]
    VALUES.with_borrow(|values| values.get(key).cloned())
}

/// Gives a key a value. Whether there was room for it: the grant's `state_max` bounds keys and values together.
#[must_use = "there may be no room for it"]
pub fn set(key: &[u8], value: &[u8]) -> bool {
    #[cfg(target_family = "wasm")]
    return crate::bindings::catchwater::plugin::state::set(key, value).is_ok();
    #[cfg(not(target_family = "wasm"))]
    {
        VALUES.with_borrow_mut(|values| values.insert(key.to_vec(), value.to_vec()));
        true
    }
}

/// Forgets a key.
pub fn remove(key: &[u8]) {
    #[cfg(target_family = "wasm")]
    crate::bindings::catchwater::plugin::state::remove(key);
    #[cfg(not(target_family = "wasm"))]
    VALUES.with_borrow_mut(|values| drop(values.remove(key)));
}

#[cfg(not(target_family = "wasm"))]
thread_local! {
    static VALUES: std::cell::RefCell<std::collections::BTreeMap<Vec<u8>, Vec<u8>>> = const {
        std::cell::RefCell::new(std::collections::BTreeMap::new())
    };
}
