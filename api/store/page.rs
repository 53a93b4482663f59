//! One page of a list.

/// Where a page begins, and how many entries it has at most.
#[derive(Clone, Copy, Debug)]
pub struct Page<K> {
    /// The last entry of the page before; none for the first page.
    pub after: Option<K>,
    pub limit: i64,
}
