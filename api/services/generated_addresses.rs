//! Login addresses made up for people who have none (`docs/imports.md#names-without-addresses`):
//! never one that exists or existed.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::domain::email_address::EmailAddress;
use crate::domain::generated_address::{base_of, numbered};
use crate::domain::slug::Slug;
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::store::Connection;
use crate::store::generated_addresses::{self, GeneratedAddress};

/// Makes up an address in this domain for each name, in their order, and remembers it for good. Do
/// it in the transaction that makes the accounts: what is undone there has taken no number.
pub fn claim(
    connection: &mut Connection,
    domain: &str,
    names: &[Username],
) -> Result<Vec<EmailAddress>> {
    let mut claims = AddressClaims::new(connection, domain, names)?;
    while !claims.waiting.is_empty() {
        claims.next_round(connection)?;
    }
    let addresses = claims.addresses.into_iter().collect::<Option<Vec<_>>>();
    addresses.ok_or_else(|| Error::internal("a name has got no address"))
}

struct AddressClaims<'a> {
    domain: &'a str,
    waiting: BTreeMap<Slug, Waiting>,
    /// By the places of the names.
    addresses: Vec<Option<EmailAddress>>,
}

/// People whose names begin an address in the same way.
struct Waiting {
    /// The places of their names.
    places: VecDeque<usize>,
    /// The number to try next.
    next: u32,
    /// How many numbers are tried for each of them at once.
    width: usize,
}

/// The most numbers that are tried at once for one beginning, unless more people wait.
const MAX_TRIED: usize = 1_000;

impl<'a> AddressClaims<'a> {
    fn new(connection: &mut Connection, domain: &'a str, names: &[Username]) -> Result<Self> {
        let mut places: BTreeMap<Slug, VecDeque<usize>> = BTreeMap::new();
        for (place, name) in names.iter().enumerate() {
            places.entry(base_of(name)).or_default().push_back(place);
        }
        let bases: Vec<&Slug> = places.keys().collect();
        let highest = generated_addresses::highest_numbers(connection, domain, &bases)?;
        let mut waiting = BTreeMap::new();
        for (base, places) in places {
            let highest = highest.get(&base).copied().unwrap_or(0);
            let next = u32::try_from(highest + 1).map_err(Error::internal)?;
            let width = 1;
            waiting.insert(
                base,
                Waiting {
                    places,
                    next,
                    width,
                },
            );
        }
        Ok(Self {
            domain,
            waiting,
            addresses: vec![None; names.len()],
        })
    }

    /// Tries the next numbers. Only where an address was taken in another way (`Jane Doe 2` has
    /// `jane-doe-2`) or at the same moment does somebody wait for another round.
    fn next_round(&mut self, connection: &mut Connection) -> Result<()> {
        let tried = self.tried()?;
        let emails: Vec<_> = tried.iter().map(|address| &address.email).collect();
        let taken = generated_addresses::taken(connection, &emails)?;
        let mut chosen = self.choose(tried, &taken);
        // In one order whoever claims them, so that two who do so at once never wait in a ring.
        chosen.sort_by(|one, other| one.email.cmp(&other.email));
        let claimed = generated_addresses::insert_new(connection, &chosen)?;
        chosen.retain(|address| claimed.contains(&address.email));
        chosen.sort_by_key(|address| address.number);
        for address in chosen {
            self.give(address);
        }
        self.waiting.retain(|_, waiting| !waiting.places.is_empty());
        Ok(())
    }

    /// The next numbers of each beginning, in order.
    fn tried(&mut self) -> Result<Vec<GeneratedAddress>> {
        let mut tried = Vec::new();
        for (base, waiting) in &mut self.waiting {
            let people = waiting.places.len();
            let count = (people * waiting.width).min(MAX_TRIED).max(people);
            for _ in 0..count {
                let number = waiting.next;
                tried.push(GeneratedAddress {
                    email: numbered(base, number, self.domain).map_err(Error::internal)?,
                    base: base.clone(),
                    domain: self.domain.to_owned(),
                    number: i64::from(number),
                });
                waiting.next = number.saturating_add(1);
            }
            waiting.width *= 2;
        }
        Ok(tried)
    }

    /// The first free ones, as many as people wait for. Whoever needs no number goes first: `Class
    /// 2` keeps `class-2`, however many are called `Class`.
    fn choose(
        &self,
        mut tried: Vec<GeneratedAddress>,
        taken: &HashSet<EmailAddress>,
    ) -> Vec<GeneratedAddress> {
        tried.sort_by_key(|address| address.number);
        let people = |(base, waiting): (&Slug, &Waiting)| (base.clone(), waiting.places.len());
        let mut left: BTreeMap<Slug, usize> = self.waiting.iter().map(people).collect();
        let mut seen = HashSet::new();
        tried.retain(|address| {
            let is_wanted = left.get(&address.base).is_some_and(|left| *left > 0);
            let is_free = is_wanted && !taken.contains(&address.email);
            let is_chosen = is_free && seen.insert(address.email.clone());
            if let (true, Some(left)) = (is_chosen, left.get_mut(&address.base)) {
                *left -= 1;
            }
            is_chosen
        });
        tried
    }

    fn give(&mut self, address: GeneratedAddress) {
        let waiting = self.waiting.get_mut(&address.base);
        let place = waiting.and_then(|waiting| waiting.places.pop_front());
        if let Some(slot) = place.and_then(|place| self.addresses.get_mut(place)) {
            *slot = Some(address.email);
        }
    }
}
