//! The question whether an account may open a resource, beside a bare handler that asks the database the same:
//! `cargo bench --bench access`.
//!
//! The bare handler finds the API key, the role of its creator and the grants by the same two statements, on the
//! same pool, and writes the same JSON; it has none of the middleware, guards and headers of the server. Rounds of
//! both take turns.
//!
//! `ROLLCALL_BENCH_ROUNDS` and `ROLLCALL_BENCH_SECONDS` change its size.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use reqwest::Method;
use rollcall::clock::new_id;
use rollcall::crypto::token::{Token, TokenKind};
use rollcall::domain::ids::{AccountId, GroupId, OrganizationId};
use rollcall::domain::resource::{Resource, ResourceId, ResourceType};
use rollcall::state::State;
use rollcall::store::access::{self, AccessQuestion, OpenGrant};
use rollcall::store::affiliations;
use rollcall::store::grants::{self, Grant};
use rollcall::store::groups::{self, Group};
use serde::Deserialize;
use serde_json::{Value, json};

use support::{Bench, Server, median, setting};

/// How many wait for an answer at any time.
const CONNECTIONS: usize = 8;
/// Groups of the account, groups that it is not in, and the grants of each.
const OWN_GROUPS: usize = 5;
const OTHER_GROUPS: usize = 200;
const GRANTS: usize = 50;
/// The most resources of one call, and how often that is asked.
const MANY: usize = 500;
const CALLS: usize = 50;

fn main() {
    for bench in support::on_each_database() {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(compare(&bench));
    }
}

async fn compare(bench: &Bench) {
    let server = support::serve(bench);
    let school = School::new(bench, &server).await;
    let bare = serve_bare(bench);
    let ours = Load::of(&server, &school);
    let bare_load = Load::of(&bare, &school);
    assert_eq!(ours.answer(), bare_load.answer());
    let seconds = setting("ROLLCALL_BENCH_SECONDS", 3);
    let long = Duration::from_secs(u64::try_from(seconds).unwrap());
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..setting("ROLLCALL_BENCH_ROUNDS", 5) {
        let (bare, ours) = (bare_load.rate(long), ours.rate(long));
        println!(
            "{}: bare handler {bare:.0}/s, access {ours:.0}/s, ratio {:.2}",
            bench.name,
            ours / bare
        );
        ratios.push(ours / bare);
        rates.push(ours);
    }
    println!(
        "{}: median {:.0}/s, ratio {:.2} (wanted: at least 0.70); {MANY} resources in one call: \
         {:.1} ms",
        bench.name,
        median(rates),
        median(ratios),
        school.ask_many(&server).await * 1e3
    );
    for server in [server, bare] {
        server.stop().await;
    }
}

/// An organization whose groups open resources, and a key that asks.
struct School {
    organization: OrganizationId,
    account: AccountId,
    key: String,
}

impl School {
    /// With the founder in some groups, and not in many.
    async fn new(bench: &Bench, server: &Server) -> Self {
        let post = async |path: String, body: Value, token: &str| -> Value {
            let request = reqwest::Client::new().request(Method::POST, server.url(&path));
            let response = request.bearer_auth(token).json(&body).send().await.unwrap();
            assert!(response.status().is_success(), "{path}");
            response.json().await.unwrap()
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let ann =
            json!({ "email": "ann@x.org", "password": "seven green ducks 7", "username": "Ann" });
        let ann = post("/v1/auth/register".to_owned(), ann, "").await;
        let token = text(&ann["access_token"]);
        let new = json!({ "name": "Load", "kind": "school" });
        let school = post("/v1/organizations".to_owned(), new, &token).await;
        let below = format!("/v1/organizations/{}", text(&school["id"]));
        let mut own = Vec::new();
        for number in 0..OWN_GROUPS {
            let group = json!({ "name": format!("Own {number}") });
            let group = post(format!("{below}/groups"), group, &token).await;
            own.push(text(&group["id"]).parse().unwrap());
        }
        let key = json!({ "name": "Load", "scopes": ["access:read"] });
        let key = post(format!("{below}/api-keys"), key, &token).await;
        let school = Self {
            organization: text(&school["id"]).parse().unwrap(),
            account: text(&ann["account"]["id"]).parse().unwrap(),
            key: text(&key["key"]),
        };
        school.fill(bench, own);
        school
    }

    /// Has the groups of the account, and others, open resources.
    fn fill(&self, bench: &Bench, own: Vec<GroupId>) {
        let now = bench.state.services.clock.now();
        let mut connection = bench.state.services.pool.get().unwrap();
        rollcall::store::transaction(&mut connection, |connection| {
            let mut all = own;
            for number in 0..OTHER_GROUPS {
                let name = format!("other {number}");
                let group = Group {
                    id: new_id(),
                    organization_id: self.organization,
                    name_key: name.clone(),
                    search_key: name.clone(),
                    name,
                    description: None,
                    created_at: now,
                };
                groups::insert(connection, &group)?;
                all.push(group.id);
            }
            for (group, number) in all.iter().zip(0..) {
                for grant in 0..GRANTS {
                    let Resource { resource_type, id } = resource(number * GRANTS / 2 + grant);
                    let grant = Grant {
                        organization_id: self.organization,
                        group_id: *group,
                        resource_type,
                        resource_id: id,
                        expires_at: None,
                        created_at: now,
                    };
                    grants::insert(connection, &grant)?;
                }
            }
            Ok(())
        })
        .unwrap();
    }

    /// How long a call about many resources takes: the median, in seconds.
    async fn ask_many(&self, server: &Server) -> f64 {
        let resources = (0..MANY).map(resource);
        let resources: Vec<Value> = resources
            .map(|it| json!({ "type": it.resource_type, "id": it.id }))
            .collect();
        let question = json!({ "account_id": self.account, "resources": resources });
        let url = server.url(&format!("/v1/organizations/{}/access", self.organization));
        let client = reqwest::Client::new();
        let mut times = Vec::new();
        for _ in 0..CALLS {
            let request = client.post(&url).bearer_auth(&self.key).json(&question);
            let started = Instant::now();
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200);
            let answer: Value = response.json().await.unwrap();
            times.push(started.elapsed().as_secs_f64());
            assert_eq!(answer["results"].as_array().unwrap().len(), MANY);
        }
        median(times)
    }
}

fn resource(number: usize) -> Resource {
    Resource {
        resource_type: ResourceType::parse("course").unwrap(),
        id: ResourceId::parse(&format!("algebra-{number}")).unwrap(),
    }
}

#[derive(Deserialize)]
struct Question {
    account_id: AccountId,
    resource_type: ResourceType,
    resource_id: ResourceId,
}

/// What a handler without Rollcall around it does.
async fn answer_bare(
    state: web::Data<State>,
    organization: web::Path<OrganizationId>,
    question: web::Query<Question>,
    request: HttpRequest,
) -> HttpResponse {
    let header = request.headers().get("authorization").unwrap();
    let header = header.to_str().unwrap();
    let key = header.strip_prefix("Bearer ").unwrap();
    let hash = Token::presented(TokenKind::ApiKey, key).unwrap().hash();
    let (organization, question) = (organization.into_inner(), question.into_inner());
    let found = web::block(move || {
        let mut connection = state.services.pool.get().unwrap();
        let now = state.services.clock.now();
        let (key, _, affiliation) =
            affiliations::find_with_api_key(&mut connection, organization, (&hash, now))
                .unwrap()
                .unwrap();
        assert!(
            key.scopes()
                .unwrap()
                .iter()
                .any(|it| it.as_str() == "access:read")
        );
        assert!(affiliation.unwrap().membership.is_some());
        let resources = [Resource {
            resource_type: question.resource_type,
            id: question.resource_id,
        }];
        let question = AccessQuestion {
            account: question.account_id,
            resources: &resources,
            at: now,
        };
        access::open_grants(&mut connection, organization, &question).unwrap()
    });
    let longest = found.await.unwrap().into_iter().min_by_key(|it| it.group);
    let reason = longest.map(
        |OpenGrant {
             group,
             group_name,
             expires_at,
             ..
         }| {
            json!({ "group": { "id": group, "name": group_name }, "until": expires_at })
        },
    );
    HttpResponse::Ok().json(json!({ "allowed": reason.is_some(), "reason": reason }))
}

/// A server of the bare handler, with as many threads as ours.
fn serve_bare(bench: &Bench) -> Server {
    let (sender, receiver) = mpsc::channel();
    let state = web::Data::new(bench.state.clone());
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                App::new().app_data(state.clone()).route(
                    "/v1/organizations/{organization_id}/access",
                    web::get().to(answer_bare),
                )
            })
            .workers(2)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
            let address = server.addrs()[0];
            let server = server.run();
            sender.send((address, server.handle())).unwrap();
            server.await.unwrap();
        });
    });
    let (address, handle) = receiver.recv().unwrap();
    Server {
        address,
        handle,
        thread,
    }
}

/// The same question, asked of a server again and again by a client that costs little.
struct Load {
    address: SocketAddr,
    request: String,
}

impl Load {
    fn of(server: &Server, school: &School) -> Self {
        let School {
            organization,
            account,
            key,
        } = school;
        let query = format!("account_id={account}&resource_type=course&resource_id=algebra-30");
        Self {
            address: server.address,
            request: format!(
                "GET /v1/organizations/{organization}/access?{query} HTTP/1.1\r\nHost: x\r\n\
                 Authorization: Bearer {key}\r\n\r\n"
            ),
        }
    }

    /// Answers in a second, asked on several connections for so long.
    fn rate(&self, long: Duration) -> f64 {
        let started = Instant::now();
        let answers: usize = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CONNECTIONS)
                .map(|_| scope.spawn(|| self.answers_until(started + long)))
                .collect();
            clients.into_iter().map(|it| it.join().unwrap()).sum()
        });
        answers as f64 / started.elapsed().as_secs_f64()
    }

    fn answers_until(&self, end: Instant) -> usize {
        let mut connection = self.connect();
        let mut answers = 0;
        while Instant::now() < end {
            self.ask(&mut connection);
            answers += 1;
        }
        answers
    }

    fn answer(&self) -> Value {
        let body = self.ask(&mut self.connect());
        serde_json::from_slice(&body).unwrap()
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let connection = TcpStream::connect(self.address).unwrap();
        connection.set_nodelay(true).unwrap();
        BufReader::new(connection)
    }

    /// Asks once, and reads the answer to its end.
    fn ask(&self, connection: &mut BufReader<TcpStream>) -> Vec<u8> {
        connection
            .get_mut()
            .write_all(self.request.as_bytes())
            .unwrap();
        let (mut line, mut length) = (String::new(), 0);
        connection.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        while line != "\r\n" {
            line.clear();
            connection.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).unwrap();
        body
    }
}
