//! How many calls are made at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use url::Url;
use uuid::Uuid;

use super::error::OutboundError;
use super::message::OutboundRequest;

/// Calls of one connection at a time.
const OF_CONNECTION: usize = 2;

/// Calls of all connections of one organization at a time.
const OF_ORGANIZATION: usize = 8;

/// Calls of one host at a time, whosever they are: where it hangs, most places are left for others.
const OF_HOST: usize = IN_ALL / 4;

/// Calls of all together at a time: each has a thread.
const IN_ALL: usize = 64;

/// Those of one connection that wait for a place.
const WAITING: usize = 200;

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub organization: Uuid,
    pub connection: Uuid,
}

/// What has so many places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Lane {
    Connection(Uuid),
    Organization(Uuid),
    /// With its port.
    Host(String),
    All,
}

impl Lane {
    /// Those that a call takes a place of; that of its connection is the first.
    fn of_call(asker: Asker, url: &Url) -> [Self; 4] {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let port = url.port_or_known_default().unwrap_or_default();
        [
            Self::Connection(asker.connection),
            Self::Organization(asker.organization),
            Self::Host(format!("{host}:{port}")),
            Self::All,
        ]
    }

    const fn places(&self) -> usize {
        match self {
            Self::Connection(_) => OF_CONNECTION,
            Self::Organization(_) => OF_ORGANIZATION,
            Self::Host(_) => OF_HOST,
            Self::All => IN_ALL,
        }
    }
}

/// The places for calls. Clones share them.
///
/// A call gets its places of all lanes at once: who waits for one of them holds none of another.
#[derive(Clone, Default)]
pub struct Lanes(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    /// The places that are taken, of lanes that have any.
    taken: HashMap<Lane, usize>,
    /// In the order in which they came. None of them has places to go to at this moment.
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    lanes: [Lane; 4],
    goes_first: bool,
    call: oneshot::Sender<Place>,
}

/// The places of a call, free again when it is dropped.
pub struct Place {
    lanes: [Lane; 4],
    of: Lanes,
}

impl Lanes {
    /// Waits for the places of a call, in turn; one for which others wait goes before the rest of its organization.
    ///
    /// # Errors
    /// `Busy` at once, where as many of the connection wait as may.
    pub async fn enter(
        &self,
        asker: Asker,
        request: &OutboundRequest,
    ) -> Result<Place, OutboundError> {
        let lanes = Lane::of_call(asker, &request.url);
        let called = {
            let mut queue = self.lock();
            if queue.take(&lanes) {
                drop(queue);
                return Ok(self.place(lanes));
            }
            queue.line_up(lanes, request.goes_first)?
        };
        called.await.map_err(|_| OutboundError::Busy)
    }

    /// Gives places back, and calls those who have some to go to now.
    fn leave(&self, lanes: &[Lane; 4]) {
        let called = {
            let mut queue = self.lock();
            queue.give_back(lanes);
            queue.call()
        };
        for Waiting { lanes, call, .. } in called {
            // Of whoever has gone meanwhile, they are given back in their turn.
            let _ = call.send(self.place(lanes));
        }
    }

    fn place(&self, lanes: [Lane; 4]) -> Place {
        Place {
            lanes,
            of: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Takes a place of each lane, where each has one.
    fn take(&mut self, lanes: &[Lane; 4]) -> bool {
        if !self.has_room(lanes) {
            return false;
        }
        for lane in lanes {
            *self.taken.entry(lane.clone()).or_default() += 1;
        }
        true
    }

    fn has_room(&self, lanes: &[Lane; 4]) -> bool {
        lanes.iter().all(|lane| self.taken_of(lane) < lane.places())
    }

    fn taken_of(&self, lane: &Lane) -> usize {
        self.taken.get(lane).copied().unwrap_or_default()
    }

    fn give_back(&mut self, lanes: &[Lane; 4]) {
        for lane in lanes {
            if let Some(taken) = self.taken.get_mut(lane) {
                *taken -= 1;
                if *taken == 0 {
                    self.taken.remove(lane);
                }
            }
        }
    }

    fn line_up(
        &mut self,
        lanes: [Lane; 4],
        goes_first: bool,
    ) -> Result<oneshot::Receiver<Place>, OutboundError> {
        let [connection, ..] = &lanes;
        self.waiting.retain(|other| !other.call.is_closed());
        let own = self.waiting.iter().map(|other| &other.lanes);
        let own = own.filter(|[other, ..]| other == connection).count();
        if own >= WAITING {
            return Err(OutboundError::Busy);
        }
        let (call, called) = oneshot::channel();
        self.waiting.push_back(Waiting {
            lanes,
            goes_first,
            call,
        });
        Ok(called)
    }

    /// Takes places for those who wait, as far as there are any.
    fn call(&mut self) -> Vec<Waiting> {
        self.waiting.retain(|waiting| !waiting.call.is_closed());
        let mut called = Vec::new();
        while let Some(next) = self.next().and_then(|next| self.waiting.remove(next)) {
            self.take(&next.lanes);
            called.push(next);
        }
        called
    }

    /// Who goes next of those who have places to go to: of the organization that has the fewest, so that nobody keeps
    /// others out with many calls; then what others wait for, too; then who came first.
    fn next(&self) -> Option<usize> {
        let ready = self.waiting.iter().enumerate();
        let ready = ready.filter(|(_, waiting)| self.has_room(&waiting.lanes));
        let turn = |waiting: &Waiting| {
            let [_, organization, ..] = &waiting.lanes;
            (self.taken_of(organization), !waiting.goes_first)
        };
        ready
            .min_by_key(|(_, waiting)| turn(waiting))
            .map(|(place, _)| place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.leave(&self.lanes);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn somebody() -> Asker {
        of(Uuid::now_v7())
    }

    /// Another connection of an organization.
    fn of(organization: Uuid) -> Asker {
        Asker {
            organization,
            connection: Uuid::now_v7(),
        }
    }

    /// A host of its own.
    fn somewhere() -> OutboundRequest {
        to(&format!("https://{}.example/", Uuid::now_v7().simple()))
    }

    fn to(url: &str) -> OutboundRequest {
        OutboundRequest::get(url.parse().unwrap())
    }

    async fn enter(lanes: &Lanes, asker: Asker) -> Place {
        lanes.enter(asker, &somewhere()).await.unwrap()
    }

    async fn has_to_wait(lanes: &Lanes, asker: Asker, request: &OutboundRequest) -> bool {
        timeout(SOON, lanes.enter(asker, request)).await.is_err()
    }

    #[tokio::test]
    async fn a_connection_has_two_places_and_others_theirs() {
        let (lanes, one) = (Lanes::default(), somebody());
        let first = enter(&lanes, one).await;
        let _second = enter(&lanes, one).await;
        assert!(has_to_wait(&lanes, one, &somewhere()).await);
        enter(&lanes, somebody()).await;
        enter(&lanes, of(one.organization)).await;
        drop(first);
        enter(&lanes, one).await;
    }

    #[tokio::test]
    async fn an_organization_has_eight_places_however_many_connections_it_has() {
        let (lanes, organization) = (Lanes::default(), Uuid::now_v7());
        let mut places = Vec::new();
        for _ in 0..OF_ORGANIZATION {
            places.push(enter(&lanes, of(organization)).await);
        }
        let everybody = join_all((0..IN_ALL).map(|_| enter(&lanes, of(organization))));
        assert!(timeout(SOON, everybody).await.is_err());
        enter(&lanes, somebody()).await;
        drop(places);
        enter(&lanes, of(organization)).await;
    }

    #[tokio::test]
    async fn a_host_has_a_quarter_and_who_waits_for_it_holds_no_place_of_another() {
        let (lanes, hangs) = (Lanes::default(), somewhere());
        let mut places = Vec::new();
        for _ in 0..OF_HOST {
            places.push(lanes.enter(somebody(), &hangs).await.unwrap());
        }
        let one = somebody();
        let waiting: Vec<_> = (0..OF_ORGANIZATION)
            .map(|_| lanes.enter(of(one.organization), &hangs))
            .chain((0..OF_CONNECTION).map(|_| lanes.enter(one, &hangs)))
            .collect();
        let others = async {
            tokio::task::yield_now().await;
            let mut theirs = Vec::new();
            for _ in 0..OF_CONNECTION {
                theirs.push(enter(&lanes, one).await);
            }
            for _ in 0..IN_ALL - OF_HOST - OF_CONNECTION {
                theirs.push(enter(&lanes, somebody()).await);
            }
        };
        let free = tokio::select! {
            _ = join_all(waiting) => false,
            () = others => true,
        };
        assert!(free);
        for same in [":443", ".", ".:443"] {
            let same = hangs.url.as_str().trim_end_matches('/').to_owned() + same;
            assert!(has_to_wait(&lanes, somebody(), &to(&same)).await);
        }
        let port = hangs.url.as_str().trim_end_matches('/').to_owned() + ":8443";
        lanes.enter(somebody(), &to(&port)).await.unwrap();
    }

    #[tokio::test]
    async fn those_who_wait_come_in_turn_and_are_so_many() {
        let (lanes, one, url) = (Lanes::default(), somebody(), somewhere());
        let _first = lanes.enter(one, &url).await.unwrap();
        let second = lanes.enter(one, &url).await.unwrap();
        let came = Mutex::new(Vec::new());
        let turns = (0..WAITING).map(|number| {
            let (lanes, url, came) = (&lanes, &url, &came);
            async move {
                let place = lanes.enter(one, url).await.unwrap();
                came.lock().unwrap().push(number);
                drop(place);
            }
        });
        let one_more = async {
            tokio::task::yield_now().await;
            let refused = lanes.enter(one, &url).await.err();
            assert_eq!(refused, Some(OutboundError::Busy));
            enter(&lanes, somebody()).await;
            drop(second);
        };
        tokio::join!(join_all(turns), one_more);
        assert_eq!(*came.lock().unwrap(), Vec::from_iter(0..WAITING));
    }

    #[tokio::test]
    async fn an_organization_without_a_call_goes_before_those_with_many() {
        let lanes = Lanes::default();
        let crowd: Vec<_> = (0..IN_ALL / OF_ORGANIZATION)
            .map(|_| Uuid::now_v7())
            .collect();
        let mut places = Vec::new();
        for organization in crowd.iter().flat_map(|it| [*it; OF_ORGANIZATION]) {
            places.push(enter(&lanes, of(organization)).await);
        }
        let came = Mutex::new(Vec::new());
        let waits = async |name, asker, request: OutboundRequest| {
            let place = lanes.enter(asker, &request).await.unwrap();
            came.lock().unwrap().push(name);
            drop(place);
        };
        let leave = async {
            tokio::task::yield_now().await;
            drop(places.remove(0));
        };
        tokio::join!(
            waits("one of many", of(crowd[0]), somewhere()),
            waits(
                "what others wait for",
                of(crowd[0]),
                somewhere().before_others()
            ),
            waits("the only one", somebody(), somewhere()),
            leave
        );
        let expected = ["the only one", "what others wait for", "one of many"];
        assert_eq!(*came.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn all_together_have_so_many_and_nothing_stays_behind() {
        let lanes = Lanes::default();
        let mut places = Vec::new();
        for _ in 0..IN_ALL {
            places.push(enter(&lanes, somebody()).await);
        }
        assert!(has_to_wait(&lanes, somebody(), &somewhere()).await);
        drop(places);
        enter(&lanes, somebody()).await;
        let queue = lanes.lock();
        assert!(queue.taken.is_empty() && queue.waiting.is_empty());
    }
}
