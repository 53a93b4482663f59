//! A queue in which clients take turns, and so do the accounts of each client: whoever asks for much waits behind
//! themselves.

use std::collections::VecDeque;

use crate::domain::client_address::Client;

/// Whom an item is for.
#[derive(Clone, Debug, Default)]
pub struct Requester {
    client: String,
    account: String,
}

impl Requester {
    /// An account at a client. The networks of one site count as one client.
    pub fn new(client: &Client, account: impl Into<String>) -> Self {
        Self {
            client: client.site().unwrap_or(client.network()).to_owned(),
            account: account.into(),
        }
    }
}

/// Items that wait, in the order in which they are taken.
pub struct FairQueue<T> {
    clients: Turns<Turns<VecDeque<T>>>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            clients: Turns::default(),
        }
    }
}

impl<T> FairQueue<T> {
    /// Adds an item behind the others of its account.
    pub fn push(&mut self, requester: &Requester, item: T) {
        self.clients.add(&requester.client, |accounts| {
            accounts.add(&requester.account, |items| items.push_back(item));
        });
    }

    /// Takes the first item of whoever's turn it is.
    pub fn pop(&mut self) -> Option<T> {
        self.clients.pop()
    }

    /// Takes the last item back from the client, and from the account of that, which has the most.
    pub fn pop_from_longest(&mut self) -> Option<T> {
        self.clients.pop_from_longest()
    }

    /// How many items wait.
    pub fn waiting(&self) -> usize {
        self.clients.len()
    }
}

/// What takes turns.
trait Queue: Default {
    type Item;
    fn pop(&mut self) -> Option<Self::Item>;
    fn pop_from_longest(&mut self) -> Option<Self::Item>;
    fn len(&self) -> usize;
}

impl<T> Queue for VecDeque<T> {
    type Item = T;

    fn pop(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn pop_from_longest(&mut self) -> Option<T> {
        self.pop_back()
    }

    fn len(&self) -> usize {
        Self::len(self)
    }
}

/// Queues by their keys, the one whose turn is next first. None of them is empty.
struct Turns<Q>(VecDeque<(String, Q)>);

impl<Q> Default for Turns<Q> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<Q: Queue> Turns<Q> {
    /// Adds something to the queue of a key. A new one has its turn last.
    fn add(&mut self, key: &str, add: impl FnOnce(&mut Q)) {
        if let Some((_, queue)) = self.0.iter_mut().find(|(known, _)| known == key) {
            add(queue);
            return;
        }
        let mut queue = Q::default();
        add(&mut queue);
        self.0.push_back((key.to_owned(), queue));
    }
}

impl<Q: Queue> Queue for Turns<Q> {
    type Item = Q::Item;

    fn pop(&mut self) -> Option<Q::Item> {
        let (key, mut queue) = self.0.pop_front()?;
        let item = queue.pop();
        if queue.len() > 0 {
            self.0.push_back((key, queue));
        }
        item
    }

    fn pop_from_longest(&mut self) -> Option<Q::Item> {
        let lengths = self.0.iter().map(|(_, queue)| queue.len()).enumerate();
        let (place, _) = lengths.max_by_key(|(_, length)| *length)?;
        let (_, queue) = self.0.get_mut(place)?;
        let item = queue.pop_from_longest();
        if queue.len() == 0 {
            self.0.remove(place);
        }
        item
    }

    fn len(&self) -> usize {
        self.0.iter().map(|(_, queue)| queue.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue_of(items: &[(&str, &str)]) -> FairQueue<String> {
        let mut queue = FairQueue::default();
        for (number, (client, account)) in items.iter().enumerate() {
            let client = Client::at(client.parse().unwrap());
            queue.push(
                &Requester::new(&client, *account),
                format!("{account}{number}"),
            );
        }
        queue
    }

    fn in_order(mut queue: FairQueue<String>) -> Vec<String> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn clients_take_turns_and_so_do_their_accounts() {
        let flood = "203.0.113.66";
        let queue = queue_of(&[
            (flood, "a"),
            (flood, "a"),
            (flood, "a"),
            (flood, "b"),
            ("198.51.100.1", "ann"),
            (flood, "c"),
            ("198.51.100.1", "ben"),
        ]);
        assert_eq!(queue.waiting(), 7);
        let expected = ["a0", "ann4", "b3", "ben6", "c5", "a1", "a2"];
        assert_eq!(in_order(queue), expected);
    }

    #[test]
    fn the_networks_of_a_site_are_one_client() {
        let queue = queue_of(&[
            ("2001:db8:1:1::1", "a"),
            ("2001:db8:1:2::1", "b"),
            ("2001:db8:1:3::1", "c"),
            ("2001:db8:2:1::1", "ann"),
        ]);
        assert_eq!(in_order(queue), ["a0", "ann3", "b1", "c2"]);
    }

    #[test]
    fn whoever_has_the_most_gives_way() {
        let flood = "203.0.113.66";
        let mut queue = queue_of(&[
            (flood, "a"),
            (flood, "b"),
            (flood, "b"),
            ("198.51.100.1", "ann"),
            ("198.51.100.1", "ann"),
        ]);
        let gave_way: Vec<_> = std::iter::from_fn(|| queue.pop_from_longest()).collect();
        assert_eq!(gave_way, ["b2", "ann4", "b1", "ann3", "a0"]);
        assert_eq!(queue.waiting(), 0);
    }
}
