//! Lean: long lists that grow by an eighth rather than double, because half of a doubled list of a
//! million series is memory that nobody uses.

/// Adds an element and says by how many bytes the list's memory grew.
pub(super) fn push<T>(list: &mut Vec<T>, element: T) -> usize {
    let before = list.capacity();
    if list.len() == before {
        list.reserve_exact((before / 8).max(4));
    }
    list.push(element);
    (list.capacity() - before) * size_of::<T>()
}

/// Inserts an element in the middle.
pub(super) fn insert<T>(list: &mut Vec<T>, at: usize, element: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 8).max(4));
    }
    list.insert(at, element);
}

/// Gives memory back when less than half of it is in use.
pub(super) fn trim<T>(list: &mut Vec<T>) {
    if list.capacity() > 2 * list.len() + 8 {
        list.shrink_to(list.len() + list.len() / 8);
    }
}
